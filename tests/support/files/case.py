"""A made file and what is to become of it, and the pictures that such files show."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]

WIDTH, HEIGHT = 48, 32
CORNERS: tuple[Colour, ...] = ((220, 40, 30), (40, 180, 60), (30, 50, 200), (240, 230, 120))  # by rows
GREYS: tuple[Colour, ...] = ((20, 20, 20), (90, 90, 90), (160, 160, 160), (240, 240, 240))
INKS = ((10, 220, 200, 5), (200, 20, 220, 10), (220, 180, 10, 20), (5, 10, 120, 0))
_UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A file, its name, and what it is to become: a picture of this size and these corners, or a reason."""

    name: str
    data: bytes
    size: tuple[int, int] = (WIDTH, HEIGHT)
    corners: tuple[Colour, ...] = CORNERS
    reason: str | None = None
    tolerance: int = 4


def paint(corners: tuple[tuple[int, ...], ...] = CORNERS, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    """Paint a picture with these corners, of mode L, RGB or CMYK by the length of a colour."""
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[len(corners[0])]
    image = Image.new(mode, size)
    draw = ImageDraw.Draw(image)
    for number, colour in enumerate(corners):
        left, top = (number % 2) * size[0] // 2, (number // 2) * size[1] // 2
        draw.rectangle((left, top, left + size[0], top + size[1]), colour if len(colour) > 1 else colour[0])
    return image


def make_samples(kind: str, corners: tuple[tuple[int, ...], ...] = CORNERS) -> NDArray[Any]:
    """Make samples (H, W, N) of a number type, scaled from 8 bits to its full scale; floats are linear light."""
    levels = np.asarray(paint(corners)).astype(np.float64).reshape(HEIGHT, WIDTH, -1) / 255
    if kind[0] == "f":
        return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(kind)
    return (levels * np.iinfo(kind).max).round().astype(kind)


def make_grey(kind: str) -> NDArray[Any]:
    return make_samples(kind, tuple(colour[:1] for colour in GREYS))


def show_inks() -> tuple[Colour, ...]:
    """Ask libvips what the inks look like."""
    shown = pyvips.Image.new_from_array(np.array([INKS], np.uint8)).copy(interpretation="cmyk").colourspace("srgb")
    return tuple(tuple(int(level) for level in colour) for colour in shown.numpy()[0])


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def turn(image: Image.Image, orientation: int) -> tuple[Image.Image, bytes]:
    """Return the picture as it is stored under an orientation, and EXIF data with it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return (image.transpose(_UNDO[orientation]) if orientation in _UNDO else image), exif.tobytes()
