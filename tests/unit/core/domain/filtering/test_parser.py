"""What people and programs write, as conditions."""

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
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
from core.domain.filtering.filters import Filter, caption_words, oriented
from core.domain.filtering.parser import (
    MAX_CONDITIONS,
    parse_box,
    parse_filter,
    parse_number_range,
    parse_place,
    parse_time_range,
)
from core.errors import InvalidQuery
from core.text import analysis


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
        ("2024-05-01T12:00:00+02:00..", _day(2024, 5, 1, 12), None),  # the clock counts
        ("2020-01-01T00:00:00Z", _day(2020, 1, 1), _day(2020, 1, 1) + timedelta(microseconds=1)),
        ("..2024-05-01T10:00", None, _day(2024, 5, 1, 10) + timedelta(microseconds=1)),
    ],
)
def test_ranges_of_time(text: str, since: datetime | None, before: datetime | None) -> None:
    assert parse_time_range("taken_at", text) == During("taken_at", since, before)


def test_a_time_of_change_is_an_instant() -> None:
    asked = parse_time_range("modified_at", "2024-05-01T12:00:00+02:00..")
    assert asked == During("modified_at", _day(2024, 5, 1, 10))


def test_the_zone_of_a_time_taken_does_not_count() -> None:
    tokyo = datetime(2020, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=9)))
    assert During("taken_at", since=tokyo) == During("taken_at", since=_day(2020, 1, 1, 0) + timedelta(minutes=30))


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("48.1,11.6,5km", Near(48.1, 11.6, 5000)),
        (" -33.9 , 151.2 , 500 m ", Near(-33.9, 151.2, 500)),
        ("0,180,1.5MI", Near(0, 180, 1.5 * 1609.344)),
        ("90,-180,.5km", Near(90, -180, 500)),
    ],
)
def test_places(text: str, near: Near) -> None:
    assert parse_place(text) == near
    assert parse_filter({"near": text}) == Filter(all=(near,))


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("38.6,-9.3,38.8,-9.0", WithinBox(38.6, -9.3, 38.8, -9)),
        (" -20 , 177 , -15 , -178 ", WithinBox(-20, 177, -15, -178)),
        ("-90,-180,90,180", WithinBox(-90, -180, 90, 180)),
    ],
)
def test_boxes(text: str, box: WithinBox) -> None:
    assert parse_box(text) == box
    assert parse_filter({"box": text}) == parse_filter({"box": asdict(box)}) == Filter(all=(box,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "south, west, north, east"),
        ("1,2,3", "south, west, north, east"),
        ("1,2,3,4,5", "south, west, north, east"),
        ("a,b,c,d", "38.6,-9.3,38.8,-9.0"),
        ("1,2,inf,4", "-90 to 90"),
        ("nan,2,3,4", "-90 to 90"),
        ("1,-190,3,4", "-180 to 180"),
        ("5,2,3,4", "south is the smaller"),
    ],
)
def test_what_is_no_box_is_refused_and_told_what_is(text: str, said: str) -> None:
    with pytest.raises(InvalidQuery, match=re.escape(said)):
        parse_box(text)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("Lisbon", True),
        ("LISBÔN", True),
        ("Lisbon, Portugal", True),
        ("portugal lisbon", True),
        ("Lisbon Spain", False),
        ("Lis", False),
        ("Lis*", True),
        ("*gal", True),
        ("Of", False),
    ],
)
def test_places_are_found_by_the_words_of_their_names(text: str, passes: bool) -> None:
    names = ("Alfama", "Lisbon", "Portugal")
    held = {"places": list(names), "place_words": list(analysis.analyse(*names))}
    assert parse_filter({"place": text}).matches(held) is passes
    assert parse_filter({"place": ["Porto", text]}).matches(held) is passes
    assert not parse_filter({"place": text}).matches({})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "latitude, longitude and a distance"),
        ("48.1,11.6", "latitude, longitude and a distance"),
        ("48,1,11,6,5km", "latitude, longitude and a distance"),
        ("48.1,11.6,5", "5km"),
        ("48.1,11.6,near", "48.1,11.6,5km"),
        ("Munich,Bavaria,5km", "48.1,11.6,5km"),
        ("111.6,48.1,5km", "latitude comes before longitude"),
        ("48.1,181,5km", "-180 to 180"),
        ("nan,11.6,5km", "-90 to 90"),
        ("48.1,11.6,0km", "more than 0"),
        ("48.1,11.6,99999km", "40,000"),
    ],
)
def test_what_is_no_place_is_refused_and_told_what_is(text: str, said: str) -> None:
    with pytest.raises(InvalidQuery, match=re.escape(said)):
        parse_place(text)


@pytest.mark.parametrize(
    "given",
    [
        {"near": {"latitude": 48.1}},
        {"near": {"latitude": True, "longitude": 1, "meters": 5}},
        {"near": {"latitude": 1, "longitude": 1, "meters": -5}},
        {"near": 5},
        {"incomplete": "yes"},
        {"rating": "6"},
        {"rating": {"min": -1}},
        {"camera": ""},
        {"camera": " "},
        {"keyword": []},
        {"person": 7},
        {"missing": "nose"},
        {"place": ""},
        {"place": 7},
        {"box": [1, 2, 3, 4]},
        {"box": {"south": 1, "west": 2, "north": 3}},
        {"box": {"south": "1", "west": 2, "north": 3, "east": 4}},
    ],
)
def test_what_files_cannot_say_of_themselves_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidQuery):
        parse_filter(given)


def test_what_files_say_of_themselves() -> None:
    asked = parse_filter(
        {
            "camera": ["canon", "nikon d7?0"],
            "near": {"latitude": 0, "longitude": 0, "meters": 10},
            "incomplete": False,
            "rating": 4,
        }
    )
    held = {"camera": "Nikon D750", "latitude": 0.00008, "longitude": 0.0, "rating": 4}
    assert asked.matches(held)
    for other in ({"camera": "Nikon D7000"}, {"latitude": 0.0001}, {"rating": 5}, {"incomplete": 0.5}):
        assert not asked.matches(held | other), other


@pytest.mark.parametrize(
    ("text", "fitting", "other"),
    [
        ("Canon EOS R5", ["Canon EOS R5", "canon  eos r5 C"], ["Canon EOS R5m2", "Canon EOS R6"]),
        ("iphone", ["Apple iPhone 12", "iPhone"], ["iPhon"]),
        ("*50mm*", ["EF50mm f/1.8 STM", "50MM"], ["EF500mm"]),
        ("jose", ["José", "JOSE García"], ["Joseph"]),
        ("🐶", ["🐶", "my 🐶"], ["dog"]),
        ("Places|Italy", ["Places|Italy|Rome"], ["Italy"]),
    ],
)
def test_names_are_found_by_their_words_or_by_a_pattern(text: str, fitting: list[str], other: list[str]) -> None:
    named = Named("camera", text)
    assert [value for value in fitting + other if named.names(value)] == fitting


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
