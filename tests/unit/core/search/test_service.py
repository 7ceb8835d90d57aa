"""SearchService over the fakes: what is asked becomes what is found, with notices."""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.domain.filtering.filters import EVERYTHING, Filter, caption_words
from core.domain.ids import point_id
from core.domain.image import ImageRecord
from core.domain.query import ImageTerm, LikeTerm, Query, TextTerm, Weights
from core.errors import ImageNotIndexed, ImageUnreadable, InvalidQuery, ModelMismatch
from core.ports.encoders import TextEncoding
from core.ports.rank_lists import Details, Probe, Retrieval
from core.ports.vector_index import IndexInfo, Point
from core.search.service import SearchService
from core.text.analysis import analyse
from tests.support.fakes import COLOURS, ColourEncoder, InlineDecoder, MemoryIndex
from tests.support.made_up_images import image_id, point, vector

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), COLOURS[colour]).save(file, "PNG")
    return file.getvalue()


def _pixels(colour: str) -> np.ndarray:
    return np.full((1, 16, 16, 3), COLOURS[colour], np.uint8)


def _id(name: str) -> str:
    return point_id("/pictures", name)


def _record(name: str, age: int = 0, **fields: object) -> ImageRecord:
    values: dict[str, object] = {
        "id": _id(name),
        "source": "/pictures",
        "key": name,
        "uri": f"/pictures/{name}",
        "etag": "1",
        "bytes": 1,
        "modified_at": NOW - timedelta(hours=age),
        "indexed_at": NOW,
        "status": "indexed",
        "encoder": "colours-1",
    }
    return ImageRecord(**(values | fields))  # type: ignore[arg-type]


@pytest.fixture
def index() -> MemoryIndex:
    encoder = ColourEncoder()
    index = MemoryIndex(IndexInfo("colours", encoder.fingerprint, encoder.dimension))
    points = []
    for age, colour in enumerate(["red", "orange", "blue", "green"]):
        caption = f"a {colour} picture"
        record = _record(colour, age, caption=caption, caption_origin="generated", words=analyse(caption))
        points.append(Point(record, encoder.encode_images(_pixels(colour))[0]))
    points.append(Point(_record("broken", status="failed", error="damaged"), None))
    index.upsert(points)
    return index


@pytest.fixture
def service(index: MemoryIndex) -> SearchService:
    return SearchService(index, ColourEncoder, InlineDecoder)


def _refuse() -> ColourEncoder:
    raise AssertionError("no model is needed for this")


def _names(service: SearchService, query: Query) -> list[str]:
    return [hit.record.name for hit in service.search(query).hits]


def test_words_find_the_picture(service: SearchService) -> None:
    result = service.search(Query((TextTerm("blue"),), limit=2))
    assert result.hits[0].record.name == "blue"
    assert result.hits[0].score is not None and result.hits[0].score > 0.9
    assert (result.total, result.backend, result.degraded, result.notices) == (4, "memory", False, ())
    assert result.timings_ms.keys() == {"encode", "rank", "judge", "count", "total"}


def test_a_picture_finds_the_picture(service: SearchService) -> None:
    assert _names(service, Query((ImageTerm(_png("green")),), limit=1)) == ["green"]


def test_more_like_this_needs_no_model(index: MemoryIndex) -> None:
    service = SearchService(index, _refuse, InlineDecoder)
    result = service.search(Query((LikeTerm(_id("red")),)))
    assert result.hits[0].record.name == "red"
    assert result.hits[0].score == pytest.approx(1)


def test_terms_add_up_and_push_away(service: SearchService) -> None:
    both = _names(service, Query((TextTerm("blue"), ImageTerm(_png("green"))), limit=2))
    assert set(both) == {"blue", "green"}
    away = _names(service, Query((TextTerm("blue green"), TextTerm("blue", -0.5))))
    assert away[0] == "green"


def test_filters_narrow_what_is_ranked(service: SearchService) -> None:
    query = Query((TextTerm("blue"),), caption_words(none_of=["blue"], must=["picture"]))
    result = service.search(query)
    assert "blue" not in [hit.record.name for hit in result.hits]
    assert result.total == 3 == len(result.hits)


def test_browsing_lists_the_newest_and_needs_no_model(index: MemoryIndex) -> None:
    service = SearchService(index, _refuse, InlineDecoder)
    assert _names(service, Query()) == ["red", "orange", "blue", "green"]
    assert _names(service, Query(limit=2, offset=1)) == ["orange", "blue"]
    assert service.search(Query()).hits[0].score is None
    assert _names(service, Query(filter=caption_words(must=["Greens"]))) == ["green"]


def test_failed_images_are_never_found(service: SearchService) -> None:
    for query in (Query(), Query((TextTerm("red"),)), Query((ImageTerm(_png("red")),))):
        assert "broken" not in _names(service, query)


def test_pages_join_without_gap(service: SearchService) -> None:
    whole = _names(service, Query((TextTerm("red"),), limit=4))
    halves = [_names(service, Query((TextTerm("red"),), limit=2, offset=offset)) for offset in (0, 2)]
    assert halves[0] + halves[1] == whole


def test_what_the_model_does_not_know_is_said() -> None:
    class Remarkable(ColourEncoder):
        def encode_texts(self, texts: Sequence[str]) -> TextEncoding:
            encoding = super().encode_texts(texts)
            return TextEncoding(encoding.vectors, (True,), encoding.unknown)

    encoder = Remarkable(remark="it knows only colours")
    index = MemoryIndex(IndexInfo("colours", "colours-1", encoder.dimension))
    result = SearchService(index, lambda: encoder, InlineDecoder).search(Query((TextTerm("red dog"),)))
    assert result.hits == ()
    assert result.notices == (
        "it knows only colours",
        "the text is longer than the model reads: its end was not used",
        "the colours model does not know: dog",
    )


def test_what_the_demo_model_compared_is_said_without_loading_it(index: MemoryIndex) -> None:
    def never() -> ColourEncoder:
        raise AssertionError("loaded")

    index.info = IndexInfo("demo", "colours-1", ColourEncoder.dimension)
    result = SearchService(index, never, InlineDecoder).search(Query((LikeTerm(_id("red")),)))
    assert result.hits and result.notices == ("the demo model knows only its drawn scenes",)


def test_like_an_image_that_is_gone_or_failed(service: SearchService) -> None:
    for name in ("gone", "broken"):
        with pytest.raises(ImageNotIndexed):
            service.search(Query((LikeTerm(_id(name)),)))


def test_a_query_picture_that_is_none(service: SearchService) -> None:
    with pytest.raises(ImageUnreadable):
        service.search(Query((ImageTerm(b"no picture"),)))


def test_terms_that_cancel_each_other(service: SearchService) -> None:
    with pytest.raises(InvalidQuery, match="cancel"):
        service.search(Query((TextTerm("red"), TextTerm("red", -1))))


def test_one_image_by_its_id(service: SearchService) -> None:
    assert service.image(_id("broken")).error == "damaged"
    with pytest.raises(ImageNotIndexed):
        service.image(_id("gone"))


def test_a_text_is_encoded_once_for_all_pages_of_its_answer(index: MemoryIndex) -> None:
    class Counting(ColourEncoder):
        asked: list[str] = []  # noqa: RUF012

        def encode_texts(self, texts: Sequence[str]) -> TextEncoding:
            self.asked += texts
            return super().encode_texts(texts)

    encoder = Counting()
    service = SearchService(index, lambda: encoder, InlineDecoder, bank=lambda _: np.zeros((0, encoder.dimension)))
    first = service.search(Query((TextTerm("mauve"),), limit=1))
    again = service.search(Query((TextTerm("mauve"),), limit=1, offset=1))
    assert encoder.asked == ["mauve"]
    assert first.notices == again.notices == ("the colours model does not know: mauve",)


@pytest.mark.parametrize("last", range(1, 6))
def test_a_search_ends_before_the_part_that_it_may_not_do(service: SearchService, last: int) -> None:
    allowed = iter(range(last))

    def going() -> None:
        if next(allowed, None) is None:
            raise TimeoutError

    query = Query((TextTerm("blue"),))
    if last < 5:
        with pytest.raises(TimeoutError):
            service.search(query, going)
    else:
        assert service.search(query, going).hits
    assert next(allowed, None) is None


def test_a_hit_tells_the_words_that_its_caption_holds_as_it_shows_them() -> None:
    encoder = ColourEncoder()
    index = MemoryIndex(IndexInfo("colours", encoder.fingerprint, encoder.dimension))
    index.upsert([point(1, "people under the leaves"), point(2, "they leave"), point(3, "turn left")])
    service = SearchService(index, _refuse, InlineDecoder)
    query = Query((TextTerm("persons and leaves"),), weights=Weights(0, 0, 1))
    assert {hit.record.id: (hit.matched, hit.strength) for hit in service.search(query).hits} == {
        point(1).record.id: (("person", "leaf"), 1.0),
        point(2).record.id: (("leave",), 0.5),
        point(3).record.id: (("leave",), 0.5),
    }
    left = service.search(Query((TextTerm("left"),), weights=Weights(0, 0, 1)))
    assert [hit.matched for hit in left.hits] == [("left",)]


def test_facets_end_before_the_field_that_they_may_not_count(service: SearchService) -> None:
    allowed = iter(range(1))

    def going() -> None:
        if next(allowed, None) is None:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        service.facets(Query(), ["word", "source"], going=going)


def test_an_index_of_another_model_is_never_asked_with_vectors_of_this_one() -> None:
    index = MemoryIndex(IndexInfo("others", "others-1", 16))
    index.upsert([point(1, "a red car")])
    service = SearchService(index, ColourEncoder, InlineDecoder)
    with pytest.raises(ModelMismatch, match="others"):
        service.search(Query((TextTerm("red"),)))
    assert service.search(Query((LikeTerm(image_id(1)),))).total == 1
    assert service.search(Query((TextTerm("red"),), weights=Weights(0, 0, 1))).total == 1


class Recording(MemoryIndex):
    """Notes the questions that it is asked, with the ids of which vectors were wanted in details."""

    def __init__(self, info: IndexInfo) -> None:
        super().__init__(info)
        self.asked: list[str] = []
        self.compared: list[str] = []

    def retrieve(self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int) -> Retrieval:
        self.asked.append("retrieve")
        return replace(super().retrieve(probes, filter, limit=limit), stamp="one")

    def details(self, ids: Sequence[str], filter: Filter = EVERYTHING, **wanted: Any) -> Details:
        self.asked.append("details")
        self.compared = list(wanted.get("vectors", ()))
        return super().details(ids, filter, **wanted)


def test_a_question_is_asked_once_and_what_was_compared_needs_no_vectors(index: MemoryIndex) -> None:
    told = Recording(index.info)
    points = [Point(_record(f"{n}.png", caption="a red car").with_words(), vector(n)) for n in range(30)]
    told.upsert(points)
    prompts = [f"{one} {other}" for one in COLOURS for other in COLOURS]
    bank = ColourEncoder().encode_texts(prompts).vectors
    service = SearchService(told, ColourEncoder, InlineDecoder, bank=lambda _: bank)
    text, like = Query((TextTerm("a red car"),), limit=5), Query((LikeTerm(_id("3.png")),), limit=5)
    first = service.search(text)
    assert told.asked == ["retrieve", "details"] and len(told.compared) == 30
    again = service.search(text)
    assert told.compared == []  # what the prompts score is kept
    assert (again.hits, again.matches) == (first.hits, first.matches)
    told.asked.clear()
    service.search(like)
    assert told.asked == ["retrieve", "details"] and told.compared == []
