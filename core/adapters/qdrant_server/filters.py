"""Filter -> qdrant-client's filter, with the meaning of `Filter.matches`.

Every field that is asked by has a payload index (FIELDS), as strict mode wants it. Server 1.19 is the oldest that
matches prefixes.
"""

from collections.abc import Callable, Iterator
from typing import Any

from qdrant_client import models

from core.domain.conditions import Between, During, KeyGlob, KeyPrefix, Match, Missing, Phrase, holds
from core.domain.filter_simplification import simplified
from core.domain.filters import Condition, Filter
from core.domain.key_patterns import literal_spellings
from core.text import analysis
from core.text.analysis import is_unicode

Checked = KeyGlob | Phrase  # what the engine cannot ask: it narrows down, and the rest is read and checked
Read = Callable[[models.Filter, list[str]], Iterator[tuple[str, dict[str, Any]]]]  # everything by id, with fields of it

FIELDS: dict[str, models.PayloadSchemaType | models.KeywordIndexParams] = {
    **dict.fromkeys(
        ("words", "source", "status", "content_hash", "caption_origin", "captioner"), models.PayloadSchemaType.KEYWORD
    ),
    "key": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, prefix=True),
    "modified_at": models.PayloadSchemaType.DATETIME,
    "taken_at": models.PayloadSchemaType.DATETIME,
    "width": models.PayloadSchemaType.INTEGER,
    "height": models.PayloadSchemaType.INTEGER,
    "aspect": models.PayloadSchemaType.FLOAT,
}

_NOTHING = models.Filter(must_not=[models.Filter()])


def passing(filter: Filter, read: Read) -> models.Filter | None:
    """None where the filter lets everything pass. `read` is asked for what the server cannot decide."""
    return _filter(simplified(filter), read)


def same_time(inner: models.Filter | None, field: str, time: str) -> models.Filter:
    """What passes the filter and has exactly this RFC 3339 time."""
    return _also(inner, models.FieldCondition(key=field, range=models.DatetimeRange.model_validate(_at(time))))


def empty(inner: models.Filter | None, field: str) -> models.Filter:
    """What passes the filter and lacks the field."""
    return _also(inner, _lacks(field))


def among(ids: set[str]) -> models.Filter:
    return models.Filter(must=[models.HasIdCondition(has_id=list(ids))])


def _also(inner: models.Filter | None, condition: models.Condition) -> models.Filter:
    return models.Filter(must=[condition] if inner is None else [condition, inner])


def _at(time: str) -> dict[str, str]:
    return {"gte": time, "lte": time}


def _lacks(field: str) -> models.IsEmptyCondition:
    return models.IsEmptyCondition(is_empty=models.PayloadField(key=field))


def _filter(filter: Filter, read: Read) -> models.Filter | None:
    if not filter:
        return None
    return models.Filter(
        must=[_condition(condition, read) for condition in filter.all],
        should=[_condition(condition, read) for condition in filter.any],
        must_not=[_apart(_condition(condition, read)) for condition in filter.none],
    )


def _apart(condition: models.Condition) -> models.Filter:
    """In a filter of its own: server 1.19.0 passes over a `must_not` that stands in `must` or `should` too."""
    return condition if isinstance(condition, models.Filter) else models.Filter(must=[condition])


def _condition(condition: Condition, read: Read) -> models.Condition:
    match condition:
        case Filter():
            return _filter(condition, read) or models.Filter()
        case Missing(field):
            return _lacks(field)
        case Match(field, values):
            storable = [value for value in values if is_unicode(value)]  # payloads hold no other
            return models.FieldCondition(key=field, match=models.MatchAny(any=storable)) if storable else _NOTHING
        case Between(field, low, high):
            return models.FieldCondition(key=field, range=models.Range(gte=low, lte=high))
        case During(field, since, before):
            return models.FieldCondition(key=field, range=models.DatetimeRange(gte=since, lt=before))
        case KeyPrefix(prefix):
            return _begins(prefix)
        case KeyGlob() | Phrase():
            return _checked(condition, read)


def _begins(prefix: str) -> models.FieldCondition:
    return models.FieldCondition(key="key", match=models.MatchPrefix(prefix=prefix))


def _checked(condition: Checked, read: Read) -> models.Condition:
    narrow, fields = _narrowed(condition)
    fitting: list[models.ExtendedPointId] = []
    seen = 0
    for image_id, payload in read(narrow, fields):
        seen += 1
        if holds(condition, payload):
            fitting.append(image_id)
    if len(fitting) == seen:
        return narrow
    return models.HasIdCondition(has_id=fitting) if fitting else _NOTHING


def _narrowed(condition: Checked) -> tuple[models.Filter, list[str]]:
    """What everything that fits fulfils too, and the fields that show whether it fits."""
    if isinstance(condition, Phrase):
        forms = analysis.analyse(condition.text)
        held = [models.FieldCondition(key="words", match=models.MatchAny(any=[form])) for form in forms]
        return models.Filter(must=[*held]), ["caption", "captions", "generated"]
    begins, _ = literal_spellings(condition.pattern)
    return models.Filter(should=[_begins(one) for one in begins]), ["key"]
