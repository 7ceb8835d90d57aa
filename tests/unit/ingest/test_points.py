"""What a file says of itself, beside what people and captioners say, in the record of an image."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.domain.filtering.filters import PEOPLE_ALONE, UNCAPTIONED, UNTOLD
from core.domain.image import ImageRecord, ImageRef, to_payload
from core.domain.metadata import NO_METADATA, FileText, PictureMetadata, TakenTime
from core.domain.vectors import Vector
from core.imaging.decode_request import Decoded
from core.ports.vector_index import IndexInfo, Point
from core.text import analysis
from ingest.pipeline.caption_updates import CaptionTexts, caption_updates
from ingest.pipeline.fetch_and_decode import Failed
from ingest.pipeline.plan import Step
from ingest.pipeline.point_writer import _merge_captions
from ingest.pipeline.points import Donors, build_failed_point, build_indexed_point, build_refreshed_point
from tests.support.fakes import ColourEncoder, MemoryIndex
from tests.support.made_up_images import START, image_id, vector

TOLD = PictureMetadata(
    TakenTime(datetime(2020, 1, 1, 0, 30), "EXIF DateTimeOriginal", offset=timedelta(hours=9)),
    camera="Canon EOS R5",
    latitude=48.1,
    longitude=11.6,
    rating=4,
    texts=(FileText("An old red lighthouse", "XMP description"), FileText("Lighthouse", "IPTC title")),
    keywords=("sea side", "gulls"),
    people=("Anna Smith",),
)
KEYWORDS = PictureMetadata(keywords=("sea side",))


class CountingEncoder(ColourEncoder):
    texts = 0

    def encode_texts(self, texts):  # type: ignore[no-untyped-def]
        self.texts += len(texts)
        return super().encode_texts(texts)


@pytest.fixture
def index() -> MemoryIndex:
    return MemoryIndex(IndexInfo("colours", "colours-1", 16))


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


def step(known: ImageRecord | None = None, captions: tuple[str, ...] = (), n: int = 1) -> Step:
    ref = ImageRef("file:///p", f"{n}.jpg", f"file:///p/{n}.jpg", "e", 10, START, captions=captions)
    return Step("update" if known else "add", image_id(n), ref, known)


def decoded(metadata: PictureMetadata = TOLD, content_hash: str = "aa") -> Decoded:
    return Decoded(640, 480, content_hash, metadata=metadata)


def mean(encoder: ColourEncoder, *texts: str) -> Vector:
    rows = encoder.encode_texts(texts).vectors.mean(axis=0)
    return np.asarray(rows / np.linalg.norm(rows), np.float32)


def test_what_the_file_says_is_its_caption_and_is_searched(index: MemoryIndex, encoder: CountingEncoder) -> None:
    point = build_indexed_point(step(), decoded(), vector(1), index, encoder)
    made = point.record
    assert (made.caption, made.caption_origin, made.captions) == ("An old red lighthouse", "file", ())
    assert made.texts == ("An old red lighthouse", "Lighthouse")
    assert made.origins == (("An old red lighthouse", "XMP description"), ("Lighthouse", "IPTC title"))
    assert {"lighthouse", "sea", "side", "gull", "anna", "smith"} <= set(made.words)
    assert point.caption == pytest.approx(mean(encoder, *made.texts))
    assert (made.camera, made.rating, made.latitude) == ("Canon EOS R5", 4, 48.1)
    payload = to_payload(made)
    assert not UNCAPTIONED.matches(payload) and PEOPLE_ALONE.matches(payload) and UNTOLD.matches(payload)


def test_a_picture_with_keywords_alone_is_still_to_be_captioned(index: MemoryIndex, encoder: CountingEncoder) -> None:
    point = build_indexed_point(step(), decoded(KEYWORDS), vector(1), index, encoder)
    assert (point.record.caption, point.record.caption_origin, point.caption) == (None, None, None)
    assert point.record.words == ("sea", "side") and encoder.texts == 0
    assert UNCAPTIONED.matches(to_payload(point.record))
    index.upsert([point])
    texts = CaptionTexts(point.record, (), "a red boat", "captioner")
    index.set_captions(caption_updates(index, lambda: encoder, [texts]))
    made = index.fetch([image_id(1)])[image_id(1)]
    assert (made.caption, made.caption_origin, made.captioner) == ("a red boat", "generated", "captioner")
    assert made.words == ("red", "boat", "sea", "side") and made.origins == (("a red boat", "generated"),)


def test_captions_of_people_come_before_those_of_the_file(index: MemoryIndex, encoder: CountingEncoder) -> None:
    point = build_indexed_point(step(captions=("my tower", "at noon")), decoded(), vector(1), index, encoder)
    made = point.record
    assert (made.caption, made.caption_origin, made.captions) == ("my tower", "human", ("my tower", "at noon"))
    assert made.texts == ("my tower", "at noon", "An old red lighthouse", "Lighthouse")
    assert point.caption == pytest.approx(mean(encoder, "my tower", "at noon"))
    assert {"tower", "noon", "lighthouse", "gull"} <= set(made.words)


def test_a_captioner_adds_to_what_the_file_says(index: MemoryIndex, encoder: CountingEncoder) -> None:
    index.upsert([build_indexed_point(step(), decoded(), vector(1), index, encoder)])
    record = index.fetch([image_id(1)])[image_id(1)]
    texts = replace(CaptionTexts.of(record), generated="a tower", captioner="captioner")
    index.set_captions(caption_updates(index, lambda: encoder, [texts]))
    made = index.fetch([image_id(1)])[image_id(1)]
    assert (made.caption, made.caption_origin, made.generated) == ("An old red lighthouse", "file", "a tower")
    assert made.origins[-1] == ("a tower", "generated")
    payload = to_payload(made)
    assert not PEOPLE_ALONE.matches(payload) and not UNTOLD.matches(payload)
    assert CaptionTexts.of(made) == replace(texts, record=made)


def test_another_file_brings_other_words_and_keeps_what_people_wrote(
    index: MemoryIndex, encoder: CountingEncoder
) -> None:
    known = build_indexed_point(step(captions=("my tower",)), decoded(), vector(1), index, encoder)
    index.upsert([known])
    encoder.texts = 0
    changed = build_indexed_point(step(known.record), decoded(KEYWORDS, "bb"), vector(2), index, encoder)
    assert (changed.record.caption, changed.record.caption_origin) == ("my tower", "human")
    assert changed.record.words == ("tower", "sea", "side") and changed.record.file_texts == ()
    assert changed.caption is not None and encoder.texts == 0  # the vector on record is of the same text
    failed = build_failed_point(Failed(step(known.record), "broken", transient=False), "colours-1")
    assert (failed.record.caption, failed.record.words) == ("my tower", ("tower",))


def test_refreshed_metadata_change_words_and_encode_no_picture(index: MemoryIndex, encoder: CountingEncoder) -> None:
    index.upsert([build_indexed_point(step(), decoded(), vector(1), index, encoder)])
    known = index.fetch([image_id(1)])[image_id(1)]
    encoder.texts = 0
    same = build_refreshed_point(known, replace(TOLD, rating=5), index, encoder)
    assert (same.record, encoder.texts) == (replace(known, rating=5), 0)
    assert np.array_equal(same.caption, index.vectors([known.id], "caption")[known.id])
    index.upsert([build_refreshed_point(known, NO_METADATA, index, encoder)])
    bare = index.fetch([known.id])[known.id]
    assert (bare.caption, bare.caption_origin, bare.words, bare.camera, bare.taken_at) == (None, None, (), None, None)
    assert index.vectors([known.id], "caption") == {} and UNCAPTIONED.matches(to_payload(bare))
    again = build_refreshed_point(bare, TOLD, index, encoder)
    assert replace(again.record, caption_score=known.caption_score) == known
    assert again.record.caption_score == pytest.approx(known.caption_score)
    texts = CaptionTexts(bare, (), "a tower", "captioner")
    index.set_captions(caption_updates(index, lambda: encoder, [texts]))
    generated = index.fetch([known.id])[known.id]
    both = build_refreshed_point(generated, TOLD, index, encoder).record
    assert (both.caption_origin, both.generated, both.captioner) == ("file", "a tower", "captioner")


def test_a_copy_reuses_vectors_unless_other_files_beside_it_speak(index: MemoryIndex, encoder: CountingEncoder) -> None:
    first = build_indexed_point(step(), decoded(), vector(1), index, encoder)
    index.upsert([first])
    donors = Donors(index, ["aa"])
    copy = donors.point(step(n=2), decoded(replace(TOLD, rating=1)))
    assert copy is not None
    assert copy.record.caption_origin == "file" and copy.record.rating == 1 and copy.record.words == first.record.words
    assert np.array_equal(copy.caption, first.caption)
    assert donors.point(step(n=2), decoded(KEYWORDS)) is None


def test_times_are_told_by_the_clock_where_they_were_taken(index: MemoryIndex, encoder: CountingEncoder) -> None:
    def taken(metadata: PictureMetadata) -> ImageRecord:
        return build_indexed_point(step(), decoded(metadata), vector(1), index, encoder).record

    tokyo = taken(TOLD)
    assert (tokyo.taken_at, tokyo.taken_instant) == (
        datetime(2020, 1, 1, 0, 30, tzinfo=UTC),
        datetime(2019, 12, 31, 15, 30, tzinfo=UTC),
    )
    assert tokyo.local_taken == "2020-01-01T00:30:00+09:00"
    unknown = taken(PictureMetadata(TakenTime(datetime(2019, 7, 1), "IPTC date", "month")))
    assert (unknown.local_taken, unknown.taken_instant) == ("2019-07-01T00:00:00", None)
    assert taken(NO_METADATA).local_taken is None


def test_words_of_an_older_record_are_those_of_its_captions() -> None:
    legacy = ImageRecord(
        "i", "s", "k", "u", "e", 1, START, START, "indexed", "m", caption="a dog", caption_origin="human"
    )
    told = CaptionTexts.of(legacy)
    assert (told.human, told.texts) == (("a dog",), ("a dog",))
    assert told.apply().words == analysis.analyse("a dog")
    assert Point(told.apply(), None).record.captions == ("a dog",)


def test_new_words_of_people_leave_the_flaw_of_a_caption_beside_them(
    index: MemoryIndex, encoder: CountingEncoder
) -> None:
    point = build_indexed_point(step(captions=("a boat",)), decoded(NO_METADATA), vector(1), index, encoder)
    beside = CaptionTexts(point.record, ("a boat",), "a picture of something", "blip", "boilerplate", "en").apply()
    changed = _merge_captions(beside, ("a ship",))
    assert changed.texts == ("a ship",)
    assert (changed.apply().caption_flaw, changed.apply().caption_language) == ("boilerplate", "en")
