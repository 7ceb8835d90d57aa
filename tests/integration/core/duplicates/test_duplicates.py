"""Duplicates hidden among drawn scenes and photographs, and among pictures that are alike and none."""

import io
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import core.duplicates.finder
from core.bootstrap import Container
from core.domain.filtering.filters import EVERYTHING, caption_words
from core.domain.ids import point_id
from core.domain.vectors import Vector
from core.duplicates.finder import Duplicates
from core.errors import InvalidQuery
from core.imaging.decode_request import DecodeRequest, ImageLimits
from core.imaging.decoder import decode
from core.ports.vector_index import IndexInfo, Point
from core.settings import load_settings
from demo.scenes.sample_library import draw, random_scene
from search_ui.commands.duplicates import duplicates
from tests.support.alike_pictures import KINDS, series
from tests.support.fakes import ColourEncoder, MemoryIndex, MemoryThumbnails
from tests.support.made_up_images import image_id, record

SEED = 2_000_000
ENCODER = ColourEncoder()
PHOTOGRAPHS = Path(__file__).resolve().parents[5] / "shared/data/photos/images"


def file_of(image: Image.Image, format: str = "JPEG", quality: int = 90) -> bytes:
    file = io.BytesIO()
    image.save(file, format, quality=quality)
    return file.getvalue()


def _scaled(image: Image.Image, by: float) -> Image.Image:
    return image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.LANCZOS)


def _cropped(image: Image.Image, chance: random.Random, most: float = 0.1) -> Image.Image:
    left, top, right, bottom = (chance.uniform(0, most) for _ in range(4))
    width, height = image.size
    return image.crop(
        (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    )


def changed(image: Image.Image, n: int) -> bytes:
    """Re-encoded in four ways, scaled in three, cropped in two, or scaled and cropped."""
    chance = random.Random(n)
    ways = (
        lambda: file_of(image, quality=40),
        lambda: file_of(_scaled(image, 0.5), quality=80),
        lambda: file_of(image, "WEBP", 60),
        lambda: file_of(_cropped(image, chance)),
        lambda: file_of(image, "PNG"),
        lambda: file_of(_scaled(image, 1.6), quality=85),
        lambda: file_of(_cropped(image, chance, 0.05), "WEBP", 80),
        lambda: file_of(_scaled(image, 130 / max(image.size)), quality=85),
        lambda: file_of(image, quality=65),
        lambda: file_of(_scaled(_cropped(image, chance), 0.6), quality=80),
    )
    return ways[n % len(ways)]()


def _files(scenes: int, duplicates: int) -> Iterator[tuple[str, bytes]]:
    """Names say which scene it is: 12.jpg is scene 12, 12-changed.jpg a duplicate of it."""
    for n in range(scenes):
        yield f"{n}.jpg", file_of(draw(random_scene(SEED + n), 256))
    for k in range(duplicates):
        n = k * scenes // duplicates
        yield f"{n}-changed.jpg", changed(draw(random_scene(SEED + n), 256), k)


def _photographs(each: int) -> Iterator[tuple[str, bytes]]:
    for n, path in enumerate(sorted(PHOTOGRAPHS.glob("*.jpg"))):
        yield f"photo{n}.jpg", path.read_bytes()
        with Image.open(path) as file:
            image = file.convert("RGB")
        for k in range(each):
            yield f"photo{n}-{k}.jpg", changed(image, 7 * n + k)


def _fill(container: Container, files: Iterator[tuple[str, bytes]]) -> int:
    """How many duplicates there are among them."""
    index, encoder = container.create_index(), container.encoder
    batch: list[tuple[str, bytes]] = []
    duplicates = 0

    def write() -> None:
        decoded = [decode(data, DecodeRequest(encoder.pixels, 448), ImageLimits()) for _, data in batch]
        vectors = encoder.encode_images(np.stack([one.pixels for one in decoded if one.pixels is not None]))
        points = []
        for (name, data), one, vector in zip(batch, decoded, vectors, strict=True):
            made = record(
                1, id=point_id("file:///p", name), source="file:///p", key=name, uri=f"file:///p/{name}",
                content_hash=one.content_hash, width=one.width, height=one.height, bytes=len(data),
            )  # fmt: skip
            assert one.thumbnail is not None
            container.thumbnails.put(made.id, one.thumbnail)
            points.append(Point(made, vector))
        index.upsert(points)
        batch.clear()

    for file in files:
        duplicates += "-" in file[0]
        batch.append(file)
        if len(batch) == 64:
            write()
    if batch:
        write()
    return duplicates


def _judge(found: Duplicates, duplicates: int) -> tuple[float, list[list[str]]]:
    """Which share of the duplicates is in a group with what it was made of, and the groups that hold anything else."""
    total = found.total()
    steps = list(found.look())
    assert steps[-1] == (total, total)
    right, wrong = 0, []
    for group in found.groups():
        keys = [one.key for one in group.records]
        names = Counter(key.partition(".")[0].partition("-")[0] for key in keys)
        if len(names) > 1:
            wrong.append(keys)
        right += sum(count - 1 for count in names.values())
    return right / max(duplicates, 1), wrong


def _library(
    files: Sequence[tuple[str, bytes]], vectors: Sequence[Vector] | None = None
) -> tuple[MemoryIndex, MemoryThumbnails]:
    """Of pictures whose vectors tell nothing, unless they are given: all of them are each other's neighbours."""
    index = MemoryIndex(IndexInfo("colours", ENCODER.fingerprint, ENCODER.dimension))
    thumbnails = MemoryThumbnails()
    same = ENCODER.encode_texts(["red"]).vectors[0]
    points = []
    for n, (name, data) in enumerate(files):
        one = decode(data, DecodeRequest(None, 448), ImageLimits())
        assert one.thumbnail is not None
        made = record(n, key=name, width=one.width, height=one.height, content_hash=one.content_hash, bytes=len(data))
        thumbnails.put(made.id, one.thumbnail)
        points.append(Point(made, same if vectors is None else vectors[n]))
    index.upsert(points)
    return index, thumbnails


def _alike(count: int, seed: int) -> list[tuple[str, bytes]]:
    return [
        (f"{kind.name}{n}.jpg", file_of(image)) for kind in KINDS for n, image in enumerate(series(kind, count, seed))
    ]


def test_hidden_duplicates_are_found_and_nothing_else(tmp_path: Path) -> None:
    with Container(load_settings(data=tmp_path, model="demo")) as container:
        hidden = _fill(container, _files(150, 30))
        found, wrong = _judge(Duplicates(container.index, container.thumbnails.get, EVERYTHING), hidden)
        assert found >= 0.95 and not wrong
    result = CliRunner().invoke(duplicates, ["--data", str(tmp_path), "--json", "--key", "[0-2]*"])
    told = json.loads(result.stdout)
    assert 0 < len(told["groups"]) < 30 and told["without_thumbnail"] == 0
    first = told["groups"][0]
    assert first["exact"] is False and len(first["images"]) == 2
    shown = CliRunner().invoke(duplicates, ["--data", str(tmp_path)])
    assert shown.exit_code == 0 and shown.stdout.count("2 pictures, nearly the same") == round(found * 30)
    strict = CliRunner().invoke(duplicates, ["--data", str(tmp_path), "--threshold", "0.97"])
    assert 0 < strict.stdout.count("nearly the same") <= shown.stdout.count("nearly the same")
    none = CliRunner().invoke(duplicates, ["--data", str(tmp_path), "--threshold", "1"])
    assert none.stdout == "No picture is there twice.\n" and "0 groups of 0 pictures, among 180" in none.stderr


def test_pictures_that_are_alike_are_no_duplicates_and_their_copies_are() -> None:
    files = _alike(4, 21)
    index, thumbnails = _library(files)
    assert _judge(Duplicates(index, thumbnails.get, EVERYTHING), 0) == (0, [])
    copies = [(name.replace(".", "-copy."), data) for name, data in files]
    with_copies = [
        (name, file_of(Image.open(io.BytesIO(data)), quality=75))
        for name, data in copies
        if not name.startswith("night")
    ]
    index, thumbnails = _library(files + with_copies)
    found, wrong = _judge(Duplicates(index, thumbnails.get, EVERYTHING), len(with_copies))
    assert found >= 0.95 and not wrong


def test_a_small_copy_that_may_be_of_two_pictures_is_of_neither() -> None:
    (receipt,) = [kind for kind in KINDS if kind.name == "receipt"]
    first, second = series(receipt, 2, 3)
    small = file_of(_scaled(first, 120 / 877))
    index, thumbnails = _library([("a.jpg", file_of(first)), ("b.jpg", file_of(second)), ("a-small.jpg", small)])
    assert _judge(Duplicates(index, thumbnails.get, EVERYTHING), 1)[1] == []


def test_a_chain_of_crops_joins_no_ends_that_are_unlike() -> None:
    image = draw(random_scene(SEED), 512)
    files = []
    for n in range(6):
        files.append((f"{n}.jpg", file_of(image)))
        image = image.crop((round(image.width * 0.09), 0, image.width, image.height))
    index, thumbnails = _library(files)
    found = Duplicates(index, thumbnails.get, EVERYTHING)
    list(found.look())
    groups = [[int(one.key[0]) for one in group.records] for group in found.groups()]
    assert groups and all(max(group) - min(group) <= 3 for group in groups)


def test_a_large_library_asks_the_index_for_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.duplicates.finder, "SCANNED", 0)
    files = list(_files(30, 10))
    vectors = []
    for name, _ in files:
        direction = np.random.default_rng(int(name.partition(".")[0].partition("-")[0])).normal(size=ENCODER.dimension)
        vectors.append((direction / np.linalg.norm(direction)).astype(np.float32))
    index, thumbnails = _library(files, vectors)
    found, wrong = _judge(Duplicates(index, thumbnails.get, EVERYTHING), 10)
    assert found == 1 and not wrong


@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="the photographs are not at hand")
def test_copies_of_photographs_are_found() -> None:
    files = [file for n, file in enumerate(_photographs(1)) if n < 60]
    index, thumbnails = _library(files)
    found, wrong = _judge(Duplicates(index, thumbnails.get, EVERYTHING), 30)
    assert found >= 0.95 and not wrong


@pytest.mark.soak
def test_500_among_5000(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Container(load_settings(data=tmp_path, model="demo")) as container:
        hidden = _fill(container, _files(5000, 500))
        found, wrong = _judge(Duplicates(container.index, container.thumbnails.get, EVERYTHING), hidden)
    with capsys.disabled():
        print(f"found {found:.3f}, wrong {wrong}")  # noqa: T201
    assert found >= 0.95 and not wrong


@pytest.mark.soak
@pytest.mark.parametrize("seed", [101, 202, 303])
def test_25_of_each_kind_that_is_alike(seed: int) -> None:
    index, thumbnails = _library(_alike(25, seed))
    assert _judge(Duplicates(index, thumbnails.get, EVERYTHING), 0) == (0, [])


@pytest.mark.soak
@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="the photographs are not at hand")
def test_six_copies_of_every_photograph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Container(load_settings(data=tmp_path, model="demo")) as container:
        hidden = _fill(container, _photographs(6))
        found, wrong = _judge(Duplicates(container.index, container.thumbnails.get, EVERYTHING), hidden)
    with capsys.disabled():
        print(f"found {found:.3f} of {hidden}, wrong {wrong}")  # noqa: T201
    assert found >= 0.95 and not wrong


def test_copies_are_groups_however_many_and_need_no_thumbnail() -> None:
    """Over all pages, more than the neighbours that are asked for."""
    index = MemoryIndex(IndexInfo("colours", ENCODER.fingerprint, ENCODER.dimension))
    red = ENCODER.encode_texts(["red"]).vectors[0]
    index.upsert(
        [
            Point(record(n, "red" if n % 2 else None, content_hash="ab" if n % 3 else f"{n:064x}"), red)
            for n in range(1300)
        ]
    )
    found = Duplicates(index, MemoryThumbnails().get, EVERYTHING)
    assert [step[0] for step in found.look()] == [1000, 1300]
    (group,) = found.groups()
    assert group.exact and {one.id for one in group.records} == {image_id(n) for n in range(1300) if n % 3}
    assert found.unseen == 435
    narrow = Duplicates(index, MemoryThumbnails().get, caption_words(must=["red"]), 1.0)
    assert list(narrow.look())[-1][0] == 650
    assert {len(group.records) for group in narrow.groups()} == {433}
    index.delete([image_id(n) for n in range(2, 1300)])
    assert list(narrow.groups()) == []


@pytest.mark.parametrize("threshold", [0.4, 1.1, float("nan")])
def test_a_threshold_is_a_cosine(threshold: float) -> None:
    index = MemoryIndex(IndexInfo("colours", ENCODER.fingerprint, ENCODER.dimension))
    with pytest.raises(InvalidQuery, match="threshold"):
        Duplicates(index, MemoryThumbnails().get, EVERYTHING, threshold)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_few_pictures_that_are_like_no_others_are_no_duplicates(count: int) -> None:
    files = [(f"{n}.jpg", file_of(draw(random_scene(n), 320))) for n in range(count)]
    index, thumbnails = _library(files)
    found = Duplicates(index, thumbnails.get, EVERYTHING)
    assert _judge(found, 0) == (0.0, []) and not list(found.groups())


def test_pictures_without_anything_to_tell_them_by_are_no_duplicates() -> None:
    files = [(f"{n}.png", file_of(Image.new("RGB", (300, 200), (200, 200, 200 + n)), "PNG")) for n in range(4)]
    index, thumbnails = _library(files)
    found = Duplicates(index, thumbnails.get, EVERYTHING)
    assert list(found.look()) and not list(found.groups())


def test_a_raw_is_no_duplicate_of_its_jpeg() -> None:
    index, thumbnails = MemoryIndex(IndexInfo("colours", "colours-1", 16)), MemoryThumbnails()
    pairs = {"a.jpg": "a.nef", "a.nef": "a.jpg", "b.jpg": None, "b-changed.jpg": None}
    for n, (key, pair) in enumerate(pairs.items(), 1):
        image = draw(random_scene(SEED + (key[0] == "b")), 256)
        decoded = decode(file_of(image, quality=90 - n), DecodeRequest(ENCODER.pixels, 448), ImageLimits())
        made = record(
            n, id=point_id("file:///p", key), source="file:///p", key=key, pair=pair, content_hash=f"{n:064x}"
        )
        assert decoded.pixels is not None and decoded.thumbnail is not None
        thumbnails.put(made.id, decoded.thumbnail)
        index.upsert([Point(made, ENCODER.encode_images(decoded.pixels[np.newaxis])[0])])
    found = Duplicates(index, thumbnails.get, EVERYTHING)
    list(found.look())
    assert [{one.key for one in group.records} for group in found.groups()] == [{"b.jpg", "b-changed.jpg"}]
    index.delete([point_id("file:///p", "b.jpg")])
    assert list(found.groups()) == []
