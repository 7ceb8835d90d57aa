"""Captions filled in and renewed: from the pictures, going on where it was cut off, never over people's words."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.local.json_file import JsonFile
from core.domain.filtering.filters import UNCAPTIONED
from core.domain.filtering.parser import parse_filter
from core.domain.image import ImageRef
from core.errors import ModelUnavailable, StoreError
from core.imaging.decode_request import ImageLimits
from core.ports.encoders import Captioner
from core.ports.image_store import ImageStore
from core.ports.vector_index import CaptionUpdate
from ingest.captions.recaption_checkpoint import RecaptionCheckpoint, SourceProgress
from ingest.jobs.full_sync import run_captions
from ingest.telemetry.report import Report
from tests.integration.ingest.pipeline.test_ingest import World
from tests.support.fakes import COLOURS, ColourCaptioner


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        yield workers


class Parrot(ColourCaptioner):
    """Says the colour behind a word of its own, and counts what it is shown."""

    def __init__(self, word: str) -> None:
        self.fingerprint = f"parrot-{word}"
        self._word = word
        self.shown = 0

    def caption(self, pixels: np.ndarray) -> list[str]:
        self.shown += len(pixels)
        return [f"{self._word} {text}".strip() if self._word != "mute" else "" for text in super().caption(pixels)]


class Aviary(World):
    def caption(
        self, captioner: Captioner, *, redo: bool = False, batches: int | None = None, **options: object
    ) -> Report:
        """The command `caption`, cut off after so many steps."""
        report = Report()
        mark = RecaptionCheckpoint(JsonFile(self.folder.parent / "redo.json")) if redo else None
        unjudged = JsonFile(self.folder.parent / "unjudged_captions.json")
        parts = replace(self.parts(self.options(**options)), captioner=lambda: captioner, unjudged=unjudged)
        run = run_captions(parts, report, mark)
        for _ in islice(run, batches):
            pass
        run.close()
        return report

    def captions(self) -> dict[str, str | None]:
        return {record.key: record.caption for record in self.index.scroll()}


@pytest.fixture
def world(tmp_path: Path, decoder: DecodeWorkers) -> Aviary:
    (tmp_path / "pictures").mkdir()
    world = Aviary(tmp_path / "pictures", decoder)
    for number in range(10):
        world.picture(f"{number}.png", "red", width=20 + number)
    world.ingest()
    return world


def test_missing_captions_are_filled_in_and_no_others(world: Aviary) -> None:
    world.picture("new.png", "blue")
    world.ingest(captions=False)
    report = world.caption(Parrot("polly"))
    assert (report.captioned, report.pending_captions, report.exit_code) == (1, 0, 0)
    assert world.captions().pop("new.png") == "polly a blue picture"
    assert [text for text in world.captions().values() if text == "a red picture"] == ["a red picture"] * 10
    assert world.caption(Parrot("polly")).captioned == 0


def test_redo_reads_the_pictures_at_their_source(world: Aviary) -> None:
    for image_id in world.thumbnails.ids():
        world.thumbnails.put(image_id, b"damaged")
    missing = next(world.thumbnails.ids())
    world.thumbnails.delete([missing])
    report = world.caption(Parrot("polly"), redo=True)
    assert (report.captioned, report.uncaptioned, report.exit_code) == (10, 0, 0)
    assert set(world.captions().values()) == {"polly a red picture"}
    record = world.index.fetch([missing])[missing]
    assert record.captioner == "parrot-polly" and record.words == ("polly", "red", "picture")
    assert record.caption_score is not None
    assert world.thumbnails.get(missing) is not None, "a thumbnail that is missing is made again"
    assert not (world.folder.parent / "redo.json").exists()


def test_what_only_its_name_tells_of_a_picture_is_known_when_it_is_read_again(world: Aviary) -> None:
    picture = world.folder / "old.tga"
    Image.new("RGB", (40, 30), "red").save(picture)
    picture.write_bytes(picture.read_bytes()[:-26])  # as programs wrote it before TGA had a footer
    world.ingest()
    for image_id in world.thumbnails.ids():
        world.thumbnails.delete([image_id])
    assert world.caption(Parrot("polly"), redo=True).uncaptioned == 0
    assert world.captions()["old.tga"] == "polly a red picture"


def test_people_s_words_are_never_renewed(world: Aviary) -> None:
    first, second = world.index.scroll()[:2]
    vector = world.encoder.encode_texts(["mine"]).vectors[0]
    world.index.set_captions([CaptionUpdate(first.id, "mine", "human", None, 0.5, vector, ("mine", "ours"))])
    world.index.set_captions([CaptionUpdate(second.id, "hers", "human", "old", 0.5, vector, ("hers",), "an old guess")])
    assert world.caption(Parrot("polly"), redo=True).captioned == 9
    records = world.index.fetch([first.id, second.id])
    assert records[first.id].texts == ("mine", "ours")
    assert records[second.id].texts == ("hers", "polly a red picture")
    assert world.caption(Parrot("coco"), redo=True, caption_all=True).captioned == 10
    assert world.index.fetch([first.id])[first.id].texts == ("mine", "ours", "coco a red picture")


def test_a_redo_that_was_cut_off_goes_on_where_it_was(world: Aviary) -> None:
    first = Parrot("polly")
    assert world.caption(first, redo=True, batches=2).captioned == 4  # where it is, and a batch of four
    held = json.loads((world.folder.parent / "redo.json").read_text())
    assert held["what"] == "parrot-polly" and [each["done"] for each in held["sources"].values()] == [4]
    second = Parrot("polly")
    report = world.caption(second, redo=True)
    assert (report.captioned, second.shown) == (6, 6) and "cut off" in report.notices[0]
    assert set(world.captions().values()) == {"polly a red picture"}
    assert world.caption(Parrot("polly"), redo=True).captioned == 10, "a redo that is complete is not gone on with"


def test_thumbnails_of_captioned_images_are_made_again(world: Aviary) -> None:
    ids = list(world.thumbnails.ids())
    world.thumbnails.delete(ids)
    gone = world.index.scroll()[0]
    (world.folder / gone.key).unlink()
    report = world.caption(Parrot("polly"))
    assert (report.captioned, report.thumbnails, report.exit_code) == (0, 9, 0)
    assert report.notices == ["1 thumbnails are missing, and their pictures cannot be had"]
    assert sorted(world.thumbnails.ids()) == sorted(set(ids) - {gone.id})
    world.thumbnails.delete(ids[:1])
    assert world.ingest().thumbnails == 0
    assert world.ingest(sweep=True).thumbnails == (ids[0] != gone.id)


def test_another_captioner_begins_anew(world: Aviary) -> None:
    world.caption(Parrot("polly"), redo=True, batches=2)
    assert world.caption(Parrot("coco"), redo=True).captioned == 10
    assert set(world.captions().values()) == {"coco a red picture"}


def test_a_picture_that_is_gone_is_told_and_keeps_its_caption(world: Aviary) -> None:
    (world.folder / "3.png").unlink()
    world.picture("4.png", "green", width=99)
    report = world.caption(Parrot("polly"), redo=True)
    assert (report.captioned, report.uncaptioned, report.exit_code) == (8, 2, 3)
    (notice,) = report.notices
    assert "2 images could not be captioned" in notice
    assert "3.png: deleted since" in notice and "4.png: another picture is there now" in notice
    captions = world.captions()
    assert captions.pop("3.png") == captions.pop("4.png") == "a red picture"
    assert set(captions.values()) == {"polly a red picture"}


class Dead:
    """A store that answers nothing."""

    def __init__(self, source: str) -> None:
        self.source = source

    def list(self) -> Iterator[ImageRef]:
        raise StoreError("the store does not answer")

    def read(self, ref: ImageRef) -> bytes:
        raise StoreError("the store does not answer")


def test_a_store_that_is_away_is_left_for_the_next_time_and_the_others_are_done(
    world: Aviary, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = world.folder.parent / "other"
    world.picture("../other/far.png", "red", width=99)
    world.ingest(world.store(str(other)))
    source = world.store(str(other)).source
    real = world.store

    def half(name: str) -> ImageStore:
        return Dead(name) if name == source else real(name)

    monkeypatch.setattr(world, "store", half)
    report = world.caption(Parrot("polly"), redo=True)
    assert report.exit_code == 1 and "does not answer" in report.problems[0] and report.captioned == 10
    monkeypatch.setattr(world, "store", real)
    report = world.caption(Parrot("polly"), redo=True)
    assert (report.captioned, report.exit_code) == (1, 0)
    assert set(world.captions().values()) == {"polly a red picture"}


def test_empty_captions_are_on_record_and_not_tried_again(world: Aviary) -> None:
    assert world.caption(Parrot("mute"), redo=True).captioned == 10
    record = world.index.scroll()[0]
    assert (record.caption, record.caption_origin, record.words, record.caption_score) == ("", "generated", (), None)
    assert world.index.count(UNCAPTIONED) == 0 == world.caption(Parrot("polly")).captioned
    assert not world.index.vectors([record.id], "caption")


def test_without_a_captioner_there_is_an_error_where_there_is_something_to_do(world: Aviary) -> None:
    world.captioner_error = ModelUnavailable("vit-gpt2", "no network", setting="captioner")
    report = Report()
    assert list(run_captions(world.parts(world.options()), report)) == []
    with pytest.raises(ModelUnavailable):
        list(
            run_captions(
                world.parts(world.options()), report, RecaptionCheckpoint(JsonFile(world.folder.parent / "redo.json"))
            )
        )


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"what": "x", "sources": {"a": {"odd": 1}}}', b"\xff"])
def test_a_mark_that_cannot_be_read_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "redo.json").write_bytes(content)
    mark = RecaptionCheckpoint(JsonFile(tmp_path / "redo.json"))
    assert not mark.begin("x") and mark.get("a") == SourceProgress()
    mark.put("a", SourceProgress("id", 3))
    again = RecaptionCheckpoint(JsonFile(tmp_path / "redo.json"))
    assert again.begin("x") and again.get("a") == SourceProgress("id", 3)
    again.clear()
    assert not RecaptionCheckpoint(JsonFile(tmp_path / "redo.json")).begin("x")


class Script(ColourCaptioner):
    """Says of every picture what is written for its colour."""

    fingerprint = "script-1"
    language: str | None = "de"

    def __init__(self, lines: dict[str, str]) -> None:
        self._lines = lines

    def caption(self, pixels: np.ndarray) -> list[str]:
        return [self._lines.get(text.split()[1], text) for text in super().caption(pixels)]


def test_flawed_captions_are_marked_told_and_found(tmp_path: Path, decoder: DecodeWorkers) -> None:
    (tmp_path / "pictures").mkdir()
    world = Aviary(tmp_path / "pictures", decoder)
    for colour in ("red", "green", "blue", "yellow", "black"):
        world.picture(f"{colour}.png", colour)
    world.ingest(captions=False)
    said = {"red": "a picture of something", "green": "a leaf a leaf a leaf", "blue": "...", "yellow": "a sun with a"}
    report = world.caption(Script(said))
    records = {record.key.removesuffix(".png"): record for record in world.index.scroll()}
    told = {key: (record.caption, record.caption_flaw, record.words) for key, record in records.items()}
    assert told == {
        "red": ("a picture of something", "boilerplate", ()),
        "green": ("a leaf", "repeated", ("leaf",)),
        "blue": ("", "empty", ()),
        "yellow": ("a sun", None, ("sun",)),
        "black": ("a black picture", None, ("black", "picture")),
    }
    assert {record.caption_language for record in records.values()} == {"de"}
    assert report.to_dict()["caption_flaws"] == {"boilerplate": 1, "repeated": 1, "empty": 1}
    vectors = world.index.vectors([record.id for record in records.values()], "caption")
    assert {records[key].id for key in ("green", "yellow", "black")} == set(vectors), "what says nothing is no vector"
    assert world.index.count(parse_filter({"caption_flaw": ["boilerplate", "empty"]})) == 2
    assert world.index.facet("caption_flaw") == [("boilerplate", 1), ("empty", 1), ("repeated", 1)]
    assert world.index.facet("caption_language") == [("de", 5)]
    assert world.caption(Parrot("polly"), redo=True).captioned == 5
    assert world.index.facet("caption_flaw") == [], "another captioner's caption has no such flaw"


def test_people_s_words_have_no_flaw_and_their_words_stay(world: Aviary) -> None:
    first = world.index.scroll()[0]
    vector = world.encoder.encode_texts(["image"]).vectors[0]
    world.index.set_captions([CaptionUpdate(first.id, "image", "human", None, 0.5, vector, ("image",))])
    world.caption(Script({"red": "a photo of something"}), redo=True, caption_all=True)
    record = world.index.fetch([first.id])[first.id]
    assert (record.caption, record.generated, record.caption_flaw) == ("image", "a photo of something", "boilerplate")
    assert record.words == ("image",)
    np.testing.assert_allclose(world.index.vectors([first.id], "caption")[first.id], vector, atol=1e-6)


@pytest.fixture
def varied(tmp_path: Path, decoder: DecodeWorkers) -> Aviary:
    """10 pictures of red, and 10 of as many other colours."""
    (tmp_path / "pictures").mkdir()
    world = Aviary(tmp_path / "pictures", decoder)
    for number, colour in enumerate(COLOURS):
        world.picture(f"{colour}.png", colour)
        if colour != "red":
            world.picture(f"red-{number}.png", "red", width=20 + number)
    world.ingest(captions=False)
    return world


def test_one_caption_for_many_unlike_pictures_says_nothing(varied: Aviary) -> None:
    report = varied.caption(Script(dict.fromkeys(COLOURS, "a man riding a wave") | {"red": "a red wall"}))
    flaws = {record.caption: record.caption_flaw for record in varied.index.scroll()}
    assert flaws == {"a man riding a wave": "boilerplate", "a red wall": None}
    assert report.caption_flaws == {"boilerplate": 10}
    assert varied.index.facet("words") == [("red", 11), ("wall", 11)]


def test_one_caption_for_all_pictures_is_told(varied: Aviary) -> None:
    report = varied.caption(Script(dict.fromkeys(COLOURS, "a man riding a wave")))
    assert "21 of 21 pictures were given the same caption, “a man riding a wave”" in report.notices[0]


WAVE = "a man riding a wave"


def _flaws(world: Aviary) -> dict[str | None, str | None]:
    return {record.caption: record.caption_flaw for record in world.index.scroll()}


def test_captions_are_compared_with_those_of_a_run_that_was_cut_off(varied: Aviary) -> None:
    waves = Script(dict.fromkeys(COLOURS, WAVE) | {"red": "a red wall"})
    cut = varied.caption(waves, redo=True, batches=6, batch_size=4)
    assert cut.captioned == 20 and "boilerplate" not in cut.caption_flaws, "killed before the captions were compared"
    report = varied.caption(waves, batch_size=4)
    assert _flaws(varied) == {WAVE: "boilerplate", "a red wall": None}
    assert report.caption_flaws["boilerplate"] == 10
    assert not (varied.folder.parent / "unjudged_captions.json").exists()


def test_captions_are_compared_with_those_of_earlier_runs(varied: Aviary) -> None:
    waves = Script(dict.fromkeys(COLOURS, WAVE) | {"red": "a red wall"})
    late, later = [path for path in sorted(varied.folder.iterdir()) if "red" not in path.name][:2]
    kept = {path: path.read_bytes() for path in (late, later)}
    for path in kept:
        path.unlink()
    varied.ingest(captions=False, confirm_deletes=True)
    varied.caption(waves)
    assert set(_flaws(varied).values()) == {None}, "8 are few"
    for path, marked in ((late, 0), (later, 10)):
        path.write_bytes(kept[path])
        varied.ingest(captions=False)
        varied.caption(waves)
        assert varied.index.count(parse_filter({"caption_flaw": "boilerplate"})) == marked
    varied.picture("another.png", "purple", width=77)
    varied.ingest(captions=False)
    assert varied.caption(waves).caption_flaws == {"boilerplate": 1}, "known by now"


class Undecided(ColourCaptioner):
    """Has two right captions for pictures of one kind."""

    fingerprint = "undecided-1"

    def caption(self, pixels: np.ndarray) -> list[str]:
        return ["a red shirt" if int(image[0, 0].sum()) % 2 else "a red shirt on a hanger" for image in pixels]


def test_pictures_of_one_kind_keep_their_captions(tmp_path: Path, decoder: DecodeWorkers) -> None:
    (tmp_path / "pictures").mkdir()
    world = Aviary(tmp_path / "pictures", decoder)
    for number in range(40):
        world.picture(f"{number}.png", f"#{220 - number:02x}1e1e", width=20 + number)
    world.ingest(captions=False)
    world.caption(Undecided())
    assert set(_flaws(world)) == {"a red shirt", "a red shirt on a hanger"}
    assert world.index.facet("caption_flaw") == []
