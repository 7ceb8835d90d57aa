"""Two small pictures of the same, and of almost the same."""

import io

import pytest
from PIL import Image

from core.likeness import SAME, Small, difference
from demo.composition import Group, Scene
from demo.scenes import draw, random_scene


def _small(image: Image.Image, quality: int = 90) -> Small:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    small = Small.of(file.getvalue())
    assert small is not None
    return small


@pytest.mark.parametrize("seed", range(3))
def test_what_is_re_encoded_scaled_or_cropped_is_the_same(seed: int) -> None:
    image = draw(random_scene(seed), 256)
    whole = _small(image)
    assert difference(whole, _small(image, quality=40)) < SAME / 2
    assert difference(whole, _small(image.resize((100, 100)))) < SAME / 2
    for box in ((0, 0, 243, 243), (13, 5, 256, 248), (13, 13, 243, 243), (13, 0, 256, 256)):
        cropped = _small(image.crop(box))
        assert difference(whole, cropped) == difference(cropped, whole) <= SAME


def test_one_thing_elsewhere_or_another_makes_another_picture() -> None:
    first = _small(draw(Scene("snow", (Group("umbrella", "red", 1),), None, 1), 256))
    for other in (
        Scene("snow", (Group("umbrella", "red", 1),), None, 2),
        Scene("snow", (Group("umbrella", "blue", 1),), None, 1),
        Scene("snow", (Group("umbrella", "red", 2),), None, 1),
    ):
        assert difference(first, _small(draw(other, 256))) > SAME


def test_another_shape_is_another_picture_and_what_cannot_be_read_none() -> None:
    image = draw(random_scene(1), 256)
    assert difference(_small(image), _small(image.crop((0, 0, 256, 220)))) == float("inf")
    assert Small.of(b"no picture") is None and Small.of(b"") is None
