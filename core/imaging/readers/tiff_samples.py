"""Samples of a TIFF as numbers, whatever their depth, format, number and order.

Each strip or tile is unpacked by libtiff as a grey picture of bytes: most compressions do not ask what bytes mean.
"""

import io
import struct
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from core.imaging.readers.tiff_layout import FLOAT, NO_COMPRESSION, SIGNED, WEBP, Layout

Order = Literal["<", ">"]  # of the bytes of a number

SHORT = "its strips do not reach the bottom of the picture"

_WIDE = 8  # bytes of a sample while it is widened
_ROWS = 64  # that are widened from single bits at a time
_KINDS = {FLOAT: "f", SIGNED: "i"}
_HORIZONTAL, _FLOATING = 2, 3  # predictors


def read_samples(
    data: bytes, layout: Layout, order: Order, count: int, *, partial: bool
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Read the first `count` samples of every pixel, (H, W, count), of the file's own number type.

    Depths that no number type has come as the next larger unsigned one. `order` is "<" or ">". The second array,
    (H, W), tells which pixels are there: all of them, unless `partial`. Raises OSError where some are not.
    """
    view = memoryview(data)
    across = -(-layout.width // layout.chunk[0])
    down = -(-layout.height // layout.chunk[1])
    if not partial and min(len(layout.offsets), len(layout.lengths)) < layout.chunks:
        raise OSError(SHORT)
    together = layout.samples // layout.planes
    result = np.zeros((layout.height, layout.width, count), _number_type(layout))
    there = np.ones(result.shape[:2], np.bool_)
    for plane in range(min(layout.planes, count)):
        for number, (left, top) in enumerate(_corners(layout, across, down)):
            index = plane * across * down + number
            rows = layout.chunk[1] if layout.tiled else min(layout.chunk[1], layout.height - top)
            target = result[top : top + rows, left : left + layout.chunk[0]]
            try:
                chunk = view[layout.offsets[index] : layout.offsets[index] + layout.lengths[index]]
                values = _read_chunk(chunk, layout, order, rows, together, partial=partial)
            except (OSError, IndexError):
                if not partial:
                    raise
                there[top : top + rows, left : left + layout.chunk[0]] = False
                continue
            values = values[: target.shape[0], : target.shape[1]]
            there[top + len(values) : top + rows, left : left + layout.chunk[0]] = False
            if layout.planes == 1:
                target[: len(values)] = values[:, :, :count]
            else:
                target[: len(values), :, plane] = values[:, :, 0]
    return result, there


def _corners(layout: Layout, across: int, down: int) -> Iterator[tuple[int, int]]:
    for row in range(down):
        for column in range(across):
            yield column * layout.chunk[0], row * layout.chunk[1]


def _number_type(layout: Layout) -> np.dtype[np.generic]:
    size = next(size for size in (8, 16, 32, 64) if layout.bits <= size)
    return np.dtype(f"{_KINDS.get(layout.format, 'u')}{size // 8}")


def measure_working_memory(layout: Layout, count: int) -> int:
    """Estimate how many bytes `read_samples` takes, its result among them, for `count` samples of each pixel."""
    size = _number_type(layout).itemsize
    samples = min(layout.chunk[0] * layout.chunk[1], layout.width * layout.height) * (layout.samples // layout.planes)
    copies = 0 if layout.compression == NO_COMPRESSION else 2
    copies += layout.predictor in (_HORIZONTAL, _FLOATING)
    unpacked = samples * (copies * size + (0 if layout.bits == 8 * size else _WIDE + size))
    return layout.width * layout.height * (count * size + 1) + unpacked


def _read_chunk(
    chunk: memoryview, layout: Layout, order: Order, rows: int, samples: int, *, partial: bool
) -> NDArray[np.generic]:
    """Read a strip or tile: (rows, width of the chunk, samples); fewer rows where `partial` and it is cut off."""
    width = layout.chunk[0]
    row_bytes = -(-width * samples * layout.bits // 8)
    data = _unpack(chunk, layout, row_bytes, rows)
    if len(data) < row_bytes * rows:
        if not partial:
            raise OSError("a strip of its picture is cut off")
        rows = len(data) // row_bytes
    lines = np.frombuffer(data, np.uint8, row_bytes * rows).reshape(rows, row_bytes)
    kind = _number_type(layout)
    if layout.predictor == _FLOATING and layout.format == FLOAT:
        planes = np.cumsum(lines.reshape(rows, -1, samples), axis=1, dtype=np.uint8).reshape(rows, kind.itemsize, -1)
        values = np.ascontiguousarray(planes.transpose(0, 2, 1)).view(kind.newbyteorder(">"))
        return values.astype(kind).reshape(rows, width, samples)
    if layout.bits == 8 * kind.itemsize:
        values = lines.view(kind.newbyteorder(order))
    else:
        values = _widen(lines, layout.bits, width * samples).astype(kind)
    values = values.reshape(rows, width, samples)
    if layout.predictor == _HORIZONTAL and layout.format != FLOAT:
        values = np.cumsum(values, axis=1, dtype=kind)
    return values


def _widen(lines: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.uint64]:
    """Widen samples of an odd number of bits: (rows, bytes) -> (rows, count)."""
    weights = (np.uint64(1) << np.arange(bits - 1, -1, -1, dtype=np.uint64)).astype(np.uint64)
    parts = []
    for start in range(0, len(lines), _ROWS):
        block = np.unpackbits(lines[start : start + _ROWS], axis=1)[:, : count * bits]
        parts.append(block.reshape(len(block), count, bits) @ weights)
    return np.concatenate(parts)


def _unpack(chunk: memoryview, layout: Layout, row_bytes: int, rows: int) -> bytes | memoryview:
    if layout.compression == NO_COMPRESSION and layout.fill_order != 2:
        return chunk
    if layout.compression == WEBP:
        return Image.open(io.BytesIO(chunk), formats=["WEBP"]).tobytes()
    entries = {256: (4, row_bytes), 257: (4, rows), 258: (3, 8), 259: (3, layout.compression), 262: (3, 1)}
    entries |= {266: (3, layout.fill_order), 273: (4, 8), 277: (3, 1), 278: (4, rows), 279: (4, len(chunk))}
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(entries.items()))
    start = 8 + len(chunk) + len(chunk) % 2
    header = b"II*\0" + struct.pack("<I", start)
    body = bytes(chunk) + bytes(len(chunk) % 2) + struct.pack("<H", len(entries)) + table + bytes(4)
    return TiffImageFile(io.BytesIO(header + body)).tobytes()
