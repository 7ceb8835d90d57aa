"""A simplified filter means the same, and holds nothing that an engine might simplify away."""

from collections.abc import Iterator
from datetime import UTC, datetime
from time import process_time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.domain.filtering.conditions import Between, During, KeyGlob, KeyPrefix, Match, Missing, Phrase, Simple
from core.domain.filtering.filters import EVERYTHING, Condition, Filter
from core.domain.filtering.simplification import NOTHING, simplify

RED, BLUE, DOG = (Match("words", (word,)) for word in ("red", "blue", "dog"))
WIDE, UNTOLD = Between("width", low=1000), Missing("caption_origin")

_leaves: st.SearchStrategy[Simple] = st.one_of(
    st.builds(
        Match, st.just("words"), st.lists(st.sampled_from(["red", "blue", "dog"]), min_size=1, max_size=3).map(tuple)
    ),
    st.sampled_from(
        [
            Match("status", ("indexed",)),
            Match("status", ("failed", "indexed")),
            Match("source", ("s3://b",)),
            UNTOLD,
            WIDE,
            Between("width", high=1000),
            During("taken_at", since=datetime(2024, 1, 1, tzinfo=UTC)),
            KeyPrefix("2024/"),
            KeyGlob("*.jpg"),
            Phrase("red dog"),
        ]
    ),
)


def _nested(conditions: st.SearchStrategy[Condition]) -> st.SearchStrategy[Filter]:
    some = st.lists(conditions, max_size=2).map(tuple)
    return st.builds(Filter, some, some, some)


FILTERS = _nested(st.recursive(_leaves, _nested, max_leaves=8))
PAYLOADS = st.fixed_dictionaries(
    {"words": st.lists(st.sampled_from(["red", "blue", "dog"]), unique=True)},
    optional={
        "status": st.sampled_from(["indexed", "failed"]),
        "source": st.sampled_from(["s3://b", "file:///a"]),
        "caption_origin": st.sampled_from(["human", "generated"]),
        "width": st.sampled_from([640, 1000, 4000]),
        "taken_at": st.sampled_from(["2023-05-01T00:00:00+00:00", "2024-05-01T00:00:00+00:00"]),
        "key": st.sampled_from(["2024/a.jpg", "2023/a.jpg", "2024/a.png"]),
        "caption": st.sampled_from(["a red dog", "a dog"]),
    },
)


@settings(max_examples=300, deadline=None)
@given(FILTERS, st.lists(PAYLOADS, min_size=1, max_size=6))
def test_it_means_the_same(filter: Filter, payloads: list[dict[str, Any]]) -> None:
    plain = simplify(filter)
    for payload in payloads:
        assert plain.matches(payload) == filter.matches(payload)


@settings(max_examples=200, deadline=None)
@given(FILTERS)
@example(Filter(any=(RED, BLUE), none=(RED,)))
@example(Filter(all=(RED, Filter(any=(DOG, Filter(all=(BLUE,), none=(RED,)))))))
def test_nothing_is_said_twice(filter: Filter) -> None:
    plain = simplify(filter)
    assert simplify(plain) == plain
    if plain not in (EVERYTHING, NOTHING):
        _check(plain, set(), set())


def _check(filter: Filter, held: set[Condition], ruled_out: set[Condition]) -> None:
    assert filter, "an empty filter within another"
    parts = (*filter.all, *filter.any, *filter.none)
    assert len(set(parts)) == len(parts) and not (held | ruled_out) & set(parts)
    assert not {value for match in _matches(filter.none) for value in match} & {
        value for match in _matches((*filter.all, *filter.any)) for value in match
    }
    held, ruled_out = held.union(filter.all), ruled_out.union(filter.none)
    for part in parts:
        if isinstance(part, Filter):
            assert len((*part.all, *part.any, *part.none)) > 1 or part.none, "a filter of one condition"
            _check(part, held - {part}, ruled_out - {part})


def _matches(conditions: tuple[Condition, ...]) -> Iterator[set[tuple[str, str]]]:
    for each in conditions:
        if isinstance(each, Match):
            yield {(each.field, value) for value in each.values}


@pytest.mark.parametrize(
    ("filter", "plain"),
    [
        (Filter(all=(RED,), none=(RED,)), NOTHING),
        (Filter(any=(RED, DOG), none=(RED,)), Filter(all=(DOG,), none=(RED,))),
        (Filter(any=(RED, DOG), none=(RED, DOG)), NOTHING),
        (Filter(all=(Match("words", ("dog", "red")),), none=(RED,)), Filter(all=(DOG,), none=(RED,))),
        (Filter(none=(RED, DOG, RED)), Filter(none=(Match("words", ("dog", "red")),))),
        (Filter(all=(WIDE, Filter(all=(WIDE, Filter(none=(WIDE,)))))), NOTHING),
        (Filter(none=(Filter(none=(RED,)),)), Filter(all=(RED,))),
        (Filter(none=(Filter(none=(RED, WIDE)),)), Filter(any=(RED, WIDE))),
        (Filter(any=(RED, Filter(all=(WIDE,), none=(RED,)))), Filter(any=(RED, WIDE))),
        (Filter(any=(RED, EVERYTHING)), EVERYTHING),
        (Filter(any=(NOTHING, RED)), Filter(all=(RED,))),
        (Filter(any=(NOTHING,)), NOTHING),
        (Filter(all=(EVERYTHING, Filter(all=(EVERYTHING,))), none=(NOTHING,)), EVERYTHING),
        (Filter(none=(EVERYTHING,)), NOTHING),
        (Filter(all=(RED,), none=(Filter(all=(RED, WIDE)),)), Filter(all=(RED,), none=(WIDE,))),
        (Filter(all=(Filter(any=(RED, WIDE)), Filter(any=(WIDE, RED)))), Filter(any=(RED, WIDE))),
    ],
)
def test_cases(filter: Filter, plain: Filter) -> None:
    assert simplify(filter) == plain


@pytest.mark.parametrize("nested", [True, False])
def test_the_largest_filters_take_little_time(nested: bool) -> None:
    """500 conditions of 500 values each, as many as the API takes; and 20 filters within each other."""
    conditions = [Match("content_hash", tuple(f"{n * 7 % 250}-{m}" for m in range(500))) for n in range(500)]
    filter = Filter(all=tuple(conditions[:170]), any=tuple(conditions[170:340]), none=tuple(conditions[340:]))
    if nested:
        filter = Filter()
        for n in range(20):
            filter = Filter(all=(RED, filter), any=(filter, DOG) if n < 5 else (), none=(Match("source", (str(n),)),))
    began = process_time()
    simplify(filter)
    assert process_time() - began < 5
