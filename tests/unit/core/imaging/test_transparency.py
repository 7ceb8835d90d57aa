"""Drawings on transparency are seen, whatever their colour."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode

REQUEST = DecodeRequest(PixelSpec(48, "squash", Image.Resampling.BICUBIC))


def drawing(colour: tuple[int, int, int], opacity: int) -> Image.Image:
    image = Image.new("RGBA", (48, 48), (*colour, 0))
    ImageDraw.Draw(image).ellipse((8, 8, 40, 40), (*colour, opacity))
    return image


def seen(image: Image.Image, kind: str) -> np.ndarray:
    out = io.BytesIO()
    image.save(out, kind)
    pixels = decode(out.getvalue(), REQUEST, ImageLimits()).pixels
    assert pixels is not None
    return pixels.astype(int)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "GIF"])
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (240, 240, 235), (255, 255, 200), (128, 128, 128)])
def test_a_drawing_of_any_colour_stands_out(kind: str, colour: tuple[int, int, int]) -> None:
    pixels = seen(drawing(colour, 255), kind)
    assert np.abs(pixels[24, 24] - pixels[2, 2]).max() > 60


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0)])
def test_so_does_one_that_is_half_transparent(colour: tuple[int, int, int]) -> None:
    pixels = seen(drawing(colour, 128), "PNG")
    assert np.abs(pixels[24, 24] - pixels[2, 2]).max() > 60


def test_what_is_seen_on_white_stays_on_white() -> None:
    for colour in ((0, 0, 0), (250, 30, 30), (90, 120, 250), (200, 200, 40)):
        assert seen(drawing(colour, 255), "PNG")[2, 2].tolist() == [255, 255, 255]


def test_an_opaque_picture_is_as_it_is() -> None:
    assert seen(Image.new("RGBA", (48, 48), (255, 255, 255, 255)), "PNG").min() == 255
