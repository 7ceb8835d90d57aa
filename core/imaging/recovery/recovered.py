"""What could be read of a broken picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

UNKNOWN = 0.5
"""The share of a picture that is damaged nobody knows where: on average, half of it is before that place."""


_LEAST, _MOST = 0.01, 0.999


class DamagedPicture(Exception):
    """The picture has a fault that its decoder does not complain of. `str(error)` says which."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """The part of a picture that is there.

    `file` is the opened picture, for its metadata. `image` is the part, as it is stored. `size` is that of the part in
    pixels of the whole picture, which `image` has fewer of where it was decoded at a smaller scale. `share` is how much
    of the picture is there, over 0 and under 1.
    """

    file: Image.Image
    image: Image.Image
    size: tuple[int, int]
    share: float


def recover_part(
    file: Image.Image, image: Image.Image, whole: tuple[int, int], box: tuple[int, int, int, int], share: float
) -> Recovered | None:
    """Cut a box of pixels out of what was decoded of a picture of size `whole`; None where that is next to nothing."""
    left, top, right, bottom = box
    if share < _LEAST or right <= left or bottom <= top:
        return None
    across, down = whole[0] / image.width, whole[1] / image.height
    size = max(1, round((right - left) * across)), max(1, round((bottom - top) * down))
    part = image if box == (0, 0, *image.size) else image.crop(box)
    part.info = image.info
    return Recovered(file, part, size, min(share, _MOST))


def differing_pixels(one: Image.Image, other: Image.Image) -> NDArray[np.bool_]:
    """Compare two pictures of one size and mode; (H, W) bool."""
    differ = np.empty((one.height, one.width), bool)
    for top in range(0, one.height, 256):
        band = (0, top, one.width, min(top + 256, one.height))
        unequal = np.asarray(one.crop(band)) != np.asarray(other.crop(band))
        differ[top : band[3]] = unequal.any(axis=2) if unequal.ndim == 3 else unequal
    return differ
