"""Duplicates hidden among drawn scenes: through the real model, index and thumbnails."""

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from core.duplicates import Duplicates
from core.errors import InvalidQuery
from core.identity import point_id
from core.images import DecodeRequest, ImageLimits, decode
from core.index_ports import IndexInfo, Point
from core.query import EVERYTHING, caption_words
from core.settings import load_settings
from core.wiring import Wiring
from demo.scenes import draw, random_scene
from search_ui.cli import COMMANDS
from tests.fakes import ColourEncoder, MemoryIndex, MemoryThumbnails
from tests.library import image_id, record

SEED = 2_000_000
ENCODER = ColourEncoder()
DUPLICATES = next(command for command in COMMANDS if command.name == "duplicates")


def _file(image: Image.Image, format: str = "JPEG", quality: int = 90) -> bytes:
    file = io.BytesIO()
    image.save(file, format, quality=quality)
    return file.getvalue()


def changed(image: Image.Image, n: int) -> bytes:
    """Re-encoded in three ways, halved, or without 5 % of its width and height, from wherever."""
    width, height = image.size
    if n % 5 == 0:
        return _file(image, quality=40)
    if n % 5 == 1:
        return _file(image.resize((width // 2, height // 2)), quality=80)
    if n % 5 == 2:
        return _file(image, "WEBP", 70)
    chance = random.Random(n)
    kept = round(0.95 * width), round(0.95 * height)
    left, top = chance.randint(0, width - kept[0]), chance.randint(0, height - kept[1])
    return _file(image.crop((left, top, left + kept[0], top + kept[1])))


def _files(scenes: int, duplicates: int) -> Iterator[tuple[str, bytes]]:
    """Names say which scene it is: 12.jpg is scene 12, 12-changed.jpg a duplicate of it."""
    for n in range(scenes):
        yield f"{n}.jpg", _file(draw(random_scene(SEED + n), 256))
    for k in range(duplicates):
        n = k * scenes // duplicates
        yield f"{n}-changed.jpg", changed(draw(random_scene(SEED + n), 256), k)


def _fill(wiring: Wiring, files: Iterator[tuple[str, bytes]]) -> None:
    index, encoder = wiring.create_index(), wiring.encoder
    batch: list[tuple[str, bytes]] = []

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
            wiring.thumbnails.put(made.id, one.thumbnail)
            points.append(Point(made, vector))
        index.upsert(points)
        batch.clear()

    for file in files:
        batch.append(file)
        if len(batch) == 64:
            write()
    if batch:
        write()


def _judge(wiring: Wiring, duplicates: int) -> tuple[float, float]:
    """Which share of the duplicates is found, and which share of the found pairs is wrong."""
    found = Duplicates(wiring.index, wiring.thumbnails.get, EVERYTHING)
    steps = list(found.look())
    assert steps[-1][0] == steps[-1][1] == wiring.index.count()
    right = wrong = 0
    for group in found.groups():
        keys = [one.key.partition(".")[0].partition("-")[0] for one in group.records]
        for n, key in enumerate(keys):
            same = sum(other == key for other in keys[n + 1 :])
            right, wrong = right + same, wrong + len(keys) - n - 1 - same
    return right / duplicates, wrong / (right + wrong)


def test_hidden_duplicates_are_found_and_nothing_else(tmp_path: Path) -> None:
    with Wiring(load_settings(data=tmp_path, model="demo")) as wiring:
        _fill(wiring, _files(150, 25))
        found, wrong = _judge(wiring, 25)
        assert found >= 0.95 and wrong <= 0.01
    result = CliRunner().invoke(DUPLICATES, ["--data", str(tmp_path), "--json", "--key", "[0-2]*"])
    told = json.loads(result.stdout)
    assert 0 < len(told["groups"]) < 25 and told["without_thumbnail"] == 0
    first = told["groups"][0]
    assert first["exact"] is False and len(first["images"]) == 2
    shown = CliRunner().invoke(DUPLICATES, ["--data", str(tmp_path)])
    assert shown.exit_code == 0 and shown.stdout.count("2 pictures, nearly the same") == round(found * 25)
    none = CliRunner().invoke(DUPLICATES, ["--data", str(tmp_path), "--threshold", "1"])
    assert none.stdout == "No picture is there twice.\n" and "0 groups of 0 pictures, among 175" in none.stderr


@pytest.mark.soak
def test_500_among_5000(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Wiring(load_settings(data=tmp_path, model="demo")) as wiring:
        _fill(wiring, _files(5000, 500))
        found, wrong = _judge(wiring, 500)
    with capsys.disabled():
        print(f"found {found:.3f}, wrong {wrong:.4f}")  # noqa: T201
    assert found >= 0.95 and wrong <= 0.01


def test_copies_are_groups_however_many_and_need_no_thumbnail() -> None:
    """Over all pages, more than the neighbours that are asked for."""
    index = MemoryIndex(IndexInfo("colours", ENCODER.fingerprint, ENCODER.dimension))
    red = ENCODER.encode_texts(["red"]).vectors[0]
    index.upsert(
        [
            Point(record(n, "red" if n % 2 else None, content_hash="ab" if n % 3 else f"{n:064x}"), red)
            for n in range(900)
        ]
    )
    found = Duplicates(index, MemoryThumbnails().get, EVERYTHING)
    assert [step[0] for step in found.look()] == [500, 900]
    (group,) = found.groups()
    assert group.exact and {one.id for one in group.records} == {image_id(n) for n in range(900) if n % 3}
    assert found.unseen == 301
    narrow = Duplicates(index, MemoryThumbnails().get, caption_words(must=["red"]), 1.0)
    assert list(narrow.look())[-1][0] == 450
    assert {len(group.records) for group in narrow.groups()} == {300}
    index.delete([image_id(n) for n in range(2, 900)])
    assert list(narrow.groups()) == []


@pytest.mark.parametrize("threshold", [0.4, 1.1, float("nan")])
def test_a_threshold_is_a_cosine(threshold: float) -> None:
    index = MemoryIndex(IndexInfo("colours", ENCODER.fingerprint, ENCODER.dimension))
    with pytest.raises(InvalidQuery, match="threshold"):
        Duplicates(index, MemoryThumbnails().get, EVERYTHING, threshold)
