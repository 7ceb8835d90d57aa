"""What a filter can ask of one image, each condition validated when it is made.

`holds` is the meaning of every condition, in plain Python over a payload: backends must agree with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from core.domain.filtering.key_patterns import fits
from core.errors import InvalidQuery
from core.text import analysis

Keyword = Literal["words", "source", "status", "content_hash", "caption_origin", "captioner"]
Number = Literal["width", "height", "aspect"]
Time = Literal["taken_at", "modified_at"]
Field = Keyword | Number | Time

_KNOWN: dict[str, tuple[str, ...]] = {
    "status": ("indexed", "failed"),
    "caption_origin": ("generated", "human"),
}
_MOST = 1e15
_FIELDS: tuple[str, ...] = get_args(Keyword) + get_args(Number) + get_args(Time)


def _check_field(field: str, takes: tuple[str, ...]) -> None:
    if field not in takes:
        raise InvalidQuery("filter field", field, "one of " + ", ".join(takes))


def _check_text(field: str, text: object, takes: str) -> None:
    if not isinstance(text, str) or not text or not analysis.is_unicode(text):
        raise InvalidQuery(field, text, takes)


@dataclass(frozen=True, slots=True)
class Match:
    """The keyword field holds at least one of the values."""

    field: Keyword
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_field(self.field, get_args(Keyword))
        if not self.values or isinstance(self.values, str):
            raise InvalidQuery(self.field, self.values, "at least one value")
        for value in self.values:
            if not isinstance(value, str) or value not in _KNOWN.get(self.field, (value,)):
                raise InvalidQuery(self.field, value, " or ".join(_KNOWN.get(self.field, ("text",))))


@dataclass(frozen=True, slots=True)
class Missing:
    """The field is not set."""

    field: Field

    def __post_init__(self) -> None:
        _check_field(self.field, _FIELDS)


@dataclass(frozen=True, slots=True)
class Between:
    """The number lies from `low` to `high`, both included; one of them may be open.

    `width` and `height` are pixels of the upright picture, `aspect` is width / height.
    """

    field: Number
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        _check_field(self.field, get_args(Number))
        for bound in (self.low, self.high):
            if bound is not None and not (_is_number(bound) and 0 <= bound <= _MOST):  # also refuses NaN
                raise InvalidQuery(self.field, bound, f"numbers from 0 to {_MOST:g}")
        if self.low is None and self.high is None:
            raise InvalidQuery(self.field, (self.low, self.high), "a lowest or a highest number")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InvalidQuery(self.field, (self.low, self.high), "a lowest number that is not above the highest")


@dataclass(frozen=True, slots=True)
class During:
    """The time is `since` or later, and before `before`; one of them may be open. Both carry a time zone."""

    field: Time
    since: datetime | None = None
    before: datetime | None = None

    def __post_init__(self) -> None:
        _check_field(self.field, get_args(Time))
        for bound in (self.since, self.before):
            if bound is not None and (not isinstance(bound, datetime) or bound.utcoffset() is None):
                raise InvalidQuery(self.field, bound, "times with a time zone")
        if self.since is None and self.before is None:
            raise InvalidQuery(self.field, (self.since, self.before), "a time to begin or to end with")
        if self.since is not None and self.before is not None and self.since >= self.before:
            given = (self.since.isoformat(), self.before.isoformat())
            raise InvalidQuery(self.field, given, "a beginning that comes before the end")


@dataclass(frozen=True, slots=True)
class KeyPrefix:
    """The key (the path within its source) begins with this, letter by letter."""

    prefix: str

    def __post_init__(self) -> None:
        _check_text("key", self.prefix, "the beginning of a key, such as 2024/holidays/")


@dataclass(frozen=True, slots=True)
class KeyGlob:
    """The whole key fits the pattern, in either case: * for any run of characters ("/" too), ? for one, [abc] for one
    of these. See core.domain.filtering.key_patterns.
    """

    pattern: str

    def __post_init__(self) -> None:
        _check_text("key", self.pattern, "a pattern of keys, such as 2024/*.jpg")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A caption says these words, as written and in this order, none between them; case and accents do not count."""

    text: str

    def __post_init__(self) -> None:
        takes = "words as a caption says them, such as a dog on the beach"
        _check_text("phrase", self.text, takes)
        if not analysis.tokenize(self.text):
            raise InvalidQuery("phrase", self.text, takes)


Simple = Match | Missing | Between | During | KeyPrefix | KeyGlob | Phrase


def holds(condition: Simple, payload: Mapping[str, Any]) -> bool:
    match condition:
        case Match(field, values):
            value = payload.get(field)
            held = value if isinstance(value, list | tuple) else (value,)
            return any(wanted in held for wanted in values)
        case Missing(field):
            return payload.get(field) in (None, [], ())
        case Between(field, low, high):
            number = payload.get(field)
            return number is not None and (low is None or number >= low) and (high is None or number <= high)
        case During(field, since, before):
            if payload.get(field) is None:
                return False
            time = datetime.fromisoformat(payload[field])
            return (since is None or time >= since) and (before is None or time < before)
        case KeyPrefix(prefix):
            return str(payload.get("key", "")).startswith(prefix)
        case KeyGlob(pattern):
            return fits(pattern, str(payload.get("key", "")))
        case Phrase(text):
            told = (payload.get("caption"), *payload.get("captions", ()), payload.get("generated"))
            return any(_says(analysis.tokenize(one), analysis.tokenize(text)) for one in told if one)


def _says(told: Sequence[str], phrase: Sequence[str]) -> bool:
    size = len(phrase)
    return any(told[n : n + size] == phrase for n in range(len(told) - size + 1))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
