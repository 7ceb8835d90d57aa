"""Random libraries, filters and queries: a search answers as plain numpy over all of the library does."""

import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domain.filtering.conditions import (
    Between,
    During,
    KeyGlob,
    KeyPrefix,
    Match,
    Missing,
    Named,
    Near,
    Phrase,
    WithinBox,
)
from core.domain.filtering.filters import INDEXED, Condition, Filter, oriented, taken_in
from core.domain.image import to_payload
from core.domain.query import LikeTerm, Query, Sort, Term, TextTerm, Weights
from core.domain.result import Hit
from core.domain.sort_orders import in_order
from core.domain.text_lines import TextLine
from core.domain.vectors import unit
from core.errors import InvalidQuery
from core.ports.vector_index import Point, VectorIndex
from core.search.facets import FACETS, FacetField, holding
from core.search.service import SearchService
from core.text import analysis
from core.text.bm25 import document_weights, page_weights, pair_id
from core.text.word_lists import WORD_FIELDS, WordListName
from tests.support.fakes import ColourEncoder, InlineDecoder
from tests.support.made_up_images import START, image_id, record, vector

VOCABULARY = ["red", "blue", "dogs", "dog", "night", "umbrellas", "the", "on", "two", "Café", "it's"]
LINES = ["RED", "no dogs", "two red umbrellas", "24 h", "night"]
KEYS = [
    "2024/beach.jpg",
    "2024/Beach 2.jpg",
    "2024/beach 10.jpg",
    "2025/a[1].png",
    "raw/*.tif",
    "é/ü.jpg",
    "top\n.jpg",
    "2025/redUmbrella.jpg",
]
SIZES = [(640, 480), (480, 640), (500, 500), (501, 500), (1920, 1080), (50_000, 1), (None, None)]
TIMES = [START, START + timedelta(microseconds=1), START + timedelta(days=1), datetime(1969, 7, 20, 20, 17, tzinfo=UTC)]
TEXTS = ["red", "blue", "red blue", "green", "a dog at night", "two red umbrellas", "the", "nowhere to be found"]
CAMERAS = ["Canon EOS R5", "canon eos r5", "Canon EOS R5m2", "Apple iPhone 12", "\u30e9\u30a4\u30ab M"]
NAMES = ["the", "on", "it's", "\N{DOG FACE}"]  # keywords and people that no words come of
PLACES = [
    (48.1, 11.6),
    (48.14, 11.6),
    (0.0, 180.0),
    (0.0, -180.0),
    (0.0, 179.99),
    (90.0, 0.0),
    (89.99, 180.0),
    (-90.0, 5.0),
]
TOWNS = [
    {},
    {"places": ("Alfama", "Lisbon", "Portugal"), "city": "Lisbon", "region": "Lisbon", "country": "Portugal"},
    {"places": ("Porto", "Portugal"), "city": "Porto", "country": "Portugal"},
    {"places": ("São Paulo", "Brazil", "Brasil"), "city": "São Paulo", "region": "São Paulo", "country": "Brazil"},
    {"places": ("sea",)},
    {"places": ("Red Dogs", "Café")},
    {"places": ("Blue Night",)},
]
COUNT = 24

_captions = st.none() | st.lists(st.sampled_from(VOCABULARY), max_size=6).map(" ".join)
_vectors = st.integers(0, 7).map(vector) | st.sampled_from(TEXTS[:4]).map(
    lambda text: ColourEncoder().encode_texts([text]).vectors[0]
)


_names = st.lists(st.sampled_from(NAMES), unique=True, max_size=2).map(tuple)


@st.composite
def libraries(draw: st.DrawFn) -> list[Point]:
    """Few vectors, times, names and contents, so that they tie; one image in six failed."""
    points = []
    for n in range(1, draw(st.integers(1, COUNT)) + 1):
        caption = draw(_captions)
        width, height = draw(st.sampled_from(SIZES))
        made = replace(
            record(n, caption),
            key=draw(st.sampled_from(KEYS)),
            source=draw(st.sampled_from(["file:///a", "s3://b/c"])),
            modified_at=draw(st.sampled_from(TIMES)),
            taken_at=draw(st.none() | st.sampled_from(TIMES)),
            width=width,
            height=height,
            content_hash=draw(st.none() | st.sampled_from(["aa", "bb", "cc"])),
        )
        if draw(st.booleans()):
            place = draw(st.sampled_from([(None, None), *PLACES]))
            made = replace(
                made,
                camera=draw(st.none() | st.sampled_from(CAMERAS)),
                lens=draw(st.none() | st.sampled_from(["EF50mm f/1.8 STM", "EF 50mm"])),
                latitude=place[0],
                longitude=place[1],
                rating=draw(st.none() | st.integers(0, 5)),
                incomplete=draw(st.none() | st.sampled_from([0.1, 0.62])),
                keywords=draw(_names),
                people=draw(_names),
                **draw(st.sampled_from(TOWNS)),
            )
        if caption is not None:
            made = replace(made, caption_origin=draw(st.sampled_from(["human", "generated"])))
        if draw(st.booleans()):
            line = TextLine(draw(st.sampled_from(LINES)), (0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0), 0.9)
            made = replace(made, text_lines=(line,), text_reader="made")
        made = made.with_words()
        if draw(st.integers(0, 5)) == 0:
            points.append(Point(replace(made, status="failed", error="broken"), None))
        else:
            points.append(Point(made, draw(_vectors), draw(_vectors) if made.words else None))
    return points


def _between(field: str, low: float | None, high: float | None) -> Condition:
    return Between(field, *((low, high) if None in (low, high) or low <= high else (high, low)))  # type: ignore


_sizes = st.none() | st.sampled_from([0, 1, 480, 500, 501, 640, 1920, 50_000, 60_000])
_aspects = st.none() | st.sampled_from([0.5, 0.75, 1, 1.001, 4 / 3, 16 / 9, 50_000])
_times = st.none() | st.sampled_from(TIMES)
_simple = st.one_of(
    st.builds(
        Match,
        st.just("words"),
        st.lists(st.sampled_from(["red", "blue", "dog", "absent"]), min_size=1, max_size=3).map(tuple),
    ),
    st.sampled_from(
        [
            Match("source", ("s3://b/c",)),
            Match("source", ("file:///a", "nowhere")),
            Match("caption_origin", ("human",)),
            Match("status", ("failed", "indexed")),
        ]
    ),
    st.sampled_from(["words", "caption_origin", "taken_at", "width", "aspect"]).map(Missing),
    st.sampled_from(["camera", "lens", "keywords", "people", "rating", "incomplete", "latitude", "pair"]).map(Missing),
    st.builds(
        Named,
        st.just("camera"),
        st.sampled_from(
            ["canon", "EOS R5", "iphone", "Canon EOS R5m2", "*r5*", "[ac]*", "\u30e9\u30a4\u30ab", "nothing"]
        ),
    ),
    st.builds(Named, st.sampled_from(["keywords", "people", "lens"]), st.sampled_from(["THE", "\N{DOG FACE}", "50mm"])),
    st.builds(Match, st.sampled_from(["camera", "keywords", "people"]), st.sampled_from([("the",), ("canon eos r5",)])),
    st.builds(
        lambda place, meters: Near(*place, meters),
        st.sampled_from([*PLACES, (48.1, 11.7), (0, -179.99)]),
        st.sampled_from([1, 4500, 1_200_000, 10_010_000, 20_100_000]),
    ),
    st.builds(
        lambda latitudes, west, east: WithinBox(min(latitudes), west, max(latitudes), east),
        st.tuples(*2 * [st.sampled_from([-90, -48.1, 0, 48.1, 48.12, 89.99, 90.0])]),
        *2 * [st.sampled_from([-180, -179.99, 0, 11.6, 179.99, 180.0])],
    ),
    st.sampled_from(
        ["lisbon", "Portugal, Lisbon", "sao paulo", "PORTO", "*ama", "sea", "Lisbon Brazil", "the", "nowhere"]
    ).map(taken_in),
    st.sampled_from(["places", "city", "country"]).map(Missing),
    st.sampled_from(
        [Between("rating", 4), Between("rating", 0, 0), Between("rating", 1.5, 3), Between("incomplete", high=0.5)]
    ),
    st.tuples(st.sampled_from(["width", "height"]), _sizes, _sizes)
    .filter(lambda given: given[1:] != (None, None))
    .map(lambda given: _between(*given)),
    st.tuples(st.just("aspect"), _aspects, _aspects)
    .filter(lambda given: given[1:] != (None, None))
    .map(lambda given: _between(*given)),
    st.tuples(st.sampled_from(["taken_at", "modified_at"]), _times, _times)
    .filter(lambda given: given[1:] != (None, None) and (None in given[1:] or given[1] < given[2]))
    .map(lambda given: During(*given)),
    st.sampled_from(["2024/", "2024/beach", "é", "raw/*", "nothing"]).map(KeyPrefix),
    st.sampled_from(
        [
            *("*", "2024/*", "*.jpg", "*each*", "????/*", "*/[bB]each ?*.jpg", "2025/a[[]1].png", "raw/[*]*", "top*"),
            *("[", "*.JPG", "2024/BEACH*", "*[B-C]EACH*", "E\u0301/*", "*/Ü.*", "RAW/*", "TOP?.j*"),
        ]
    ).map(KeyGlob),
    st.sampled_from(["red dogs", "dog", "The CAFE", "on the", "night umbrellas", "blue blue", "its", "it's"]).map(
        Phrase
    ),
    st.lists(st.sampled_from(["landscape", "portrait", "square"]), max_size=2).map(lambda given: oriented(*given)),
)


def _filters(conditions: st.SearchStrategy[Condition]) -> st.SearchStrategy[Filter]:
    some = st.lists(conditions, max_size=2).map(tuple)
    return st.builds(Filter, some, some, some)


FILTERS = _filters(st.recursive(_simple, _filters, max_leaves=6))
_weight = st.sampled_from([1.0, 0.5, -0.4, -1.0])
_terms = st.lists(
    st.builds(TextTerm, st.sampled_from(TEXTS), _weight)
    | st.builds(LikeTerm, st.integers(1, COUNT).map(image_id), _weight),
    min_size=1,
    max_size=3,
).filter(lambda terms: any(term.weight > 0 for term in terms))
_weights = st.sampled_from(
    [
        None,
        Weights(1, 0, 0, 0, 0),
        Weights(0, 1, 0),
        Weights(0, 0, 1, 0, 0),
        Weights(1, 2, 0),
        Weights(0, 1, 0.5),
        Weights(3, 1, 2, 0.7, 0.2, 1),
        Weights(0, 0, 1, 0.5, 0.5, 0.5),
        Weights.only(text=1),
        Weights.only(place=1, name=0.5),
    ]
)
QUERIES = st.builds(
    Query,
    _terms.map(tuple),
    FILTERS,
    limit=st.just(10_000),
    weights=_weights,
    fold=st.just(False),
    diversity=st.sampled_from([0.0, 0.0, 0.2, 0.5, 0.8, 1.0]),
)


@dataclass(frozen=True)
class Answer:
    """What a search is to find: the match of every image that can be found, and its score in every list."""

    matches: Mapping[str, float]
    scores: Mapping[str, Mapping[str, float]]


def _bm25(points: list[Point], asked: Mapping[str, float], name: WordListName = "words") -> dict[str, float]:
    """Of pictures with one text: words, two of one text, and a text that is the question.

    Beside captions, the words that are wanted and held weigh as many eighths as they are of all that are wanted.
    """
    documents = {one.record.id: _one_text(one, name) for one in points}
    told = {i: analysis.lemmatize(" ".join(texts)) for i, texts in documents.items()}
    told = {i: terms for i, terms in told.items() if terms}
    rarity = {}
    for word, weight in asked.items():
        holding = sum(word in other for other in told.values())
        rarity[word] = weight * math.log((len(told) - holding + 0.5) / (holding + 0.5) + 1)
    if name != "words":
        held = {word for terms in told.values() for word in terms}
        sought = [weight for word, weight in rarity.items() if weight > 0 and word in held]
        share = len(sought) / max(1, sum(weight > 0 for weight in rarity.values()))
        scale = 8 * share / sum(sought) if sought else 1.0
        rarity = {word: scale * weight for word, weight in rarity.items() if weight < 0 or word in held}
    wanted = {word for word, weight in rarity.items() if weight > 0}
    scores = {}
    for i, terms in told.items():
        counts = Counter(terms)
        if not counts.keys() & rarity.keys():
            continue
        length = 1.2 * (0.25 + 0.75 * len(terms) / 8)
        weighed = {word: math.sqrt(counts[word] * 2.2 / (counts[word] + length)) for word in counts}
        near = {pair: 2.2 / (1 + length) for pair in combinations(sorted(counts), 2)}
        texts = [set(counts)]
        if name != "words":  # of several texts: their weights are held against the formulas in tests of core.text.bm25
            weights = (page_weights if name == "text" else document_weights)(*documents[i])
            weighed = {word: weights[analysis.term_id(word)] for word in counts}
            near = {pair: weights.get(pair_id(*map(analysis.term_id, pair)), 0.0) for pair in near}
            texts = [set(analysis.query_weights(text)) for text in documents[i]]
        parts = [(rarity[word], weighed[word]) for word in rarity.keys() & counts.keys()]
        pairs = combinations(sorted(wanted & counts.keys()), 2)
        parts += [(0.1 * (rarity[one] + rarity[other]) / 2, near[one, other]) for one, other in pairs]
        if wanted in texts and len(wanted) > 2:
            parts.append((0.3 * sum(rarity[word] for word in wanted), 1.0))
        scores[i] = sum((round(64 * wish) - 0.5 * (wish < 0)) / 64 * round(512 * held) / 512 for wish, held in parts)
    return scores


def _one_text(point: Point, name: WordListName) -> tuple[str, ...]:
    return (point.record.caption or "",) if name == "words" else point.record.documents[name]


def _expected(points: list[Point], query: Query) -> Answer:
    given = query.weights or Weights()
    known = {point.record.id: point for point in points}
    texts = [term for term in query.terms if isinstance(term, TextTerm)]
    spoken = any(term.weight > 0 for term in texts)
    share = sum(abs(term.weight) for term in texts) / sum(abs(term.weight) for term in query.terms) if texts else 1.0
    weights = replace(given, **{name: share * getattr(given, name) for name in ("caption", *WORD_FIELDS)})

    def direction(terms: list[TextTerm | LikeTerm]) -> np.ndarray:
        parts = [
            ColourEncoder().encode_texts([term.text]).vectors[0] if isinstance(term, TextTerm) else known[term.id].image
            for term in terms
        ]
        return unit(sum(term.weight * part.astype(np.float64) for term, part in zip(terms, parts, strict=True)))

    asked: Counter[str] = Counter()
    for term in texts:
        for word in chain(*analysis.expand_query(term.text)):
            asked[word] += term.weight
    most = max((abs(weight) for weight in asked.values()), default=1.0)
    asked_words = {word: weight / most for word, weight in asked.items() if weight}
    wanted = {word for term in texts if term.weight > 0 for word in chain(*analysis.expand_query(term.text))}

    passing = [p for p in points if p.record.status == "indexed" and query.filter.matches(to_payload(p.record))]
    if not weights.image:
        fields = [field for name, field in WORD_FIELDS.items() if getattr(weights, name)]
        passing = [
            p
            for p in passing
            if (spoken and weights.caption and p.record.words)
            or any(wanted & set(getattr(p.record, field)) for field in fields)
        ]
    scores: dict[str, dict[str, float]] = {}
    if weights.image:
        towards = direction(list(query.terms))
        scores["image"] = {p.record.id: float(p.image @ towards) for p in passing}
    if weights.caption and spoken:
        towards = direction(list(texts))
        scores["caption"] = {p.record.id: float(p.caption @ towards) for p in passing if p.caption is not None}
    for list_name in WORD_FIELDS:
        if getattr(weights, list_name) and asked_words:
            every = _bm25(points, asked_words, list_name)
            scores[list_name] = {p.record.id: every[p.record.id] for p in passing if p.record.id in every}
    wishes = any(weight > 0 for weight in asked_words.values())
    seeking = {n: s for n, s in scores.items() if s and (wishes or n not in WORD_FIELDS)}
    total = sum(getattr(weights, name) for name in seeking) or 1.0
    matches = {p.record.id: 0.0 for p in passing}
    for name, held in scores.items():
        best, last = (max(held.values()), min(held.values())) if name in seeking else (0.0, 0.0)
        for i, score in held.items():
            if name in WORD_FIELDS:
                whole = (best if best > 1e-3 else 1.0) if name == "words" else max(8.0, best)
                scaled = min(1.0, max(-1.0, score / whole))
            else:
                scaled = (score - last) / (best - last) if best - last > 1e-6 else 1.0
            matches[i] += getattr(weights, name) / total * scaled
    return Answer(matches, scores)


def _are_varied(hits: Sequence[Hit], matches: Mapping[str, float], points: list[Point], by: float) -> bool:
    """Whether each hit is, but for rounding, the best next one by maximal marginal relevance; without it, by match."""
    seen = {point.record.id: point.image.astype(np.float64) for point in points if point.image is not None}
    ids = [hit.record.id for hit in hits]
    cosine = {(one, other): float(seen[one] @ seen[other]) for one in ids for other in ids}
    least = min(cosine.values(), default=0.0)
    apart = 1 - least if 1 - least > 1e-5 else math.inf

    def worth(one: str, before: list[str]) -> float:
        likest = max(((cosine[one, other] - least) / apart for other in before), default=0.0)
        return (1 - by) * matches[one] - (by * likest if before else 0.0)

    first = not ids or matches[ids[0]] >= max(matches[one] for one in ids) - 1e-4
    return first and all(
        worth(one, ids[:rank]) >= max(worth(other, ids[:rank]) for other in ids[rank:]) - 1e-3
        for rank, one in enumerate(ids[1:], 1)
    )


def _checks(examples: int) -> settings:
    return settings(
        max_examples=examples * int(os.environ.get("BUCKETLENS_TEST_EXAMPLES", "1")),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def _filled(make_index: Callable[[], VectorIndex], points: list[Point]) -> tuple[VectorIndex, SearchService]:
    index = make_index()
    index.upsert(points)
    return index, SearchService(index, ColourEncoder, InlineDecoder)


@_checks(12)
@given(libraries(), st.lists(QUERIES, min_size=1, max_size=4))
def test_searches_find_what_brute_force_finds(
    make_index: Callable[[], VectorIndex], points: list[Point], queries: list[Query]
) -> None:
    _, service = _filled(make_index, points)
    images = {point.record.id for point in points if point.image is not None}
    for query in queries:
        likes = {term.id for term in query.terms if isinstance(term, LikeTerm)}
        if not likes <= images:
            continue
        try:
            result = service.search(query)
        except InvalidQuery as error:
            assert error.field in ("weight", "weights")
            continue
        expected = _expected(points, query)
        assert {hit.record.id for hit in result.hits} == expected.matches.keys()
        assert (len(result.hits), result.total) == (len(expected.matches), len(expected.matches))
        for hit in result.hits:
            assert hit.match == pytest.approx(expected.matches[hit.record.id], abs=1e-4)
            stands = {name: held[hit.record.id] for name, held in expected.scores.items() if hit.record.id in held}
            assert {name: one.score for name, one in hit.standings.items()} == pytest.approx(stands, abs=1e-4)
        assert _are_varied(result.hits, expected.matches, points, query.diversity)
        if not query.diversity:
            matches = [hit.match for hit in result.hits]
            assert matches == sorted(matches, reverse=True)
        strong = service.search(replace(query, min_strength=0.3)).hits
        assert _are_varied(strong, expected.matches, points, query.diversity)
        passing = {hit.record.id for hit in result.hits if hit.strength is None or hit.strength >= 0.3}
        assert {hit.record.id for hit in strong} == passing


@_checks(6)
@given(
    libraries(),
    st.lists(st.tuples(_terms.map(tuple), st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0])), min_size=3, max_size=6),
)
def test_varied_hits_follow_maximal_marginal_relevance(
    make_index: Callable[[], VectorIndex], points: list[Point], asked: list[tuple[tuple[Term, ...], float]]
) -> None:
    _, service = _filled(make_index, points)
    images = {point.record.id for point in points if point.image is not None}
    for terms, by in asked:
        if not {term.id for term in terms if isinstance(term, LikeTerm)} <= images:
            continue
        query = Query(terms, limit=COUNT, diversity=by, fold=False)
        try:
            hits = service.search(query).hits
        except InvalidQuery as error:  # terms that cancel each other out
            assert error.field == "weight"
            continue
        assert _are_varied(hits, _expected(points, query).matches, points, by)
        pages = [service.search(replace(query, limit=5, offset=start)).hits for start in range(0, COUNT, 5)]
        assert [hit for page in pages for hit in page] == list(hits)


@_checks(8)
@given(libraries(), st.lists(QUERIES, min_size=1, max_size=3), st.sampled_from([None, "taken", "name"]), st.booleans())
def test_copies_are_folded_in_the_order_that_they_have_unfolded(
    make_index: Callable[[], VectorIndex], points: list[Point], queries: list[Query], sort: Sort | None, browse: bool
) -> None:
    _, service = _filled(make_index, points)
    images = {point.record.id for point in points if point.image is not None}
    for query in queries:
        if not {term.id for term in query.terms if isinstance(term, LikeTerm)} <= images:
            continue
        query = replace(query, terms=(), weights=None, sort=sort, diversity=0.0) if browse else query
        try:
            whole = service.search(replace(query, diversity=0.0))
        except InvalidQuery:
            continue
        expected: dict[str, list[str]] = {}
        for hit in whole.hits:
            expected.setdefault(hit.record.content_hash or hit.record.id, []).append(hit.record.id)
        if not replace(query, fold=True).folds:
            expected = {hit.record.id: [hit.record.id] for hit in whole.hits}
        result = service.search(replace(query, fold=True))
        copies = {same[0]: len(same) for same in expected.values()}
        assert {hit.record.id: hit.copies for hit in result.hits} == copies
        if query.diversity:
            matches = {hit.record.id: hit.match or 0.0 for hit in whole.hits}
            assert _are_varied(result.hits, matches, points, query.diversity)
        else:
            assert [hit.record.id for hit in result.hits] == list(copies)
        assert result.total == whole.total == sum(hit.copies for hit in result.hits)
        pages = [service.search(replace(query, fold=True, limit=3, offset=n)).hits for n in range(0, COUNT, 3)]
        assert [hit for page in pages for hit in page] == list(result.hits)


@_checks(12)
@given(
    libraries(),
    st.lists(FILTERS, min_size=1, max_size=4),
    st.sampled_from(["modified", "taken", "name"]),
    st.booleans(),
)
def test_browsing_lists_what_passes_in_order(
    make_index: Callable[[], VectorIndex], points: list[Point], filters: list[Filter], by: Sort, reverse: bool
) -> None:
    index, _ = _filled(make_index, points)
    for filter in filters:
        records = [point.record for point in points if filter.matches(to_payload(point.record))]
        assert index.count(filter) == len(records)
        ordered = in_order(records, by, reverse=reverse)
        assert index.ordered(by, filter, limit=100, reverse=reverse) == ordered
        assert index.ordered(by, filter, limit=5, offset=3, reverse=reverse) == ordered[3:8]


@_checks(6)
@given(libraries(), st.lists(FILTERS, min_size=1, max_size=3))
def test_facets_count_what_passes(
    make_index: Callable[[], VectorIndex], points: list[Point], filters: list[Filter]
) -> None:
    index, service = _filled(make_index, points)
    for filter in filters:
        passing = filter if filter.asks_for("status") else INDEXED & filter
        payloads = [made for point in points if passing.matches(made := to_payload(point.record))]
        found = service.facets(Query(filter=filter), FACETS, limit=1000)
        for field, values in found.items():
            assert dict(values) == _counted(field, payloads)
            assert all(index.count(passing & Filter((holding(field, value),))) == count for value, count in values)
            numbers = field in ("taken", "modified", "rating")
            assert values == sorted(values, key=lambda one: (-int(one[0]),) if numbers else (-one[1], one[0]))
            assert service.facets(Query(filter=filter), [field], limit=1)[field] == values[:1]


def _counted(field: FacetField, payloads: list[dict[str, Any]]) -> dict[str, int]:
    def values(held: dict[str, Any]) -> list[str]:
        match field:
            case "word":
                return list(held["words"])
            case "source" | "camera" | "lens" | "rating" | "country" | "region" | "city":
                return [str(held[field])] if field in held else []
            case "text":
                return list(held["text_words"])
            case "has_text":
                return ["yes"] if held["text_words"] else []
            case "keyword" | "person":
                return list(held["keywords" if field == "keyword" else "people"])
            case "taken" | "modified":
                time = held.get(f"{field}_at")
                return [time[:4]] if time else []
            case "incomplete":
                return ["yes"] if "incomplete" in held else []
            case "orientation":
                aspect = held.get("aspect")
                return (
                    [] if aspect is None else ["square" if aspect == 1 else "landscape" if aspect > 1 else "portrait"]
                )

    return dict(Counter(value for held in payloads for value in values(held)))
