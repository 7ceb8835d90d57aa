"""Lay pictures over each other to a fraction of a pixel, where one may be cropped, scaled, or both.

A placement is (left, width, top, height): where one picture lies on another whose width and height are 1. Its point
(x, y) is at (left + x * width, top + y * height). Many small pictures of one size come as arrays, a large one as an
image.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Planes = NDArray[np.floating[Any]]  # (N, rows, columns)
Placements = NDArray[np.float64]  # (N, 4)
Pictures = Planes | Image.Image  # (N, H, W), or one whose channels are the planes
Spans = NDArray[np.float64]  # (N, 2): begin and end on an axis of length 1

_SETTLED = 0.02  # pixels: what moves less is not moved again
_FURTHEST = 3.0  # pixels that one step may move


def overlap(at: Placements) -> tuple[Spans, Spans, Spans, Spans]:
    """The part that two pictures share: across on the one, down on the one, across on the other, down on the other."""
    across, down = _shared_span(at[:, 0], at[:, 1]), _shared_span(at[:, 2], at[:, 3])
    return _map_span(across, at[:, 0], at[:, 1]), _map_span(down, at[:, 2], at[:, 3]), across, down


def resample(pictures: Pictures, across: Spans, down: Spans, rows: int, columns: int) -> Planes:
    """(N, rows, columns): the part within the spans, each pixel a weighted mean of what it covers.

    The filter is a triangle as wide as two pixels of the coarser picture, as Pillow's bilinear one is.
    """
    if isinstance(pictures, Image.Image):
        width, height = pictures.size
        box = across[0, 0] * width, down[0, 0] * height, across[0, 1] * width, down[0, 1] * height
        made = np.asarray(pictures.resize((columns, rows), Image.Resampling.BILINEAR, box=box), np.float32)
        return made[None] if made.ndim == 2 else made.transpose(2, 0, 1)
    over = _weights(across, pictures.shape[2], columns)
    planes: Planes = _weights(down, pictures.shape[1], rows) @ pictures @ over.transpose(0, 2, 1)
    return planes


def refine(one: Pictures, other: Pictures, at: Placements, rows: int, columns: int, steps: int) -> Placements:
    """Better placements of `other` on `one`, compared at (rows, columns).

    Gauss-Newton on the squared differences over shift and scale of each axis (Lucas & Kanade, IJCAI 1981; Baker &
    Matthews, IJCV 56:3, 2004), weighted by Cauchy's function, so that a part that differs does not pull.
    """
    for _ in range(steps):
        one_across, one_down, across, down = overlap(at)
        moved = _step(resample(one, one_across, one_down, rows, columns), resample(other, across, down, rows, columns))
        at = np.concatenate(
            [_move(at[:, :2], across, columns, moved[:, :2]), _move(at[:, 2:], down, rows, moved[:, 2:])], axis=1
        )
        if np.abs(moved).max(initial=0) < _SETTLED:
            break
    return at


def _shared_span(begin: NDArray[np.float64], length: NDArray[np.float64]) -> Spans:
    low = np.clip(-begin / length, 0, 0.9)
    return np.stack([low, np.clip((1 - begin) / length, low + 0.1, 1)], axis=1)


def _map_span(spans: Spans, begin: NDArray[np.float64], length: NDArray[np.float64]) -> Spans:
    return np.clip(begin[:, None] + spans * length[:, None], 0, 1)


def _weights(spans: Spans, length: int, count: int) -> Planes:
    """(N, count, length): what each of `count` pixels takes of the `length` that there are."""
    pixel = (spans[:, 1] - spans[:, 0])[:, None] * length / count  # (N, 1), in pixels that there are
    centres = spans[:, :1] * length + (np.arange(count) + 0.5) * pixel
    apart = np.abs(centres[:, :, None] - (np.arange(length) + 0.5)) / np.maximum(pixel, 1)[:, :, None]
    weights = np.maximum(1 - apart, 0).astype(np.float32)
    scaled: Planes = weights / np.maximum(weights.sum(2, keepdims=True), 1e-6)
    return scaled


def _step(first: Planes, second: Planes) -> NDArray[np.float64]:
    """(N, 4): how far to shift across and to stretch (over the whole width), and the same down, in pixels."""
    count, rows, columns = first.shape
    mean = (first + second) / 2
    across, down = np.zeros_like(mean), np.zeros_like(mean)
    across[:, :, 1:-1] = (mean[:, :, 2:] - mean[:, :, :-2]) / 2
    down[:, 1:-1] = (mean[:, 2:] - mean[:, :-2]) / 2
    apart = second - first
    squared = apart**2
    weights = 1 / (1 + squared / (4 * squared.mean((1, 2), keepdims=True) + 1))
    x = (np.arange(columns, dtype=np.float32) + 0.5) / columns - 0.5
    y = ((np.arange(rows, dtype=np.float32) + 0.5) / rows - 0.5)[:, None]
    slopes = np.stack([across, across * x, down, down * y], axis=1).reshape(count, 4, -1)
    weighted = slopes * weights.reshape(count, 1, -1)
    normal = (weighted @ slopes.transpose(0, 2, 1)).astype(np.float64)
    damping = 1e-3 * np.trace(normal, axis1=1, axis2=2) / 4 + 1e-6
    pulled = (weighted @ apart.reshape(count, -1, 1)).astype(np.float64)
    moved = np.linalg.solve(normal + damping[:, None, None] * np.eye(4), pulled)[..., 0]
    return np.clip(moved, -_FURTHEST, _FURTHEST)


def _move(axis: NDArray[np.float64], spans: Spans, pixels: int, moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """One axis of placements, (N, 2), after a step that was found on its part within the spans."""
    shared = spans[:, 1] - spans[:, 0]
    pixel = axis[:, 1] * shared / pixels
    longer = pixel * moved[:, 1] / shared
    length = np.clip(axis[:, 1] + longer, 0.5, 2)
    begin = axis[:, 0] + pixel * moved[:, 0] - longer * spans.mean(1)
    return np.stack([np.clip(begin, -0.5, 0.5), length], axis=1)
