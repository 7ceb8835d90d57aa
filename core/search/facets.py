"""What the pictures that pass a filter have in common: words, years, cameras and the like, with exact counts."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Literal, get_args

from core.domain.filtering.conditions import Between, During, Field, Match, Missing, Time
from core.domain.filtering.filters import Condition, Filter, Orientation, oriented
from core.domain.query import Sort
from core.errors import InvalidQuery
from core.ports.vector_index import SearchableIndex
from core.text import inflections

FacetField = Literal[
    "word",
    "source",
    "taken",
    "modified",
    "orientation",
    "country",
    "region",
    "city",
    "camera",
    "lens",
    "rating",
    "keyword",
    "person",
    "incomplete",
    "text",
    "has_text",
]
FACETS: tuple[FacetField, ...] = get_args(FacetField)
MAX_VALUES = 1000
STARS = range(6)
_YES = "yes"
_YEARS_AT_ONCE = 32
_YEARS = range(datetime.min.year, datetime.max.year + 1)
_SORTS: dict[Time, Sort] = {"taken_at": "taken", "modified_at": "modified"}

Facet = list[tuple[str, int]]  # values, each with the number of pictures that have it


def facet(index: SearchableIndex, field: FacetField, passing: Filter, *, limit: int = 20) -> Facet:
    """Count the values of a field over what passes: the commonest `limit`, of years the latest.

    `word` is in dictionary form (see `_words`). `taken` are years by the clock where a picture was taken, `modified`
    years in UTC. `rating` are stars, the most first. `incomplete` and `has_text` are "yes" or not
    there. `text` are words that are written in pictures, in dictionary form. Pictures without a value are
    not counted. Raises InvalidQuery.
    """
    if not 1 <= limit <= MAX_VALUES:
        raise InvalidQuery("limit of facets", limit, f"a number from 1 to {MAX_VALUES}")
    match field:
        case "word":
            return _words(index, passing, limit)
        case "source" | "camera" | "lens" | "country" | "region" | "city":
            return index.facet(field, passing, limit=limit)
        case "keyword":
            return index.facet("keywords", passing, limit=limit)
        case "person":
            return index.facet("people", passing, limit=limit)
        case "text":
            return index.facet("text_words", passing, limit=limit)
        case "rating":
            stars = [str(n) for n in reversed(STARS)]
            return _count_values(index, passing, {n: _rated(int(n)) for n in stars})[:limit]
        case "taken":
            return _years(index, "taken_at", passing, limit)
        case "modified":
            return _years(index, "modified_at", passing, limit)
        case "orientation":
            counts = _count_values(index, passing, {name: oriented(name) for name in get_args(Orientation)})
            return sorted(counts, key=lambda one: (-one[1], one[0]))[:limit]
        case "incomplete" | "has_text":
            count = index.count(passing & Filter(all=(holding(field, _YES),)))
            return [(_YES, count)] if count else []
        case _:
            raise InvalidQuery("field", field, "one of " + ", ".join(FACETS))


def holding(field: str, value: str) -> Condition:
    """Make the condition of the pictures that are counted under this value of a facet. Raises InvalidQuery."""
    if field not in _CONDITIONS:
        raise InvalidQuery("field", field, "one of " + ", ".join(FACETS))
    return _CONDITIONS[field](value)


def as_dict(found: dict[FacetField, Facet]) -> dict[str, list[dict[str, str | int]]]:
    """Make facets ready for JSON."""
    return {field: [{"value": value, "count": count} for value, count in values] for field, values in found.items()}


def _words(index: SearchableIndex, passing: Filter, limit: int) -> Facet:
    """Count words, less those that captions hold mostly as another reading of a form: "grind" of "ground"."""
    found = index.facet("words", passing, limit=limit + inflections.count_hidden_lemmas())
    counts = dict(found)
    shown: Facet = []
    while found and len(shown) < limit:
        some, found = found[: 2 * limit], found[2 * limit :]
        alone = {word: count - _count_together(word, counts) for word, count in some}
        unsure = [word for word, count in some if 2 * alone[word] < count]
        alone |= zip(unsure, index.gather([partial(_count, passing & _only(word)) for word in unsure]), strict=True)
        shown += [(word, count) for word, count in some if 2 * alone[word] >= count]
    return shown[:limit]


def _count_together(word: str, counts: Mapping[str, int]) -> int:
    """How often the words are held that are displayed instead of this one: with it, at most so often."""
    return sum(counts.get(other, 0) for other in inflections.find_displayed_lemmas(word))


def _only(word: str) -> Filter:
    """What holds the word, and none of those that are displayed instead of it."""
    instead = inflections.find_displayed_lemmas(word)
    return Filter(all=(Match("words", (word,)),), none=(Match("words", instead),))


def _count_values(index: SearchableIndex, passing: Filter, conditions: Mapping[str, Condition]) -> Facet:
    """Count what passes each condition, in their order, without those that nothing passes."""
    counts = index.gather([partial(_count, passing & Filter(all=(one,))) for one in conditions.values()])
    return [(value, count) for value, count in zip(conditions, counts, strict=True) if count]


def _count(filter: Filter, index: SearchableIndex) -> int:
    return index.count(filter)


def _years(index: SearchableIndex, field: Time, passing: Filter, limit: int) -> Facet:
    """Count years from the latest picture's on, several at once, and leap over what lies between two far apart."""
    dated = passing & Filter(none=(Missing(field),))
    year, first = index.gather([partial(_outermost, field, dated, reverse) for reverse in (False, True)])
    found: Facet = []
    while year is not None and first is not None and len(found) < limit:
        last = max(first, year - min(limit - len(found), _YEARS_AT_ONCE) + 1)
        years = {f"{one:04}": _year(field, one) for one in range(year, last - 1, -1)}
        counted = _count_values(index, passing, years)
        found += counted
        year = last - 1 if last > first else None
        if year is not None and not counted:
            before = During(field, before=datetime(last, 1, 1, tzinfo=UTC))
            year = _outermost(field, passing & Filter(all=(before,)), False, index)
    return found


def _outermost(field: Time, passing: Filter, reverse: bool, index: SearchableIndex) -> int | None:
    """The year of the latest picture, or of the earliest if `reverse`; None where there is none."""
    found = index.ordered(_SORTS[field], passing, limit=1, reverse=reverse)
    time: datetime | None = getattr(found[0], field) if found else None
    return None if time is None else time.astimezone(UTC).year


def _year(field: Time, year: int) -> During:
    until = None if year == _YEARS[-1] else datetime(year + 1, 1, 1, tzinfo=UTC)
    return During(field, datetime(year, 1, 1, tzinfo=UTC), until)


def _rated(stars: int) -> Between:
    return Between("rating", stars, stars)


def _read_stars(value: str) -> Condition:
    if value not in map(str, STARS):
        raise InvalidQuery("rating", value, "stars from 0 to 5")
    return _rated(int(value))


def _read_yes(name: str, field: Field) -> Callable[[str], Condition]:
    def read(value: str) -> Condition:
        if value != _YES:
            raise InvalidQuery(name, value, _YES)
        return Filter(none=(Missing(field),))

    return read


def _read_year(name: str, field: Time) -> Callable[[str], Condition]:
    def read(value: str) -> Condition:
        if not (len(value) == 4 and value.isascii() and value.isdigit() and int(value) in _YEARS):
            raise InvalidQuery(name, value, "a year, such as 2024")
        return _year(field, int(value))

    return read


_CONDITIONS: dict[str, Callable[[str], Condition]] = {
    "word": lambda value: Match("words", (value,)),
    "source": lambda value: Match("source", (value,)),
    "taken": _read_year("taken", "taken_at"),
    "modified": _read_year("modified", "modified_at"),
    "orientation": lambda value: oriented(value),  # type: ignore[arg-type]
    "country": lambda value: Match("country", (value,)),
    "region": lambda value: Match("region", (value,)),
    "city": lambda value: Match("city", (value,)),
    "camera": lambda value: Match("camera", (value,)),
    "lens": lambda value: Match("lens", (value,)),
    "rating": _read_stars,
    "keyword": lambda value: Match("keywords", (value,)),
    "person": lambda value: Match("people", (value,)),
    "incomplete": _read_yes("incomplete", "incomplete"),
    "text": lambda value: Match("text_words", (value,)),
    "has_text": _read_yes("has_text", "text_words"),
}
