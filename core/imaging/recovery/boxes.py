"""The boxes of HEIC and AVIF (ISO/IEC 14496-12): where the coded pictures lie in the file."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_CODED = (b"hvc1", b"av01")  # pictures and tiles of pictures; other items are metadata, or say how tiles lie
_MOST_ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class Extent:
    """A stretch of bytes of a coded picture."""

    codec: bytes
    start: int
    end: int


def iterate_boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each box and where its content begins and should end, which may be behind the file's end."""
    while start + 8 <= min(end, len(data)):
        length, name = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if length == 1 and content + 8 <= len(data):
            length, content = int.from_bytes(data[content : content + 8], "big"), content + 8
        stop = end if length == 0 else start + length
        yield name, content, stop
        if stop < content:
            return
        start = stop


def find_extents(data: bytes) -> list[Extent]:
    """Find the stretches of all coded pictures, in the order of the file; none where the tables cannot be read."""
    try:
        return sorted(_read_extents(data), key=lambda extent: extent.start)
    except (struct.error, IndexError, StopIteration):
        return []


def _read_extents(data: bytes) -> list[Extent]:
    meta = next((box for box in iterate_boxes(data, 0, len(data)) if box[0] == b"meta"), None)
    if meta is None:
        return []
    boxes = {name: (start, end) for name, start, end in iterate_boxes(data, meta[1] + 4, min(meta[2], len(data)))}
    if b"iinf" not in boxes or b"iloc" not in boxes:
        return []
    types = _read_types(data, *boxes[b"iinf"])
    return [
        Extent(types[item], start, end)
        for item, start, end in _read_locations(data, boxes[b"iloc"][0])
        if types.get(item) in _CODED
    ]


def _read_types(data: bytes, start: int, end: int) -> dict[int, bytes]:
    """Read the types of the items by their number."""
    types = {}
    for name, entry, _ in iterate_boxes(data, start + (6 if data[start] == 0 else 8), end):
        if name == b"infe" and data[entry] in (2, 3):
            width = 2 if data[entry] == 2 else 4
            number = int.from_bytes(data[entry + 4 : entry + 4 + width], "big")
            types[number] = data[entry + 6 + width : entry + 10 + width]
    return types


def _read_locations(data: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number, beginning and end of each stretch that is measured from the beginning of the file."""
    version, sizes, position = data[start], int.from_bytes(data[start + 4 : start + 6], "big"), start + 6
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))

    def take(width: int) -> int:
        nonlocal position
        if position + width > len(data):
            raise IndexError
        position += width
        return int.from_bytes(data[position - width : position], "big")

    wide = 4 if version == 2 else 2
    for _ in range(min(take(wide), _MOST_ITEMS)):
        number = take(wide)
        method = take(2) & 15 if version else 0
        take(2)  # which file it lies in
        base = take(base_size)
        for _ in range(min(take(2), _MOST_ITEMS)):
            if version:
                take(index_size)
            first, length = base + take(offset_size), take(length_size)
            if method == 0:
                yield number, first, first + length
