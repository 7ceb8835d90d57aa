"""Filter -> qdrant-edge's filter, with the meaning of `Filter.matches`."""

import qdrant_edge as edge

from core.query import Condition, Filter, Missing
from core.words import is_unicode

_NOTHING = edge.Filter(must_not=[edge.Filter()])


def edge_filter(filter: Filter) -> edge.Filter | None:
    """None where the filter lets everything pass."""
    if not filter:
        return None
    return edge.Filter(
        must=[_condition(condition) for condition in filter.all],
        should=[_condition(condition) for condition in filter.any],
        must_not=[_condition(condition) for condition in filter.none],
    )


def modified_at(filter: Filter, time: str) -> edge.Filter:
    """What passes the filter and was modified at exactly this RFC 3339 time."""
    at = edge.FieldCondition("modified_at", range=edge.RangeDateTime(gte=time, lte=time))
    inner = edge_filter(filter)
    return edge.Filter(must=[at] if inner is None else [at, inner])


def _condition(condition: Condition) -> "edge.FieldCondition | edge.IsEmptyCondition | edge.Filter":
    if isinstance(condition, Filter):
        return edge_filter(condition) or edge.Filter()
    if isinstance(condition, Missing):
        return edge.IsEmptyCondition(condition.field)
    storable = [value for value in condition.values if is_unicode(value)]  # payloads hold no other
    return edge.FieldCondition(condition.field, match=edge.MatchAny(storable)) if storable else _NOTHING
