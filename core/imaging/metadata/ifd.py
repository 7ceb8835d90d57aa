"""The directories of TIFF, in which EXIF data, TIFF files and many RAW files keep their fields.

Pillow has such a reader too, but it gives up the rest of a directory at one entry that points outside of the file.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

EXIF, GPS, SUB_DIRECTORIES = 0x8769, 0x8825, 0x014A

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}
_RATIONALS = {5: "II", 10: "ii"}
_LONGEST = 8 * 2**20  # bytes of one value
_MOST_NUMBERS = 16
_MOST_ENTRIES = 1000
_MAGIC = {  # of TIFF, of Olympus and of Panasonic
    b"II": (b"\x2a\0", b"RO", b"RS", b"U\0"),
    b"MM": (b"\0\x2a",),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """The value of a field: its type in TIFF, and its bytes in the order of its block."""

    kind: int
    data: memoryview
    order: str

    def read_numbers(self) -> tuple[float, ...]:
        """Read up to 16 numbers; a rational over zero is NaN."""
        if self.kind in _RATIONALS:
            pairs = self._unpack(_RATIONALS[self.kind], 8)
            return tuple(a / b if b else float("nan") for a, b in pairs)
        if self.kind == 7:
            return tuple(float(byte) for byte in self.data[:_MOST_NUMBERS])
        form = _NUMBERS.get(self.kind)
        return () if form is None else tuple(pair[0] for pair in self._unpack(form, _SIZES[self.kind]))

    def _unpack(self, form: str, size: int) -> list[tuple[float, ...]]:
        count = min(len(self.data) // size, _MOST_NUMBERS)
        return list(struct.iter_unpack(self.order + form, self.data[: count * size]))


Directory = Mapping[int, Entry]


class ExifBlock:
    """One block of EXIF data: its main directory `main`, and those that it points to. Offsets count from its start.

    Raises ValueError where the block does not begin as one.
    """

    def __init__(self, data: bytes) -> None:
        orders = {b"II": "<", b"MM": ">"}
        if data[:2] not in orders or data[2:4] not in _MAGIC[data[:2]] or len(data) < 8:
            raise ValueError("no EXIF data")
        self._view = memoryview(data)
        self.order = orders[data[:2]]
        self.main = self._read(struct.unpack_from(self.order + "I", data, 4)[0])

    def follow(self, tag: int) -> list[Directory]:
        """Read the directories that a field of the main directory points to; none where it is missing or wrong."""
        entry = self.main.get(tag)
        return [] if entry is None else [self._read(int(offset)) for offset in entry.read_numbers() if offset >= 8]

    def _read(self, offset: int) -> Directory:
        """Read one directory; entries that are damaged are left out."""
        found: dict[int, Entry] = {}
        data = self._view
        if offset + 2 > len(data):
            return found
        (count,) = struct.unpack_from(self.order + "H", data, offset)
        for start in range(offset + 2, offset + 2 + 12 * min(count, _MOST_ENTRIES), 12):
            if start + 12 > len(data):
                break
            tag, kind, length = struct.unpack_from(self.order + "HHI", data, start)
            size = length * _SIZES.get(kind, 0)
            where = start + 8 if size <= 4 else struct.unpack_from(self.order + "I", data, start + 8)[0]
            if 0 < size <= _LONGEST and where + size <= len(data) and tag not in found:
                found[tag] = Entry(kind, self._view[where : where + size], self.order)
        return found
