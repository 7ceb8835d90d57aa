"""Animations are shown by their first frame that is not blank."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode

REQUEST = DecodeRequest(PixelSpec(32, "squash", Image.Resampling.BICUBIC))


def disc(colour: str, background: str) -> Image.Image:
    image = Image.new("RGB", (48, 48), background)
    ImageDraw.Draw(image).ellipse((8, 8, 40, 40), colour)
    return image


def shown(kind: str, *frames: Image.Image, **options: object) -> list[int]:
    """The colour in the middle of what is shown."""
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], **options)
    pixels = decode(out.getvalue(), REQUEST, ImageLimits()).pixels
    assert pixels is not None
    return [int(value) for value in pixels[16, 16]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "HEIF"])
@pytest.mark.parametrize("blank", ["black", "white", "grey"])
def test_blank_frames_are_passed_over(kind: str, blank: str) -> None:
    empty = [Image.new("RGB", (48, 48), blank), Image.new("RGB", (48, 48), "white")]
    seen = shown(kind, *empty, disc("red", "blue"), disc("lime", "blue"))
    assert np.abs(np.subtract(seen, (255, 0, 0))).max() < 30


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "HEIF"])
def test_a_first_frame_that_shows_something_is_taken(kind: str) -> None:
    assert np.abs(np.subtract(shown(kind, disc("red", "blue"), disc("lime", "blue")), (255, 0, 0))).max() < 30


def test_frames_of_one_colour_are_taken_where_there_is_nothing_else() -> None:
    assert shown("GIF", *(Image.new("RGB", (48, 48), colour) for colour in ("red", "blue"))) == [255, 0, 0]


def test_a_transparent_frame_is_blank() -> None:
    assert shown("PNG", Image.new("RGBA", (48, 48)), disc("red", "blue").convert("RGBA")) == [255, 0, 0]


def test_pages_are_no_frames() -> None:
    assert shown("TIFF", Image.new("RGB", (48, 48), "white"), disc("red", "blue")) == [255, 255, 255]
