"""Filter -> qdrant-edge's filter, with the meaning of `Filter.matches`."""

from collections.abc import Callable

import qdrant_edge as edge

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

EdgeCondition = edge.FieldCondition | edge.IsEmptyCondition | edge.HasIdCondition | edge.Filter
# What the engine cannot ask: it narrows down, and the rest is read and checked.
PostFilter = KeyGlob | Phrase | Named | Near | Written

_NOTHING = edge.Filter(must_not=[edge.Filter()])
_PAGE = 10_000
_VALUES = 1_000_000


class FilterTranslator:
    """Translates filters for one loaded shard. What had to be read for one is kept while nothing is written."""

    def __init__(self) -> None:
        self._stamp: str | None = None
        self._read: dict[PostFilter, EdgeCondition] = {}

    def __call__(self, filter: Filter, shard: edge.EdgeShard, stamp: str | None) -> edge.Filter | None:
        """Translate a filter; None where it lets everything pass.

        `stamp` is another after every write, and None while one goes on.
        """
        if stamp is None or stamp != self._stamp:
            self._stamp, self._read = stamp, {}
        read = self._read

        def check(condition: PostFilter) -> EdgeCondition:
            if condition not in read:
                match condition:
                    case Named():
                        read[condition] = _find_names(condition, shard)
                    case Written():
                        read[condition] = _find_text(condition, shard)
                    case _:
                        read[condition] = _check_points(condition, shard, *_narrow(condition))
            return read[condition]

        return _filter(simplify(filter), check)


def _filter(filter: Filter, check: Callable[[PostFilter], EdgeCondition]) -> edge.Filter | None:
    if not filter:
        return None
    return edge.Filter(
        must=[_condition(condition, check) for condition in filter.all],
        should=[_condition(condition, check) for condition in filter.any],
        # not in filters of their own, as for a server: 0.9.0 applies them, and each wrapping takes a tenth longer
        must_not=[_condition(condition, check) for condition in filter.none],
    )


def _condition(condition: Condition, check: Callable[[PostFilter], EdgeCondition]) -> EdgeCondition:
    match condition:
        case Filter():
            return _filter(condition, check) or edge.Filter()
        case Missing(field):
            return edge.IsEmptyCondition(field)
        case Match(field, values):
            storable = [value for value in values if is_unicode(value)]  # payloads hold no other
            return edge.FieldCondition(field, match=edge.MatchAny(storable)) if storable else _NOTHING
        case Between(field, low, high):
            return edge.FieldCondition(field, range=edge.RangeFloat(gte=low, lte=high))
        case During(field, since, before):
            begin, end = (time.isoformat() if time else None for time in (since, before))
            return edge.FieldCondition(field, range=edge.RangeDateTime(gte=begin, lt=end))
        case KeyPrefix(prefix):
            return edge.FieldCondition("key", match=edge.MatchPrefix(prefix))
        case Written():
            return check(condition)
        case WithinBox():
            among = [_within("longitude", *one) for one in box_longitudes(condition)]
            among += [_within("latitude", pole, pole) for pole in condition.poles]
            return edge.Filter(must=[_within("latitude", condition.south, condition.north)], should=[*among])
        case KeyGlob() | Phrase() | Named() | Near():
            return check(condition)


def _find_names(condition: Named, shard: edge.EdgeShard) -> EdgeCondition:
    """Read the values of the field, which are few beside the images, and ask for those that are meant."""
    meant = [value for value in _list_values(condition.field, shard) if condition.names(value)]
    return edge.FieldCondition(condition.field, match=edge.MatchAny(meant)) if meant else _NOTHING


def _find_text(condition: Written, shard: edge.EdgeShard) -> EdgeCondition:
    """Read the words that are written in any picture, and ask for those that are meant."""
    meant = condition.find_words(_list_values("text_words", shard))
    if not all(meant):
        return _NOTHING
    narrow = edge.Filter(must=[edge.FieldCondition("text_words", match=edge.MatchAny([*words])) for words in meant])
    return _check_points(condition, shard, narrow, ["text_words", "text_lines"]) if condition.phrase else narrow


def _list_values(field: Keyword, shard: edge.EdgeShard) -> list[str]:
    hits = shard.facet(edge.FacetRequest(field, limit=_VALUES, exact=True)).hits
    return [str(hit.value) for hit in hits if hit.count]


def _check_points(
    condition: KeyGlob | Phrase | Near | Written, shard: edge.EdgeShard, narrow: edge.Filter, fields: list[str]
) -> EdgeCondition:
    """Read what everything that fits fulfils, with the fields that show whether it does."""
    fitting: set[str] = set()
    seen, offset = 0, None
    while True:
        request = edge.ScrollRequest(offset=offset, limit=_PAGE, filter=narrow, with_payload=fields, with_vector=False)
        found, offset = shard.scroll(request)
        seen += len(found)
        fitting.update(str(point.id) for point in found if holds(condition, point.payload or {}))
        if offset is None:
            break
    if len(fitting) == seen:
        return narrow
    return edge.HasIdCondition(fitting) if fitting else _NOTHING  # type: ignore[arg-type]


def _narrow(condition: KeyGlob | Phrase | Near) -> tuple[edge.Filter, list[str]]:
    """What everything that fits fulfils too, and the fields that show whether it fits."""
    if isinstance(condition, Phrase):
        forms = analysis.analyse(condition.text)
        return edge.Filter(must=[edge.FieldCondition("words", match=edge.MatchAny([form])) for form in forms]), [*TOLD]
    if isinstance(condition, Near):
        ranges = find_ranges(condition.latitude, condition.longitude, condition.meters)
        among = [_within("longitude", *one) for one in ranges.longitudes]
        return edge.Filter(must=[_within("latitude", *ranges.latitudes)], should=[*among]), ["latitude", "longitude"]
    begins, held = literal_spellings(condition.pattern)
    must = [[edge.FieldCondition("key", match=edge.MatchPrefix(one)) for one in begins]] if begins else []
    must += [[edge.FieldCondition("key", match=edge.MatchSubstring(one)) for one in part] for part in held]
    return edge.Filter(must=[edge.Filter(should=[*spellings]) for spellings in must]), ["key"]


def _within(field: str, low: float, high: float) -> edge.FieldCondition:
    return edge.FieldCondition(field, range=edge.RangeFloat(gte=low, lte=high))
