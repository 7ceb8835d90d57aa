"""Made-up libraries and filters: every backend answers as brute force does."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domain.filtering.conditions import Match, Missing
from core.domain.filtering.filters import Condition, Filter
from core.ports.vector_index import CaptionUpdate, IndexInfo, Point, VectorIndex
from core.text import analysis
from tests.support.fakes import MemoryIndex
from tests.support.index_queries import best_words, nearest, newest
from tests.support.made_up_images import START, image_id, record, vector

VOCABULARY = ["red", "blue", "car", "dog", "night", "ünïcode", "two\nlines"]
_words = st.lists(st.sampled_from(VOCABULARY), unique=True, max_size=4).map(tuple)
_matches = st.one_of(
    st.builds(
        Match, st.just("words"), st.lists(st.sampled_from([*VOCABULARY, "absent"]), min_size=1, max_size=3).map(tuple)
    ),
    st.builds(Match, st.just("status"), st.sampled_from([("indexed",), ("failed",), ("indexed", "failed")])),
    st.builds(Match, st.just("caption_origin"), st.sampled_from([("human",), ("generated",)])),
    st.builds(Missing, st.sampled_from(["words", "caption_origin", "captioner", "content_hash"])),
)


def _filters(conditions: st.SearchStrategy[Condition]) -> st.SearchStrategy[Filter]:
    some = st.lists(conditions, max_size=2).map(tuple)
    return st.builds(Filter, some, some, some)


FILTERS = _filters(st.recursive(_matches, _filters, max_leaves=6))


@st.composite
def points(draw: st.DrawFn) -> Point:
    """One of 12 images, so that batches replace what earlier ones wrote; few vectors and times, so that they tie."""
    made = record(draw(st.integers(1, 12)), modified_at=START + timedelta(seconds=draw(st.integers(0, 3))))
    if draw(st.booleans()):
        held = draw(_words)
        origin = draw(st.sampled_from(["human", "generated"]))
        made = replace(made, caption=" ".join(held), words=held, caption_origin=origin)
    if draw(st.integers(0, 4)) == 0:
        return Point(replace(made, status="failed", error="broken"), None)
    return Point(made, vector(draw(st.integers(0, 5))), vector(draw(st.integers(6, 9))) if made.words else None)


_batches = st.lists(st.lists(points(), min_size=1, max_size=8), min_size=1, max_size=4)
_captions = st.lists(st.tuples(st.integers(1, 14), st.sampled_from(["a red dog", "night", ""])), max_size=3)
_deletions = st.lists(st.integers(1, 14).map(image_id), max_size=3)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(_batches, _captions, _deletions, st.lists(FILTERS, min_size=1, max_size=3))
def test_answers_are_those_of_brute_force(
    real_index: VectorIndex,
    batches: list[list[Point]],
    captions: list[tuple[int, str]],
    deletions: list[str],
    filters: list[Filter],
) -> None:
    oracle = MemoryIndex(IndexInfo("colours", "colours-1", 16))
    real_index.delete([image_id(n) for n in range(1, 15)])
    updates = [
        CaptionUpdate(image_id(n), text, "generated", "demo", 0.5, vector(n) if text else None) for n, text in captions
    ]
    for index in (oracle, real_index):
        for batch in batches:
            index.upsert(batch)
        index.set_captions(updates)
        index.delete(deletions)
    for filter in [Filter(), *filters]:
        _compare(real_index, oracle, filter)


def _compare(index: VectorIndex, oracle: MemoryIndex, filter: Filter) -> None:
    assert index.count(filter) == oracle.count(filter)
    assert index.scroll(filter) == oracle.scroll(filter)
    assert newest(index, filter, limit=3, offset=2) == newest(oracle, filter, limit=3, offset=2)
    for field in ("words", "status", "caption_origin"):
        assert index.facet(field, filter, limit=3) == oracle.facet(field, filter, limit=3)  # type: ignore[arg-type]
    for name in ("image", "caption"):
        found = nearest(index, vector(3), filter, limit=6, using=name, exact=True)  # type: ignore[arg-type]
        wanted = nearest(oracle, vector(3), filter, limit=6, using=name)  # type: ignore[arg-type]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted], abs=1e-4)
        assert [hit.record for hit in found] == [hit.record for hit in wanted]
    weights = analysis.query_weights("red night car")
    found_words = {hit.record.id for hit in best_words(index, weights, filter, limit=20)}
    assert found_words == {hit.record.id for hit in best_words(oracle, weights, filter, limit=20)}


def test_word_scores_are_those_of_brute_force_while_nothing_was_replaced(real_index: VectorIndex) -> None:
    oracle = MemoryIndex(IndexInfo("colours", "colours-1", 16))
    captions = ["a red car", "two dogs in the night, two red dogs", "night", "a blue car and a red one", ""]
    batch = [Point(record(n, caption), vector(n)) for n, caption in enumerate(captions, 1)]
    oracle.upsert(batch)
    real_index.upsert(batch)
    for text in ("red", "two red dogs", "night car", "absent"):
        found = best_words(real_index, analysis.query_weights(text), limit=10)
        wanted = best_words(oracle, analysis.query_weights(text), limit=10)
        assert [hit.record.id for hit in found] == [hit.record.id for hit in wanted]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted], abs=1e-4)
