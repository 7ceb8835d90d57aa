"""What changes beside the bytes of a picture, or in its bytes alone: sidecars, pairs, rechecks, exclusions."""

import os
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.adapters.stores.folder import FolderStore
from core.domain.filtering.filters import FAILED
from core.domain.image import ImageRecord, ImageRef
from core.domain.metadata import FileText, PictureMetadata
from core.domain.vectors import Matrix
from core.errors import ImageUnavailable, ImageUnreadable
from core.imaging.decode_request import Decoded, DecodeRequest
from core.ports.image_store import ImageStore
from core.ports.vector_index import IndexInfo, Point
from ingest.jobs.dry_run import dry_run
from ingest.jobs.full_sync import run_ingest
from ingest.jobs.partial_sync import sync_paths
from ingest.pipeline.run_context import Options, RunContext
from ingest.telemetry.report import Report
from tests.support.fakes import ColourCaptioner, ColourEncoder, InlineDecoder, MemoryIndex, MemoryThumbnails


class SidecarDecoder(InlineDecoder):
    """Takes every sidecar for a sentence, and says which pixels and thumbnails it was asked for."""

    def __init__(self) -> None:
        super().__init__({b"no picture": ImageUnreadable("damaged")})
        self.requests: list[DecodeRequest] = []

    def submit(self, data: bytes, request: DecodeRequest) -> "Future[Decoded]":
        self.requests.append(request)
        return super().submit(data, request)

    def _decode(self, data: bytes, request: DecodeRequest) -> Decoded:
        texts = tuple(FileText(sidecar.data.decode(), sidecar.name) for sidecar in request.sidecars)
        return replace(super()._decode(data, request), metadata=PictureMetadata(camera="Canon", texts=texts))


class CountingEncoder(ColourEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.encoded = 0

    def encode_images(self, pixels: np.ndarray) -> Matrix:
        self.encoded += len(pixels)
        return super().encode_images(pixels)


class World:
    """A library in memory, and the folder that it is filled from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = MemoryIndex(IndexInfo("colours", "colours-1", ColourEncoder.dimension))
        self.decoder = SidecarDecoder()
        self.encoder = CountingEncoder()
        self.thumbnails = MemoryThumbnails()

    def context(self, **options: Any) -> RunContext:
        def open_store(source: str) -> ImageStore:
            return FolderStore(source, max_bytes=2**20)

        chosen = Options(batch_size=4, thumbnail_px=64, readers=2, captions=False, **options)
        return RunContext(
            self.index, lambda: self.encoder, ColourCaptioner, self.decoder, self.thumbnails, open_store, chosen
        )

    def store(self, *patterns: str) -> FolderStore:
        return FolderStore(self.folder, max_bytes=2**20, patterns=patterns)

    def run(self, *patterns: str, **options: Any) -> Report:
        report = Report()
        self.decoder.requests.clear()
        self.encoder.encoded = 0
        for _ in run_ingest(self.context(**options), [self.store(*patterns)], report):
            pass
        return report

    def touched(self, *names: str) -> Report:
        report, store = Report(), self.store()
        self.decoder.requests.clear()
        self.encoder.encoded = 0
        paths = {store.source: [os.fsencode(self.folder / name) for name in names]}
        for _ in sync_paths(self.context(), paths, {store.source: store}, report):
            pass
        return report

    def picture(self, name: str, colour: str = "red", width: int = 40) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, 32), colour).save(path, "BMP" if path.suffix == ".bmp" else "PNG")
        return path

    def write(self, name: str, text: str = "") -> Path:
        (self.folder / name).write_text(text)
        return self.folder / name

    def record(self, key: str) -> ImageRecord:
        (found,) = [record for record in self.index.scroll() if record.key == key]
        return found


def change_in_place(path: Path, data: bytes) -> None:
    """Replace the bytes; size and time stay."""
    before = path.stat()
    assert len(data) == before.st_size
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "pictures").mkdir()
    yield World(tmp_path / "pictures")


def test_a_picture_is_read_with_its_sidecars(world: World) -> None:
    world.picture("a.jpg")
    world.picture("b.jpg", "blue")
    world.write("a.xmp", "a harbour")
    world.write("a.jpg.json", "at noon")
    world.write("notes.json", "no sidecar")
    report = world.run()
    assert (report.added, report.failed, report.ignored) == (2, 0, 1)  # the notes alone are passed over
    told = {request.name: [each.name for each in request.sidecars] for request in world.decoder.requests}
    assert told == {"a.jpg": ["a.xmp", "a.jpg.json"], "b.jpg": []}
    assert [text.text for text in world.record("a.jpg").file_texts] == ["a harbour", "at noon"]
    assert world.record("b.jpg").etag.count("-") == 1  # as in a library of before there were sidecars
    assert world.run().skipped == 2


def test_sidecars_that_come_change_and_go_are_read_without_encoding(world: World) -> None:
    world.picture("a.jpg")
    world.run()
    before = world.record("a.jpg")
    vector = world.index.vectors([before.id])[before.id]
    for text in ("a harbour", "a bay", None):
        path = world.write("a.xmp", text or "")
        if text is None:
            path.unlink()
        report = world.run()
        assert (report.updated, report.added, world.encoder.encoded) == (1, 0, 0)
        assert all(request.pixels is None and request.thumbnail is None for request in world.decoder.requests)
        after = world.record("a.jpg")
        assert [each.text for each in after.file_texts] == ([text] if text else [])
        assert np.array_equal(world.index.vectors([before.id])[before.id], vector)
        assert world.run().skipped == 1
    assert after == before


def test_a_sidecar_that_cannot_be_read_costs_itself_alone(world: World) -> None:
    world.picture("a.jpg")
    world.picture("b.jpg", "blue")
    world.write("a.xmp", "x" * (2**20 + 1))
    (world.folder / "b.xmp").symlink_to(world.folder / "gone.xmp")
    report = world.run()
    assert (report.added, report.failed, report.exit_code) == (2, 0, 0)
    assert "a.xmp: 1,048,577 bytes, over the limit" in report.notices[-1]
    assert world.record("a.jpg").file_texts == ()
    assert world.run().skipped == 2


def test_raw_and_jpeg_know_each_other_as_long_as_both_are_there(world: World) -> None:
    world.picture("a.jpg")
    world.run()
    world.picture("a.cr2", "blue")
    report = world.run()
    assert (report.added, report.updated, world.encoder.encoded) == (1, 1, 1)
    assert (world.record("a.jpg").pair, world.record("a.cr2").pair) == ("a.cr2", "a.jpg")
    assert [request.name for request in world.decoder.requests] == ["a.cr2"]  # the JPEG is not read for that
    assert world.run().skipped == 2
    (world.folder / "a.cr2").unlink()
    report = world.run()
    assert (report.deleted, report.updated, world.record("a.jpg").pair) == (1, 1, None)


def test_a_failed_raw_keeps_its_reason_when_its_pair_comes(world: World) -> None:
    world.write("a.cr2", "no picture")
    world.run()
    reason = world.record("a.cr2").error
    world.picture("a.jpg")
    report = world.run()
    failed = world.record("a.cr2")
    assert (report.failed, failed.status, failed.error, failed.pair) == (0, "failed", reason, "a.jpg")


def test_a_picture_changed_in_place_is_found_by_a_recheck_alone(world: World) -> None:
    upright, _ = world.picture("a.bmp", "red"), world.picture("b.bmp", "blue")
    world.run()
    with Image.open(upright) as image:
        turned, out = image.transpose(Image.Transpose.ROTATE_90), BytesIO()
        turned.save(out, "BMP")
    change_in_place(upright, out.getvalue())
    assert world.run().skipped == 2
    report = world.run(recheck=True)
    assert (report.rechecked, report.updated, report.skipped, world.encoder.encoded) == (2, 1, 1, 1)
    assert (world.record("a.bmp").width, world.record("a.bmp").height) == (turned.width, turned.height)
    again = world.run(recheck=True)
    assert (again.rechecked, again.updated, again.skipped, world.encoder.encoded) == (2, 0, 2, 0)
    assert world.run().skipped == 2


def test_a_recheck_fills_in_what_a_library_of_before_does_not_know(world: World) -> None:
    world.picture("a.jpg")
    world.run()
    record = world.record("a.jpg")
    world.index.upsert([Point(replace(record, camera=None), world.index.vectors([record.id])[record.id])])
    assert world.run().skipped == 1 and world.record("a.jpg").camera is None
    report = world.run(recheck=True)
    assert (report.updated, world.encoder.encoded, world.record("a.jpg")) == (1, 0, record)


def test_what_fails_as_before_is_no_failure_of_a_recheck(world: World) -> None:
    world.picture("a.jpg")
    world.write("b.jpg", "no picture")
    assert world.run().failed == 1
    report = world.run(recheck=True)
    assert (report.rechecked, report.failed, report.skipped, report.exit_code) == (2, 0, 2, 0)
    world.picture("c.png", "blue")
    healed = world.folder / "b.jpg"
    stamp = healed.stat()
    healed.write_bytes((world.folder / "c.png").read_bytes())
    os.utime(healed, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    world.run(recheck=True)
    assert world.index.count(FAILED) == 0


def test_a_dry_run_counts_what_it_would_recheck(world: World) -> None:
    world.picture("a.jpg")
    world.run()
    world.picture("b.jpg")
    (plan,) = dry_run([world.store()], world.index, recheck=True).plans
    assert (plan.counts["recheck"], plan.counts["add"]) == (1, 1)


def test_a_watcher_follows_sidecars_pairs_and_bytes(world: World) -> None:
    path = world.picture("a.jpg", "red")
    world.picture("b.jpg", "blue")
    world.run()
    world.write("a.xmp", "a harbour")
    assert world.touched("a.xmp").updated == 1
    assert [text.text for text in world.record("a.jpg").file_texts] == ["a harbour"]
    (world.folder / "a.xmp").unlink()
    assert world.touched("a.xmp").updated == 1 and world.record("a.jpg").file_texts == ()
    world.picture("a.nef", "lime")
    report = world.touched("a.nef")
    assert (report.added, report.updated) == (1, 1) and world.record("a.jpg").pair == "a.nef"
    (world.folder / "a.nef").unlink()
    report = world.touched("a.nef")
    assert (report.deleted, report.updated) == (1, 1) and world.record("a.jpg").pair is None
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    change_in_place(path, bytes(data))
    assert world.touched("a.jpg").updated == 1  # although size and time are the same


def test_what_patterns_exclude_is_counted_and_leaves_the_library(world: World) -> None:
    for number in range(4):
        world.picture(f"{number}.jpg")
        world.picture(f"raw/{number}.jpg", "blue", width=30 + number)
    world.write("raw/notes.txt")
    world.run()
    report = world.run("raw/", "0.*")
    assert (report.excluded, report.deleted, report.skipped, report.ignored) == (5, 5, 3, 0)
    assert sorted(record.key for record in world.index.scroll()) == ["1.jpg", "2.jpg", "3.jpg"]
    assert world.touched("raw/1.jpg").added == 1  # no pattern was given to this one


def test_a_pattern_that_excludes_much_has_to_be_confirmed(world: World) -> None:
    for number in range(15):
        world.picture(f"{number:02d}.jpg", width=30 + number)
    world.run()
    report = world.run("*.jpg", "!00.jpg")
    assert (report.deleted, report.kept) == (0, 14)
    assert "patterns exclude 14 pictures" in report.notices[-1] and "`confirm_deletes`" in report.notices[-1]
    everything = world.run("*")
    assert (everything.deleted, everything.kept) == (0, 15)
    assert "patterns that exclude more than was meant" in everything.notices[-1]
    assert world.run("*.jpg", "!00.jpg", confirm_deletes=True).deleted == 14


def test_an_excluded_folder_that_cannot_be_listed_does_no_harm(world: World) -> None:
    world.picture("a.jpg")
    (world.folder / "loop").symlink_to(world.folder / "loop")
    inner = world.folder / "closed"
    inner.mkdir()
    inner.chmod(0)
    try:
        assert world.run("closed/", "loop").problems == []
    finally:
        inner.chmod(0o700)


class Withholding(FolderStore):
    """A store that cannot deliver sidecars for now."""

    def read_sidecar(self, ref: ImageRef, key: str) -> bytes:
        raise ImageUnavailable("the store is away")


def test_a_sidecar_that_could_not_be_read_for_now_is_tried_again(world: World) -> None:
    world.picture("a.jpg")
    world.write("a.xmp", "a harbour")
    report = Report()
    for _ in run_ingest(world.context(), [Withholding(world.folder, max_bytes=2**20)], report):
        pass
    assert (report.added, report.exit_code) == (1, 0) and "a.xmp: the store is away" in report.notices[-1]
    assert world.record("a.jpg").file_texts == ()
    report = world.run()
    assert report.updated == 1 and [text.text for text in world.record("a.jpg").file_texts] == ["a harbour"]
    assert world.run().skipped == 1
