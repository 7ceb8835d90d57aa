"""Records and their payloads."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.image import ImageRecord, from_payload, payload_documents, to_payload
from core.domain.metadata import PRECISIONS, FileText
from core.domain.result import Hit, SearchResult
from core.domain.text_lines import TextLine
from tests.support.made_up_images import record

NOW = datetime(2026, 3, 4, 5, 6, 7, 890000, tzinfo=UTC)
BARE = ImageRecord(
    id="00000000-0000-5000-8000-000000000001",
    source="/photos",
    key="a/b.jpg",
    uri="/photos/a/b.jpg",
    etag="1-2",
    bytes=3,
    modified_at=NOW,
    indexed_at=NOW,
    status="indexed",
    encoder="demo",
)
OPTIONAL_TEXT = st.none() | st.text(max_size=10)


@st.composite
def records(draw: st.DrawFn) -> ImageRecord:
    times = st.datetimes(timezones=st.just(UTC))
    return ImageRecord(
        id=BARE.id,
        source=draw(st.text(max_size=10)),
        key=draw(st.text(max_size=10)),
        uri=draw(st.text(max_size=10)),
        etag=draw(st.text(max_size=10)),
        bytes=draw(st.integers(0, 2**40)),
        modified_at=draw(times),
        indexed_at=draw(times),
        status=draw(st.sampled_from(["indexed", "failed"])),
        encoder="demo",
        error=draw(OPTIONAL_TEXT),
        width=draw(st.none() | st.integers(1, 10**5)),
        height=draw(st.none() | st.integers(1, 10**5)),
        taken_at=draw(st.none() | times),
        incomplete=draw(st.none() | st.floats(0.01, 0.99)),
        taken_instant=draw(st.none() | times),
        taken_from=draw(OPTIONAL_TEXT),
        taken_precision=draw(st.none() | st.sampled_from(PRECISIONS)),
        camera=draw(OPTIONAL_TEXT),
        latitude=draw(st.none() | st.floats(-90, 90)),
        rating=draw(st.none() | st.integers(0, 5)),
        file_texts=tuple(draw(st.lists(st.builds(FileText, st.text(), st.text()), max_size=2))),
        keywords=tuple(draw(st.lists(st.text(max_size=5), max_size=3))),
        people=tuple(draw(st.lists(st.text(max_size=5), max_size=3))),
        pair=draw(OPTIONAL_TEXT),
        content_hash=draw(OPTIONAL_TEXT),
        caption=draw(OPTIONAL_TEXT),
        caption_origin=draw(st.sampled_from([None, "generated", "human"])),
        caption_score=draw(st.none() | st.floats(-1, 1)),
        captioner=draw(OPTIONAL_TEXT),
        words=tuple(draw(st.lists(st.text(max_size=5), max_size=4))),
    )


@given(records())
def test_a_record_survives_its_payload_as_json(record: ImageRecord) -> None:
    assert from_payload(record.id, json.loads(json.dumps(to_payload(record)))) == record


def test_absent_values_are_left_out_and_zero_is_not_absent() -> None:
    payload = to_payload(BARE)
    assert "caption" not in payload and "id" not in payload
    assert payload["words"] == []
    assert to_payload(from_payload(BARE.id, payload | {"caption_score": 0.0}))["caption_score"] == 0.0


def test_keys_of_a_later_version_are_ignored() -> None:
    assert from_payload(BARE.id, to_payload(BARE) | {"colour_of_the_sky": "blue"}) == BARE


def test_times_keep_their_zone() -> None:
    payload = to_payload(BARE)
    assert payload["modified_at"] == "2026-03-04T05:06:07.890000+00:00"
    eastern = from_payload(BARE.id, payload | {"taken_at": "2026-03-04T10:00:00+02:00"}).taken_at
    assert eastern == datetime(2026, 3, 4, 10, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("key", "name"), [("a/b.jpg", "b.jpg"), ("b.jpg", "b.jpg"), ("a/b/", "b"), ("/", "/"), ("", "")]
)
def test_the_name_is_the_last_part_of_the_key(key: str, name: str) -> None:
    assert from_payload(BARE.id, to_payload(BARE) | {"key": key}).name == name


def test_a_result_becomes_what_programs_read() -> None:
    captioned = from_payload(BARE.id, to_payload(BARE) | {"caption": "a dog", "words": ["dog"]})
    hits = (Hit(captioned, 0.25), Hit(BARE, None))
    result = SearchResult(hits, 7, "edge", notices=("so",), timings_ms={"total": 1.23456})
    found = json.loads(json.dumps(result.to_dict()))
    whole = {
        "hits",
        "total",
        "backend",
        "degraded",
        "as_of",
        "lacking",
        "notices",
        "timings_ms",
        "verdict",
        "matches",
        "more_matches",
    }
    assert found.keys() == whole
    assert (found["as_of"], found["lacking"]) == (None, None)
    assert (found["total"], found["backend"], found["degraded"], found["notices"]) == (7, "edge", False, ["so"])
    assert found["timings_ms"] == {"total": 1.23}
    first, second = found["hits"]
    assert (first["uri"], first["score"], first["caption"], first["words"]) == (BARE.uri, 0.25, "a dog", ["dog"])
    assert (second["id"], second["score"], second["caption"], second["words"]) == (BARE.id, None, None, [])


def test_a_payload_tells_the_same_documents_as_its_record() -> None:
    line = TextLine("Open daily", (0, 0, 1, 0, 1, 1, 0, 1), 0.9)
    made = record(1, "a harbour", places=("Tromsø", "L’Aquila"), text_lines=(line,), keywords=("boat",))
    assert payload_documents(to_payload(made)) == made.documents
    assert "tromso" in made.with_words().place_words
