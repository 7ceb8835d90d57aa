"""Ingest from tars; decode workers and files are real, index and models are fakes."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.shards.store import open_shards
from core.domain.filtering.filters import FAILED
from core.domain.image import ImageRecord
from core.imaging.decode_request import ImageLimits
from core.ports.image_store import ImageStore
from core.settings import load_settings
from ingest.telemetry.report import Report
from tests.integration.ingest.pipeline.test_ingest import World
from tests.support.servers.fake_s3 import FakeS3, StoredObject, fake_s3
from tests.support.servers.s3_server import ENVIRONMENT
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


class BucketWorld(World):
    """A library in memory, and the fake bucket of tars that it is filled from."""

    def __init__(self, data: Path, decoder: DecodeWorkers, fake: FakeS3, **settings: object) -> None:
        super().__init__(data, decoder)
        self.settings: dict[str, object] = {
            "data": data,
            "s3_endpoint_url": fake.endpoint,
            "s3_patience": 2.0,
        } | settings

    def store(self, source: str) -> ImageStore:
        return open_shards(source, load_settings(**self.settings))

    def run(self, source: str, **options: object) -> tuple[object, ...]:
        """Ingest; return how many were added, updated, skipped and failed, and the problems."""
        self.report = done = self.ingest(self.store(source), captions=False, **options)
        return done.added, done.updated, done.skipped, done.failed, done.problems


RESTLESS = "another at every look"
ODD_STORES: dict[str, dict[str, object]] = {
    "another ETag in the answer": {"told_tag": "another digest"},
    "another ETag in every answer": {"told_tag": RESTLESS},
    "lists ETag in upper case": {"listed_tag": "upper case"},
    "no ETag in the answer": {"told_tag": "none"},
    "lists without ETag": {"listed_tag": "none"},
    "lists without sizes": {"sizes": "none"},
    "no length, no sizes": {"sizes": "none", "length": "chunked"},
}


@pytest.mark.parametrize("quirks", ODD_STORES.values(), ids=ODD_STORES)
@pytest.mark.parametrize("source", ["shards:s3://bucket/set", "shards:s3://bucket/set/{0..1}.tar"])
def test_stores_that_answer_otherwise_are_read_and_read_once(
    tmp_path: Path, decoder: DecodeWorkers, monkeypatch: pytest.MonkeyPatch, source: str, quirks: dict[str, object]
) -> None:
    _set_credentials(monkeypatch)
    with fake_s3(make_set(), **quirks) as fake:
        changed_by = "time" if RESTLESS in quirks.values() else "etag"  # HEAD tells the ETags that a pattern goes by
        world = BucketWorld(tmp_path, decoder, fake, s3_changed_by=changed_by)
        assert world.run(source) == (3, 0, 0, 0, []) and not world.report.notices
        fake.gets()
        assert world.run(source) == (0, 0, 3, 0, []) and not world.report.notices
        assert len(fake.gets()) == (2 if "length" in quirks else 0)  # without a length, it is asked for by a byte
        later = StoredObject(make_tar([("c.png", picture("green", 31)), ("d.png", picture("red", 99))]))
        fake.objects["set/1.tar"] = replace(later, modified_at=later.modified_at.replace(hour=14))
        assert world.run(source) == (1, 1, 2, 0, [])


def test_shards_whose_etags_do_not_hold_still_are_told_with_the_setting_that_helps(
    tmp_path: Path, decoder: DecodeWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_credentials(monkeypatch)
    with fake_s3(make_set(), listed_tag=RESTLESS, told_tag=RESTLESS) as fake:
        world = BucketWorld(tmp_path, decoder, fake)
        assert world.run("shards:s3://bucket/set") == (3, 0, 0, 0, [])
        assert world.run("shards:s3://bucket/set", recheck=True) == (0, 3, 0, 0, [])
        (notice,) = world.report.notices
        assert "other ETags of their shards" in notice and "set `s3_changed_by` to time" in notice
        world.settings["s3_changed_by"] = "time"
        world.run("shards:s3://bucket/set")
        fake.gets()
        assert world.run("shards:s3://bucket/set") == (0, 0, 3, 0, []) and not world.report.notices
        assert fake.gets() == []


def test_shards_without_pictures_are_told_at_the_first_run(
    tmp_path: Path, decoder: DecodeWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_credentials(monkeypatch)
    with fake_s3({"set/0.tar": make_tar([("a.txt", b"words"), ("a.wav", b"sound")])}) as fake:
        world = BucketWorld(tmp_path, decoder, fake)
        assert world.run("shards:s3://bucket/set") == (0, 0, 0, 0, [])
        assert "hold no pictures" in world.report.notices[0]


def make_set() -> dict[str, bytes]:
    first = [("a.png", picture("red", 20)), ("pad.bin", bytes(300_000)), ("b.png", picture("blue", 30))]
    return {"set/0.tar": make_tar(first), "set/1.tar": make_tar([("c.png", picture("green", 31))])}


def _set_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
