"""Ingest from tars; decode workers and files are real, index and models are fakes."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.shards.store import open_shards
from core.domain.filtering.filters import FAILED
from core.domain.image import ImageRecord
from core.imaging.decoder import ImageLimits
from core.ports.image_store import ImageStore
from core.settings import load_settings
from ingest.telemetry.report import Report
from tests.integration.ingest.pipeline.test_ingest import World
from tests.unit.core.adapters.test_shard_index import Members, make_tar


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        yield workers


class ShardWorld(World):
    """A library in memory, and the folder of tars that it is filled from."""

    def store(self, source: str) -> ImageStore:
        return open_shards(source, load_settings(data=self.folder.parent / "library"))

    def run(self, **options: object) -> Report:
        return self.ingest(self.store(f"shards:{self.folder}"), **options)

    def put(self, name: str, members: Members) -> None:
        (self.folder / name).write_bytes(make_tar(members))

    def record(self, key: str) -> ImageRecord:
        (found,) = [record for record in self.index.scroll() if record.key == key]
        return found


@pytest.fixture
def world(tmp_path: Path, decoder: DecodeWorkers) -> ShardWorld:
    (tmp_path / "set").mkdir()
    (tmp_path / "library").mkdir()
    return ShardWorld(tmp_path / "set", decoder)


def picture(colour: str, width: int = 40) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, 30), colour).save(file, "PNG")
    return file.getvalue()


def test_every_picture_in_a_tar_is_an_image_and_a_damaged_one_costs_itself(world: ShardWorld) -> None:
    world.put("0.tar", [("a.png", picture("red")), ("a.txt", b"a red thing"), ("a.seg.png", picture("blue", 41))])
    world.put("1.tar", [("b.jpg", b"damaged"), ("c.png", picture("green"))])
    report = world.run()
    assert (report.added, report.failed, report.captioned, report.problems) == (3, 1, 1, [])
    assert world.keys() == ["0.tar/a.png", "0.tar/a.seg.png", "1.tar/c.png"] and world.keys(FAILED) == ["1.tar/b.jpg"]
    record = world.record("0.tar/a.png")
    assert (record.caption, record.caption_origin, record.name) == ("a red thing", "human", "a.png")
    again = world.run()
    assert (again.skipped, again.added, again.updated, again.failed) == (4, 0, 0, 0)


def test_a_shard_that_was_written_anew_is_read_and_only_what_is_new_is_encoded(world: ShardWorld) -> None:
    world.put("0.tar", [("a.png", picture("red")), ("a.txt", b"a red thing"), ("b.png", picture("blue"))])
    world.run()
    world.encoder.encoded = 0
    world.put("0.tar", [("0.png", picture("green")), ("a.png", picture("red")), ("a.txt", b"crimson")])
    report = world.run()
    assert (report.added, report.updated, report.deleted, world.encoder.encoded) == (1, 1, 1, 1)
    assert world.keys() == ["0.tar/0.png", "0.tar/a.png"] and world.record("0.tar/a.png").caption == "crimson"
    assert world.run().skipped == 2


def test_pictures_of_a_tar_that_is_gone_are_deleted_and_those_of_a_damaged_one_stay(world: ShardWorld) -> None:
    for number in range(3):
        world.put(f"{number}.tar", [(f"{each}.png", picture("red", 30 + each)) for each in range(3)])
    world.run()
    (world.folder / "2.tar").unlink()
    whole = (world.folder / "1.tar").read_bytes()
    (world.folder / "1.tar").write_bytes(whole[:1600])
    report = world.run()
    assert report.deleted == 0 and len(world.keys()) == 9 and report.exit_code == 1
    assert "1.tar" in report.problems[0].reason
    (world.folder / "1.tar").write_bytes(whole)
    report = world.run()
    assert (report.deleted, report.problems, len(world.keys())) == (3, [], 6)
