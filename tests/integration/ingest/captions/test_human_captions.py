"""Captions that people wrote: given to the images of a real folder, searchable, and never lost."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.adapters.decoding.pool import DecodeWorkers
from core.domain.filtering.filters import FAILED, INDEXED, UNTOLD, caption_words
from core.domain.image import ImageRecord
from core.domain.vectors import unit
from core.imaging.decode_request import ImageLimits
from ingest.captions.caption_files import CaptionFile, read_captions
from ingest.captions.human_captions import SourceCaptions
from ingest.jobs.full_sync import run_ingest
from ingest.telemetry.report import Report
from tests.integration.ingest.pipeline.test_ingest import World

TWO = 'image,caption\nred.png,"A boat, at sea"\nred.png,two sailors\n'


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        yield workers


class Captioned(World):
    def give(self, *contents: str, **options: object) -> Report:
        """An ingest with caption files of these contents."""
        given = tuple(
            SourceCaptions(self._file(content), (self.store(str(self.folder)).source,)) for content in contents
        )
        report = Report()
        parts = self.parts(self.options(**options))
        for _ in run_ingest(parts, [self.store(str(self.folder))], report, human_captions=given):
            pass
        return report

    def _file(self, content: str) -> CaptionFile:
        path = self.folder.parent / "captions.csv"
        path.write_text(content)
        return read_captions(path)

    def record(self, key: str = "red.png") -> ImageRecord:
        (found,) = [record for record in self.index.scroll() if record.key == key]
        return found


@pytest.fixture
def world(tmp_path: Path, decoder: DecodeWorkers) -> Captioned:
    (tmp_path / "pictures").mkdir()
    world = Captioned(tmp_path / "pictures", decoder)
    world.picture("red.png", "red")
    world.picture("sub/blue.png", "blue")
    return world


def found(world: Captioned, *words: str) -> list[str]:
    return [record.key for record in world.index.scroll(INDEXED & caption_words(must=words))]


def test_all_captions_are_searchable_and_the_first_is_shown(world: Captioned) -> None:
    report = world.give(TWO)
    assert (report.added, report.human_captions, report.captioned, report.exit_code) == (2, 1, 1, 0)
    red = world.record()
    assert (red.caption, red.caption_origin, red.captioner) == ("A boat, at sea", "human", None)
    assert red.captions == red.texts == ("A boat, at sea", "two sailors")
    assert red.words == ("boat", "sea", "two", "sailor")
    assert found(world, "boat") == found(world, "sailors") == ["red.png"] and found(world, "picture") == [
        "sub/blue.png"
    ]
    rows = world.encoder.encode_texts(red.captions).vectors
    vector = world.index.vectors([red.id], "caption")[red.id]
    np.testing.assert_allclose(vector, unit(rows.mean(axis=0)), atol=1e-6)
    assert red.caption_score == pytest.approx(float(vector @ world.index.vectors([red.id])[red.id]))


def test_the_same_file_again_changes_nothing_and_another_one_encodes_no_picture(world: Captioned) -> None:
    world.give(TWO)
    before, world.encoder.loaded, world.encoder.encoded = world.index.scroll(), 0, 0
    assert world.give(TWO).human_captions == 0
    assert world.index.scroll() == before and world.encoder.loaded == 0
    report = world.give("red.png,a red barn\nblue.png,the sky\n")
    assert (report.human_captions, report.updated, world.encoder.encoded) == (2, 0, 0)
    assert (world.record().captions, world.record("sub/blue.png").captions) == (("a red barn",), ("the sky",))
    assert not found(world, "boat") and found(world, "barn") == ["red.png"]


def test_a_run_without_them_and_a_file_that_is_silent_leave_them(world: Captioned) -> None:
    world.give(TWO)
    before = world.index.scroll()
    world.ingest()
    world.give("blue.png,the sky\n")
    assert world.record() == next(record for record in before if record.key == "red.png")


def test_several_files_add_up_in_their_order(world: Captioned) -> None:
    world.give("red.png,one\nred.png,two\n", "red.png,two\nred.png,three\n")
    assert world.record().captions == ("one", "two", "three")


def test_a_model_s_caption_makes_way(world: Captioned) -> None:
    world.ingest()
    assert world.record().caption == "a red picture"
    assert world.give(TWO).human_captions == 1
    assert found(world, "picture") == ["sub/blue.png"] and world.record().captioner is None


@pytest.mark.parametrize("captioned_before", [False, True])
def test_asked_to_the_captioner_speaks_beside_people(world: Captioned, captioned_before: bool) -> None:
    if captioned_before:
        world.ingest()
    report = world.give(TWO, caption_all=True)
    assert report.captioned == (0 if captioned_before else 2)
    red = world.record()
    assert (red.caption, red.generated, red.captioner) == ("A boat, at sea", "a red picture", "colour-captioner-1")
    assert red.texts == ("A boat, at sea", "two sailors", "a red picture") and "picture" in red.words
    assert world.give(TWO, caption_all=True).captioned == 0 == world.index.count(UNTOLD)
    world.give("red.png,a red barn\n")
    assert world.record().texts == ("a red barn", "a red picture")


def test_names_that_match_nothing_or_too_much_are_told(world: Captioned) -> None:
    world.picture("other/blue.png", "green")
    report = world.give("red.png,boat\nmissing.png,nothing\nblue.png,sky\nred.png,\n")
    assert (report.human_captions, report.captions_unmatched, report.captions_ambiguous) == (1, 1, 1)
    told = "\n".join(report.notices)
    assert "1 of 3 names are of no image here: missing.png" in told
    assert "blue.png (other/blue.png, sub/blue.png)" in told and "1 captions are empty" in told
    assert report.exit_code == 0


def test_bad_rows_are_told_with_their_lines_and_the_others_taken(world: Captioned) -> None:
    report = world.give("image,caption\n" + "red.png,boat\n" * 20 + "red.png\n" + "red.png,ship\n")
    assert (report.human_captions, world.record().captions, report.exit_code) == (1, ("boat", "ship"), 0)
    (told,) = report.notices
    assert "1 of 22 rows cannot be read and were left out: line 22: it has 1 of 2 columns" in told


def test_metadata_of_a_folder_of_datasets_are_about_that_folder(world: Captioned) -> None:
    world.picture("train/blue.png", "red", width=41)
    path = world.folder / "train" / "metadata.jsonl"
    path.write_text('{"file_name": "blue.png", "text": "a boat"}\n{"file_name": "../red.png", "text": "a ship"}\n')
    given = SourceCaptions(read_captions(path), (world.store(str(world.folder)).source,))
    report = Report()
    for _ in run_ingest(world.parts(world.options()), [world.store(str(world.folder))], report, human_captions=[given]):
        pass
    assert (report.human_captions, report.captions_ambiguous, report.failed) == (2, 0, 0)
    assert world.record("train/blue.png").captions == ("a boat",)
    assert world.record("red.png").captions == ("a ship",)


def test_they_outlive_that_their_picture_cannot_be_read(world: Captioned) -> None:
    world.give(TWO)
    before = world.record()
    (world.folder / "red.png").write_bytes(b"no picture")
    report = world.ingest()
    failed = world.record()
    assert report.failed == 1 and failed.status == "failed" and failed.captions == before.captions
    assert not found(world, "boat") and not world.index.vectors([failed.id], "caption")
    world.picture("red.png", "red", width=50)
    assert world.ingest().updated == 1
    after = world.record()
    assert (after.status, after.texts, after.words) == ("indexed", before.texts, before.words)
    assert found(world, "boat") == ["red.png"] and after.caption_score is not None
    np.testing.assert_allclose(
        world.index.vectors([after.id], "caption")[after.id],
        unit(world.encoder.encode_texts(before.captions).vectors.mean(axis=0)),
        atol=1e-6,
    )


def test_they_can_be_given_to_a_picture_that_cannot_be_read_yet(world: Captioned) -> None:
    (world.folder / "red.png").write_bytes(b"no picture")
    assert world.give(TWO).human_captions == 1
    assert world.index.count(FAILED) == 1
    world.picture("red.png", "red")
    world.ingest()
    assert found(world, "boat") == ["red.png"]
    assert world.index.vectors([world.record().id], "caption")


def test_another_picture_under_the_name_keeps_people_s_words_and_drops_the_model_s(world: Captioned) -> None:
    world.give(TWO, caption_all=True)
    Image.new("RGB", (40, 30), "green").save(world.folder / "red.png")
    world.ingest(captions=False)
    red = world.record()
    assert red.texts == ("A boat, at sea", "two sailors") and red.captioner is None and "picture" not in red.words


def test_a_renamed_picture_takes_them_along(world: Captioned) -> None:
    world.give(TWO, caption_all=True)
    before = world.record()
    (world.folder / "red.png").rename(world.folder / "boat.png")
    assert world.ingest().reused == 1
    assert world.record("boat.png").texts == before.texts
