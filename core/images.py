"""Image bytes -> upright RGB under limits, model input and thumbnail. Knows Pillow and no model.

Call `decode` in a worker that may be killed: a hostile file can still crash, hang or swell inside a codec.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (S, S, 3) RGB


@dataclass(frozen=True, slots=True)
class PixelSpec:
    """The square input of a model: side in pixels, how a picture is fitted to it, and the Pillow resampling filter.

    `crop` scales the shorter side to `size` and cuts the centre; `squash` scales both sides.
    """

    size: int
    fit: Literal["crop", "squash"]
    resample: int


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What one image may cost. Over it the image fails, and nothing else does."""

    max_bytes: int = 50 * 2**20
    max_pixels: int = 50_000_000
    seconds: float = 20.0
    memory_bytes: int = 1536 * 2**20


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """What is wanted of an image: model input, a thumbnail whose longer side is `thumbnail` pixels, or both."""

    pixels: PixelSpec | None = None
    thumbnail: int | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """`pixels` is (S, S, 3) uint8 RGB, `thumbnail` a JPEG; width and height are the upright picture's, in pixels.

    `taken_at` is the EXIF time (read as UTC where EXIF has no offset); `content_hash` the SHA-256 of the bytes, hex.
    """

    width: int
    height: int
    taken_at: datetime | None
    content_hash: str
    pixels: Pixels | None = None
    thumbnail: bytes | None = None
