"""Whether two thumbnails show the same picture: re-encoded, scaled or cropped a little, and nothing else.

A model's vectors say what a picture is of, and its mean colours how it is lit. Neither changes with a digit on a form,
a star in the sky or a smile. So one thumbnail is aligned with the other to a fraction of a pixel, and all pixels are
compared. What encoding and scaling leave is spread over the picture, in proportion to its detail. A real difference is
in one place, or larger.
"""

import io
import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.duplicates.alignment import Pictures, Placements, Planes, overlap, refine, resample

Plane = NDArray[np.floating[Any]]  # (rows, columns)

_CELL = 4  # pixels a side: measured are blocks of 2 × 2 cells, and the detail around them in 4 × 4
_LEAST = 16  # pixels a side of what is compared
_SHARED = 0.74  # of each side of both that has to be shared: a tenth may be cut from every edge
_WHOLE: Placements = np.asarray([[0.0, 1.0, 0.0, 1.0]])

_COARSE = ((16, 4), (32, 5))  # pixels a side, and steps
_MIDDLE = ((64, 5), (128, 3))
_FINE = ((256, 2), (448, 1))

_LIVELY = 3.0  # detail that is more than noise
_UNEVEN = 2.0  # levels of 255 that the means of most blocks may be off
_SPREAD, _WORST, _SHADE, _COLOUR = 0.55, 5.5, 1.5, 10.0  # the most of two that show the same
_FAITHFUL = 4.0  # in place of _WORST where two are equal but for rounding: there one digit shows
_EARLY = 2.5  # as many times more is allowed before the last look
_EVIDENCE, _RELIEF = 12, 1.5  # the least there has to be to tell a picture by

_BIN = np.asarray([32, 12, 12])  # levels of YCbCr that are one colour
_COLOURS, _CELLS = 30, 6  # how many colours there have to be, with so many cells each
_TURNED = np.asarray([20, 24, 24])  # levels that colours may be turned


class Verdict(Enum):
    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"  # too little in common, or too little to see


@dataclass(frozen=True, slots=True)
class Measured:
    """How two pictures differ, as they lie on each other.

    `spread`: the difference in proportion to the detail, as it is in half of it. `worst`: the greatest of any block, in
    units of what its detail lets expect. `shade`: the greatest difference of mean luma, in units of what nine in ten
    blocks and its detail let expect. `colour`: the greatest difference of mean chroma, of 255. `evidence`: how many
    blocks have detail. `relief`: how far the luma of 16 × 16 parts is from a smooth slope, of 255.
    """

    spread: float
    worst: float
    shade: float
    colour: float
    evidence: int
    relief: float

    def within(self, times: float = 1.0) -> bool:
        """Whether it is no more than encoding and scaling leave."""
        faithful = min(max(self.spread - 0.05, 0) / 0.1, 1)  # from 0, where hardly anything was lost, to 1
        worst = _FAITHFUL + (_WORST - _FAITHFUL) * faithful
        return (
            self.spread <= _SPREAD * times
            and self.worst <= worst * times
            and self.shade <= _SHADE * times
            and self.colour <= _COLOUR * times
        )

    @property
    def enough(self) -> bool:
        """Whether there is anything to tell the pictures by: one clear sky is like another."""
        return self.evidence >= _EVIDENCE or self.relief >= _RELIEF


class Thumbnail:
    """A decoded thumbnail: `image` is YCbCr, `luma` its first channel, `small` that of 128 pixels a side at most."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image.convert("YCbCr")
        self.luma = self.image.getchannel(0)
        size = min(self.luma.width, 128), min(self.luma.height, 128)
        self.small = self.luma.resize(size, Image.Resampling.BOX)

    @classmethod
    def of(cls, jpeg: bytes) -> "Thumbnail | None":
        """None where it cannot be read."""
        try:
            return cls(Image.open(io.BytesIO(jpeg), formats=["JPEG"]))
        except (OSError, SyntaxError, ValueError):
            return None


def settle(one: Planes, other: Planes, at: Placements) -> Placements:
    """Placements of thumbnails that are 48 × 48 cells of luma, (N, 48, 48)."""
    for side, steps in _COARSE:
        at = refine(one, other, at, side, side, steps)
    return at


def alike(one: Planes, other: Planes, at: Placements) -> NDArray[np.bool_]:
    """(N,): which pairs of (N, 48, 48) cells, so placed, are worth a look at the thumbnails: 0.99 of the same are."""
    first, second = _sample_shared(one, other, at, (32, 32))
    first, second = (each - each.mean((1, 2), keepdims=True) for each in (first, second))
    both = np.sqrt((first**2).mean((1, 2)) * (second**2).mean((1, 2)))
    correlation = (first * second).mean((1, 2)) / np.maximum(both, 1e-6)
    worth: NDArray[np.bool_] = correlation >= 0.85
    return worth


def compare(one: Thumbnail, other: Thumbnail, at: Placements) -> tuple[Verdict, Measured | None]:
    """Whether `other`, which lies about there on `one`, is the same picture. `at` is (1, 4)."""
    at = _align(one, other, at)
    if not _near(at) and _one_shape(one, other):
        at = _align(one, other, _WHOLE)  # there is too little to see for a crop to be told
    if not _near(at) or min(_size(one, other, at, _LEAST)) < _LEAST:
        return Verdict.UNKNOWN, None
    early = measure(*_sample_shared(one.small, other.small, at, _size(one, other, at, 128)))
    if not early.within(_EARLY):
        return Verdict.DIFFERENT, early
    for side, steps in _FINE:
        at = refine(one.luma, other.luma, at, *_size(one, other, at, side), steps)
    if not _near(at):
        return Verdict.UNKNOWN, None
    first, second = _sample_shared(one.image, other.image, at, _size(one, other, at, None))
    found = measure(first, second)
    if not found.within() and found.within(_EARLY) and (second_again := recolour(second, first)) is not None:
        found = measure(first, second_again)
    if not found.within():
        return Verdict.DIFFERENT, found
    return Verdict.SAME if found.enough else Verdict.UNKNOWN, found


def recolour(picture: Planes, like: Planes) -> Planes | None:
    """(3, H, W) YCbCr with its colours turned by one smooth function to be most like the other's.

    That is what a colour profile does that one copy has and another lost: a quadratic polynomial (Hong, Luo & Rhodes,
    Color Res. Appl. 26:1, 2001). None where the colours are too few to tell such a function from a thing of another
    colour, or would be turned too far.
    """
    own, wanted = (np.stack([_cells(plane).ravel() for plane in planes], axis=1) for planes in (picture, like))
    _, counts = np.unique((own // _BIN).astype(np.int16), axis=0, return_counts=True)
    if (counts >= _CELLS).sum() < _COLOURS:
        return None
    turned, *_ = np.linalg.lstsq(_terms(own), wanted, rcond=None)
    if (np.quantile(np.abs(_terms(own) @ turned - own), 0.99, axis=0) > _TURNED).any():
        return None
    made: Planes = (_terms(picture.reshape(3, -1).T) @ turned).T.reshape(picture.shape).astype(np.float32)
    return made


def _terms(colours: Plane) -> Plane:
    """(N, 3) -> (N, 10): the products of two at most."""
    y, cb, cr = ((colours - 128) / 128).T.astype(np.float32)
    return np.stack([np.ones_like(y), y, cb, cr, y * y, y * cb, y * cr, cb * cb, cb * cr, cr * cr], axis=1)


def _align(one: Thumbnail, other: Thumbnail, at: Placements) -> Placements:
    for side, steps in _MIDDLE:
        at = refine(one.small, other.small, at, *_size(one, other, at, side), steps)
    return at


def _one_shape(one: Thumbnail, other: Thumbnail) -> bool:
    return abs(math.log(one.image.width * other.image.height / (one.image.height * other.image.width))) < 0.02


def _sample_shared(one: Pictures, other: Pictures, at: Placements, size: tuple[int, int]) -> tuple[Planes, Planes]:
    """What they share, at the same rows and columns."""
    one_across, one_down, across, down = overlap(at)
    return resample(one, one_across, one_down, *size), resample(other, across, down, *size)


def measure(first: Planes, second: Planes) -> Measured:
    """Luma, (1, H, W), or YCbCr, (3, H, W), of two that lie on each other."""
    apart = second - first
    mean = (first[0] + second[0]) / 2
    detail = np.sqrt(_surroundings(_cells(_slope(mean))))
    rough = np.sqrt(_blocks(_cells(apart[0] ** 2)))
    shades = [np.abs(_blocks(_cells(plane))) for plane in apart]
    lively = detail > _LIVELY
    spread = max(_median(rough[lively] / detail[lively], detail[lively], 0.1), 0.05)
    still = max(_median(rough[~lively], np.ones((~lively).sum()), 1.0), 1.0)
    usual = float(np.quantile(shades[0], 0.9))
    return Measured(
        spread=spread,
        worst=float((rough / np.sqrt((1.5 * still) ** 2 + (spread * detail) ** 2)).max()),
        shade=float((shades[0] / np.sqrt(1 + (0.5 * spread * detail) ** 2)).max()) / (1 + 2 * min(usual, _UNEVEN)),
        colour=float(max(plane.max() for plane in shades[1:])) if len(shades) > 1 else 0.0,
        evidence=int(lively.sum()),
        relief=_relief(mean),
    )


def _size(one: Thumbnail, other: Thumbnail, at: Placements, most: int | None) -> tuple[int, int]:
    """Rows and columns of what is shared, in pixels of the coarser of the two: neither is enlarged."""
    one_across, one_down, across, down = (float(span[0, 1] - span[0, 0]) for span in overlap(at))
    rows = round(min(one_down * one.image.size[1], down * other.image.size[1]))
    columns = round(min(one_across * one.image.size[0], across * other.image.size[0]))
    return max(2, min(rows, most or rows)), max(2, min(columns, most or columns))


def _near(at: Placements) -> bool:
    return all(float(span[0, 1] - span[0, 0]) >= _SHARED for span in overlap(at))


def _median(values: Plane, weights: Plane, otherwise: float) -> float:
    """By weights: what is noise where there is much detail says more than where there is hardly any."""
    if not len(values):
        return otherwise
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(below, below[-1] / 2)]])


def _relief(luma: Plane) -> float:
    rows, columns = (np.linspace(0, side, 17).astype(int)[:-1] for side in luma.shape)
    sums = np.add.reduceat(np.add.reduceat(luma, rows, axis=0), columns, axis=1)
    sizes = np.outer(np.diff([*rows, luma.shape[0]]), np.diff([*columns, luma.shape[1]]))
    means = (sums / sizes).ravel()
    y, x = (axis.ravel() / 15 - 0.5 for axis in np.mgrid[:16, :16])
    slope = np.stack([np.ones(256), x, y, x * x, x * y, y * y], axis=1)
    fitted = slope @ np.linalg.lstsq(slope, means, rcond=None)[0]
    return float(np.sqrt(((means - fitted) ** 2).mean()))


def _slope(luma: Plane) -> Plane:
    """Squared differences from the next pixel to the right and below."""
    steps = np.zeros_like(luma)
    steps[:, :-1] += (luma[:, 1:] - luma[:, :-1]) ** 2
    steps[:-1] += (luma[1:] - luma[:-1]) ** 2
    return steps


def _cells(plane: Plane) -> Plane:
    """(H, W) -> (H / 4, W / 4): means; what is over at the right and bottom is left out."""
    rows, columns = plane.shape[0] // _CELL, plane.shape[1] // _CELL
    made: Plane = plane[: rows * _CELL, : columns * _CELL].reshape(rows, _CELL, columns, _CELL).mean((1, 3))
    return made


def _blocks(cells: Plane) -> Plane:
    """(R, C) -> (R - 1, C - 1): means of 2 × 2."""
    made: Plane = (cells[1:, 1:] + cells[1:, :-1] + cells[:-1, 1:] + cells[:-1, :-1]) / 4
    return made


def _surroundings(cells: Plane) -> Plane:
    """(R, C) -> (R - 1, C - 1): means of the 4 × 4 around the middle of each 2 × 2."""
    padded = np.pad(cells, 1, mode="edge")
    rows = padded[:-3] + padded[1:-2] + padded[2:-1] + padded[3:]
    made: Plane = (rows[:, :-3] + rows[:, 1:-2] + rows[:, 2:-1] + rows[:, 3:]) / 16
    return made
