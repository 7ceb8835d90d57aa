"""Filter -> qdrant-client's filter, with the meaning of `Filter.matches`.

Every field that is asked by has a payload index (FIELDS), as strict mode wants it. Server 1.19 is the oldest that
matches prefixes.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args

from qdrant_client import models

from core.adapters.index_base.point_codec import VERSION
from core.domain.filtering.conditions import (
    TOLD,
    Between,
    During,
    KeyGlob,
    KeyPrefix,
    Keyword,
    Match,
    Missing,
    Named,
    Near,
    Phrase,
    WithinBox,
    box_longitudes,
    holds,
)
from core.domain.filtering.distance import find_ranges
from core.domain.filtering.filters import Condition, Filter
from core.domain.filtering.key_patterns import literal_spellings
from core.domain.filtering.simplification import simplify
from core.domain.filtering.written_text import Written
from core.text import analysis
from core.text.analysis import is_unicode

# What the engine cannot ask: it narrows down, and the rest is read and checked.
PostFilter = KeyGlob | Phrase | Named | Near | Written
Read = Callable[[models.Filter, list[str]], Iterator[tuple[str, dict[str, Any]]]]  # everything by id, with fields of it
Check = Callable[[PostFilter], models.Condition]

FIELDS: dict[str, models.PayloadSchemaType | models.KeywordIndexParams] = {
    **dict.fromkeys(get_args(Keyword), models.PayloadSchemaType.KEYWORD),
    "key": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, prefix=True),
    "modified_at": models.PayloadSchemaType.DATETIME,
    "taken_at": models.PayloadSchemaType.DATETIME,
    "width": models.PayloadSchemaType.INTEGER,
    "height": models.PayloadSchemaType.INTEGER,
    "rating": models.PayloadSchemaType.INTEGER,
    VERSION: models.PayloadSchemaType.INTEGER,  # asked for what was written last
    **dict.fromkeys(("aspect", "incomplete", "latitude", "longitude"), models.PayloadSchemaType.FLOAT),
}

_NOTHING = models.Filter(must_not=[models.Filter()])


class FilterTranslator:
    """Translates filters for one question. `read` is asked once for each condition that the server cannot decide.

    `values` reads all values of a field.
    """

    def __init__(self, read: Read, values: Callable[[Keyword], Iterable[str]]) -> None:
        self._read = read
        self._values = values
        self._checked: dict[PostFilter, models.Condition] = {}

    def __call__(self, filter: Filter) -> models.Filter | None:
        """Translate a filter; None where it lets everything pass."""
        return _filter(simplify(filter), self._check)

    def _check(self, condition: PostFilter) -> models.Condition:
        if condition not in self._checked:
            if isinstance(condition, Named):
                meant = [value for value in self._values(condition.field) if condition.names(value)]
                made: models.Condition = _match_any(condition.field, meant) if meant else _NOTHING
            elif isinstance(condition, Written):
                made = self._find_text(condition)
            else:
                made = _check_points(condition, self._read, *_narrow(condition))
            self._checked[condition] = made
        return self._checked[condition]

    def _find_text(self, condition: Written) -> models.Condition:
        """Read the words that are written in any picture, and ask for those that are meant."""
        meant = condition.find_words(list(self._values("text_words")))
        if not all(meant):
            return _NOTHING
        narrow = models.Filter(must=[_match_any("text_words", list(words)) for words in meant])
        if not condition.phrase:
            return narrow
        return _check_points(condition, self._read, narrow, ["text_words", "text_lines"])


def is_decided(filter: Filter) -> bool:
    """Say whether the server can decide all conditions of a filter by itself."""
    conditions = (*filter.all, *filter.any, *filter.none)
    return all(is_decided(one) if isinstance(one, Filter) else not isinstance(one, PostFilter) for one in conditions)


def having_id(ids: Iterable[str]) -> models.Filter:
    """Pass the points of these ids alone."""
    return models.Filter(must=[models.HasIdCondition(has_id=list(ids))])


def _filter(filter: Filter, check: Check) -> models.Filter | None:
    if not filter:
        return None
    return models.Filter(
        must=[_condition(condition, check) for condition in filter.all],
        should=[_condition(condition, check) for condition in filter.any],
        must_not=[_nest(_condition(condition, check)) for condition in filter.none],
    )


def _nest(condition: models.Condition) -> models.Filter:
    """In a filter of its own: server 1.19.0 passes over a `must_not` that stands in `must` or `should` too."""
    return condition if isinstance(condition, models.Filter) else models.Filter(must=[condition])


def _condition(condition: Condition, check: Check) -> models.Condition:
    match condition:
        case Filter():
            return _filter(condition, check) or models.Filter()
        case Missing(field):
            return models.IsEmptyCondition(is_empty=models.PayloadField(key=field))
        case Match(field, values):
            storable = [value for value in values if is_unicode(value)]  # payloads hold no other
            return _match_any(field, storable) if storable else _NOTHING
        case Between(field, low, high):
            return _within(field, low, high)
        case During(field, since, before):
            return models.FieldCondition(key=field, range=models.DatetimeRange(gte=since, lt=before))
        case KeyPrefix(prefix):
            return _has_prefix(prefix)
        case Written():
            return check(condition)
        case WithinBox():
            among = [_within("longitude", *one) for one in box_longitudes(condition)]
            among += [_within("latitude", pole, pole) for pole in condition.poles]
            return models.Filter(must=[_within("latitude", condition.south, condition.north)], should=[*among])
        case KeyGlob() | Phrase() | Named() | Near():
            return check(condition)


def _match_any(field: str, values: list[str]) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchAny(any=values))


def _within(field: str, low: float | None, high: float | None) -> models.FieldCondition:
    return models.FieldCondition(key=field, range=models.Range(gte=low, lte=high))


def _has_prefix(prefix: str) -> models.FieldCondition:
    return models.FieldCondition(key="key", match=models.MatchPrefix(prefix=prefix))


def _check_points(
    condition: KeyGlob | Phrase | Near | Written, read: Read, narrow: models.Filter, fields: list[str]
) -> models.Condition:
    """Read what everything that fits fulfils, with the fields that show whether it does."""
    fitting: list[models.ExtendedPointId] = []
    seen = 0
    for image_id, payload in read(narrow, fields):
        seen += 1
        if holds(condition, payload):
            fitting.append(image_id)
    if len(fitting) == seen:
        return narrow
    return models.HasIdCondition(has_id=fitting) if fitting else _NOTHING


def _narrow(condition: KeyGlob | Phrase | Near) -> tuple[models.Filter, list[str]]:
    """What everything that fits fulfils too, and the fields that show whether it fits."""
    if isinstance(condition, Phrase):
        forms = analysis.analyse(condition.text)
        return models.Filter(must=[_match_any("words", [form]) for form in forms]), [*TOLD]
    if isinstance(condition, Near):
        ranges = find_ranges(condition.latitude, condition.longitude, condition.meters)
        among = [_within("longitude", *one) for one in ranges.longitudes]
        return models.Filter(must=[_within("latitude", *ranges.latitudes)], should=[*among]), ["latitude", "longitude"]
    begins, _ = literal_spellings(condition.pattern)
    return models.Filter(should=[_has_prefix(one) for one in begins]), ["key"]
