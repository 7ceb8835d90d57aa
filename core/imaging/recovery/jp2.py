"""Broken JPEG 2000: zeros in the place of what is missing say that there is no more detail (ISO/IEC 15444-1, B.9).

Most files tell the whole picture coarsely first. Of others, and of several tiles, nothing is filled in.
"""

import struct
from dataclasses import dataclass
from math import ceil

from core.imaging.recovery.jpeg import OpenPicture
from core.imaging.recovery.recovered import UNKNOWN, Recovered, recover_part

_START = b"\xff\x4f\xff\x51"
_SIGNATURES = (_START, b"\0\0\0\x0cjP  ")
_HEAD = 2**20  # bytes within which the codestream begins
_TILE_PART, _CODING, _END = 0xFF90, 0xFF52, b"\xff\xd9"
_COARSE_FIRST = (0, 1, 2)  # orders of progression: by layer, or by resolution
_TILE_HEADER = 12  # bytes
_ZEROS = 64  # bytes at the end that no encoder writes
_LEAST = 0.05  # of the bytes: with fewer not even the coarsest resolution is there
_MOST_MISSING = 64 * 2**20  # bytes


@dataclass(frozen=True, slots=True)
class _Codestream:
    """Where the parts of tiles begin, and where the last that is there should end.

    `fillable`: it has one tile, and tells the whole picture coarsely first. `lacks_tiles`: there are not all of them.
    """

    start: int
    end: int
    fillable: bool
    lacks_tiles: bool


def is_jpeg_2000(data: bytes) -> bool:
    """Tell whether this starts like JPEG 2000."""
    return data.startswith(_SIGNATURES)


def find_fault(data: bytes) -> str | None:
    """Find what the decoder does not complain of: a tail of zeros, which it takes for a lack of detail, or no tiles."""
    if ends_in_zeros(data):
        return "its data end in zeros"
    found = _read_codestream(data)
    whole = found is None or not found.lacks_tiles or data.startswith(_END, found.end)
    return None if whole else "its last tiles are missing"


def ends_in_zeros(data: bytes) -> bool:
    """Tell whether it ends in zeros, and has no mark of its end: a blank picture may end in zeros before that."""
    found = _read_codestream(data)
    if found is None or not _ZEROS <= found.end - found.start <= len(data) - found.start:
        return False
    return not data.startswith(_END, found.end) and not data[found.end - _ZEROS : found.end].strip(b"\0")


def recover_jp2(data: bytes, open_picture: OpenPicture) -> Recovered | None:
    """Read a JPEG 2000 that breaks off: the whole picture, with less detail; None where that is not to be had."""
    found = _read_codestream(data)
    if found is None or not found.fillable or not 0 < found.end - found.start <= len(data) + _MOST_MISSING:
        return None
    there = len(data[: found.end].rstrip(b"\0"))
    share = (there - found.start) / (found.end - found.start)
    if share < _LEAST:
        return None
    file = open_picture(data[:there] + bytes(found.end - there) + _END)
    file.load()
    return recover_part(file, file, file.size, (0, 0, *file.size), UNKNOWN + (1 - UNKNOWN) * share)


def _read_codestream(data: bytes) -> _Codestream | None:
    """Walk the markers up to the last part of a tile; None where the header is not whole."""
    start = data.find(_START, 0, _HEAD)
    if start < 0:
        return None
    try:
        right, bottom, _, _, width, height, left, top = struct.unpack_from(">8I", data, start + 8)
        tiles, seen = ceil((right - left) / width) * ceil((bottom - top) / height), set[bytes]()
        fillable, place = tiles == 1, start + 2
        while (marker := struct.unpack_from(">H", data, place)[0]) != _TILE_PART:
            if marker == _CODING:
                fillable = fillable and data[place + 5] in _COARSE_FIRST and data[place + 9] > 0
            place += 2 + max(2, int.from_bytes(data[place + 2 : place + 4], "big"))
        first = end = place
        while end + _TILE_HEADER <= len(data) and data.startswith(b"\xff\x90", end):
            seen.add(data[end + 4 : end + 6])
            length = int.from_bytes(data[end + 6 : end + 10], "big")
            end = end + length if length else len(data.removesuffix(_END))
            if length < 14:
                break
    except (struct.error, IndexError, ZeroDivisionError):
        return None
    return _Codestream(first, end, fillable, len(seen) < tiles)
