"""One ranking of several lists: why a picture is where it is, and pages that join."""

from collections import Counter

import pytest

from core.domain.filtering.filters import FAILED, caption_words
from core.domain.query import LikeTerm, Query, TextTerm, Weights
from core.domain.result import Hit
from core.errors import InvalidQuery
from core.ports.rank_lists import Shortlist
from core.ports.vector_index import IndexInfo, Point
from core.search.fusion import fuse
from core.search.query_encoder import QueryEncoder
from core.search.ranker import Question, RankedMatches
from core.search.relevance import encode_bank
from core.search.service import SearchService
from tests.support.fakes import ColourEncoder, InlineDecoder, MemoryIndex
from tests.support.made_up_images import failed_point, image_id, point, record, vector

ENCODER = ColourEncoder()
WORDS_ALONE = Weights(0, 0, 1)
CAPTIONS = {
    1: "a red car",
    2: "a red umbrella on the beach",
    3: "two people on the beach",
    4: "an empty beach",
    5: None,
}


def _seen(text: str) -> object:
    return ENCODER.encode_texts([text]).vectors[0]


def _refuse() -> ColourEncoder:
    raise AssertionError("no model is needed for this")


@pytest.fixture
def index() -> MemoryIndex:
    index = MemoryIndex(IndexInfo("colours", ENCODER.fingerprint, ENCODER.dimension))
    index.upsert(
        [
            Point(record(n, caption), _seen("red" if n % 2 else "blue"), None if caption is None else _seen(caption))
            for n, caption in CAPTIONS.items()
        ]
    )
    return index


def _found(index: MemoryIndex, *terms: object, **asked: object) -> list[int]:
    service = SearchService(index, ColourEncoder, InlineDecoder)
    result = service.search(Query(terms, **asked))  # type: ignore[arg-type]
    assert result.total == len(result.hits)
    return [hit.record.bytes - 1000 for hit in result.hits]


def test_words_alone_find_the_captions_that_hold_one_and_need_no_model(index: MemoryIndex) -> None:
    service = SearchService(index, _refuse, InlineDecoder)
    result = service.search(Query((TextTerm("red beaches"),), weights=WORDS_ALONE))
    first, *others = result.hits
    assert first.record.id == image_id(2) and {hit.record.id for hit in others} == {image_id(n) for n in (1, 3, 4)}
    assert (first.matched, first.match, first.score) == (("red", "beach"), 1.0, None)
    assert first.standings.keys() == {"words"} and first.standings["words"].rank == 1
    assert result.total == 4


def test_unwanted_words_count_against_captions_and_find_nothing_themselves(index: MemoryIndex) -> None:
    beach, people = TextTerm("beach"), TextTerm("red people", -1)
    assert _found(index, beach, weights=WORDS_ALONE)[0] == 4
    assert _found(index, beach, people, weights=WORDS_ALONE) == [4, 2, 3]
    like = LikeTerm(image_id(1))
    service = SearchService(index, ColourEncoder, InlineDecoder)
    matches = {hit.record.id: hit.match for hit in service.search(Query((like, TextTerm("umbrella", -1)))).hits}
    assert matches[image_id(2)] == min(matches.values()) < 0
    assert matches[image_id(1)] == 1.0


def test_captions_count_by_the_share_of_words_in_the_query(index: MemoryIndex) -> None:
    service = SearchService(index, ColourEncoder, InlineDecoder)
    for weight, expected in ((1, 2), (0.01, 1)):
        terms = LikeTerm(image_id(1)), TextTerm("umbrella", weight)
        hits = service.search(Query(terms, weights=Weights(0.1, 0, 1))).hits
        assert hits[0].record.id == image_id(expected)


def test_every_hit_says_how_it_stands_in_every_list(index: MemoryIndex) -> None:
    result = SearchService(index, ColourEncoder, InlineDecoder).search(Query((TextTerm("a red car"),)))
    first = result.hits[0]
    assert first.record.id == image_id(1) and first.match == 1.0
    assert first.score == first.standings["image"].score
    assert {name: stands.rank for name, stands in first.standings.items()} == {"image": 1, "caption": 1, "words": 1}
    assert first.matched == ("red", "car")
    bare = next(hit for hit in result.hits if hit.record.id == image_id(5))
    assert bare.standings.keys() == {"image"} and bare.matched == ()


def test_captions_alone_find_what_has_one(index: MemoryIndex) -> None:
    assert sorted(_found(index, TextTerm("red"), weights=Weights(0, 1, 0))) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("terms", "weights"),
    [
        ((LikeTerm(image_id(1)),), WORDS_ALONE),
        ((LikeTerm(image_id(1)),), Weights(0, 1, 1)),
        ((TextTerm("the"),), WORDS_ALONE),
        ((LikeTerm(image_id(1)), TextTerm("red", -1)), Weights(0, 1, 1)),
    ],
)
def test_lists_that_a_query_cannot_be_compared_with_are_refused(
    index: MemoryIndex, terms: tuple[object, ...], weights: Weights
) -> None:
    with pytest.raises(InvalidQuery, match="compared"):
        _found(index, *terms, weights=weights)


def test_fusion_weighs_the_scaled_scores() -> None:
    image = Shortlist.cut([("a", 0.3), ("b", 0.2), ("c", 0.1)], 3)
    assert image == Shortlist([("a", 0.3), ("b", 0.2)], 0.3, 0.1)
    words = Shortlist.cut([("b", 4.0)], 3)
    scores = {"image": {"a": 0.3, "b": 0.2, "c": 0.1, "d": -0.5}, "words": {"b": 4.0, "c": 1.0, "d": -8.0}}
    matches = fuse({"image": image, "words": words}, scores, Weights(3, 0, 1))
    assert matches == pytest.approx({"a": 0.75, "b": 0.625, "c": 0.0625, "d": -0.25})
    assert fuse({"image": image, "words": Shortlist([])}, scores, Weights(3, 0, 1))["a"] == 1.0


def test_a_shortlist_ends_before_the_equals_that_its_end_would_cut_apart() -> None:
    tied = [("b", 2.0), ("a", 2.0), ("c", 1.0), ("d", 1.0)]
    assert Shortlist.cut(tied[:3], 3).ranking == [("a", 2.0), ("b", 2.0)]
    assert Shortlist.cut(tied, 10).ranking == [("a", 2.0), ("b", 2.0), ("c", 1.0), ("d", 1.0)]
    assert Shortlist.cut(tied[:2], 2) == Shortlist([], 2.0, 2.0)
    assert Shortlist.cut([], 2) == Shortlist([], None, None, whole=True)
    assert Shortlist.cut(tied[:2], 3).whole and not Shortlist.cut(tied, 4).whole


@pytest.mark.parametrize("shortlist", [1, 3, 7, 100])
@pytest.mark.parametrize("weights", [Weights(), Weights(1, 0, 0), Weights(0, 1, 1), WORDS_ALONE])
def test_pages_of_any_size_join_to_the_same_ranking(shortlist: int, weights: Weights) -> None:
    """With ties everywhere: seven vectors, three captions."""
    index = MemoryIndex(IndexInfo("colours", ENCODER.fingerprint, ENCODER.dimension))
    said = ["a red car", "red", "a blue car", None]
    points = [
        Point(record(n, said[n % 4]), vector(n % 7), vector(n % 3) if said[n % 4] else None) for n in range(1, 61)
    ]
    index.upsert([*points, failed_point(61)])
    encoder = QueryEncoder(ColourEncoder, InlineDecoder, Weights(), encode_bank)
    asked = encoder.encode(Query((TextTerm("red car"),), weights=weights), index).question
    question = Question(asked.probes, caption_words(none_of=["blue"]), weights, asked.words)
    total = index.count(question.passing) - (1 if weights.image else 0)  # the failed one

    def read(limit: int, offset: int = 0) -> list[Hit]:
        ranked = RankedMatches(index, question, shortlist)
        ids = ranked.page(limit=limit, offset=offset)
        records = index.fetch(ids)
        return ranked.hits(records[image_id] for image_id in ids)

    whole = read(1000)
    assert len(whole) == total == len({hit.record.id for hit in whole})
    matches = [hit.match for hit in whole]
    assert matches == sorted(matches, reverse=True)
    for size in (1, 7, 30):
        pages = [read(size, start) for start in range(0, total + size, size)]
        assert [hit for page in pages for hit in page] == whole
    assert Counter(len(page) for page in pages)[0] <= 1


def test_matches_are_sorted_among_themselves(index: MemoryIndex) -> None:
    query = {"weights": Weights(1, 0, 0)}
    assert _found(index, TextTerm("red"), **query)[:3] == [1, 3, 5]
    assert _found(index, TextTerm("red"), sort="modified", within=3, **query) == [5, 3, 1]
    assert _found(index, TextTerm("red"), sort="name", reverse=True, within=3, **query) == [5, 3, 1]
    service = SearchService(index, ColourEncoder, InlineDecoder)
    page = service.search(Query((TextTerm("red"),), sort="modified", within=3, limit=1, offset=1, **query))  # type: ignore[arg-type]
    assert ([hit.record.bytes for hit in page.hits], page.total) == ([1003], 3)
    assert page.hits[0].match == 1.0


def test_all_that_hold_a_word_are_matches_to_be_sorted(index: MemoryIndex) -> None:
    assert _found(index, TextTerm("beach"), weights=WORDS_ALONE, sort="modified") == [4, 3, 2]
    assert _found(index, TextTerm("beach"), weights=WORDS_ALONE, sort="modified", reverse=True) == [2, 3, 4]


def test_what_failed_is_found_by_its_status_alone(index: MemoryIndex) -> None:
    index.upsert([failed_point(6), point(7)])
    service = SearchService(index, _refuse, InlineDecoder)
    assert [hit.record.status for hit in service.search(Query(filter=FAILED)).hits] == ["failed"]
    assert service.search(Query()).total == 6
