"""Two thumbnails of the same, and of almost the same."""

import io
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.duplicates.alignment import overlap, refine, resample
from core.duplicates.signature import Cells, Descriptors, Signatures, describe, shrink
from core.duplicates.similarity import Measured, Thumbnail, Verdict, compare, settle
from core.imaging.decode_request import DecodeRequest, ImageLimits
from core.imaging.decoder import decode
from demo.scenes.composition import Group, Scene
from demo.scenes.sample_library import draw, random_scene
from tests.support.alike_pictures import KINDS, Kind, series


def _jpeg(image: Image.Image, quality: int = 90, format: str = "JPEG") -> bytes:
    """The thumbnail of a file that holds the picture."""
    file = io.BytesIO()
    image.convert("RGB").save(file, format, quality=quality)
    return thumbnail_of(file.getvalue())


def thumbnail_of(data: bytes) -> bytes:
    thumbnail = decode(data, DecodeRequest(None, 448), ImageLimits()).thumbnail
    assert thumbnail is not None
    return thumbnail


@cache
def _prepared(jpeg: bytes) -> tuple[Cells, Descriptors, Thumbnail]:
    cells, whole = shrink(jpeg), Thumbnail.of(jpeg)
    assert cells is not None and whole is not None
    return cells[None], describe(cells[None]), whole


def _compared(one: bytes, other: bytes) -> tuple[Verdict, Measured | None]:
    (cells, descriptors, thumbnail), (others, known, against) = _prepared(one), _prepared(other)
    signatures = Signatures()
    signatures.add(others, known)
    found = signatures.scan(descriptors, np.asarray([1]), least=-1, limit=1)
    luma, other_luma = cells[..., 0].astype(np.float32), others[..., 0].astype(np.float32)
    return compare(thumbnail, against, settle(luma, other_luma, found.placements))


def _verdict(one: bytes, other: bytes) -> Verdict:
    return _compared(one, other)[0]


def _scaled(image: Image.Image, by: float) -> Image.Image:
    return image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_re_encoded_scaled_or_cropped_is_the_same(seed: int) -> None:
    image = draw(random_scene(seed), 512)
    whole = _jpeg(image)
    for other in (
        _jpeg(image, 40),
        _jpeg(image, 50, "WEBP"),
        _jpeg(image, format="PNG"),
        _jpeg(_scaled(image, 0.25)),
        _jpeg(_scaled(image, 1.7), 70),
        _jpeg(image.crop((51, 0, 512, 512))),
        _jpeg(image.crop((51, 51, 461, 461)), 75),
        _jpeg(_scaled(image.crop((13, 40, 505, 470)), 0.5)),
    ):
        assert _verdict(whole, other) is _verdict(other, whole) is Verdict.SAME


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_pictures_of_one_kind_are_not_the_same(kind: Kind) -> None:
    jpegs = [_jpeg(image) for image in series(kind, 4, 11)]
    for one, other in combinations(jpegs, 2):
        verdict, measured = _compared(one, other)
        assert verdict is not Verdict.SAME
        assert measured is None or not measured.within(1.3)  # by a wide margin


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name != "night"], ids=lambda kind: kind.name)
def test_copies_of_faint_and_of_bold_pictures_are_the_same(kind: Kind) -> None:
    (image,) = series(kind, 1, 12)
    whole = _jpeg(image, 92)
    for other in (_jpeg(image, 60), _jpeg(image, 80, "WEBP"), _jpeg(image, format="PNG")):
        assert _verdict(whole, other) is Verdict.SAME


def test_one_thing_elsewhere_or_another_makes_another_picture() -> None:
    first = _jpeg(draw(Scene("snow", (Group("umbrella", "red", 1),), None, 1), 256))
    for other in (
        Scene("snow", (Group("umbrella", "red", 1),), None, 2),
        Scene("snow", (Group("umbrella", "blue", 1),), None, 1),
        Scene("snow", (Group("umbrella", "red", 2),), None, 1),
    ):
        assert _verdict(first, _jpeg(draw(other, 256))) is Verdict.DIFFERENT


def test_what_shows_nothing_cannot_be_told() -> None:
    blank = _jpeg(Image.new("RGB", (600, 800), "white"))
    noise = np.random.default_rng(3).normal(250, 2, (800, 600, 3)).clip(0, 255).astype(np.uint8)
    slope = np.broadcast_to(np.linspace(120, 220, 400)[:, None, None] * [0.5, 0.7, 1], (400, 600, 3))
    clear = _jpeg(Image.fromarray(slope.astype(np.uint8)))
    for one in (blank, _jpeg(Image.fromarray(noise)), clear):
        assert _verdict(one, one) is Verdict.UNKNOWN
    written = Image.new("RGB", (600, 800), "white")
    ImageDraw.Draw(written).text((60, 60), "Received with thanks", "black", font_size=24)
    assert _verdict(_jpeg(written), _jpeg(written, 60)) is Verdict.SAME
    assert _verdict(blank, _jpeg(written)) is not Verdict.SAME


def test_grey_pictures_and_long_ones_are_compared_too() -> None:
    image = draw(random_scene(5), 512)
    grey = image.convert("L")
    assert _verdict(_jpeg(grey), _jpeg(_scaled(grey, 0.5), 70)) is Verdict.SAME
    assert _verdict(_jpeg(grey), _jpeg(image)) is Verdict.DIFFERENT
    tall = Image.new("RGB", (300, 2400))
    for n in range(8):
        tall.paste(draw(random_scene(40 + n), 300), (0, 300 * n))
    assert _verdict(_jpeg(tall), _jpeg(_scaled(tall, 0.5), 60)) is Verdict.SAME
    other = tall.copy()
    other.paste(draw(random_scene(90), 300), (0, 2100))
    assert _verdict(_jpeg(tall), _jpeg(other)) is Verdict.DIFFERENT
    thread = _jpeg(tall.resize((4, 2400)))
    assert _verdict(thread, thread) is Verdict.UNKNOWN


def test_more_than_a_tenth_cut_from_an_edge_is_another_picture() -> None:
    image = draw(random_scene(1), 512)
    assert _verdict(_jpeg(image), _jpeg(image.crop((0, 0, 512, 330)))) is not Verdict.SAME


def test_what_cannot_be_read_is_none() -> None:
    for jpeg in (b"no picture", b"", b"\xff\xd8\xff"):
        assert Thumbnail.of(jpeg) is None and shrink(jpeg) is None


def test_a_crop_is_laid_to_a_fraction_of_a_pixel() -> None:
    image = draw(random_scene(8), 512).convert("L")
    part = image.crop((30, 20, 490, 470))
    at = np.asarray([[0.03, 0.95, 0.0, 0.95]])
    for side in (16, 32, 64, 128, 256):
        at = refine(image, part, at, side, side, 5)
    expected = [30 / 512, 460 / 512, 20 / 512, 450 / 512]
    assert np.abs(at[0] - expected).max() < 0.2 / 512
    over = overlap(at)
    assert np.abs(resample(image, *over[:2], 200, 200) - resample(part, *over[2:], 200, 200)).mean() < 1


def test_arrays_are_resampled_as_pillow_does() -> None:
    image = draw(random_scene(9), 96).convert("L")
    planes = np.asarray(image, np.float32)[None]
    across, down = np.asarray([[0.03, 0.97]]), np.asarray([[0.1, 0.9]])
    apart = resample(planes, across, down, 40, 32) - resample(image, across, down, 40, 32)
    assert np.abs(apart).max() < 2  # Pillow leaves out what lies outside of the span
