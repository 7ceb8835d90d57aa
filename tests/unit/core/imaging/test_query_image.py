"""Pictures that programs search by: what they show is what is encoded."""

import io

import numpy as np
import pytest
from PIL import Image

from core.errors import ImageUnreadable
from core.imaging.query_image import read_picture
from tests.support.files.case import CORNERS, encode, paint, turn


def shown(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["TIFF", "JPEG", "PNG"])
def test_an_open_picture_is_turned_upright(kind: str, orientation: int) -> None:
    stored, exif = turn(paint(), orientation)
    picture = Image.open(io.BytesIO(encode(stored, kind, exif=exif)))
    seen = shown(read_picture(picture, 10**6))
    assert seen.size == (48, 32)
    assert np.abs(np.subtract(seen.getpixel((4, 4)), CORNERS[0])).max() < 12  # type: ignore[arg-type]


def test_deep_and_printed_colours_are_not_clipped() -> None:
    half = Image.fromarray(np.full((8, 8), 0x8000, np.uint16))
    assert shown(read_picture(half, 10**6)).getpixel((4, 4)) == (128, 128, 128)
    black = Image.new("CMYK", (8, 8), (0, 0, 0, 255))
    assert shown(read_picture(black, 10**6)).getpixel((4, 4)) == (41, 35, 43)  # as printed black is shown elsewhere


def test_a_file_in_the_home_of_nobody_is_not_there() -> None:
    with pytest.raises(ImageUnreadable, match="cannot be read"):
        read_picture("~nobody-of-this-name/a.jpg", 10**6)
