"""What may be asked: Query and Filter, validated once, here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from core import words
from core.errors import InvalidQuery
from core.identity import POINT_ID

MAX_LIMIT = 10_000
MAX_TEXT = 10_000

Keyword = Literal["words", "source", "status", "content_hash", "caption_origin", "captioner"]


@dataclass(frozen=True, slots=True)
class Match:
    """The keyword field holds at least one of the values."""

    field: Keyword
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.field not in get_args(Keyword):
            raise InvalidQuery("filter field", self.field, "one of " + ", ".join(get_args(Keyword)))
        if not self.values:
            raise InvalidQuery(self.field, self.values, "at least one value")


@dataclass(frozen=True, slots=True)
class Missing:
    """The field is not set."""

    field: Keyword


@dataclass(frozen=True, slots=True)
class Filter:
    """True of an image when all of `all`, one or more of `any` (if there are any) and none of `none` are true of it."""

    all: "tuple[Condition, ...]" = ()
    any: "tuple[Condition, ...]" = ()
    none: "tuple[Condition, ...]" = ()

    def __bool__(self) -> bool:
        return bool(self.all or self.any or self.none)

    def __and__(self, other: "Filter") -> "Filter":
        parts = tuple(part for part in (self, other) if part)
        return parts[0] if len(parts) == 1 else Filter(all=parts)

    def matches(self, payload: Mapping[str, Any]) -> bool:
        """The meaning of a filter, in plain Python: every backend must agree with it."""
        return (
            all(_holds(condition, payload) for condition in self.all)
            and (not self.any or any(_holds(condition, payload) for condition in self.any))
            and not any(_holds(condition, payload) for condition in self.none)
        )


Condition = Match | Missing | Filter

EVERYTHING = Filter()
INDEXED = Filter(all=(Match("status", ("indexed",)),))
FAILED = Filter(all=(Match("status", ("failed",)),))
UNCAPTIONED = INDEXED & Filter(all=(Missing("caption_origin"),))


def _holds(condition: Condition, payload: Mapping[str, Any]) -> bool:
    if isinstance(condition, Filter):
        return condition.matches(payload)
    value = payload.get(condition.field)
    if isinstance(condition, Missing):
        return value is None or value == [] or value == ()
    held = value if isinstance(value, list | tuple) else (value,)
    return any(wanted in held for wanted in condition.values)


def caption_words(must: Sequence[str] = (), any_of: Sequence[str] = (), none_of: Sequence[str] = ()) -> Filter:
    """Filter by words of the caption, in any inflection. An entry of several words means all of them at once.

    Raises InvalidQuery for an entry that holds no searchable word.
    """
    return Filter(
        all=tuple(_entry("must", entry) for entry in must),
        any=tuple(_entry("any", entry) for entry in any_of),
        none=tuple(_entry("not", entry) for entry in none_of),
    )


def _entry(field: str, entry: str) -> Condition:
    forms = words.analyse(entry)
    if not forms:
        raise InvalidQuery(field, entry, "a word that captions can hold (not blank, not only words like 'the')")
    matches = tuple(Match("words", (form,)) for form in forms)
    return matches[0] if len(matches) == 1 else Filter(all=matches)


def _check_weight(weight: float) -> None:
    if not (-100 <= weight <= 100) or weight == 0:  # also refuses NaN
        raise InvalidQuery("weight", weight, "a number from -100 to 100, not 0")


@dataclass(frozen=True, slots=True)
class TextTerm:
    """Words to look for; a negative weight pushes away from them."""

    text: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_weight(self.weight)
        if not self.text.strip():
            raise InvalidQuery("text", self.text, "at least one word")
        if not words.is_unicode(self.text):
            raise InvalidQuery("text", self.text, "text that is valid Unicode")
        if len(self.text) > MAX_TEXT:
            raise InvalidQuery("text", f"{len(self.text)} characters", f"at most {MAX_TEXT}")


@dataclass(frozen=True, slots=True)
class ImageTerm:
    """A picture to look for, as the bytes of an image file."""

    data: bytes
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_weight(self.weight)
        if not self.data:
            raise InvalidQuery("image", "an empty file", "the bytes of an image file")


@dataclass(frozen=True, slots=True)
class LikeTerm:
    """An image of the library to look for ("more like this"), by its id."""

    id: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_weight(self.weight)
        if not POINT_ID.fullmatch(self.id):
            raise InvalidQuery("like", self.id, "the id of an indexed image (a UUID)")


Term = TextTerm | ImageTerm | LikeTerm


@dataclass(frozen=True, slots=True)
class Query:
    """What to find. Without terms it browses what passes the filter, newest first."""

    terms: tuple[Term, ...] = ()
    filter: Filter = EVERYTHING
    limit: int = 20
    offset: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidQuery("limit", self.limit, f"a number from 1 to {MAX_LIMIT}")
        if not 0 <= self.offset <= MAX_LIMIT:
            raise InvalidQuery("offset", self.offset, f"a number from 0 to {MAX_LIMIT}")
        if self.terms and not any(term.weight > 0 for term in self.terms):
            raise InvalidQuery("weight", [term.weight for term in self.terms], "at least one term with a weight over 0")
