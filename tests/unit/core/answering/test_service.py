"""Questions to pictures: read from their sources, or else from thumbnails, in their order, within their time."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from PIL import Image

from core.answering.service import AnswerService
from core.domain.ids import point_id
from core.domain.image import ImageRecord, ImageRef
from core.errors import (
    AnswererMissing,
    AnswerLate,
    ImageChanged,
    ImageGone,
    ImageUnreadable,
    InvalidQuery,
    SourceNotFound,
)
from core.ports.encoders import Answerer
from core.ports.image_store import ImageStore
from tests.support.fakes import COLOURS, ColourAnswerer, InlineDecoder

WHAT = "what colour is it?"


def _picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (20, 20), COLOURS[colour]).save(out, "PNG")
    return out.getvalue()


class Shelf:
    """A source of pictures in memory; what is no picture is the error that reading raises."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | Exception] = {}
        self.thumbnails: dict[str, bytes] = {}
        self.opened: list[str] = []

    def add(self, key: str, colour: str) -> ImageRecord:
        data, now = _picture(colour), datetime(2026, 1, 1, tzinfo=UTC)
        self.files[key] = data
        image_id, content = point_id("shelf", key), hashlib.sha256(data).hexdigest()
        self.thumbnails[image_id] = data
        return ImageRecord(
            image_id, "shelf", key, f"shelf/{key}", "e", 1, now, now, "indexed", "f", content_hash=content
        )

    def read(self, ref: ImageRef) -> bytes:
        found = self.files[ref.key]
        if isinstance(found, Exception):
            raise found
        return found

    def open(self, source: str, *, patience_s: float | None = None) -> ImageStore:
        self.opened.append(source)
        if source != "shelf":
            raise SourceNotFound(source, "there is no such source")
        return self  # type: ignore[return-value]  # reads alone


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def _service(shelf: Shelf, answerer: Answerer | None = None, seconds: float = 30) -> AnswerService:
    made = answerer or ColourAnswerer()
    return AnswerService(lambda: made, InlineDecoder, shelf.open, shelf.thumbnails.get, seconds)


def test_a_picture_in_a_file_is_asked(shelf: Shelf) -> None:
    answer = _service(shelf).ask_picture(_picture("red"), WHAT)
    assert answer.to_dict() == {
        "id": None,
        "uri": None,
        "answer": "it is red",
        "truncated": None,
        "asked_of": "picture",
        "problem": None,
    }
    assert answer.remarks == () and not shelf.opened


def test_an_image_is_read_from_its_source(shelf: Shelf) -> None:
    record = shelf.add("a.png", "blue")
    answer = _service(shelf).ask_image(record, WHAT)
    assert (answer.text, answer.asked_of, answer.record) == ("it is blue", "picture", record)
    assert shelf.opened == ["shelf"]


def _go(shelf: Shelf, record: ImageRecord) -> ImageRecord:
    shelf.files[record.key] = ImageGone("it is gone")
    return record


def _change(shelf: Shelf, record: ImageRecord) -> ImageRecord:
    shelf.files[record.key] = ImageChanged(record.ref)
    return record


def _overwrite(shelf: Shelf, record: ImageRecord) -> ImageRecord:
    shelf.files[record.key] = _picture("green")
    return record


def _damage(shelf: Shelf, record: ImageRecord) -> ImageRecord:
    shelf.files[record.key] = b"no picture"
    return record


def _unmount(shelf: Shelf, record: ImageRecord) -> ImageRecord:
    return replace(record, source="away")


@pytest.mark.parametrize(
    ("harm", "why"),
    [(_go, "gone"), (_change, "another"), (_overwrite, "another"), (_damage, "cannot"), (_unmount, "no such source")],
)
def test_a_picture_that_cannot_be_had_is_asked_of_its_thumbnail_and_that_is_told(
    shelf: Shelf, harm: Callable[[Shelf, ImageRecord], ImageRecord], why: str
) -> None:
    record = harm(shelf, shelf.add("a.png", "blue"))
    answer = _service(shelf).ask_image(record, WHAT)
    assert (answer.text, answer.asked_of) == ("it is blue", "thumbnail")
    assert why in (answer.problem or "") and answer.remarks[0].startswith("asked of the thumbnail: ")
    shelf.thumbnails[record.id] = b"damaged"
    with pytest.raises(ImageUnreadable, match="its thumbnail is damaged"):
        _service(shelf).ask_image(record, WHAT)
    del shelf.thumbnails[record.id]
    with pytest.raises(ImageUnreadable, match="no thumbnail"):
        _service(shelf).ask_image(record, WHAT)


def test_many_are_asked_in_their_order_and_one_that_cannot_be_read_ends_nothing(shelf: Shelf) -> None:
    names = [*COLOURS][:7]
    records = [shelf.add(f"{name}.png", name) for name in names]
    shelf.files["green.png"] = ImageGone("it is gone")
    del shelf.thumbnails[records[names.index("green")].id]
    answerer = ColourAnswerer()
    answers = list(_service(shelf, answerer).ask_images(records, WHAT))
    assert [answer.record for answer in answers] == records
    assert [answer.text for answer in answers] == [None if name == "green" else f"it is {name}" for name in names]
    lost = answers[names.index("green")]
    assert lost.asked_of is None and lost.problem == "it is gone, and it has no thumbnail"
    assert [(count, seconds) for count, _, seconds in answerer.asked] == [(3, 90), (3, 90)]
    assert list(_service(shelf).ask_images([], WHAT)) == []


def test_when_the_time_is_over_a_part_is_an_answer_and_nothing_is_an_error(shelf: Shelf) -> None:
    record = shelf.add("a.png", "blue")
    service = _service(shelf, ColourAnswerer({"slow?": 2, "slower?": 0}), seconds=0.5)
    answer = service.ask_image(record, "slow?")
    assert (answer.text, answer.truncated) == ("it is", "time") and "time" in answer.remarks[0]
    assert service.ask_picture(_picture("red"), "slow?").truncated == "time"
    for ask in (lambda: service.ask_image(record, "slower?"), lambda: service.ask_picture(_picture("red"), "slower?")):
        with pytest.raises(AnswerLate, match=r"no answer within 0\.5 s"):
            ask()
    late = next(service.ask_images([record], "slower?"))
    assert (late.text, late.asked_of) == (None, "picture") and late.remarks == (late.problem,)
    assert late.problem == "the model gave no answer within 0.5 s"


def test_it_ends_between_pictures_when_nobody_waits(shelf: Shelf) -> None:
    records = [shelf.add(f"{name}.png", name) for name in COLOURS]
    answerer, calls = ColourAnswerer(), []

    def going() -> None:
        calls.append(1)
        if len(calls) > 6:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        list(_service(shelf, answerer).ask_images(records, WHAT, going))
    assert len(answerer.asked) == 1


def test_what_is_no_question_is_refused_before_anything_is_read(shelf: Shelf) -> None:
    record = shelf.add("a.png", "blue")
    with pytest.raises(InvalidQuery):
        _service(shelf).ask_image(record, " ")
    with pytest.raises(InvalidQuery):
        _service(shelf).ask_picture(b"no picture", "x" * 501)
    assert not shelf.opened


def test_a_file_that_is_no_picture_is_refused(shelf: Shelf) -> None:
    with pytest.raises(ImageUnreadable):
        _service(shelf).ask_picture(b"no picture", WHAT)


def test_without_a_model_nothing_is_read(shelf: Shelf) -> None:
    def missing() -> Answerer:
        raise AnswererMissing

    service = AnswerService(missing, InlineDecoder, shelf.open, shelf.thumbnails.get, 30)
    with pytest.raises(AnswererMissing, match="set `answerer` to blip-vqa-base or blip2"):
        service.ask_image(shelf.add("a.png", "blue"), WHAT)
    assert not shelf.opened
