"""The blocks of a GIF: whether it is there to its end."""

import re

_TRAILER, _EXTENSION, _IMAGE = 0x3B, 0x21, 0x2C
_HEADER, _DESCRIPTOR = 13, 10  # bytes
_BLOCK = re.compile(rb"[;!,]")


def is_cut(data: bytes) -> bool:
    """Tell whether a GIF ends before its trailer."""
    position = _HEADER + _palette_bytes(data, 10)
    while position < len(data):
        kind = data[position]
        if kind == _TRAILER:
            return False
        if kind == _EXTENSION:
            position += 2
        elif kind == _IMAGE:
            position += _DESCRIPTOR + _palette_bytes(data, position + 9) + 1
        elif (found := _BLOCK.search(data, position)) is not None:  # as decoders look for the next block
            position = found.start()
            continue
        else:
            return True
        while position < len(data) and data[position]:
            position += data[position] + 1
        position += 1
    return True


def _palette_bytes(data: bytes, position: int) -> int:
    """Return how long the palette is that a byte of flags tells of."""
    flags = data[position] if position < len(data) else 0
    return 3 * 2 ** (flags % 8 + 1) if flags & 0x80 else 0
