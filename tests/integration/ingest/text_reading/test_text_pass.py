"""Text in pictures: read once, where a look says that there may be some, and going on where it was cut off."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.local.json_file import JsonFile
from core.domain.filtering.filters import UNREAD
from core.errors import PackageMissing
from core.imaging.decode_request import ImageLimits
from core.ports.image_store import ImageStore
from core.ports.text_reader import TextReader
from ingest.captions.recaption_checkpoint import RecaptionCheckpoint
from ingest.jobs.full_sync import run_ingest, run_text_reading
from ingest.pipeline.run_context import Options, RunContext
from ingest.telemetry.report import Report
from ingest.text_reading import text_pass
from tests.integration.ingest.captions.test_caption_pass import Dead
from tests.integration.ingest.pipeline.test_ingest import World
from tests.support.fakes import ColourTextReader, MemoryIndex


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        yield workers


class Library(World):
    """A library whose pictures are pages of a colour, with lines of text on them, or plain."""

    def __init__(self, folder: Path, decoder: DecodeWorkers) -> None:
        super().__init__(folder, decoder)
        self.reader: TextReader = ColourTextReader()
        self.missing: PackageMissing | None = None

    def parts(self, options: Options) -> RunContext:
        return replace(super().parts(options), text_reader=self._load_reader)

    def options(self, **options: object) -> Options:
        return super().options(**({"text": True, "captions": False} | options))

    def page(self, name: str, colour: str, width: int = 400) -> Path:
        path = self.picture(name, colour, width)
        with Image.open(path) as plain:
            drawn = plain.copy()
        for line in range(4):
            ImageDraw.Draw(drawn).text(
                (30, 20 + 40 * line), "Lines of text", fill="black", font=ImageFont.load_default(size=32)
            )
        drawn.save(path)
        return path

    def read_text(self, *, redo: bool = False, batches: int | None = None) -> Report:
        """The command `read-text`, cut off after so many steps."""
        report = Report()
        mark = RecaptionCheckpoint(JsonFile(self.folder.parent / "redo_text.json")) if redo else None
        run = run_text_reading(self.parts(self.options()), report, mark)
        for _ in islice(run, batches):
            pass
        run.close()
        return report

    def read(self) -> dict[str, tuple[str | None, str]]:
        """Who looked at every picture, and what was found."""
        return {
            record.key: (record.text_reader, " / ".join(line.text for line in record.text_lines))
            for record in self.index.scroll()
        }

    @property
    def shown(self) -> int:
        assert isinstance(self.reader, ColourTextReader)
        return len(self.reader.sizes)

    def _load_reader(self) -> TextReader:
        if self.missing:
            raise self.missing
        return self.reader


@pytest.fixture
def library(tmp_path: Path, decoder: DecodeWorkers) -> Library:
    (tmp_path / "pictures").mkdir()
    return Library(tmp_path / "pictures", decoder)


def test_pictures_that_may_hold_text_are_read_once_and_the_others_cost_no_second_look(library: Library) -> None:
    library.page("red.png", "red", 420)
    library.page("white.png", "white", 440)
    for n in range(3):
        library.picture(f"{n}.png", "blue", 100 + n)
    report = library.ingest()
    assert (report.added, report.text_read, report.text_found, report.unread_lines) == (5, 2, 1, 1)
    assert (report.pending_text, report.exit_code) == (0, 0)
    assert library.read() == {
        "red.png": ("colour-reader-1", "Painted red 2024"),
        "white.png": ("colour-reader-1", ""),
        **{f"{n}.png": ("look", "") for n in range(3)},
    }
    assert sorted(library.reader.sizes) == [(300, 150), (300, 150)], "the picture itself, no larger than is asked for"  # type: ignore[attr-defined]
    red = next(record for record in library.index.scroll() if record.key == "red.png")
    assert red.text_words == ("paint", "red", "2024") and red.words == () and red.unread_lines == 1
    again = library.ingest()
    assert (again.skipped, again.text_read, library.shown) == (5, 0, 2)
    assert library.read_text().text_read == 0


def test_without_text_nothing_is_looked_at_and_a_library_from_before_is_read_later(library: Library) -> None:
    library.page("red.png", "red")
    library.picture("plain.png", "blue")
    library.ingest(text=False)
    assert {reader for reader, _ in library.read().values()} == {None}
    report = library.read_text()
    assert (report.text_read, report.text_found, report.exit_code, library.shown) == (2, 1, 0, 1)
    assert library.read() == {"red.png": ("colour-reader-1", "Painted red 2024"), "plain.png": ("look", "")}


def test_changed_files_are_read_again_and_moved_ones_keep_their_text(library: Library) -> None:
    library.page("a.png", "red", 420)
    library.page("b.png", "orange", 440)
    library.ingest()
    library.page("a.png", "yellow", 460)
    (library.folder / "b.png").rename(library.folder / "c.png")
    report = library.ingest(confirm_deletes=True)
    assert (report.text_read, library.shown) == (1, 3)
    assert library.read() == {
        "a.png": ("colour-reader-1", "Painted yellow 2024"),
        "c.png": ("colour-reader-1", "Painted orange 2024"),
    }
    moved = next(record for record in library.index.scroll() if record.key == "c.png")
    assert moved.text_words == ("paint", "orange", "2024") and moved.unread_lines == 1
    library.picture("a.png", "red", 99)
    library.ingest()
    assert library.read()["a.png"] == ("look", "")


def test_a_reader_that_fails_at_one_picture_costs_that_picture_alone(library: Library) -> None:
    library.page("green.png", "green")
    library.page("red.png", "red")
    report = library.ingest()
    assert (report.text_read, report.text_failed, report.exit_code) == (1, 1, 3)
    assert "green.png: RuntimeError: the runtime fell over" in report.notices[-1]
    assert library.read()["green.png"] == ("failed", "")
    again = library.ingest()
    assert (again.text_failed, again.exit_code, library.shown) == (0, 0, 2), "nobody tries it again unasked"
    assert library.read_text().text_failed == 1 and library.shown == 3
    library.page("green.png", "orange", 410)
    library.ingest()
    assert library.read()["green.png"] == ("colour-reader-1", "Painted orange 2024")


def test_a_pass_that_was_cut_off_goes_on(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_pass, "_BATCH", 2)
    for n in range(5):
        library.page(f"{n}.png", "red", 400 + 10 * n)
    library.ingest(text=False)
    assert library.read_text(batches=2).text_read == 2
    assert library.index.count(UNREAD) == 3
    assert (library.read_text().text_read, library.shown) == (3, 5)


def test_redo_reads_all_again_and_goes_on_where_it_was(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_pass, "_BATCH", 2)
    for n in range(3):
        library.page(f"{n}.png", "red", 400 + 10 * n)
    library.picture("plain.png", "blue")
    library.ingest()
    library.reader = ColourTextReader("colour-reader-2")
    assert library.read_text().text_read == 0, "another reader reads what is read already only where it is asked to"
    assert library.read_text(redo=True, batches=2).text_read == 2
    held = json.loads((library.folder.parent / "redo_text.json").read_text())
    assert held["what"] == "colour-reader-2" and [each["done"] for each in held["sources"].values()] == [2]
    report = library.read_text(redo=True)
    assert report.text_read == 2 and "cut off" in report.notices[0]
    assert {reader for reader, _ in library.read().values()} == {"colour-reader-2", "look"}
    assert library.shown == 3 and not (library.folder.parent / "redo_text.json").exists()


def test_a_redo_that_fails_at_a_picture_leaves_its_text_to_be_tried_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.page("red.png", "red")
    library.ingest()
    read = ColourTextReader.read
    monkeypatch.setattr(ColourTextReader, "read", lambda *_: 1 / 0)
    report = library.read_text(redo=True)
    assert (report.text_read, report.text_failed, report.text_found, report.exit_code) == (0, 1, 0, 3)
    assert library.read() == {"red.png": ("failed", "Painted red 2024")}
    assert next(iter(library.index.scroll())).unread_lines == 1
    monkeypatch.setattr(ColourTextReader, "read", read)
    assert library.read_text().text_read == 1
    assert library.read() == {"red.png": ("colour-reader-1", "Painted red 2024")}


def test_what_cannot_be_had_is_left_for_the_next_time(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.page("gone.png", "red")
    library.page("other.png", "orange", 410)
    library.page("../other/far.png", "red", 420)
    far = library.store(str(library.folder.parent / "other"))
    library.ingest(library.store(str(library.folder)), far, text=False)
    (library.folder / "gone.png").unlink()
    library.page("other.png", "yellow", 430)
    real = library.store
    monkeypatch.setattr(library, "store", lambda name: _dead_or(real(name), far.source))
    report = library.read_text()
    assert (report.text_read, report.text_missed, report.exit_code) == (0, 3, 3)
    assert "deleted since" in report.notices[-1] and "another picture is there now" in report.notices[-1]
    assert "does not answer" in report.notices[-1] and library.index.count(UNREAD) == 3
    monkeypatch.setattr(library, "store", real)
    report = library.ingest(confirm_deletes=True)
    assert (report.text_read, report.text_missed, library.index.count(UNREAD)) == (1, 0, 1), "of its own source alone"
    assert library.read_text().text_read == 1


def _dead_or(store: ImageStore, source: str) -> ImageStore:
    return Dead(source) if store.source == source else store


def test_without_a_reader_a_run_goes_on_and_the_command_says_why(library: Library) -> None:
    library.missing = PackageMissing("rapidocr", "reading text in pictures", "ocr")
    library.page("red.png", "red")
    report = library.ingest()
    assert (report.added, report.pending_text, report.exit_code) == (1, 1, 0)
    assert "1 images" in report.notices[-1] and "rapidocr" in report.notices[-1]
    with pytest.raises(PackageMissing):
        library.read_text()


def test_captions_that_are_written_leave_the_text_as_it_is(library: Library) -> None:
    library.page("red.png", "red")
    library.ingest()
    list(run_ingest(library.parts(library.options(captions=True)), [library.store(str(library.folder))], Report()))
    (record,) = library.index.scroll()
    assert record.caption is not None and record.text_words == ("paint", "red", "2024")
    assert "2024" not in record.words and "2024" not in record.searchable_texts


def test_another_index_takes_over_what_was_read_in_the_same_bytes(library: Library) -> None:
    library.page("red.png", "red")
    library.page("green.png", "green", 410)
    library.picture("plain.png", "blue")
    library.ingest()
    old, library.index = library.index, MemoryIndex(library.index.info)
    library.page("new.png", "yellow", 420)
    report = Report()
    stores = [library.store(str(library.folder))]
    list(run_ingest(library.parts(library.options()), stores, report, texts=old))
    assert (report.text_read, report.text_failed, library.shown) == (1, 1, 4), "what failed before is tried again"
    assert library.read() == {
        "red.png": ("colour-reader-1", "Painted red 2024"),
        "new.png": ("colour-reader-1", "Painted yellow 2024"),
        "green.png": ("failed", ""),
        "plain.png": ("look", ""),
    }
