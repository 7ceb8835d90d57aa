"""Ingest over a real folder and real decode workers; index, models and thumbnails are the hand-written fakes."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.stores.folder import FolderStore
from core.domain.filtering.filters import FAILED, INDEXED
from core.domain.image import ImageRef
from core.domain.vectors import Matrix
from core.errors import ModelUnavailable, StoreError, UsageError
from core.imaging.decode_request import ImageLimits
from core.ports.encoders import Captioner, Encoder
from core.ports.image_store import ImageStore
from core.ports.vector_index import CaptionUpdate, IndexInfo
from ingest.jobs import dry_run as dry_run_module
from ingest.jobs.full_sync import run_ingest
from ingest.pipeline import planner
from ingest.pipeline.run_context import Options, RunContext
from ingest.telemetry.report import Progress, Report
from tests.support.fakes import ColourCaptioner, ColourEncoder, MemoryIndex, MemoryThumbnails
from tests.support.index_queries import best_words, nearest


class CountingEncoder(ColourEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.loaded = self.encoded = 0

    def encode_images(self, pixels: np.ndarray) -> Matrix:
        self.encoded += len(pixels)
        return super().encode_images(pixels)


class World:
    """A library in memory, and the folder that it is filled from."""

    def __init__(self, folder: Path, decoder: DecodeWorkers) -> None:
        self.folder = folder
        self.decoder = decoder
        self.index = MemoryIndex(IndexInfo("colours", "colours-1", ColourEncoder.dimension))
        self.thumbnails = MemoryThumbnails()
        self.encoder = CountingEncoder()
        self.captioner_error: ModelUnavailable | None = None

    def parts(self, options: Options) -> RunContext:
        def encoder() -> Encoder:
            self.encoder.loaded += 1
            return self.encoder

        def captioner() -> Captioner:
            if self.captioner_error:
                raise self.captioner_error
            return ColourCaptioner()

        return RunContext(self.index, encoder, captioner, self.decoder, self.thumbnails, self.store, options)

    def store(self, source: str) -> ImageStore:
        return FolderStore(source, max_bytes=2**20)

    def options(self, **options: object) -> Options:
        return replace(Options(batch_size=4, thumbnail_px=64), **options)

    def ingest(self, *stores: ImageStore, sweep: bool = False, **options: object) -> Report:
        report = Report()
        parts = self.parts(self.options(**options))
        for _ in run_ingest(parts, stores or [self.store(str(self.folder))], report, sweep=sweep):
            pass
        return report

    def keys(self, status: object = None) -> list[str]:
        return sorted(record.key for record in self.index.scroll(status or INDEXED))

    def picture(self, name: str, colour: str, width: int = 40) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, max(30, (width + 1) // 2)), colour).save(path)
        return path


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        yield workers


@pytest.fixture
def world(tmp_path: Path, decoder: DecodeWorkers) -> World:
    (tmp_path / "pictures").mkdir()
    return World(tmp_path / "pictures", decoder)


def fill(world: World, count: int) -> None:
    for number in range(count):
        world.picture(f"{number:02d}.png", "red", width=20 + number)


def test_pictures_are_indexed_with_thumbnail_and_caption(world: World) -> None:
    world.picture("a/red.png", "red")
    world.picture("blue.png", "blue", width=60)
    report = world.ingest()
    assert (report.added, report.captioned, report.failed, report.exit_code) == (2, 2, 0, 0)
    blue, red = sorted(world.index.scroll(), key=lambda record: record.key, reverse=True)
    assert (red.key, red.caption, red.words, red.caption_origin) == (
        "a/red.png",
        "a red picture",
        ("red", "picture"),
        "generated",
    )
    assert (blue.key, blue.width, blue.height, blue.status) == ("blue.png", 60, 30, "indexed")
    assert red.caption_score is not None and -1 <= red.caption_score <= 1
    assert sorted(world.thumbnails.ids()) == sorted((red.id, blue.id))
    assert nearest(world.index, world.encoder.encode_texts(["blue"]).vectors[0], limit=1)[0].record == blue
    assert world.index.optimized == 1


def test_a_second_run_encodes_nothing_and_does_not_load_the_model(world: World) -> None:
    fill(world, 9)
    world.ingest()
    before = world.index.scroll()
    world.encoder.loaded = 0
    report = world.ingest()
    assert (report.added, report.updated, report.skipped, report.captioned) == (0, 0, 9, 0)
    assert world.encoder.loaded == 0 and world.index.scroll() == before


def test_more_pictures_than_the_look_ahead_holds(world: World) -> None:
    fill(world, 60)
    report = world.ingest()
    assert report.added == len(world.keys()) == world.encoder.encoded == 60


def test_one_bad_file_costs_only_itself_and_never_misaligns_the_vectors(world: World) -> None:
    for number, colour in enumerate(["red", "green", "blue", "yellow", "black", "white"]):
        world.picture(f"{number}.png", colour, width=30 + number)
        (world.folder / f"{number}-bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense" * number)
    report = world.ingest()
    assert (report.added, report.failed, report.exit_code) == (6, 6, 3)
    for record in world.index.scroll(INDEXED):
        decoded = world.encoder.encode_images(np.asarray(Image.open(world.folder / record.key).resize((16, 16)))[None])
        assert float(world.index.vectors([record.id])[record.id] @ decoded[0]) > 0.99
    failed = world.index.scroll(FAILED)
    assert all(record.error for record in failed) and world.index.vectors([r.id for r in failed]) == {}
    assert set(world.thumbnails.ids()) == {record.id for record in world.index.scroll(INDEXED)}


def test_a_failed_file_is_tried_again_when_it_changes_or_on_demand(world: World) -> None:
    bad = world.folder / "bad.jpg"
    bad.write_bytes(b"nothing")
    assert world.ingest().failed == 1
    assert world.ingest().failed == 0
    assert world.ingest(retry_failed=True).failed == 1
    Image.new("RGB", (20, 20), "red").save(bad)
    report = world.ingest()
    assert (report.updated, world.keys(), world.keys(FAILED)) == (1, ["bad.jpg"], [])
    bad.write_bytes(b"broken again")
    assert world.ingest().failed == 1
    assert world.keys(FAILED) == ["bad.jpg"] and list(world.thumbnails.ids()) == []


def test_changed_removed_and_renamed_files(world: World) -> None:
    fill(world, 6)
    world.ingest()
    world.encoder.encoded = 0
    world.picture("00.png", "blue", width=99)
    (world.folder / "01.png").unlink()
    (world.folder / "02.png").rename(world.folder / "new name.png")
    report = world.ingest()
    assert (report.added, report.updated, report.deleted, report.reused) == (1, 1, 2, 1)
    assert world.encoder.encoded == 1
    assert world.keys() == ["00.png", "03.png", "04.png", "05.png", "new name.png"]
    captions = {record.key: record.caption for record in world.index.scroll()}
    assert captions["00.png"] == "a blue picture" and captions["new name.png"] == "a red picture"
    assert set(world.thumbnails.ids()) == {record.id for record in world.index.scroll()}


def test_a_touched_file_is_not_encoded_again(world: World) -> None:
    fill(world, 3)
    world.ingest()
    world.encoder.encoded = 0
    os.utime(world.folder / "01.png", (1_000_000_000, 1_000_000_000))
    report = world.ingest()
    assert (report.updated, report.reused, world.encoder.encoded) == (1, 0, 0)
    assert world.ingest().skipped == 3
    assert {r.key: r.modified_at.year for r in world.index.scroll()}["01.png"] == 2001


def test_what_a_person_wrote_stays_when_the_file_changes(world: World) -> None:
    world.picture("a.png", "red")
    world.ingest()
    (record,) = world.index.scroll()
    vector = world.encoder.encode_texts(["my red boat"]).vectors[0]
    world.index.set_captions([CaptionUpdate(record.id, "my red boat", "human", None, 0.5, vector)])
    world.picture("a.png", "blue", width=77)
    assert world.ingest().captioned == 0
    (record,) = world.index.scroll()
    assert (record.caption, record.caption_origin, record.width) == ("my red boat", "human", 77)
    assert world.index.vectors([record.id], "caption")


def test_what_a_person_wrote_stays_when_the_file_becomes_a_copy_of_another(world: World) -> None:
    world.picture("a.png", "red")
    world.picture("b.png", "blue")
    world.ingest()
    record = next(record for record in world.index.scroll() if record.key == "a.png")
    vector = world.encoder.encode_texts(["my red boat"]).vectors[0]
    world.index.set_captions([CaptionUpdate(record.id, "my red boat", "human", None, 0.5, vector)])
    shutil.copy(world.folder / "b.png", world.folder / "a.png")
    assert world.ingest().updated == 1
    now = world.index.fetch([record.id])[record.id]
    assert (now.caption, now.caption_origin, now.words) == ("my red boat", "human", ("red", "boat"))
    assert now.content_hash != record.content_hash


def test_many_deletions_need_to_be_confirmed(world: World) -> None:
    fill(world, 30)
    world.ingest()
    for number in range(15):
        (world.folder / f"{number:02d}.png").unlink()
    report = world.ingest()
    assert (report.deleted, report.kept, report.exit_code) == (0, 15, 0)
    assert "`confirm_deletes`" in report.notices[0]
    assert world.ingest(confirm_deletes=True).deleted == 15
    assert len(world.keys()) == 15


def test_a_renamed_folder_moves_without_confirmation(world: World) -> None:
    for number in range(25):
        world.picture(f"old/{number:02d}.png", "red", width=20 + number)
    world.ingest()
    world.encoder.encoded = 0
    (world.folder / "old").rename(world.folder / "new")
    report = world.ingest()
    assert (report.added, report.deleted, report.reused, world.encoder.encoded) == (25, 25, 25, 0)


def test_an_empty_listing_deletes_nothing_even_when_confirmed(world: World) -> None:
    fill(world, 3)
    world.ingest()
    shutil.rmtree(world.folder)
    world.folder.mkdir()
    report = world.ingest(confirm_deletes=True)
    assert (report.deleted, report.kept, len(world.keys())) == (0, 3, 3)


def test_what_is_held_back_is_put_on_record_by_source(world: World) -> None:
    fill(world, 30)
    other = world.folder.with_name("other")
    other.mkdir()
    world.ingest()
    for number in range(15):
        (world.folder / f"{number:02d}.png").unlink()
    store = world.store(str(world.folder))
    assert world.ingest(store, world.store(str(other))).incomplete_sources == {store.source}
    assert world.ingest(store, confirm_deletes=True).incomplete_sources == set()


def test_a_hidden_folder_is_a_source_of_its_own_beside_the_one_around_it(world: World) -> None:
    world.picture(".hidden/a.png", "red")
    world.picture("b.png", "blue")
    hidden, around = world.store(str(world.folder / ".hidden")), world.store(str(world.folder))
    assert world.ingest(hidden).added == 1
    report = world.ingest(around)
    assert (report.added, report.deleted, report.kept) == (1, 0, 0) and world.keys() == ["a.png", "b.png"]
    report = world.ingest(around, hidden)
    assert (report.skipped, report.deleted, report.kept, report.notices) == (2, 0, 0, [])


class BrokenStore:
    """Lists some images, then fails."""

    def __init__(self, store: ImageStore, after: int) -> None:
        self.source = store.source
        self._store = store
        self._after = after

    def list(self) -> Iterator[ImageRef]:
        for number, ref in enumerate(self._store.list()):
            if number == self._after:
                raise StoreError("the disk went away")
            yield ref

    def read(self, ref: ImageRef) -> bytes:
        return self._store.read(ref)


def test_an_incomplete_listing_deletes_nothing_and_keeps_what_it_listed(world: World) -> None:
    fill(world, 8)
    report = world.ingest(BrokenStore(world.store(str(world.folder)), after=5))
    assert (report.added, report.exit_code) == (5, 1) and "disk went away" in report.problems[0]
    world.ingest()
    report = world.ingest(BrokenStore(world.store(str(world.folder)), after=5))
    assert (report.deleted, len(world.keys())) == (0, 8)


class RepeatingStore(BrokenStore):
    """Lists its images twice, one after the other."""

    def __init__(self, store: ImageStore) -> None:
        super().__init__(store, after=-1)

    def list(self) -> Iterator[ImageRef]:
        yield from self._store.list()
        yield from self._store.list()


def test_an_image_that_is_listed_twice_stands_for_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "PAGE_SIZE", 2)
    monkeypatch.setattr(dry_run_module, "PAGE_SIZE", 2)
    fill(world, 4)
    world.ingest()
    (world.folder / "03.png").unlink()
    store = RepeatingStore(world.store(str(world.folder)))
    (plan,) = dry_run_module.dry_run([store], world.index).plans
    assert plan.first["delete"] == ["03.png"]
    assert world.ingest(store).deleted == 1 and world.keys() == ["00.png", "01.png", "02.png"]


def test_an_unreadable_file_is_listed_and_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.picture("locked.png", "red")
    path.unlink()
    os.symlink("/proc/self/mem", path)
    world.picture("open.png", "green")
    report = world.ingest()
    assert (report.added, report.failed, world.keys(FAILED)) == (1, 1, ["locked.png"])
    path.unlink()
    world.picture("locked.png", "red")
    assert (world.ingest().updated, world.keys()) == (1, ["locked.png", "open.png"])


def test_without_a_captioner_images_are_searchable_and_captions_pending(world: World) -> None:
    fill(world, 3)
    world.captioner_error = ModelUnavailable("vit-gpt2", "no network", setting="captioner")
    report = world.ingest()
    assert (report.added, report.captioned, report.pending_captions, report.exit_code) == (3, 0, 3, 0)
    assert "three ways out" in report.notices[0]
    world.captioner_error = None
    report = world.ingest()
    assert (report.added, report.captioned, report.pending_captions) == (0, 3, 0)


def test_a_missing_thumbnail_is_made_again_for_the_caption(world: World) -> None:
    fill(world, 2)
    world.ingest(captions=False)
    world.thumbnails.delete(list(world.thumbnails.ids()))
    assert world.ingest().captioned == 2
    assert len(list(world.thumbnails.ids())) == 2


class SilentCaptioner(ColourCaptioner):
    def caption(self, pixels: np.ndarray) -> list[str]:
        return [""] * len(pixels)


def test_an_empty_caption_is_not_asked_for_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(world, 2)
    parts = replace(world.parts(Options()), captioner=SilentCaptioner)
    reports = [Report(), Report()]
    for report in reports:
        list(run_ingest(parts, [world.store(str(world.folder))], report))
    assert [report.captioned for report in reports] == [2, 0]
    assert best_words(world.index, {"red": 1.0}, limit=5) == []


def test_stopping_keeps_what_was_acknowledged_and_the_next_run_goes_on(world: World, decoder: DecodeWorkers) -> None:
    fill(world, 40)
    with DecodeWorkers(ImageLimits(), workers=2) as own:
        parts = replace(world.parts(Options(batch_size=4, thumbnail_px=64)), decoder=own)
        report = Report()
        seen: list[Progress] = []
        for progress in run_ingest(parts, [world.store(str(world.folder))], report):
            seen.append(progress)
            parts.stop.set()
    assert report.interrupted and report.captioned == 0
    assert report.added == len(world.keys()) < 40
    assert world.index.optimized == 0, "which may take minutes"
    report = world.ingest(sweep=True)
    assert len(world.keys()) == 40 and report.captioned == 40


def test_leftovers_of_a_killed_run_are_swept(world: World) -> None:
    fill(world, 2)
    world.ingest()
    orphan = "00000000-0000-5000-8000-000000000000"
    world.thumbnails.put(orphan, b"x")
    world.ingest()
    assert orphan in set(world.thumbnails.ids())
    world.ingest(sweep=True)
    assert set(world.thumbnails.ids()) == {record.id for record in world.index.scroll()}


def test_a_source_inside_another_is_read_once(world: World) -> None:
    world.picture("in/a.png", "red")
    world.picture("b.png", "blue")
    outer, inner = world.store(str(world.folder)), world.store(str(world.folder / "in"))
    report = world.ingest(inner, outer, outer)
    assert report.added == 2 and "is a part of" in report.notices[0]
    with pytest.raises(UsageError, match="already"):
        world.ingest(inner)


def test_a_source_around_an_indexed_one_takes_its_images_over(world: World) -> None:
    for number in range(12):
        world.picture(f"in/{number:02d}.png", "red", width=20 + number)
    world.ingest(world.store(str(world.folder / "in")))
    world.encoder.encoded = 0
    report = world.ingest()
    assert (report.added, report.reused, report.deleted, world.encoder.encoded) == (12, 12, 12, 0)
    assert world.index.facet("source") == [(world.store(str(world.folder)).source, 12)]
