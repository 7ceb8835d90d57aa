"""What the pictures that pass a filter have in common: words, years, cameras and the like, with exact counts."""

from collections.abc import Callable
from datetime import UTC, datetime
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
            stars = ((str(n), index.count(passing & Filter(all=(_rated(n),)))) for n in reversed(STARS))
            return [one for one in stars if one[1]][:limit]
        case "taken":
            return _years(index, "taken_at", passing, limit)
        case "modified":
            return _years(index, "modified_at", passing, limit)
        case "orientation":
            counts = [(name, index.count(passing & oriented(name))) for name in get_args(Orientation)]
            return sorted((one for one in counts if one[1]), key=lambda one: (-one[1], one[0]))[:limit]
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
    for word, count in found:
        if len(shown) == limit:
            break
        instead = inflections.find_displayed_lemmas(word)
        alone = count - sum(counts.get(other, 0) for other in instead)
        if 2 * alone < count:
            holding = Filter(all=(Match("words", (word,)),), none=(Match("words", instead),))
            alone = index.count(passing & holding)
        if 2 * alone >= count:
            shown.append((word, count))
    return shown


def _years(index: SearchableIndex, field: Time, passing: Filter, limit: int) -> Facet:
    """Count year by year from the latest picture's on, and leap over what lies between two pictures far apart."""
    found: Facet = []
    year = _latest(index, field, passing & Filter(none=(Missing(field),)))
    while year is not None and len(found) < limit:
        count = index.count(passing & Filter(all=(_year(field, year),)))
        if count:
            found.append((f"{year:04}", count))
            year = year - 1 if year > _YEARS[0] else None
        else:
            before = During(field, before=datetime(year, 1, 1, tzinfo=UTC))
            year = _latest(index, field, passing & Filter(all=(before,)))
    return found


def _latest(index: SearchableIndex, field: Time, passing: Filter) -> int | None:
    latest = index.ordered(_SORTS[field], passing, limit=1)
    time: datetime | None = getattr(latest[0], field) if latest else None
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
