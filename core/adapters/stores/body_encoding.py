"""Bodies that a store keeps compressed, as their Content-Encoding says: unpacked, within a limit of bytes."""

import zlib

from core.errors import ImageTooLarge, ImageUnreadable
from core.errors.hints import RAISE_BYTES

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_UNPACKED = frozenset(("gzip", "x-gzip", "deflate"))
_NAMED = {"br": "Brotli", "zstd": "Zstandard", "compress": "compress", "x-compress": "compress", "lz4": "LZ4"}
_STARTS_OF_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_STEP = 2**18


class TruncatedBody(Exception):
    """The compressed body ends before it is complete."""


def decode_body(data: bytes, encoding: str | None, max_bytes: int) -> bytes:
    """Unpack a body, at most `max_bytes` of it.

    An encoding that the bytes do not have is no fault: many objects are labelled so, or were unpacked on the way.
    Raises ImageTooLarge, ImageUnreadable for an encoding that is not unpacked here, and TruncatedBody.
    """
    codings = [coding.strip().lower() for coding in (encoding or "").split(",")]
    for coding in reversed(codings):
        if coding in _UNPACKED:
            data = _inflate(data, coding, max_bytes)
        elif coding in _NAMED and not _is_plain(data, coding):
            raise ImageUnreadable(
                f"compressed with {_NAMED[coding]} (its Content-Encoding is {coding}); of compressed objects, gzip and "
                "deflate can be read"
            )
    return data


def _is_plain(data: bytes, coding: str) -> bool:
    """Whether bytes that are labelled as compressed are a picture as they are."""
    if coding == "zstd":
        return not data.startswith(_ZSTD_MAGIC)
    return data.startswith(_STARTS_OF_PICTURES) or data[4:8] == b"ftyp"


def _inflate(data: bytes, coding: str, max_bytes: int) -> bytes:
    if coding == "deflate":
        return _inflate_deflate(data, max_bytes)
    unpacked = bytearray()
    while data.startswith(_GZIP_MAGIC):  # one file may be several, one after the other
        stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            _inflate_stream(stream, data, unpacked, max_bytes)
        except zlib.error as error:
            raise ImageUnreadable(f"damaged: its gzip compression cannot be undone ({error})") from error
        data = stream.unused_data.lstrip(b"\0")
        if not data:
            return bytes(unpacked)
    return bytes(unpacked) or data


def _inflate_deflate(data: bytes, max_bytes: int) -> bytes:
    """Unpack zlib's format, or the bare one that some call deflate; leave what is neither."""
    for window in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        unpacked = bytearray()
        try:
            _inflate_stream(zlib.decompressobj(window), data, unpacked, max_bytes)
        except (zlib.error, TruncatedBody):
            continue
        return bytes(unpacked)
    return data


def _inflate_stream(stream: "zlib._Decompress", data: bytes, unpacked: bytearray, max_bytes: int) -> None:
    """Append what the stream holds. Raises zlib.error, ImageTooLarge, TruncatedBody."""
    while not stream.eof:
        part = stream.decompress(data, _STEP)
        unpacked += part
        data = stream.unconsumed_tail
        if len(unpacked) > max_bytes:
            raise ImageTooLarge(f"unpacks to over the limit of {max_bytes:,} bytes", RAISE_BYTES)
        if not part and not data and not stream.eof:
            raise TruncatedBody
