"""A cheap look that says whether a picture may hold text, before a reader spends its time on it.

Writing is many thin strokes in a short row, with quiet above and below it. The look counts strokes in small cells.
Every picture of an ingest is looked at, so that this is whole-array arithmetic on bytes, and ends as soon as it can.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]

_SHORTEST_PX = 600  # of the longer side: what has twice as much and more is reduced
_SCALES = (1.0, 0.7, 0.7)  # weights of the picture, and of reductions to 1/2 and 1/4, where larger letters are found
_STROKE = 5  # pixels between both edges of a stroke, at most
_EDGE = 20  # of 255, at both edges
_COLUMNS = 20  # of a cell, which has two rows; every second row is looked at, and a cell begins at each of these
_ROWS = (2, 6)  # quiet has to follow from so many rows on, up to so many
_FEWEST = 30  # strokes, below which nothing is written
_LEAST = 0.25  # share of strokes in three pairs of cells


def may_hold_text(image: Image.Image) -> bool:
    """Say whether an upright RGB picture may hold text, in lines across or down. It errs on the side of yes."""
    factor = max(1, max(image.size) // _SHORTEST_PX)
    grey = (image.reduce(factor) if factor > 1 else image).convert("L")
    for number, weight in enumerate(_SCALES):
        if number:
            grey = grey.reduce(2)
        pixels = np.asarray(grey)
        if any(_holds_lines(count(pixels), _LEAST / weight) for count in (_count_across, _count_down)):
            return True
    return False


def _count_across(grey: Bytes) -> Bytes:
    """Count the strokes of lines that run across in every cell: (rows, columns) uint8."""
    width, height = _whole(grey.shape[1] - _STROKE - 1, _COLUMNS), grey.shape[0] // 2
    if not width or not height:
        return np.zeros((0, 0), np.uint8)
    strokes = _find_strokes(np.ascontiguousarray(grey[: 2 * height : 2]), 1)[:, :width]
    quads = strokes.view(np.uint32)  # four counts each
    step = _COLUMNS // 4
    sums = sum((quads[:, first::step] for first in range(1, step)), start=quads[:, ::step])
    counts = (sums * np.uint32(0x01010101) >> np.uint32(24)).astype(np.uint8)  # the four, added up
    cells: Bytes = counts[:-1] + counts[1:]
    return cells


def _count_down(grey: Bytes) -> Bytes:
    """Count the strokes of lines that run down: as `_count_across` does, with rows and columns changed."""
    width, height = grey.shape[1] // 2, _whole(grey.shape[0] - _STROKE - 1, _COLUMNS)
    if not width or not height:
        return np.zeros((0, 0), np.uint8)
    strokes = _find_strokes(np.ascontiguousarray(grey[:, : 2 * width : 2]), width)[:height]
    counts = np.add.reduce(strokes.reshape(height // _COLUMNS, _COLUMNS, width), axis=1, dtype=np.uint8)
    cells: Bytes = (counts[:, :-1] + counts[:, 1:]).T
    return cells


def _whole(length: int, unit: int) -> int:
    return max(0, length // unit * unit)


def _find_strokes(grey: Bytes, step: int) -> Bytes:
    """Find thin strokes, dark or light: an edge up, and an edge down within `_STROKE` pixels, or the reverse.

    `step` is how many places lie between a pixel and the next one, in the array without its rows. The result is 1 or 0
    for every pixel, and means nothing at the last ones of a line.
    """
    half = grey.ravel() >> 1
    raised = half + (_EDGE >> 1)
    up, down = half[step:] > raised[:-step], half[:-step] > raised[step:]
    count = max(0, half.size - (_STROKE + 1) * step)
    dark, light = _follow(up, step, count), _follow(down, step, count)
    dark &= down[:count]
    light &= up[:count]
    found = np.zeros(grey.size, np.bool_)
    np.logical_or(dark, light, out=found[:count])
    return found.view(np.uint8).reshape(grey.shape)


def _follow(edges: NDArray[np.bool_], step: int, count: int) -> NDArray[np.bool_]:
    """Say of each of the first `count` places whether one of the `_STROKE` places after it is an edge."""
    two = edges[step:] | edges[:-step]
    following = two[3 * step : 3 * step + count] | two[step : step + count]
    following |= edges[_STROKE * step : _STROKE * step + count]
    return following


def _holds_lines(cells: Bytes, least: float) -> bool:
    """Say whether cells are full of strokes, side by side, with quiet above or below: (rows, columns) uint8."""
    enough = least * 2 * _COLUMNS
    if np.count_nonzero(cells >= enough) < 2 or int(cells.sum(dtype=np.int64)) < 2 * _FEWEST or min(cells.shape) < 2:
        return False
    (near, far), count = _ROWS, len(cells)
    framed = np.zeros((count + 2 * far, cells.shape[1]), np.uint8)
    framed[far : far + count] = cells
    two = np.minimum(framed[1:], framed[:-1])
    quiet = np.minimum(np.minimum(two[:-3], two[2:-1]), framed[far - near :])  # the least of five that follow
    loud = np.maximum(quiet[:count], quiet[far + near :])
    writing = cells.astype(np.int16) - 2 * loud.astype(np.int16)
    pairs = np.minimum(writing[:, 1:], writing[:, :-1]).ravel()
    best = np.partition(pairs, -3)[-3:] if len(pairs) > 3 else pairs.max(keepdims=True)
    return float(best.mean()) >= enough
