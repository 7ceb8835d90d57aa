"""TIFF files of any layout, and those that are built like one, byte by byte."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Order = Literal["<", ">"]
Value = int | str | bytes | Sequence[int] | Sequence[float]
Entry = tuple[int, Value]  # kind of the field, value

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SIGNED_RATIONAL, LONG8 = 1, 2, 3, 4, 5, 7, 10, 16
_SIZES = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1, SIGNED_RATIONAL: 8, LONG8: 8}
_CODES = {SHORT: "H", LONG: "I", LONG8: "Q"}
_SCALE = 10_000  # denominator of rationals
NONE, DEFLATE, PACKBITS = 1, 8, 32773


class TiffBuilder:
    """Builds a TIFF from blobs and directories; each returns where it stands, for others to point to."""

    def __init__(self, order: Order = "<", magic: bytes | None = None, *, big: bool = False) -> None:
        self.order, self.big = order, big
        start = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
        self._data = bytearray(magic or start) + (struct.pack(order + "2H", 8, 0) + bytes(8) if big else bytes(4))

    def add(self, blob: bytes) -> int:
        self._data += bytes(len(self._data) % 2)
        self._data += blob
        return len(self._data) - len(blob)

    def add_directory(self, tags: Mapping[int, Entry], following: int = 0) -> int:
        room, pointer = (8, "Q") if self.big else (4, "I")
        entries = b""
        for tag, (kind, value) in sorted(tags.items()):
            packed = self._pack(kind, value)
            count = len(packed) // _SIZES[kind]
            if len(packed) > room:
                packed = struct.pack(self.order + pointer, self.add(packed))
            entries += struct.pack(self.order + "HH" + pointer, tag, kind, count) + packed.ljust(room, b"\0")
        count_code = "Q" if self.big else "H"
        end = struct.pack(self.order + pointer, following)
        return self.add(struct.pack(self.order + count_code, len(tags)) + entries + end)

    def finish(self, first: int) -> bytes:
        place, pointer = (8, "Q") if self.big else (4, "I")
        struct.pack_into(self.order + pointer, self._data, place, first)
        return bytes(self._data)

    def _pack(self, kind: int, value: Value) -> bytes:
        if isinstance(value, str):
            return value.encode() + b"\0"
        if isinstance(value, bytes):
            return value
        numbers = (value,) if isinstance(value, int) else value
        if kind in (RATIONAL, SIGNED_RATIONAL):
            pair = "II" if kind == RATIONAL else "ii"
            return b"".join(struct.pack(self.order + pair, round(each * _SCALE), _SCALE) for each in numbers)
        if kind in (BYTE, UNDEFINED):
            return bytes(int(each) for each in numbers)
        return struct.pack(f"{self.order}{len(numbers)}{_CODES[kind]}", *(int(each) for each in numbers))


def write_tiff(
    samples: NDArray[np.generic],
    photometric: int,
    *,
    bits: int | None = None,
    order: Order = "<",
    planar: bool = False,
    tile: int | None = None,
    rows: int | None = None,
    compression: int = NONE,
    predictor: int = 1,
    extra: Sequence[int] = (),
    big: bool = False,
    tags: Mapping[int, Entry] | None = None,
) -> bytes:
    """Write (H, W, N) samples in strips of `rows`, or in square tiles; `bits` other than the array's are packed."""
    height, width, count = samples.shape
    packed = bits is not None and bits != 8 * samples.dtype.itemsize
    bits = bits or 8 * samples.dtype.itemsize
    builder = TiffBuilder(order, big=big)
    places, lengths = [], []
    for plane in [samples[:, :, [n]] for n in range(count)] if planar else [samples]:
        for chunk in _cut(plane, tile, rows or height):
            if predictor == 2:
                chunk = np.concatenate([chunk[:, :1], np.diff(chunk, axis=1)], axis=1)
            if predictor == 3:
                data = _predict_floats(chunk)
            elif packed:
                data = _pack_bits(chunk, bits)
            else:
                data = chunk.astype(chunk.dtype.newbyteorder(order)).tobytes()
            data = {NONE: bytes, DEFLATE: zlib.compress, PACKBITS: _pack_literally}.get(compression, bytes)(data)
            places.append(builder.add(data))
            lengths.append(len(data))
    kinds = {"u": 1, "i": 2, "f": 3}
    entries: dict[int, Entry] = {
        256: (LONG, width),
        257: (LONG, height),
        258: (SHORT, [bits] * count),
        259: (SHORT, compression),
        262: (SHORT, photometric),
        277: (SHORT, count),
        284: (SHORT, 2 if planar else 1),
        317: (SHORT, predictor),
        339: (SHORT, [kinds[samples.dtype.kind]] * count),
    }
    if tile:
        entries |= {322: (LONG, tile), 323: (LONG, tile), 324: (LONG, places), 325: (LONG, lengths)}
    else:
        entries |= {273: (LONG, places), 278: (LONG, rows or height), 279: (LONG, lengths)}
    if extra:
        entries[338] = (SHORT, list(extra))
    return builder.finish(builder.add_directory(entries | dict(tags or {})))


def _cut(plane: NDArray[np.generic], tile: int | None, rows: int) -> list[NDArray[np.generic]]:
    height, width = plane.shape[:2]
    if tile is None:
        return [plane[top : top + rows] for top in range(0, height, rows)]
    padded = np.pad(plane, ((0, -height % tile), (0, -width % tile), (0, 0)))
    return [
        padded[top : top + tile, left : left + tile] for top in range(0, height, tile) for left in range(0, width, tile)
    ]


def _pack_bits(chunk: NDArray[np.generic], bits: int) -> bytes:
    lines = chunk.reshape(len(chunk), -1).astype(np.uint32)
    single = (lines[:, :, None] >> np.arange(bits - 1, -1, -1, dtype=np.uint32)) & 1
    return np.packbits(single.reshape(len(chunk), -1).astype(np.uint8), axis=1).tobytes()


def _pack_literally(data: bytes) -> bytes:
    """Pack by PackBits, without looking for runs."""
    return b"".join(bytes((len(part) - 1,)) + part for part in (data[n : n + 128] for n in range(0, len(data), 128)))


def _predict_floats(chunk: NDArray[np.generic]) -> bytes:
    """Predict as Adobe Photoshop TIFF Technical Note 3 says: bytes of equal weight side by side, then differences."""
    rows, width, count = chunk.shape
    size = chunk.dtype.itemsize
    lines = np.frombuffer(chunk.astype(chunk.dtype.newbyteorder(">")).tobytes(), np.uint8)
    weights = lines.reshape(rows, width * count, size).transpose(0, 2, 1).reshape(rows, -1, count)
    return np.concatenate([weights[:, :1], np.diff(weights, axis=1)], axis=1).tobytes()
