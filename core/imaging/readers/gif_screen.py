"""The screen of a GIF, which its header tells the size of, and on which its frames are placed."""

import struct

from core.errors import ImageUnreadable

_SIGNATURE = b"GIF8"
_EXTENSION, _FRAME = 0x21, 0x2C
_HEADER = 13  # bytes


def widen_screen(data: bytes) -> bytes:
    """Widen the screen to hold the first frame, as viewers do; return other data as they are.

    Raises ImageUnreadable for a first frame that has no pixels.
    """
    place = _find_first_frame(data) if data.startswith(_SIGNATURE) else None
    if place is None:
        return data
    left, top, width, height = struct.unpack_from("<4H", data, place + 1)
    if width == 0 or height == 0:
        raise ImageUnreadable(f"a GIF whose first frame has {width} × {height} pixels: there is nothing to show")
    screen = struct.unpack_from("<2H", data, 6)
    wide = max(screen[0], left + width), max(screen[1], top + height)
    if wide == screen or max(wide) > 0xFFFF:
        return data
    return data[:6] + struct.pack("<2H", *wide) + data[10:]


def _find_first_frame(data: bytes) -> int | None:
    if len(data) < _HEADER:
        return None
    flags, place = data[10], _HEADER
    if flags & 0x80:
        place += 3 << (flags & 7) + 1
    while place + 10 <= len(data):
        if data[place] == _FRAME:
            return place
        if data[place] == _EXTENSION:
            place += 2
            while place < len(data) and data[place]:
                place += data[place] + 1
        place += 1
    return None
