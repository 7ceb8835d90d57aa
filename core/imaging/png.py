"""The chunks of a PNG: find damaged ones, and strip those that are not of the picture."""

import zlib
from collections.abc import Iterator
from contextlib import suppress

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_PICTURE = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_PIECE = 2**20  # bytes of pixels that are kept at once
_LOOKS = (b"tRNS", b"eXIf")  # without these the picture would look otherwise
_LONGEST_TEXT = 4 * 2**20


def find_fault(data: bytes) -> str | None:
    """Find what is wrong with the critical chunks. Pillow overlooks some wrong checksums and ends.

    A chunk of pixels with a wrong checksum is no fault where the checksum of all pixels is right.
    """
    last, proven = b"", False
    for last, chunk in iterate_chunks(data):
        if last not in _PICTURE or _is_whole(chunk) or (last == b"IDAT" and proven):
            continue
        proven = last == b"IDAT" and has_whole_picture(data)
        if not proven:
            return f"the checksum of its {last.decode()} chunk is wrong"
    return None if last == b"IEND" else "it is cut off"


def has_readable_header(data: bytes) -> bool:
    """Tell whether size and palette are as they were written: without them nothing of the picture is what it was."""
    return all(_is_whole(chunk) for name, chunk in iterate_chunks(data) if name in (b"IHDR", b"PLTE"))


def find_sound_part(data: bytes) -> int:
    """Find how many bytes there are up to the first chunk of pixels whose checksum is wrong."""
    position = len(SIGNATURE)
    for name, chunk in iterate_chunks(data):
        if name == b"IDAT" and not _is_whole(chunk):
            return position
        position += len(chunk)
    return len(data)


def has_whole_picture(data: bytes) -> bool:
    """Tell whether the compressed pixels end with their own checksum, which is right."""
    pixels = zlib.decompressobj()
    try:
        for name, chunk in iterate_chunks(data):
            if name == b"IDAT":
                rest = bytes(chunk[8:-4])
                while rest:
                    pixels.decompress(rest, _PIECE)
                    rest = pixels.unconsumed_tail
    except zlib.error:
        return False
    return pixels.eof


def strip_ancillary(data: bytes) -> bytes | None:
    """Strip texts, colour profile and animation; return None where there are none of these.

    A decoder is to show the picture even if such chunks are damaged (https://www.w3.org/TR/png-3/, 13.2).
    """
    kept = [SIGNATURE]
    total = 0
    for name, chunk in iterate_chunks(data):
        total += 1
        if name in _PICTURE or (name in _LOOKS and _is_whole(chunk)):
            kept.append(bytes(chunk))
    return b"".join(kept) if len(kept) <= total else None


def iterate_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the name and the whole of each chunk, up to IEND or the end of the data."""
    view = memoryview(data)
    start, name = len(SIGNATURE), b""
    while name != b"IEND" and start + 12 <= len(data):
        end = start + 12 + int.from_bytes(view[start : start + 4], "big")
        if end > len(data):
            return
        name = bytes(view[start + 4 : start + 8])
        yield name, view[start:end]
        start = end


def _is_whole(chunk: memoryview) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def read_texts(data: bytes) -> dict[str, str]:
    """Read the texts by their keys in lower case: chunks tEXt, zTXt and iTXt; damaged ones are left out.

    Texts of Latin-1 whose bytes are UTF-8 are taken for that, since many programs write it.
    """
    texts: dict[str, str] = {}
    for name, chunk in iterate_chunks(data):
        if name in (b"tEXt", b"zTXt", b"iTXt"):
            key, _, content = bytes(chunk[8:-4]).partition(b"\0")
            with suppress(ValueError, zlib.error):
                texts.setdefault(key.decode("latin-1").lower(), _decode_text(name, content))
    return texts


def _decode_text(name: bytes, content: bytes) -> str:
    """Decode what follows the key of a text. Raises ValueError, zlib.error."""
    compressed = name == b"zTXt"
    if name == b"iTXt":
        compressed = content[:1] == b"\x01"
        _, _, content = content[2:].split(b"\0", 2)  # language and translated key
    elif compressed:
        content = content[1:]
    if compressed:
        content = zlib.decompressobj().decompress(content, _LONGEST_TEXT)
    try:
        return content[:_LONGEST_TEXT].decode("utf-8")
    except UnicodeDecodeError:
        return content[:_LONGEST_TEXT].decode("latin-1")
