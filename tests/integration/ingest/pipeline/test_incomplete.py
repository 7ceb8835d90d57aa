"""Pictures that are not whole are indexed with a mark, and while folders are watched never when half written."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.adapters.decoding.pool import DecodeWorkers
from core.errors.hints import RAISE_PIXELS
from core.imaging.decode_request import ImageLimits
from ingest.scheduling.folder_watcher import FolderWatch
from tests.integration.ingest.pipeline.test_ingest import World


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=1) as workers:
        yield workers


@pytest.fixture
def world(tmp_path: Path, decoder: DecodeWorkers) -> World:
    (tmp_path / "pictures").mkdir()
    return World(tmp_path / "pictures", decoder)


def write_half(world: World, age: float) -> tuple[Path, bytes]:
    path = world.folder / "red.jpg"
    Image.new("RGB", (200, 200), "red").resize((200, 200)).save(path, restart_marker_rows=1)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 250])
    os.utime(path, (time.time() - age,) * 2)
    return path, whole


def test_a_broken_picture_is_indexed_with_the_share_that_is_there(world: World) -> None:
    write_half(world, age=0)
    report = world.ingest()
    (record,) = world.index.scroll()
    assert (report.added, report.failed, record.status, record.width, record.height) == (1, 0, "indexed", 200, 200)
    assert record.incomplete is not None and 0 < record.incomplete < 1
    assert record.caption == "a red picture"  # and not a grey one


def test_the_mark_goes_when_the_file_is_whole(world: World) -> None:
    path, whole = write_half(world, age=100)
    world.ingest()
    path.write_bytes(whole)
    assert world.ingest().updated == 1
    (record,) = world.index.scroll()
    assert record.incomplete is None


def test_while_folders_are_watched_a_half_written_picture_is_left_for_later(world: World) -> None:
    path, whole = write_half(world, age=0)
    report = world.ingest(settle_seconds=30.0)
    assert (report.added, report.failed) == (0, 1) and world.keys() == []
    assert [ref.key for ref in report.unsettled] == ["red.jpg"]
    os.utime(path, (time.time() - 60,) * 2)
    report = world.ingest(settle_seconds=30.0)
    assert (report.updated, report.unsettled) == (1, []) and world.keys() == ["red.jpg"]
    path.write_bytes(whole)
    assert world.ingest(settle_seconds=30.0).updated == 1
    (record,) = world.index.scroll()
    assert record.incomplete is None


def test_what_is_indexed_stays_while_its_file_is_written_anew(world: World) -> None:
    path, whole = write_half(world, age=100)
    path.write_bytes(whole)
    world.ingest()
    write_half(world, age=0)
    report = world.ingest(settle_seconds=30.0)
    (record,) = world.index.scroll()
    assert (report.failed, record.status, record.incomplete) == (1, "indexed", None)


def test_a_watcher_looks_again_at_what_was_still_being_written(world: World) -> None:
    write_half(world, age=0)
    store = world.store(str(world.folder))
    report = world.ingest(settle_seconds=30.0)
    watch = FolderWatch([store], [])  # type: ignore[list-item]  # a folder store is watchable
    watch._changed.reset()
    watch.look_again(report.unsettled)
    assert list(watch._changed._paths) == [(store.source, os.fsencode(world.folder / "red.jpg"))]


def test_a_picture_over_the_limit_fails_with_the_setting_to_raise(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with DecodeWorkers(ImageLimits(max_pixels=100), workers=1) as strict:
        world = World(tmp_path / "pictures", strict)
        world.picture("red.png", "red")
        world.ingest()
        (record,) = world.index.scroll()
        assert record.error == f"over the limit of 100 pixels; {RAISE_PIXELS}"
    with DecodeWorkers(ImageLimits(), workers=1) as world.decoder:
        assert world.ingest().updated == 0
        assert world.ingest(retry_failed=True).updated == 1
