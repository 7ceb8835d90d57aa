"""Broken WebP, HEIC and AVIF: the decoder gets the bytes that are missing, and what is made of them is cut off.

These decoders give nothing of a file that ends early. They are therefore asked twice, with different bytes behind the
break: what differs is made of them.
"""

import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from core.imaging.recovery.boxes import find_extents, iterate_boxes
from core.imaging.recovery.jpeg import OpenPicture
from core.imaging.recovery.recovered import Recovered, differing_pixels, recover_part

_ZEROS = 64  # bytes at the end of a picture's data that no encoder writes
_RUNS = {b"hvc1": bytes(16), b"av01": bytes(64)}  # nor these within it: HEVC forbids even four zeros in a row
_PICTURES = (b"VP8 ", b"VP8L", b"ANMF")
_MOST_MISSING = 64 * 2**20  # bytes
_SPARE = 65536  # bytes that a WebP gets beyond its end, which its decoder must not reach
_BLOCK = 16  # pixels; above the first difference, filters may have mixed noise into this many rows


def is_webp(data: bytes) -> bool:
    """Tell whether this starts like a WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def is_boxed(data: bytes) -> bool:
    """Tell whether this starts like a HEIC or AVIF."""
    return data[4:8] == b"ftyp"


def find_fault(data: bytes) -> str | None:
    """Find a fault of a WebP, HEIC or AVIF that its decoder may not complain of: a tail or a stretch of zeros."""
    end = _find_break(data)
    return None if end is None else f"its data breaks off after {end:,} bytes"


def recover_contained(data: bytes, open_picture: OpenPicture) -> Recovered | None:
    """Read what is there of a WebP, HEIC or AVIF that breaks off; None where it does not, or where that is nothing."""
    end = _find_break(data)
    if end is None:
        return None
    if (whole := _keep_whole_pictures(data)) is not None:
        file = open_picture(whole)
        file.load()
        return recover_part(file, file, file.size, (0, 0, *file.size), 1.0)
    pictures = list[Image.Image]()
    for padded in _pad(data, end):
        try:
            file = open_picture(padded)
            file.load()
        except Exception:  # the decoder does not take this padding
            continue
        if pictures and (pictures[0].size, pictures[0].mode) != (file.size, file.mode):
            continue
        pictures.append(file)
        if len(pictures) == 2:
            break
    if len(pictures) < 2:
        return None
    one, other = pictures
    rows = np.flatnonzero(differing_pixels(one, other).any(axis=1))
    row = max(0, int(rows[0]) - _BLOCK) if rows.size else one.height
    return recover_part(one, one, one.size, (0, 0, one.width, row), row / one.height)


def _find_break(data: bytes) -> int | None:
    """Find where the data of the picture breaks off; None where it does not."""
    start, end = _last_part(data)
    if end > len(data):
        return len(data.rstrip(b"\0"))
    if is_boxed(data):
        runs = (data.find(_RUNS[extent.codec], extent.start, extent.end) for extent in find_extents(data))
        return next((run for run in runs if run >= 0), None)
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        return len(data)
    return len(data[:end].rstrip(b"\0")) if end - start >= _ZEROS and _has_zero_tail(data, end) else None


def _has_zero_tail(data: bytes, end: int) -> bool:
    return not data[end - _ZEROS : end].strip(b"\0")


def _last_part(data: bytes) -> tuple[int, int]:
    """Find the chunk or box that holds the picture, or the one that is cut: where its data begins and should end."""
    found = len(data), len(data)
    if is_webp(data):
        parts = ((start, end) for name, start, end in _chunks(data) if name in _PICTURES or end > len(data))
        return next(parts, found)
    for name, start, end in iterate_boxes(data, 0, len(data)):
        if name == b"mdat" or end > len(data):
            found = start, end
    return found


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    position = 12
    while position + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        yield name, position + 8, position + 8 + length
        position += 8 + length + length % 2


def _keep_whole_pictures(data: bytes) -> bytes | None:
    """Cut a WebP off behind its picture, or behind the last whole one of several; None where it has none."""
    if not is_webp(data):
        return None
    ends = [end + end % 2 for name, _, end in _chunks(data) if name in _PICTURES and end <= len(data)]
    if not ends or _has_zero_tail(data, ends[-1]):
        return None
    frames = bytearray(data[: ends[-1]])
    frames += bytes(len(frames) % 2)
    struct.pack_into("<I", frames, 4, len(frames) - 8)
    return bytes(frames)


def _pad(data: bytes, end: int) -> Iterator[bytes]:
    """Yield the file with different bytes in the place of those that are missing."""
    start, declared = _last_part(data)
    missing = declared - end
    if missing > _MOST_MISSING:
        return
    webp = is_webp(data)
    count = missing + _SPARE if webp else missing
    noise = np.random.default_rng(0).integers(0, 256, count, dtype=np.uint8).tobytes()
    rest = b"" if webp else data[declared:]
    for padding in (bytes(count), noise, b"\x55" * count, b"\xaa" * count, noise[::-1]):
        padded = bytearray(data[:end] + padding + rest)
        if webp:
            padded += b"\0" * (len(padded) % 2)
            struct.pack_into("<I", padded, 4, len(padded) - 8)
            struct.pack_into("<I", padded, start - 4, len(padded) - start)
        yield bytes(padded)
