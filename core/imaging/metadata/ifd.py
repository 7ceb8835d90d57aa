"""The directories of TIFF, in which EXIF data, TIFF files and many RAW files keep their fields.

Pillow has such a reader too, but it gives up the rest of a directory at one entry that points outside of the file.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

EXIF, GPS, SUB_DIRECTORIES = 0x8769, 0x8825, 0x014A

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 18: 8, 129: 1}
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 18: "Q"}
_RATIONALS = {5: "II", 10: "ii"}
_LONGEST = 8 * 2**20  # bytes of one value
_MOST_NUMBERS = 16
_MOST_ENTRIES = 1000
_STARTS = (b"II*\0", b"MM\0*", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")  # of TIFF, of Olympus and of Panasonic
_BIG_STARTS = (b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0")  # of BigTIFF


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


def is_exif_block(data: bytes) -> bool:
    """Tell whether these bytes begin like EXIF data, a TIFF file, or a RAW file that is built like one."""
    return len(data) >= 16 and (data.startswith(_STARTS) or data.startswith(_BIG_STARTS))


class ExifBlock:
    """One block of EXIF data: its main directory `main`, and those that it points to. Offsets count from its start.

    Raises ValueError where the block does not begin as one.
    """

    def __init__(self, data: bytes) -> None:
        if not is_exif_block(data):
            raise ValueError("no EXIF data")
        self.order = "<" if data.startswith(b"II") else ">"
        self._view = memoryview(data)
        self._big = data.startswith(_BIG_STARTS)
        where, form = (8, "Q") if self._big else (4, "I")
        self.main = self._read(struct.unpack_from(self.order + form, data, where)[0])

    def follow(self, tag: int) -> list[Directory]:
        """Read the directories that a field of the main directory points to; none where it is missing or wrong."""
        entry = self.main.get(tag)
        offsets = () if entry is None else entry.read_numbers()
        return [self._read(int(offset)) for offset in offsets if 8 <= offset < len(self._view)]

    def _read(self, offset: int) -> Directory:
        """Read one directory; entries that are damaged are left out."""
        found: dict[int, Entry] = {}
        data, order = self._view, self.order
        head, entry, length, most = ("Q", "HHQ", 20, 8) if self._big else ("H", "HHI", 12, 4)
        start = offset + struct.calcsize("=" + head)
        if start > len(data):
            return found
        (count,) = struct.unpack_from(order + head, data, offset)
        for place in range(start, start + length * min(count, _MOST_ENTRIES), length):
            if place + length > len(data):
                break
            tag, kind, number = struct.unpack_from(order + entry, data, place)
            size, value = number * _SIZES.get(kind, 0), place + length - most
            where = value if size <= most else struct.unpack_from(order + entry[-1], data, value)[0]
            if 0 < size <= _LONGEST and where + size <= len(data) and tag not in found:
                found[tag] = Entry(kind, data[where : where + size], order)
        return found
