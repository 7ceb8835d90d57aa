"""The order in which a person reads the lines of a picture: block by block, line by line, along the writing."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Corners = NDArray[np.float64]  # (4, 2), x and y, clockwise from where the first letter begins at the top

_OVERLAP = 0.5  # of the lower of two boxes: as much height in common makes them one line
_TRIM = 0.2  # of a line's height: a detector draws its boxes larger than the letters are


def quarter_turns(corners: Corners) -> int:
    """Return how often a line is turned by 90 degrees clockwise, from 0 to 3."""
    x, y = corners[1] + corners[2] - corners[0] - corners[3]
    return int(np.round(np.arctan2(y, x) / (np.pi / 2))) % 4


def order_lines(lines: Sequence[Corners]) -> list[int]:
    """Return the indices of lines in reading order.

    Lines of one direction belong together; the direction with the most writing goes first. Blocks and columns are found
    by cutting at the widest gap, again and again (recursive X-Y cut).
    """
    by_turn: dict[int, list[int]] = {}
    for index, corners in enumerate(lines):
        by_turn.setdefault(quarter_turns(corners), []).append(index)
    lengths = {turn: sum(_length(lines[index]) for index in found) for turn, found in by_turn.items()}
    order: list[int] = []
    for turn in sorted(by_turn, key=lambda turn: -lengths[turn]):
        boxes = np.array([_upright_box(lines[index], turn) for index in by_turn[turn]])
        order += [by_turn[turn][index] for index in _cut(boxes, np.arange(len(boxes)))]
    return order


def _length(corners: Corners) -> float:
    return float(np.linalg.norm(corners[1] - corners[0]))


def _upright_box(corners: Corners, turn: int) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom once the page is turned back, without the detector's margin."""
    x, y = corners[:, 0], corners[:, 1]
    x, y = ((x, y), (y, -x), (-x, -y), (-y, x))[turn]
    trim = _TRIM * min(y.max() - y.min(), x.max() - x.min())
    return x.min() + trim, y.min() + trim, x.max() - trim, y.max() - trim


def _cut(boxes: NDArray[np.float64], chosen: NDArray[np.intp]) -> list[int]:
    """Order boxes (N, 4): cut them at the widest gap, and order both parts."""
    if len(chosen) <= 1:
        return [int(index) for index in chosen]
    height = float(np.median(boxes[chosen, 3] - boxes[chosen, 1]))
    across, x = _widest_gap(boxes[chosen][:, [0, 2]])
    down, y = _widest_gap(boxes[chosen][:, [1, 3]])
    if max(across, down) <= 0 or (across > down and across < height):
        return _rows(boxes, chosen)
    edges = boxes[chosen, 0] >= x if across > down else boxes[chosen, 1] >= y
    return _cut(boxes, chosen[~edges]) + _cut(boxes, chosen[edges])


def _widest_gap(spans: NDArray[np.float64]) -> tuple[float, float]:
    """Return the widest gap that no span (N, 2) reaches into, and where it ends; not over 0 where there is none."""
    spans = spans[spans[:, 0].argsort()]
    gaps = spans[1:, 0] - np.maximum.accumulate(spans[:, 1])[:-1]
    widest = int(gaps.argmax())
    return float(gaps[widest]), float(spans[widest + 1, 0])


def _rows(boxes: NDArray[np.float64], chosen: NDArray[np.intp]) -> list[int]:
    """Order boxes that no straight cut parts: from top to bottom, and what shares a line from left to right."""
    rows: list[list[int]] = []
    for index in sorted(map(int, chosen), key=lambda index: boxes[index, 1] + boxes[index, 3]):
        _, top, _, bottom = boxes[index]
        if rows:
            _, above, _, below = boxes[rows[-1][-1]]
            if min(bottom, below) - max(top, above) > _OVERLAP * min(bottom - top, below - above):
                rows[-1].append(index)
                continue
        rows.append([index])
    return [index for row in rows for index in sorted(row, key=lambda index: boxes[index, 0])]
