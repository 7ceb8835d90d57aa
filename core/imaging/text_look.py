"""A cheap look that says whether a picture may hold text, before a reader spends its time on it.

Writing is many thin strokes in a short row, with quiet above and below it. The look counts strokes in small cells.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LONGEST_PX = 480  # the look is taken on a picture of up to this
_SCALES = {1: 1.0, 2: 0.7, 4: 0.7}  # and on reductions of it, for larger letters, which weigh less
_STROKE = 5  # pixels between both edges of a stroke, at most
_EDGE = 20  # of 255, at both edges
_CELL = (2, 20)  # rows and columns; every second row is looked at
_ROWS = 3  # of cells: quiet has to follow within so many
_FEWEST = 30  # strokes, below which nothing is written
_LEAST = 0.21  # share of strokes in three pairs of cells: every photograph of 22 with text has more, no drawn scene


def may_hold_text(image: Image.Image) -> bool:
    """Say whether an upright RGB picture may hold text, in lines across or down. It errs on the side of yes."""
    return measure_writing(image) >= _LEAST


def measure_writing(image: Image.Image) -> float:
    """Measure how much the most line-like place of a picture looks like writing; 0 where there are no strokes."""
    factor = max(1, round(max(image.size) / _LONGEST_PX))
    small = (image.reduce(factor) if factor > 1 else image).convert("L")
    found = 0.0
    for scale, weight in _SCALES.items():
        grey = np.asarray(small.reduce(scale) if scale > 1 else small, dtype=np.int16)
        lines = max(_measure_lines(grey[::2]), _measure_lines(np.ascontiguousarray(grey[:, ::2].T)))
        found = max(found, weight * lines)
    return found


def _measure_lines(grey: NDArray[np.int16]) -> float:
    """Measure writing that runs across: (H, W) int16."""
    rows, columns = _CELL
    height, width = grey.shape[0] // rows * rows, (grey.shape[1] - _STROKE - 1) // columns * columns
    if height < 2 * rows or width < 2 * columns:
        return 0.0
    strokes = _find_strokes(grey[:height], width)
    if np.count_nonzero(strokes) < _FEWEST:
        return 0.0
    cells = strokes.reshape(height // rows, rows, width // columns, columns).mean(axis=(1, 3), dtype=np.float32)
    framed = np.pad(cells, ((_ROWS, _ROWS), (0, 0)))
    count = len(cells)
    above = np.minimum.reduce([framed[shift : shift + count] for shift in range(_ROWS)])
    below = np.minimum.reduce([framed[_ROWS + shift : _ROWS + shift + count] for shift in range(1, _ROWS + 1)])
    writing = cells - 2 * np.maximum(above, below)
    pairs = np.minimum(writing[:, 1:], writing[:, :-1]).ravel()
    return float(np.partition(pairs, -3)[-3:].mean()) if len(pairs) > 3 else float(pairs.max(initial=0.0))


def _find_strokes(grey: NDArray[np.int16], width: int) -> NDArray[np.bool_]:
    """Find thin strokes, dark or light: an edge up, and an edge down within `_STROKE` pixels, or the reverse."""
    slopes = np.diff(grey[:, : width + _STROKE + 1], axis=1)
    up, down = slopes > _EDGE, slopes < -_EDGE
    up_follows, down_follows = up[:, 1 : width + 1].copy(), down[:, 1 : width + 1].copy()
    for shift in range(2, _STROKE + 1):
        up_follows |= up[:, shift : shift + width]
        down_follows |= down[:, shift : shift + width]
    return (up[:, :width] & down_follows) | (down[:, :width] & up_follows)
