"""Filters as people and programs write them: ranges, dates, and the fields of a filter in JSON."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from core.domain.filtering.conditions import (
    FIELDS,
    Between,
    During,
    KeyGlob,
    KeyPrefix,
    Match,
    Missing,
    Name,
    Named,
    Near,
    Number,
    Phrase,
    Time,
    WithinBox,
)
from core.domain.filtering.filters import Condition, Filter, Orientation, caption_words, oriented, taken_in
from core.domain.filtering.written_text import Written
from core.domain.image import CaptionFlaw
from core.domain.query import MAX_TEXT
from core.errors import InvalidQuery

MAX_CONDITIONS = 500
_MAX_DEPTH = 20
_NEAR = 0.01  # how far an aspect may be from one that is asked for alone
_QUOTES = '"\uff02\u201c\u201d\u201e\u201f\u301d\u301e\u00ab\u00bb'  # as in the query language
_QUOTED = re.compile(f"[{_QUOTES}]([^{_QUOTES}]+)[{_QUOTES}]")
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_RATIO = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", re.ASCII)

_SIZES = "a range such as 640..1920, 640.., ..1920, or a number of pixels"
_ASPECTS = "a range such as 1.3..1.8 or 4:3..16:9, or a ratio such as 16:9 (width to height, within 1 %)"
_STARS = "stars from 0 to 5, such as 4.. or 3..5"
_MOST_STARS = 5
_TIMES = (
    "a range such as 2023..2024-06, 2024-05-01.. or ..2020, or a year, month, day or RFC 3339 time "
    "(of a change in UTC where it says no zone; of when a picture was taken by the clock there)"
)
_PLACES = "latitude, longitude and a distance, such as 48.1,11.6,5km (north and east positive; m, km or mi)"
_BOXES = "the edges of a box: south, west, north, east, such as 38.6,-9.3,38.8,-9.0 (north and east positive)"
_METERS = {"m": 1.0, "km": 1000.0, "mi": 1609.344}
_DISTANCE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(m|km|mi)", re.ASCII | re.IGNORECASE)


def parse_number_range(field: Number, text: str) -> Between:
    """Parse "LOW..HIGH", "LOW..", "..HIGH" or a single number: pixels, stars, or as width to height.

    Raises InvalidQuery.
    """
    takes = {"aspect": _ASPECTS, "rating": _STARS}.get(field, _SIZES)
    low, high = _ends(field, text, takes)
    bounds = [None if end is None else _number(field, end, text, takes) for end in (low, high)]
    if field == "rating" and any(bound is not None and not 0 <= bound <= _MOST_STARS for bound in bounds):
        raise InvalidQuery(field, text, takes)
    if field == "aspect" and low == high and bounds[0] is not None:
        return Between(field, bounds[0] * (1 - _NEAR), bounds[0] * (1 + _NEAR))
    return Between(field, bounds[0], bounds[1])


def parse_time_range(field: Time, text: str) -> During:
    """Parse "BEGIN..END", "BEGIN..", "..END" or a single period; the last period is part of it.

    Of `modified_at` a moment without a zone is in UTC. Of `taken_at` it is the clock where the picture was taken, and a
    zone does not count. Raises InvalidQuery.
    """
    name = "taken" if field == "taken_at" else "modified"
    begin, end = _ends(name, text, _TIMES)
    since = None if begin is None else _period(name, begin, text)[0]
    before = None if end is None else _period(name, end, text)[1]
    if since is not None and before is not None and since >= before:
        raise InvalidQuery(name, text, "a range that begins before it ends")
    return During(field, since, before)


def parse_place(text: str) -> Near:
    """Parse "LATITUDE,LONGITUDE,DISTANCE" in degrees of WGS 84, and in m, km or mi. Raises InvalidQuery."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3:
        raise InvalidQuery("near", text, _PLACES)
    distance = _DISTANCE.fullmatch(parts[2])
    if distance is None:
        unitless = re.fullmatch(r"[\d.]+", parts[2], re.ASCII) is not None
        raise InvalidQuery("near", text, f"a distance with its unit, such as {parts[2]}km" if unitless else _PLACES)
    try:
        latitude, longitude = float(parts[0]), float(parts[1])
    except ValueError as error:
        raise InvalidQuery("near", text, _PLACES) from error
    return Near(latitude, longitude, float(distance[1]) * _METERS[distance[2].lower()])


def parse_box(text: str) -> WithinBox:
    """Parse "SOUTH,WEST,NORTH,EAST" in degrees of WGS 84. Raises InvalidQuery."""
    try:
        south, west, north, east = map(float, text.split(","))
    except ValueError as error:
        raise InvalidQuery("box", text, _BOXES) from error
    return WithinBox(south, west, north, east)


def parse_filter(given: object) -> Filter:
    """Parse a filter from JSON, an object of FILTER_FIELDS: everything in it has to hold.

    The keys "all", "any" and "none" take lists of such objects. Raises InvalidQuery.
    """
    return _Reader().filter(given)


class _Reader:
    def __init__(self) -> None:
        self._conditions = 0

    def filter(self, given: object, depth: int = 0) -> Filter:
        if not isinstance(given, Mapping):
            raise InvalidQuery("filter", given, 'an object such as {"any": [{"word": "dog"}, {"width": "1000.."}]}')
        if depth > _MAX_DEPTH:
            raise InvalidQuery("filter", "too deep a nesting", f"at most {_MAX_DEPTH} filters within each other")
        parts: dict[str, list[Condition]] = {"all": [], "any": [], "none": []}
        for name, value in given.items():
            if name in parts:
                if not isinstance(value, list):
                    raise InvalidQuery(name, value, "a list of objects")
                parts[name] += [self.filter(one, depth + 1) for one in value]
                if not value and name == "any":
                    raise InvalidQuery(name, value, "at least one object")
                continue
            self._conditions += 1
            if self._conditions > MAX_CONDITIONS:
                raise InvalidQuery("filter", "too many conditions", f"at most {MAX_CONDITIONS}")
            if name not in FILTER_FIELDS:
                takes = "one of " + ", ".join([*parts, *FILTER_FIELDS])
                raise InvalidQuery("filter field", name, takes)
            parts["all"].append(FILTER_FIELDS[name].read(name, value))
        return Filter(tuple(parts["all"]), tuple(parts["any"]), tuple(parts["none"]))


def _texts(field: str, value: object) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts:
        raise InvalidQuery(field, value, "a text, or a list of texts")
    if len(texts) > MAX_CONDITIONS:
        raise InvalidQuery(field, f"{len(texts)} texts", f"at most {MAX_CONDITIONS}")
    return tuple(_text(field, text) for text in texts)


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidQuery(field, value, "a text")
    if len(value) > MAX_TEXT:
        raise InvalidQuery(field, f"{len(value)} characters", f"at most {MAX_TEXT}")
    return value


def _read_number(field: Any, value: object) -> Between:
    if isinstance(value, Mapping) and value and not value.keys() - {"min", "max"}:
        return Between(field, value.get("min"), value.get("max"))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return parse_number_range(field, repr(value))
    if not isinstance(value, str):
        raise InvalidQuery(field, value, 'a number, a range such as "640..1920", or {"min": 640, "max": 1920}')
    return parse_number_range(field, value)


@dataclass(frozen=True, slots=True)
class FilterField:
    """A condition by its name in a filter: as an option of commands, in JSON and in Python.

    `takes`: a text, one or several texts, a number or range of numbers, a time or range of times, a place with a
    distance, a box, or true or false. Of several texts any has to hold, or all of them where `option_joins` says so of
    a repeated option. `choices`: the only texts that are taken. `metavar` names the value in a command's help; without
    one only a flag has an option.
    """

    takes: Literal["text", "texts", "number", "time", "place", "box", "flag"]
    read: Callable[[str, Any], Condition]
    description: str = ""
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    option_joins: Literal["any", "all"] = "any"


def _read_phrases(field: str, value: object) -> Condition:
    return Filter(any=tuple(Phrase(text) for text in _texts(field, value)))


def parse_written(text: str) -> Condition:
    """Parse words that pictures show, all of them. Those in quotes stand in one line, in this order.

    Raises InvalidQuery.
    """
    phrases = [Written(quoted, phrase=True) for quoted in _QUOTED.findall(text)]
    if (rest := _QUOTED.sub(" ", text)).strip() or not phrases:
        phrases.append(Written(rest))
    return phrases[0] if len(phrases) == 1 else Filter(all=tuple(phrases))


def _read_written(field: str, value: object) -> Condition:
    return Filter(any=tuple(parse_written(text) for text in _texts(field, value)))


def _read_has_text(field: str, value: object) -> Condition:
    if not isinstance(value, bool):
        raise InvalidQuery(field, value, "true or false")
    return Filter(none=(Missing("text_words"),)) if value else Missing("text_words")


def _read_keyword(field: Any, value: object) -> Condition:
    return Match(field, _texts(field, value))


def _read_names(held_in: Name) -> Callable[[str, Any], Condition]:
    def read(field: str, value: object) -> Condition:
        return Filter(any=tuple(Named(held_in, text) for text in _texts(field, value)))

    return read


def _read_place(field: str, value: object) -> Condition:
    if not isinstance(value, Mapping):
        return parse_place(_text(field, value))
    if value.keys() != {"latitude", "longitude", "meters"}:
        raise InvalidQuery(field, value, f'{_PLACES}, or {{"latitude": 48.1, "longitude": 11.6, "meters": 5000}}')
    return Near(value["latitude"], value["longitude"], value["meters"])


def _read_box(field: str, value: object) -> Condition:
    if not isinstance(value, Mapping):
        return parse_box(_text(field, value))
    if value.keys() != {"south", "west", "north", "east"}:
        raise InvalidQuery(field, value, f'{_BOXES}, or {{"south": 38.6, "west": -9.3, "north": 38.8, "east": -9.0}}')
    return WithinBox(value["south"], value["west"], value["north"], value["east"])


def _read_places(field: str, value: object) -> Condition:
    return Filter(any=tuple(taken_in(text) for text in _texts(field, value)))


def _read_incomplete(field: str, value: object) -> Condition:
    if not isinstance(value, bool):
        raise InvalidQuery(field, value, "true or false")
    return Filter(none=(Missing("incomplete"),)) if value else Missing("incomplete")


def _read_time(field: str, value: object) -> Condition:
    return parse_time_range("taken_at" if field == "taken" else "modified_at", _text(field, value))


def _read_orientation(field: str, value: object) -> Condition:
    return oriented(*_texts(field, value))  # type: ignore[arg-type]


def _read_missing(field: str, value: object) -> Condition:
    return Missing(_text(field, value))  # type: ignore[arg-type]


FILTER_FIELDS: dict[str, FilterField] = {
    "word": FilterField("texts", lambda field, value: caption_words(any_of=_texts(field, value))),
    "phrase": FilterField(
        "texts", _read_phrases, "The caption says exactly this, word by word.", "TEXT", option_joins="all"
    ),
    "text": FilterField(
        "texts",
        _read_written,
        'The picture shows these words, one letter in six aside; "in quotes" in one line, in this order.',
        "TEXT",
        option_joins="all",
    ),
    "has_text": FilterField("flag", _read_has_text, "Only pictures in which text was found, or only others."),
    "source": FilterField("texts", _read_keyword, "From this folder or bucket; of several, from any.", "SOURCE"),
    "prefix": FilterField(
        "text",
        lambda field, value: KeyPrefix(_text(field, value)),
        "The path within the source begins with this.",
        "KEY",
    ),
    "key": FilterField(
        "text",
        lambda field, value: KeyGlob(_text(field, value)),
        "The path within the source fits it, case aside: * ? [abc]; * takes in /.",
        "PATTERN",
    ),
    "taken": FilterField("time", _read_time, "When the picture was taken, such as 2024 or 2023-06..2024.", "RANGE"),
    "modified": FilterField("time", _read_time, "When the file was changed last.", "RANGE"),
    "width": FilterField("number", _read_number, "In pixels, such as 1920.. or 640..1920.", "RANGE"),
    "height": FilterField("number", _read_number, "In pixels.", "RANGE"),
    "aspect": FilterField("number", _read_number, "Width to height, such as 16:9 (within 1 %) or 1.3..1.8.", "RANGE"),
    "orientation": FilterField(
        "texts", _read_orientation, "As the picture is seen.", "SHAPE", choices=get_args(Orientation)
    ),
    "camera": FilterField(
        "texts", _read_names("camera"), 'Taken with it: words of its name, case aside, or a pattern: "*EOS R*".', "NAME"
    ),
    "lens": FilterField("texts", _read_names("lens"), "Taken through it: words of its name, or a pattern.", "NAME"),
    "near": FilterField(
        "place", _read_place, "Taken near there: latitude, longitude and distance in m, km or mi.", "LAT,LON,DISTANCE"
    ),
    "box": FilterField(
        "box", _read_box, "Taken within these edges of a map: south, west, north, east.", "SOUTH,WEST,NORTH,EAST"
    ),
    "place": FilterField(
        "texts", _read_places, "Taken there: words of the names of town, region and country, or a pattern.", "NAME"
    ),
    "rating": FilterField("number", _read_number, "Stars from 0 to 5, such as 4.. or 3..5.", "RANGE"),
    "keyword": FilterField(
        "texts",
        _read_names("keywords"),
        "Its file has this keyword: words of it, or a pattern.",
        "WORD",
        option_joins="all",
    ),
    "person": FilterField(
        "texts",
        _read_names("people"),
        "Its file names this person: part of the name, or a pattern.",
        "NAME",
        option_joins="all",
    ),
    "incomplete": FilterField("flag", _read_incomplete, "Only pictures that lack a part, or only whole ones."),
    "status": FilterField("texts", _read_keyword, choices=("indexed", "failed")),
    "caption_origin": FilterField("texts", _read_keyword, choices=("generated", "human", "file")),
    "captioner": FilterField("texts", _read_keyword),
    "caption_flaw": FilterField(
        "texts",
        _read_keyword,
        "What is wrong with the caption of a model.",
        "FLAW",
        choices=get_args(CaptionFlaw),
    ),
    "caption_language": FilterField("texts", _read_keyword),
    "content_hash": FilterField("texts", _read_keyword),
    "missing": FilterField("text", _read_missing, choices=FIELDS),
}


def _ends(field: str, text: str, takes: str) -> tuple[str | None, str | None]:
    begin, dots, end = (part.strip() for part in text.partition(".."))
    if not begin and not end:
        raise InvalidQuery(field, text, takes)
    return (begin or None, end or None) if dots else (begin, begin)


def _number(field: str, end: str, text: str, takes: str) -> float:
    ratio = _RATIO.fullmatch(end) if field == "aspect" else None
    try:
        return float(ratio[1]) / float(ratio[2]) if ratio else float(end)
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidQuery(field, text, takes) from error


def _period(field: str, end: str, text: str) -> tuple[datetime, datetime]:
    """When a year, month, day or moment begins, and when it is over."""
    try:
        if (date := _DATE.fullmatch(end)) is None:
            moment = datetime.fromisoformat(end)
            if moment.tzinfo is None or field == "taken":
                moment = moment.replace(tzinfo=UTC)
            return moment, moment + timedelta(microseconds=1)
        year, month, day = (int(part) if part else None for part in date.groups())
        assert year is not None
        begin = datetime(year, month or 1, day or 1, tzinfo=UTC)
        if day is not None:
            return begin, begin + timedelta(days=1)
        if month is not None:
            return begin, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        return begin, datetime(year + 1, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidQuery(field, text, _TIMES) from error
