"""Whether two small pictures show the same: re-encoded, scaled or cropped a little, and nothing else.

A model's vectors say what a picture is of; two pictures of the same kind may lie as close as two copies of one.
"""

import io
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SAME = 18.0  # the largest difference of two that show the same; see `difference`
_SIDE = 96
_GRID = 24
_BLOCK = 4
_STEP = 1 / 40
_CUT = 4  # steps: how much may be cut from each axis, one tenth
_UNLIKE = 32.0  # mean difference, uncropped, from which on no crop makes two the same
_SHAPES = 1.12  # how far the ratios of width to height may lie apart, as a factor


@dataclass(frozen=True)
class Small:
    """A picture shrunk to (96, 96, 3) uint8 RGB, whatever its shape; `aspect` is the picture's width / height."""

    pixels: NDArray[np.uint8]
    aspect: float

    @classmethod
    def of(cls, jpeg: bytes) -> "Small | None":
        """From a thumbnail; None where it cannot be read."""
        try:
            image = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
            aspect = image.width / image.height
            image.draft("RGB", (_SIDE, _SIDE))
            shrunk = image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX)
        except (OSError, SyntaxError, ValueError):
            return None
        return cls(np.asarray(shrunk), aspect)

    @cached_property
    def whole(self) -> NDArray[np.float32]:
        """(24, 24, 3) float32."""
        made: NDArray[np.float32] = _cut(self.pixels, _WINDOWS[:1])[0, 0]
        return made


def difference(one: Small, other: Small) -> float:
    """How much they differ where they differ most, from 0 to 255: infinite where their shapes or colours say enough.

    Mean absolute difference of the channels, in the worst of 6 × 6 blocks, as one of the two is laid over the best
    fitting part of the other. An object that is moved or exchanged spoils its blocks, however alike the rest.

    250 demo scenes that were re-encoded or halved differed from themselves by up to 6, cropped by up to 16; of 1,034
    pairs of scenes whose cosine is over 0.7 none by less than 20.
    """
    if not 1 / _SHAPES < one.aspect / other.aspect < _SHAPES:
        return float("inf")
    if float(np.abs(one.whole - other.whole).mean()) > _UNLIKE:
        return float("inf")
    return min(_least(one, other), _least(other, one))


def _least(whole: Small, part: Small) -> float:
    cuts = _cut(whole.pixels, _WINDOWS).reshape(-1, _GRID, _GRID, 3)
    apart = np.abs(cuts - part.whole).mean(-1)
    blocks = apart.reshape(-1, _GRID // _BLOCK, _BLOCK, _GRID // _BLOCK, _BLOCK).mean((2, 4))
    return float(blocks.max((1, 2)).min())


def _cut(pixels: NDArray[np.uint8], windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(96, 96, 3) and (W, 24, 96) weights -> (W, W, 24, 24, 3): every window of rows with every window of columns."""
    flat = pixels.astype(np.float32).reshape(_SIDE, -1)  # (96, 96 * 3)
    rows = (windows.reshape(-1, _SIDE) @ flat).reshape(-1, _SIDE, 3)  # (W * 24, 96, 3)
    every = windows.reshape(-1, _SIDE) @ rows  # (W * 24, W * 24, 3): rows, columns
    count = len(windows)
    return every.reshape(count, _GRID, count, _GRID, 3).transpose(0, 2, 1, 3, 4)


def _windows() -> NDArray[np.float32]:
    """(W, 24, 96): what each of 24 cells takes of 96 pixels, for every way to cut both ends; the whole comes first."""
    cuts = [(begin, end) for begin in range(_CUT + 1) for end in range(_CUT + 1 - begin)]
    made = []
    for begin, end in cuts:
        edges = np.linspace(begin * _STEP * _SIDE, _SIDE - end * _STEP * _SIDE, _GRID + 1)
        pixel = np.arange(_SIDE)
        low, high = np.maximum(edges[:-1, None], pixel), np.minimum(edges[1:, None], pixel + 1)
        weights = np.maximum(high - low, 0)
        made.append(weights / weights.sum(1, keepdims=True))
    return np.asarray(made, np.float32)


_WINDOWS = _windows()
