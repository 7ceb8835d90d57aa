"""Filters: conditions joined by all, any and none, with their meaning in plain Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from core.domain.filtering.conditions import Between, Field, Match, Missing, Named, Simple, holds
from core.errors import InvalidQuery
from core.text import analysis
from core.text.spelling import spell_plainly
from core.text.word_lists import WORD_FIELDS, WordListName

Orientation = Literal["landscape", "portrait", "square"]


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
        """Tell whether the filter is true of an image with this payload: every backend must agree with it."""
        return (
            all(_matches(condition, payload) for condition in self.all)
            and (not self.any or any(_matches(condition, payload) for condition in self.any))
            and not any(_matches(condition, payload) for condition in self.none)
        )

    def asks_for(self, field: Field) -> bool:
        """Tell whether any condition in it is about this field."""
        return any(
            condition.asks_for(field) if isinstance(condition, Filter) else getattr(condition, "field", None) == field
            for condition in (*self.all, *self.any, *self.none)
        )


Condition = Simple | Filter


EVERYTHING = Filter()


INDEXED = Filter(all=(Match("status", ("indexed",)),))


WORDED: dict[WordListName, Filter] = {  # what each list has any word of
    name: Filter(none=(Missing(field),)) for name, field in WORD_FIELDS.items()
}


FAILED = Filter(all=(Match("status", ("failed",)),))


SEEN = INDEXED & Filter(none=(Missing("content_hash"),))  # with its picture read; an imported vector comes without


UNCAPTIONED = SEEN & Filter(all=(Missing("caption_origin"),))


CAPTIONED = INDEXED & Filter(none=(Missing("caption_origin"),))


PAIRED = Filter(none=(Missing("pair"),))  # with a RAW or a JPEG of the same name


INCOMPLETE = INDEXED & Filter(none=(Missing("incomplete"),))


UNREAD = SEEN & Filter(all=(Missing("text_reader"),))  # for text, by anybody


# With a position, but without the names of its place: indexed before BucketLens knew any.
UNNAMED = INDEXED & Filter(all=(Missing("places"),), none=(Missing("latitude"),))


WITH_TEXT = INDEXED & Filter(none=(Missing("text_words"),))


PEOPLE_ALONE = Filter(all=(Match("caption_origin", ("human", "file")), Missing("captioner")))


UNTOLD = SEEN & Filter(all=(Missing("captioner"),))  # by a captioner, whatever people wrote


def holding_word(word: str, list: WordListName = "words") -> Filter:
    """Ask for this word, in dictionary form, by default in captions."""
    return Filter(all=(Match(WORD_FIELDS[list], (word,)),))


def taken_in(text: str) -> "Condition":
    """Ask for pictures whose place is called so: every word is in a name of it, in any order.

    Case, accents and strokes of letters do not count, and apostrophes may be left out.

    With *, ? or [abc] the text is a pattern instead, which one whole name fits. Raises InvalidQuery.
    """
    asks = analysis.expand_query(spell_plainly(text))
    if set(text) & set("*?[") or not asks:
        return Named("places", text)
    return Filter(all=tuple(Match(WORD_FIELDS["place"], forms) for forms in asks))


def of_indexed(filter: Filter) -> Filter:
    """Leave out what is always true of indexed images."""
    if filter == INDEXED:
        return EVERYTHING
    parts = (of_indexed(part) if isinstance(part, Filter) else part for part in filter.all)
    return replace(filter, all=tuple(part for part in parts if part != EVERYTHING))


def _matches(condition: Condition, payload: Mapping[str, Any]) -> bool:
    return condition.matches(payload) if isinstance(condition, Filter) else holds(condition, payload)


def caption_words(must: Sequence[str] = (), any_of: Sequence[str] = (), none_of: Sequence[str] = ()) -> Filter:
    """Filter by words of the caption, in any inflection. An entry of several words means all of them at once.

    Raises InvalidQuery for an entry that holds no searchable word.
    """
    return Filter(
        all=tuple(_parse_entry("must", entry) for entry in must),
        any=tuple(_parse_entry("any", entry) for entry in any_of),
        none=tuple(_parse_entry("not", entry) for entry in none_of),
    )


def _parse_entry(field: str, entry: str) -> Condition:
    asked = analysis.expand_query(entry)
    if not asked:
        raise InvalidQuery(field, entry, "a word that captions can hold (not blank, not only words like 'the')")
    matches = tuple(Match("words", forms) for forms in asked)
    return matches[0] if len(matches) == 1 else Filter(all=matches)


def oriented(*orientations: Orientation) -> Filter:
    """Ask for pictures of any of these orientations, as they are seen upright."""
    wider, taller = Between("aspect", low=1), Between("aspect", high=1)
    square = Between("aspect", 1, 1)
    made: dict[str, Condition] = {
        "landscape": Filter(all=(wider,), none=(square,)),
        "portrait": Filter(all=(taller,), none=(square,)),
        "square": square,
    }
    for orientation in orientations:
        if orientation not in made:
            raise InvalidQuery("orientation", orientation, "one of " + ", ".join(made))
    return Filter(any=tuple(made[orientation] for orientation in orientations))
