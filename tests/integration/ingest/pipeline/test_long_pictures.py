"""Pictures that are longer than 2 : 1: every part of them is encoded, found, and captioned."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bucketlens import Library
from bucketlens.cli import commands
from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.models.encoders.loader import load_encoder
from core.domain.query import ImageTerm, Query
from core.domain.vectors import Vector
from core.errors import ImageTooLarge
from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode
from core.imaging.tiling import MAX_TILES
from core.ports.encoders import Encoder
from core.ports.vector_index import CaptionUpdate, Point
from core.search.service import SearchService
from core.search.tile_encoding import encode_pictures
from demo.scenes.composition import Scene, random_scene
from demo.scenes.painting import draw
from tests.integration.ingest.pipeline.test_ingest import World

SCENES = 20_500_000  # seeds that nothing was trained on


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        yield workers


@pytest.fixture
def world(tmp_path: Path, decoder: DecodeWorkers) -> World:
    (tmp_path / "pictures").mkdir()
    return World(tmp_path / "pictures", decoder)


@pytest.fixture(scope="module")
def demo() -> Encoder:
    return load_encoder("demo", device="cpu")


def as_file(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def encoded(encoder: Encoder, *files: bytes) -> list[Vector]:
    request = DecodeRequest(encoder.pixels, tiles=True)
    pictures = [decode(data, request, ImageLimits()).pixels for data in files]
    return list(encode_pictures(encoder, [each for each in pictures if each is not None]))


def stitched(*parts: Image.Image, tall: bool = False) -> Image.Image:
    side = parts[0].width
    whole = Image.new("RGB", (side, side * len(parts)) if tall else (side * len(parts), side))
    for number, part in enumerate(parts):
        whole.paste(part, (0, side * number) if tall else (side * number, 0))
    return whole


def screenshot(top: str, middle: str, bottom: str) -> Image.Image:
    """A page of 300 × 1500 pixels: a coloured block at each end, lines of text between them."""
    page = Image.new("RGB", (300, 1500), "white")
    pen = ImageDraw.Draw(page)
    pen.rectangle((0, 0, 300, 500), top)
    pen.rectangle((0, 1000, 300, 1500), bottom)
    for line in range(12):
        pen.text((20, 520 + 38 * line), f"{middle} {line}", "black")
    return page


def test_screenshots_that_differ_at_their_ends_have_other_vectors(demo: Encoder) -> None:
    one, other, same = encoded(
        demo,
        as_file(screenshot("red", "the same words", "blue")),
        as_file(screenshot("green", "the same words", "yellow")),
        as_file(screenshot("red", "the same words", "blue")),
    )
    assert float(one @ other) < 0.9 and float(one @ same) > 0.9999


def scene_of(kind: str) -> Image.Image:
    """The first scene that shows things of this kind alone, drawn."""
    number = next(n for n in range(SCENES, SCENES + 5000) if {g.kind for g in random_scene(n).groups} == {kind})
    return draw(random_scene(number), 256).convert("RGB")


def shown(scene: Scene) -> set[str]:
    return {f"{group.colour} {group.kind}" for group in scene.groups}


def test_panoramas_are_found_by_what_their_ends_show(demo: Encoder) -> None:
    """Of three scenes each, half of them upright, asked for each thing that is at an end and nowhere else."""
    scenes = [[random_scene(SCENES + 3 * n + m) for m in range(3)] for n in range(40)]
    panoramas = [
        stitched(*(draw(scene, 192).convert("RGB") for scene in row), tall=n % 2 == 0) for n, row in enumerate(scenes)
    ]
    tiles = np.stack(encoded(demo, *(as_file(each) for each in panoramas)))
    middles = np.stack(encoded(demo, *(as_file(draw(row[1], 192).convert("RGB")) for row in scenes)))
    ends = sorted({thing for row in scenes for scene in (row[0], row[2]) for thing in shown(scene) - shown(row[1])})
    texts = demo.encode_texts([f"a {thing}" for thing in ends]).vectors
    right = np.array([[any(thing in shown(scene) for scene in row) for row in scenes] for thing in ends])
    assert len(ends) > 60
    assert _mean_area(texts @ tiles.T, right) > 0.93 and _mean_area(texts @ middles.T, right) < 0.75


def _mean_area(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Under the ROC curve: how often a right one comes before a wrong one."""
    pairs = zip(scores, right, strict=True)
    return float(np.mean([(row[answers][:, None] > row[~answers]).mean() for row, answers in pairs]))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_query_picture_is_encoded_as_the_indexed_one(world: World, orientation: int) -> None:
    """Rotated by EXIF, too: its vector is that of the upright picture."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = as_file(stitched(*(Image.new("RGB", (90, 90), c) for c in ("red", "blue", "green"))), "JPEG", exif=exif)
    (world.folder / "long.jpg").write_bytes(data)
    world.picture("other.png", "black")
    world.ingest()
    service = SearchService(world.index, lambda: world.encoder, lambda: world.decoder)
    hits = service.search(Query((ImageTerm(data),))).hits
    assert hits[0].record.key == "long.jpg" and hits[0].score == pytest.approx(1, abs=1e-5)
    record = hits[0].record
    assert (record.framing, record.width < record.height) == ("tiles", orientation in (6, 8))
    assert hits[0].to_dict()["framing"] == "tiles"
    assert hits[1].record.framing is None and "framing" not in hits[1].to_dict()


def test_among_bad_files_and_others_each_long_picture_has_its_own_vector(world: World) -> None:
    """One bad image never misaligns the rows, however many tiles the others have."""
    colours = ["red", "green", "blue", "yellow", "black", "white", "pink", "orange"]
    for number, colour in enumerate(colours):
        side, parts = 20 + number, 1 + number % 5
        whole = stitched(*(Image.new("RGB", (side, side), c) for c in [colour, *colours][:parts]), tall=number % 2 == 0)
        whole.save(world.folder / f"{number}.png")
        (world.folder / f"{number}-bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense" * number)
    report = world.ingest()
    assert (report.added, report.failed) == (8, 8)
    for record in (record for record in world.index.scroll() if record.status == "indexed"):
        (alone,) = encoded(world.encoder, (world.folder / record.key).read_bytes())
        assert float(world.index.vectors([record.id])[record.id] @ alone) == pytest.approx(1, abs=1e-5)
        assert (record.framing == "tiles") == (int(record.key[0]) % 5 >= 2)


def seen_in_part(world: World, key: str) -> None:
    """As the library was before there were tiles: the middle square's vector, and no word of it."""
    record = next(record for record in world.index.scroll() if record.key == key)
    image = Image.open(world.folder / key)
    left, top = (image.width - min(image.size)) // 2, (image.height - min(image.size)) // 2
    middle = image.crop((left, top, left + min(image.size), top + min(image.size)))
    (vector,) = encoded(world.encoder, as_file(middle))
    caption = world.index.vectors([record.id], "caption").get(record.id)
    world.index.upsert([Point(replace(record, framing=None), vector, caption)])


def old_library(world: World) -> None:
    world.picture("usual.png", "red", 60)
    parts = [Image.new("RGB", (30, 30), c) for c in ("red", "white", "blue")]
    stitched(*parts).save(world.folder / "a long one.png")
    stitched(*parts, tall=True).save(world.folder / "a tall one.png")
    world.ingest()
    for key in ("a long one.png", "a tall one.png"):
        seen_in_part(world, key)
    world.encoder.encoded = 0


def test_a_library_from_before_learns_of_its_long_pictures_and_encodes_no_other(world: World) -> None:
    old_library(world)
    person = world.encoder.encode_texts(["my red kite"]).vectors[0]
    tall = next(record for record in world.index.scroll() if record.key == "a tall one.png")
    world.index.set_captions([CaptionUpdate(tall.id, "my red kite", "human", None, 0.5, person, ("my red kite",))])
    before = {record.key: record for record in world.index.scroll()}
    report = world.ingest()
    assert (report.updated, report.skipped, report.added, report.captioned) == (2, 1, 0, 0)
    assert world.encoder.encoded == 2 * 4  # tiles
    assert any("2 pictures" in notice and "2 : 1" in notice for notice in report.notices)
    for record in world.index.scroll():
        was = before[record.key]
        assert (record.caption, record.words, record.captioner) == (was.caption, was.words, was.captioner)
        assert record.framing == (None if record.key == "usual.png" else "tiles")
        (vector,) = encoded(world.encoder, (world.folder / record.key).read_bytes())
        assert float(world.index.vectors([record.id])[record.id] @ vector) == pytest.approx(1, abs=1e-5)
        caption = world.index.vectors([record.id], "caption")[record.id]
        assert record.caption_score == pytest.approx(float(caption @ vector), abs=1e-5)
    world.encoder.encoded = 0
    again = world.ingest()
    assert (again.updated, again.skipped, world.encoder.encoded, again.notices) == (0, 3, 0, [])


def test_a_copy_does_not_take_over_a_vector_of_the_middle(world: World) -> None:
    old_library(world)
    data = (world.folder / "a long one.png").read_bytes()
    (world.folder / "copy.png").write_bytes(data)
    world.ingest()
    (vector,) = encoded(world.encoder, data)
    for record in world.index.scroll():
        if record.key in ("copy.png", "a long one.png"):
            assert float(world.index.vectors([record.id])[record.id] @ vector) == pytest.approx(1, abs=1e-5)


def test_what_cannot_be_read_again_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with DecodeWorkers(ImageLimits(), workers=1) as decoder:
        world = World(tmp_path / "pictures", decoder)
        old_library(world)
    with DecodeWorkers(ImageLimits(max_pixels=2000), workers=1) as world.decoder:
        report = world.ingest()
    assert report.failed == 2 and "stays as it was indexed" in " ".join(report.notices)
    assert len(world.keys()) == 3


def test_captioners_that_crop_see_long_pictures_whole() -> None:
    """Some captioners' preparation cuts the middle square, as CLIP's does; they are given one square."""
    whole = as_file(stitched(*(Image.new("RGB", (90, 90), c) for c in ("red", "white", "blue"))))
    pixels = decode(whole, DecodeRequest(PixelSpec(32, "crop", Image.Resampling.BICUBIC)), ImageLimits()).pixels
    assert pixels is not None and pixels.shape == (32, 32, 3)
    assert pixels[16, 2].tolist() == [255, 0, 0] and pixels[16, -2].tolist() == [0, 0, 255]


@pytest.mark.parametrize("size", [(20_000, 300), (300, 20_000), (1, 5000), (40_000, 3)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_longest_pictures_pass_the_workers_within_their_limits(size: tuple[int, int], kind: str) -> None:
    data = as_file(Image.new("RGB", size, "red"), kind)
    request = DecodeRequest(PixelSpec(224, "crop", Image.Resampling.BICUBIC), 448, tiles=True)
    with DecodeWorkers(ImageLimits(seconds=10, memory_bytes=160 * 2**20), workers=1) as workers:
        decoded = workers.submit(data, request).result()
        assert decoded.pixels is not None and decoded.pixels.shape == (MAX_TILES, 224, 224, 3)
        assert (decoded.width, decoded.height) == size and decoded.thumbnail is not None
        with pytest.raises(ImageTooLarge):
            workers.submit(as_file(Image.new("1", (60_000, 3000))), request).result()


def test_programs_are_told_what_was_done(tmp_path: Path) -> None:
    """From the folder to the answer, with the demo model."""
    pictures, data = tmp_path / "pictures", tmp_path / "data"
    pictures.mkdir()
    stitched(*(scene_of(kind) for kind in ("umbrella", "car", "fish"))).save(pictures / "long.png")
    scene_of("tree").save(pictures / "usual.png")
    command = ["ingest", str(pictures), "--data", str(data), "--model", "demo", "--no-captions"]
    assert CliRunner().invoke(commands, command, catch_exceptions=False).exit_code == 0
    with Library.open(data, device="cpu") as library:
        found = {hit.record.name: hit.to_dict() for hit in library.search("an umbrella")}
    assert found["long.png"]["framing"] == "tiles" and "framing" not in found["usual.png"]
