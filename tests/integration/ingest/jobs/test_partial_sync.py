"""Ingest of single files that have changed, and the plan of an ingest, over a real folder and fakes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.adapters.local.run_log import LastRunFile
from core.adapters.stores.folder import FolderStore
from core.domain.image import ImageRef
from core.errors import StoreError, UsageError
from core.ports.image_store import ImageStore
from core.ports.vector_index import IndexInfo
from ingest.captions.caption_files import CaptionFile
from ingest.captions.human_captions import SourceCaptions
from ingest.jobs.dry_run import DryRun, dry_run
from ingest.jobs.full_sync import run_ingest
from ingest.jobs.partial_sync import sync_paths
from ingest.pipeline.run_context import Options, RunContext
from ingest.telemetry.report import Report
from tests.support.fakes import ColourCaptioner, ColourEncoder, InlineDecoder, MemoryIndex, MemoryThumbnails
from tests.support.made_up_images import START


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = MemoryIndex(IndexInfo("colours", "colours-1", ColourEncoder.dimension))
        self.decoder = InlineDecoder()
        self.store = FolderStore(folder, max_bytes=2**20)
        options = Options(batch_size=4, thumbnail_px=64)
        self.parts = RunContext(
            self.index, ColourEncoder, ColourCaptioner, self.decoder, MemoryThumbnails(), self._store, options
        )

    def _store(self, source: str) -> ImageStore:
        return FolderStore(source, max_bytes=2**20)

    def picture(self, name: str, colour: str = "red", width: int = 40) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, 30), colour).save(path)
        return path

    def full(self) -> Report:
        report = Report()
        for _ in run_ingest(self.parts, [self.store], report):
            pass
        return report

    def touched(self, *paths: Path, captions: CaptionFile | None = None) -> Report:
        report = Report()
        source = self.store.source
        given = [SourceCaptions(captions, (source,))] if captions else []
        touched = {source: [os.fsencode(each) for each in paths]}
        for _ in sync_paths(self.parts, touched, {source: self.store}, report, human_captions=given):
            pass
        return report

    def keys(self) -> list[str]:
        return sorted(record.key for record in self.index.scroll())

    def dry(self, **options: bool) -> DryRun:
        return dry_run([self.store], self.index, **options)


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "pictures").mkdir()
    made = World(tmp_path / "pictures")
    for number in range(15):
        made.picture(f"{number:02d}.png", width=20 + number)
    made.full()
    return made


class Forbidden(FolderStore):
    def list(self) -> Iterator[ImageRef]:
        raise AssertionError("listed")


def test_one_new_picture_is_indexed_and_captioned_without_a_listing(world: World) -> None:
    world.store = Forbidden(world.folder, max_bytes=2**20)
    before = world.decoder.decoded
    report = world.touched(world.picture("new.png", "blue"), world.folder / "03.png")
    assert (report.added, report.captioned, report.skipped, report.deleted) == (1, 1, 1, 0)
    assert "new.png" in world.keys() and world.decoder.decoded == before + 2  # the picture, and its thumbnail


def test_what_is_gone_goes_and_nothing_else(world: World) -> None:
    (world.folder / "03.png").unlink()
    (world.folder / "04.png").unlink()
    report = world.touched(world.folder / "03.png", world.folder / "never.png")
    assert report.deleted == 1 and "03.png" not in world.keys() and "04.png" in world.keys()


def test_a_renamed_picture_is_not_encoded_again(world: World) -> None:
    (world.folder / "03.png").rename(world.folder / "moved.png")
    report = world.touched(world.folder / "03.png", world.folder / "moved.png")
    assert (report.added, report.reused, report.deleted) == (1, 1, 1)


def test_a_folder_stands_for_what_is_below_it(world: World) -> None:
    world.picture("sub/deep/a.png", "blue")
    world.picture("sub/.hidden/b.png", "blue")
    world.touched(world.folder / "sub")
    assert "sub/deep/a.png" in world.keys() and len(world.keys()) == 16


def test_hidden_files_rubbish_and_what_is_no_picture_are_passed_over(world: World) -> None:
    paths = [world.picture(name) for name in (".a.png", ".t/a.png", "@eaDir/a.png")]
    (world.folder / "notes.txt").write_text("no picture")
    assert world.touched(*paths, world.folder / "notes.txt").added == 0
    assert len(world.keys()) == 15


def test_the_library_itself_is_never_looked_into(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "data" / "thumbnail.png")
    store = FolderStore(tmp_path, max_bytes=2**20, exclude=[tmp_path / "data"])
    assert list(store.look_up([os.fsencode(tmp_path / "data")])) == []


def test_many_deletions_at_once_are_held_back(world: World) -> None:
    paths = sorted(world.folder.iterdir())[:11]
    for path in paths:
        path.unlink()
    report = world.touched(*paths)
    assert (report.deleted, report.kept) == (0, 11) and "`confirm_deletes`" in report.notices[0]


def test_many_renamed_at_once_are_not_held_back(world: World) -> None:
    before = sorted(world.folder.iterdir())[:11]
    after = [path.rename(path.with_name(f"moved {path.name}")) for path in before]
    report = world.touched(*before, *after)
    assert (report.added, report.reused, report.deleted, report.kept) == (11, 11, 11, 0)


def test_a_source_that_is_gone_deletes_nothing(world: World) -> None:
    world.folder.rename(world.folder.with_name("elsewhere"))
    with pytest.raises(StoreError):
        world.touched(world.folder / "03.png")
    assert len(world.keys()) == 15


def test_the_plan_counts_and_names_what_would_be_done_and_does_none_of_it(world: World) -> None:
    for number in range(12):
        world.picture(f"new {number:02d}.png", "blue", width=60 + number)
    (world.folder / "03.png").unlink()
    os.utime(world.folder / "05.png", (1, 1))
    before, decoded = world.index.scroll(), world.decoder.decoded
    done = world.dry()
    (plan,) = done.plans
    assert dict(plan.counts) == {"add": 12, "update": 1, "delete": 1, "skip": 13}
    assert plan.first["update"] == ["05.png"] and plan.first["delete"] == ["03.png"]
    assert plan.first["add"] == [f"new {number:02d}.png" for number in range(10)]
    assert (done.exit_code, plan.held_back, plan.problem) == (0, None, None)
    assert world.index.scroll() == before and world.decoder.decoded == decoded
    report = world.full()
    assert (report.added, report.updated, report.deleted, report.skipped) == (12, 1, 1, 13)


def test_the_plan_says_when_deletions_need_to_be_confirmed(world: World) -> None:
    for path in sorted(world.folder.iterdir())[:11]:
        path.unlink()
    (plan,) = world.dry().plans
    assert plan.counts["delete"] == 11 and "`confirm_deletes`" in str(plan.held_back)
    assert world.dry().to_dict()["notices"] == [plan.held_back]
    assert world.dry(confirm_deletes=True).plans[0].held_back is None


def test_the_plan_of_a_new_library_adds_everything(world: World) -> None:
    (plan,) = dry_run([world.store], None).plans
    assert dict(plan.counts) == {"add": 15} and plan.to_dict()["skip"] == 0


def test_a_listing_that_fails_plans_no_deletion(world: World) -> None:
    class Cut(FolderStore):
        def list(self) -> Iterator[ImageRef]:
            yield from list(super().list())[:2]
            raise StoreError("cut off")

    world.store = Cut(world.folder, max_bytes=2**20)
    done = world.dry()
    assert dict(done.plans[0].counts) == {"skip": 2} and done.exit_code == 1
    assert "cut off; nothing would be deleted" == done.plans[0].problem


def test_a_part_of_an_indexed_source_is_refused_by_the_plan_too(world: World) -> None:
    world.picture("sub/a.png")
    with pytest.raises(UsageError):
        dry_run([FolderStore(world.folder / "sub", max_bytes=2**20)], world.index)


def test_the_last_complete_run_is_kept_by_source_and_damage_counts_as_never(tmp_path: Path) -> None:
    file = LastRunFile(tmp_path / "last_run.json")
    assert file.latest() is None
    file.write(START, ["a", "b"])
    file.write(START.replace(year=2027), ["b"])
    assert file.sources() == {"a": START, "b": START.replace(year=2027)}
    assert file.latest() == START.replace(year=2027)
    assert [path.name for path in tmp_path.iterdir()] == ["last_run.json"]
    for damage in ("", "[]", '{"sources": {"a": 3}}', '{"sources": []}'):
        (tmp_path / "last_run.json").write_text(damage)
        assert file.latest() is None
    file.forget()
    file.forget()
    assert not list(tmp_path.iterdir())


def test_a_new_picture_has_its_captions_of_people_at_once(world: World) -> None:
    told = CaptionFile(Path("captions.csv"), {"new.png": ("a boat",), "later.png": ("a barn",)})
    report = world.touched(world.picture("new.png", "blue"), captions=told)
    assert (report.added, report.human_captions, report.captioned, report.notices) == (1, 1, 0, [])
    (record,) = [record for record in world.index.scroll() if record.key == "new.png"]
    assert record.captions == ("a boat",)
