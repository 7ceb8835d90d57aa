"""What people and programs write -> conditions: ranges, dates, and whole filters as JSON."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from core.domain.conditions import Between, During, KeyGlob, KeyPrefix, Match, Missing, Number, Phrase, Time
from core.domain.filters import Condition, Filter, caption_words, oriented
from core.domain.query import MAX_TEXT
from core.errors import InvalidQuery

MAX_CONDITIONS = 500
_MAX_DEPTH = 20
_NEAR = 0.01  # how far an aspect may be from one that is asked for alone
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_RATIO = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", re.ASCII)

_SIZES = "a range such as 640..1920, 640.., ..1920, or a number of pixels"
_ASPECTS = "a range such as 1.3..1.8 or 4:3..16:9, or a ratio such as 16:9 (width to height, within 1 %)"
_TIMES = (
    "a range such as 2023..2024-06, 2024-05-01.. or ..2020, or a year, month, day or RFC 3339 time "
    "(UTC where it says no zone)"
)


def between(field: Number, text: str) -> Between:
    """From "LOW..HIGH", "LOW..", "..HIGH" or a single number. Raises InvalidQuery."""
    takes = _ASPECTS if field == "aspect" else _SIZES
    low, high = _ends(field, text, takes)
    bounds = [None if end is None else _number(field, end, text, takes) for end in (low, high)]
    if field == "aspect" and low == high and bounds[0] is not None:
        return Between(field, bounds[0] * (1 - _NEAR), bounds[0] * (1 + _NEAR))
    return Between(field, bounds[0], bounds[1])


def during(field: Time, text: str) -> During:
    """From "BEGIN..END", "BEGIN..", "..END" or a single period; the last period is part of it. Raises InvalidQuery."""
    name = "taken" if field == "taken_at" else "modified"
    begin, end = _ends(name, text, _TIMES)
    since = None if begin is None else _period(name, begin, text)[0]
    before = None if end is None else _period(name, end, text)[1]
    if since is not None and before is not None and since >= before:
        raise InvalidQuery(name, text, "a range that begins before it ends")
    return During(field, since, before)


def filter_of(given: object) -> Filter:
    """A filter from JSON. An object asks for everything that its keys say; "all", "any", "none" hold lists of objects.

    word, phrase, source, status, caption_origin, captioner, content_hash, orientation: a text, or a list of which one
    has to hold; prefix, key (a pattern): a text; width, height, aspect: a number, a range as text, or {"min", "max"};
    taken, modified: a range as text; missing: the name of a field. Raises InvalidQuery.
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
            if name not in _READERS:
                takes = "one of " + ", ".join([*parts, *_READERS])
                raise InvalidQuery("filter field", name, takes)
            parts["all"].append(_READERS[name](name, value))
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
        return between(field, repr(value))
    if not isinstance(value, str):
        raise InvalidQuery(field, value, 'a number, a range such as "640..1920", or {"min": 640, "max": 1920}')
    return between(field, value)


_READERS: dict[str, Callable[[str, Any], Condition]] = {
    "word": lambda field, value: caption_words(any_of=_texts(field, value)),
    "phrase": lambda field, value: Filter(any=tuple(Phrase(text) for text in _texts(field, value))),
    **dict.fromkeys(
        ("source", "status", "caption_origin", "captioner", "content_hash"),
        lambda field, value: Match(field, _texts(field, value)),  # type: ignore[arg-type]
    ),
    "prefix": lambda field, value: KeyPrefix(_text(field, value)),
    "key": lambda field, value: KeyGlob(_text(field, value)),
    **dict.fromkeys(("width", "height", "aspect"), _read_number),
    "taken": lambda field, value: during("taken_at", _text(field, value)),
    "modified": lambda field, value: during("modified_at", _text(field, value)),
    "orientation": lambda field, value: oriented(*_texts(field, value)),  # type: ignore[arg-type]
    "missing": lambda field, value: Missing(_text(field, value)),  # type: ignore[arg-type]
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
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
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
