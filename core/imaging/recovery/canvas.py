"""Broken PNG, GIF, BMP, TIFF and kin: which pixels Pillow still decodes.

Pillow leaves the pixels alone for which there is no data. So the file is decoded over two canvases of different
colours: what differs is not there.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.GifImagePlugin import GifImageFile

from core.imaging import png
from core.imaging.recovery.jpeg import OpenPicture
from core.imaging.recovery.recovered import UNKNOWN, Recovered, differing_pixels, recover_part

_BRIGHT = {"I;16": 65535, "I;16B": 65535, "I;16L": 65535, "I": 65535, "F": 1.0}
_FIRST_GRIDS = ((8, 1), (8, 8))
_GRIDS = ((2, 1), (2, 2), (4, 1), (4, 2), (4, 4), (8, 1), (8, 4), (8, 8))
"""Steps of rows and columns that the passes of interlaced PNG and GIF fill, from the last passes to the first."""


def recover_rows(data: bytes, open_picture: OpenPicture) -> Recovered | None:
    """Read what is there of a file whose pixels come in rows; None where that is next to nothing."""
    sound = png.find_sound_part(data) if data.startswith(png.SIGNATURE) else len(data)
    if sound < len(data):
        with suppress(Exception):  # without a whole chunk of pixels it does not open
            if (found := _recover(data[:sound], open_picture)) is not None:
                return found
    found = _recover(data, open_picture)
    if found is not None and sound < len(data):  # the fault is somewhere in it
        return replace(found, share=found.share * UNKNOWN)
    return found


def has_missing_pixels(one: Image.Image, other: Image.Image) -> bool:
    """Tell whether a loaded picture has pixels that are not in its file, though the decoder did not complain.

    `other` is the same file, opened once more.
    """
    frame = _frame_of(other)
    _prepare(other, bright=True)
    other.load()
    return (one.size, one.mode) == (other.size, other.mode) and bool(differing_pixels(one, other)[frame].any())


def _recover(data: bytes, open_picture: OpenPicture) -> Recovered | None:
    frame = _frame_of(open_picture(data))
    with _truncated_images():
        one, other = (_decode_over(data, open_picture, bright=bright) for bright in (False, True))
    if (one.size, one.mode) != (other.size, other.mode):
        return None
    missing = differing_pixels(one, other)
    there = np.ones_like(missing)
    there[frame] = ~missing[frame]
    share = float(there.mean())
    if share == 1.0:  # every pixel comes from the file, and one of them is wrong
        return recover_part(one, one, one.size, (0, 0, *one.size), 1.0 if _is_sound(one, data) else UNKNOWN)
    top, bottom = _find_rows(there)
    grid = next((grid for grid in _GRIDS if there[:: grid[0], :: grid[1]].all()), None)
    if grid is not None and (bottom - top) / one.height < share / 2:
        coarse = _take_grid(one, grid)
        return recover_part(one, coarse, one.size, (0, 0, *coarse.size), share)
    for grid in _FIRST_GRIDS:
        rows = int(np.argmin(np.append(there[:: grid[0], :: grid[1]].all(axis=1), False)))
        if rows > bottom - top:
            coarse = _take_grid(one, grid)
            return recover_part(one, coarse, one.size, (0, 0, coarse.width, rows), share)
    return recover_part(one, one, one.size, (0, top, one.width, bottom), share)


def _is_sound(file: Image.Image, data: bytes) -> bool:
    """Tell whether nothing but the end of the file is missing."""
    return png.has_whole_picture(data) if data.startswith(png.SIGNATURE) else isinstance(file, GifImageFile)


def _find_rows(there: NDArray[np.bool_]) -> tuple[int, int]:
    """Find the first whole row, and behind it the first that is not whole."""
    whole = np.append(there.all(axis=1), False)
    top = int(np.argmax(whole))
    return top, top + int(np.argmin(whole[top:]))


def _take_grid(image: Image.Image, grid: tuple[int, int]) -> Image.Image:
    """Take the first pixels of every so many rows and columns."""
    rows, columns = grid
    size = -(-image.width // columns), -(-image.height // rows)
    left, top = 0.5 - columns / 2, 0.5 - rows / 2  # an affine transform asks for the middles of pixels
    coarse = image.transform(size, Image.Transform.AFFINE, (columns, 0, left, 0, rows, top), Image.Resampling.NEAREST)
    coarse.info = image.info
    return coarse


def _decode_over(data: bytes, open_picture: OpenPicture, *, bright: bool) -> Image.Image:
    """Decode as far as it goes over a canvas of one colour."""
    file = open_picture(data)
    _prepare(file, bright=bright)
    try:
        file.load()
    except (OSError, SyntaxError, ValueError, EOFError):
        if not _has_pixels(file):
            raise
    return file


def _has_pixels(file: Image.Image) -> bool:
    try:
        file.getpixel((0, 0))
    except (OSError, SyntaxError, ValueError, EOFError):
        return False
    return True


def _frame_of(file: Image.Image) -> tuple[slice, slice]:
    """Return the rows and columns that are to come from the file: a frame of a GIF may be smaller than its canvas."""
    tiles = getattr(file, "tile", None)
    if not isinstance(file, GifImageFile) or not tiles or tiles[0].extents is None:
        return slice(None), slice(None)
    left, top, right, bottom = tiles[0].extents
    return slice(top, bottom), slice(left, right)


def _prepare(file: Image.Image, *, bright: bool) -> None:
    """Put a canvas under a picture that has not been loaded."""
    colour = _BRIGHT.get(file.mode, 255) if bright else 0
    bands = len(file.getbands())
    if isinstance(file, GifImageFile):
        file._frame_transparency = None  # or it puts a canvas of its own there
    file.im = Image.new(file.mode, file.size, colour if bands == 1 else (colour,) * bands).im


@contextmanager
def _truncated_images() -> Iterator[None]:
    """Have Pillow decode as far as it goes. The caller holds the lock on Pillow's global settings."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before
