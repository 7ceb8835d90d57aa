"""What to make of an image under which limits, and what was made of it. Knows no codec."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.domain.metadata import NO_METADATA, PictureMetadata

Pixels = NDArray[np.uint8]  # (S, S, 3) RGB, or (T, S, S, 3) where tiles were asked for


@dataclass(frozen=True, slots=True)
class PixelSpec:
    """The square input of a model: side in pixels, how a picture is fitted to it, and Pillow's resampling filter.

    `crop` scales the shorter side to `size`, or to `shorter` where that is more, and cuts the centre. `squash` scales
    both sides. `pad` scales the longer side, and fills the rest with the RGB colour `fill`. A picture longer than 2 : 1
    is never cropped: it is squashed, or cut into tiles (core.imaging.tiling).
    A centre between two pixels is rounded down, as transformers does; `rounds_to_even` is torchvision's way.
    """

    size: int
    fit: Literal["crop", "squash", "pad"]
    resample: int
    fill: tuple[int, int, int] = (0, 0, 0)
    rounds_to_even: bool = False
    shorter: int | None = None

    @property
    def scaled(self) -> int:
        """The shorter side of a picture that is scaled to be cropped, in pixels."""
        return self.shorter or self.size


Size = tuple[int, int]  # width and height, in pixels


def draft_size(size: Size, spec: PixelSpec | None, thumbnail: int | None) -> Size:
    """Compute the least size to decode a picture at: twice the model input across, or the whole thumbnail."""
    width, height = size
    share = 0.0
    if spec is not None:
        share = 2 * spec.scaled / min(width, height)
    if thumbnail is not None:
        share = max(share, thumbnail / max(width, height))
    share = min(share, 1.0)
    return max(1, math.ceil(width * share)), max(1, math.ceil(height * share))


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The limits on one image: bytes, pixels, seconds and memory. An image over them fails by itself."""

    max_bytes: int = 200 * 2**20
    max_pixels: int = 500_000_000
    seconds: float = 60.0
    memory_bytes: int = 1536 * 2**20


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A file that lies beside a picture and tells of it, such as IMG_1.jpg.xmp; `name` is without its folder."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """What to make of an image: model input, a thumbnail whose longer side is `thumbnail` pixels, and more.

    `tiles`: cut a long picture into squares that show all of it undistorted (core.imaging.tiling). Others are one tile.
    `name` is the name of the file, without its folder, and `sidecars` are files beside it: metadata is read there too.
    `text_look`: look whether it may hold text. `picture`: the picture itself, with so many pixels at most a side.
    `content_hash` is the SHA-256 of the bytes in hex, where the caller knows it: it is not computed again.
    """

    pixels: PixelSpec | None = None
    thumbnail: int | None = None
    tiles: bool = False
    name: str = ""
    sidecars: tuple[Sidecar, ...] = ()
    text_look: bool = False
    picture: int | None = None
    content_hash: str | None = None

    def draft_of(self, size: Size) -> Size:
        """Compute the least size at which a picture of this size has all that is asked for."""
        return draft_size(size, self.pixels, max(self.thumbnail or 0, self.picture or 0) or None)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded image. Width and height are those of the upright picture, in pixels.

    `pixels` is (S, S, 3) uint8 RGB. Where tiles were asked for, it is (T, S, S, 3), T being
    core.imaging.tiling.tile_count of the upright picture. `thumbnail` is a JPEG. `picture` is (H, W, 3) uint8 RGB, as
    much of it as is there. `may_hold_text` is what a look at it said (core.imaging.text_look), where one was asked for.
    `content_hash` is the SHA-256 of the bytes in hex. `incomplete` is the share of the picture that could be read, over
    0 and under 1; None where it is whole.
    """

    width: int
    height: int
    content_hash: str
    metadata: PictureMetadata = NO_METADATA
    incomplete: float | None = None
    pixels: Pixels | None = None
    thumbnail: bytes | None = None
    picture: Pixels | None = None
    may_hold_text: bool | None = None
