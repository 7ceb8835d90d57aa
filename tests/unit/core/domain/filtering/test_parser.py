"""What people and programs write, as conditions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.filtering.conditions import Between, During, KeyGlob, KeyPrefix, Match, Missing, Phrase
from core.domain.filtering.filters import Filter, caption_words, oriented
from core.domain.filtering.parser import MAX_CONDITIONS, parse_filter, parse_number_range, parse_time_range
from core.errors import InvalidQuery


def _day(*date: int) -> datetime:
    return datetime(*date, tzinfo=UTC)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "text", "low", "high"),
    [
        ("width", "640..1920", 640, 1920),
        ("width", " 640 .. ", 640, None),
        ("height", "..480", None, 480),
        ("height", "480", 480, 480),
        ("aspect", "4:3..16:9", 4 / 3, 16 / 9),
        ("aspect", "1.5..", 1.5, None),
        ("aspect", "16:9", 16 / 9 * 0.99, 16 / 9 * 1.01),
    ],
)
def test_ranges_of_numbers(field: Any, text: str, low: float | None, high: float | None) -> None:
    assert parse_number_range(field, text) == Between(field, low, high)


@pytest.mark.parametrize("text", ["", "..", "wide", "640-1920", "1920..640", "-5", "nan", "inf", "16:9", "1..2..3"])
def test_what_is_no_range_of_numbers_is_refused_with_the_field(text: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        parse_number_range("width", text)
    assert caught.value.field == "width"


@pytest.mark.parametrize(
    ("text", "since", "before"),
    [
        ("2024", _day(2024, 1, 1), _day(2025, 1, 1)),
        ("2024-12", _day(2024, 12, 1), _day(2025, 1, 1)),
        ("2024-02-29", _day(2024, 2, 29), _day(2024, 3, 1)),
        ("2023..2024-06", _day(2023, 1, 1), _day(2024, 7, 1)),
        ("2024-05-01..", _day(2024, 5, 1), None),
        ("..2020", None, _day(2021, 1, 1)),
        ("2024-05-01T12:00:00+02:00..", _day(2024, 5, 1, 10), None),
        ("..2024-05-01T10:00", None, _day(2024, 5, 1, 10) + timedelta(microseconds=1)),
    ],
)
def test_ranges_of_time(text: str, since: datetime | None, before: datetime | None) -> None:
    assert parse_time_range("taken_at", text) == During("taken_at", since, before)


@pytest.mark.parametrize(
    "text", ["", "..", "yesterday", "2024-13", "2024-02-30", "2024..2023", "24", "9999", "2024-1-1"]
)
def test_what_is_no_time_is_refused_with_the_field(text: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        parse_time_range("modified_at", text)
    assert caught.value.field == "modified"


def test_a_whole_filter() -> None:
    asked = parse_filter(
        {
            "any": [{"word": "red cars"}, {"phrase": "a dog", "width": {"min": 100}}],
            "none": [{"status": ["failed"]}, {"all": [{"prefix": "raw/"}, {"missing": "taken_at"}]}],
            "key": "*.jpg",
            "taken": "2024",
            "orientation": ["portrait", "square"],
            "aspect": "..2",
            "height": 480,
        }
    )
    year = During("taken_at", _day(2024, 1, 1), _day(2025, 1, 1))
    dog = Filter(all=(Filter(any=(Phrase("a dog"),)), Between("width", 100)))
    raw = Filter(all=(Filter(all=(KeyPrefix("raw/"),)), Filter(all=(Missing("taken_at"),))))
    assert asked == Filter(
        all=(
            KeyGlob("*.jpg"),
            year,
            oriented("portrait", "square"),
            Between("aspect", None, 2),
            Between("height", 480, 480),
        ),
        any=(Filter(all=(caption_words(any_of=["red cars"]),)), dog),
        none=(Filter(all=(Match("status", ("failed",)),)), raw),
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([], "filter"),
        ("dog", "filter"),
        ({"colour": "red"}, "filter field"),
        ({"any": []}, "any"),
        ({"all": {"word": "dog"}}, "all"),
        ({"none": ["dog"]}, "filter"),
        ({"word": []}, "word"),
        ({"word": 3}, "word"),
        ({"word": "the"}, "any"),
        ({"phrase": "?!"}, "phrase"),
        ({"phrase": "\udcff"}, "phrase"),
        ({"width": "wide"}, "width"),
        ({"width": True}, "width"),
        ({"width": {"min": "1"}}, "width"),
        ({"width": {"least": 1}}, "width"),
        ({"height": {"min": 5, "max": 4}}, "height"),
        ({"aspect": -1}, "aspect"),
        ({"taken": 2024}, "taken"),
        ({"status": "lost"}, "status"),
        ({"caption_origin": "robot"}, "caption_origin"),
        ({"orientation": "upside down"}, "orientation"),
        ({"missing": "patience"}, "filter field"),
        ({"prefix": ""}, "key"),
        ({"key": None}, "key"),
    ],
)
def test_a_wrong_filter_is_refused_with_the_field_and_what_it_takes(given: object, field: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        parse_filter(given)
    assert caught.value.field == field and caught.value.takes


def test_filters_have_limits() -> None:
    deep: dict[str, Any] = {"word": "dog"}
    for _ in range(30):
        deep = {"all": [deep]}
    with pytest.raises(InvalidQuery, match="deep"):
        parse_filter(deep)
    with pytest.raises(InvalidQuery, match="too many"):
        parse_filter({"all": [{"word": "dog"}] * (MAX_CONDITIONS + 1)})


_names = st.sampled_from(
    ["all", "any", "none", "word", "phrase", "width", "aspect", "taken", "key", "missing", "status"]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("2024..")  | st.just("dog"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(_names, _values, max_size=3))
def test_whatever_is_given_makes_a_filter_or_is_refused(given: dict[str, Any]) -> None:
    try:
        made = parse_filter(given)
    except InvalidQuery:
        return
    made.matches({"words": ["dog"], "key": "a.jpg", "width": 3, "caption": "a dog"})
