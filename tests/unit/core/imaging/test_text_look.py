"""The look at a picture before it is read: written pages pass it, drawn scenes do not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from core.imaging.text_look import may_hold_text
from demo.scenes.painting import draw
from demo.scenes.sample_library import library_scene, write_pictures

PHOTOGRAPHS = Path(__file__).resolve().parents[5] / "shared/data/photos/images"


def write(picture: Image.Image, size: int) -> Image.Image:
    font = ImageFont.load_default(size)
    ImageDraw.Draw(picture).text((40, 60), "Railway station\nNo entrance", font=font, fill="black")
    return picture


@pytest.mark.parametrize("size", [16, 24, 48])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_written_page_may_hold_text(size: int, turn: int) -> None:
    assert may_hold_text(write(Image.new("RGB", (640, 480), "white"), size).rotate(turn, expand=True))


def test_a_large_page_may_hold_text() -> None:
    assert may_hold_text(write(Image.new("RGB", (3000, 2000), "white"), 60))


@pytest.mark.parametrize("turn", [0, 90])
@pytest.mark.parametrize(("ink", "paper"), [("black", "white"), ("white", "black")])
@pytest.mark.parametrize(("size", "letters"), [((1920, 1080), 12), ((1920, 1080), 16), ((1240, 1754), 16)])
def test_a_page_full_of_small_print_may_hold_text(
    size: tuple[int, int], letters: int, ink: str, paper: str, turn: int
) -> None:
    page, font = Image.new("RGB", size, paper), ImageFont.load_default(letters)
    for top in range(letters, size[1] - letters, round(1.5 * letters)):
        ImageDraw.Draw(page).text((40, top), "def read(self, picture) -> None:  # see page 17 " * 2, ink, font)
    assert may_hold_text(page.rotate(turn, expand=True))


@pytest.mark.soak
def test_of_a_thousand_drawn_scenes_one_in_a_hundred_at_most_may_hold_text(tmp_path: Path) -> None:
    assert sum(may_hold_text(Image.open(path)) for path in write_pictures(tmp_path, 1000)) <= 10


def test_drawn_scenes_hold_no_text_until_something_is_written_on_them() -> None:
    scenes = [draw(library_scene(number), 512) for number in range(12)]
    assert not any(map(may_hold_text, scenes))
    assert sum(may_hold_text(write(scene, 32)) for scene in scenes) >= 11


@pytest.mark.parametrize("size", [(1, 1), (3, 5000), (5000, 3), (20, 20), (45, 45), (300, 300)])
def test_pictures_of_any_size_are_looked_at(size: tuple[int, int]) -> None:
    assert not may_hold_text(Image.new("RGB", size, "grey"))
    assert may_hold_text(Image.fromarray(np.zeros((*size[::-1], 3), np.uint8))) is False


@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="needs the shared photographs")
@pytest.mark.parametrize("name", ["107438", "231460", "525891", "63217", "466547", "790"])
def test_photographs_with_signs_may_hold_text(name: str) -> None:
    with Image.open(PHOTOGRAPHS / f"{name:0>12}.jpg") as file:
        assert may_hold_text(ImageOps.exif_transpose(file).convert("RGB"))
