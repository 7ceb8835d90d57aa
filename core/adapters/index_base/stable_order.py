"""Lists in the order of the core, whatever order an engine leaves equals in."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from core.domain.filtering.conditions import During, Missing, Time
from core.domain.filtering.filters import Filter
from core.domain.query import Sort
from core.domain.sort_orders import name_key
from core.ports.rank_lists import Ranking, by_score

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def stable_ranking(search: Callable[[int], Iterable[tuple[str, float]]], limit: int) -> Ranking:
    """Rank the best `limit`, equal scores by id. Searches for more until the list ends between two different scores."""
    if limit < 1:
        return []
    count = limit + 1
    while True:
        ranked = by_score(dict(search(count)))
        if len(ranked) < count or ranked[limit - 1][1] > ranked[-1][1]:
            return ranked[:limit]
        count *= 4


class OrderingEngine(Protocol):
    """What an engine that orders by times alone is asked for the orders of the core."""

    def ids(self, filter: Filter, limit: int) -> Iterable[str]:
        """List the first `limit` ids in ascending order."""
        ...

    def by_time(self, filter: Filter, field: Time, limit: int, *, ascending: bool) -> Mapping[str, int]:
        """Read ids with their times, in microseconds since 1970, of the `limit` latest, or earliest if `ascending`.

        Images without the time are left out. Which of equal times come last is left to the engine.
        """
        ...

    def values(self, filter: Filter, field: str) -> Iterator[tuple[str, Any]]:
        """Read every id with the value of its payload field, or None where it lacks the field."""
        ...


def ordered_ids(reader: OrderingEngine, by: Sort, filter: Filter, limit: int, *, reverse: bool) -> list[str]:
    """List the first `limit` ids in the order of core.domain.sort_orders.in_order."""
    match by:
        case "modified":
            return _by_time(reader, "modified_at", filter, limit, reverse=reverse)
        case "taken":
            dated = _by_time(reader, "taken_at", filter, limit, reverse=reverse)
            rest = limit - len(dated)
            undated = filter & Filter(all=(Missing("taken_at"),))
            return dated + (_by_time(reader, "modified_at", undated, rest, reverse=reverse) if rest else [])
        case "name":  # engines order by numbers and times alone, so every key is read
            keys = sorted((image_id, str(key or "")) for image_id, key in reader.values(filter, "key"))
            keys.sort(key=lambda entry: name_key(entry[1]), reverse=reverse)
            return [image_id for image_id, _ in keys[:limit]]
        case "match":
            raise ValueError("a match is no order of records")


def _by_time(reader: OrderingEngine, field: Time, filter: Filter, limit: int, *, reverse: bool) -> list[str]:
    """List the latest `limit`, or the earliest if `reverse`; equal times by id, and none without the time."""
    times = dict(reader.by_time(filter, field, limit, ascending=reverse))
    if times and len(times) == limit:  # which of equal times was cut off is chance
        last = max(times.values()) if reverse else min(times.values())
        times = {image_id: time for image_id, time in times.items() if time != last}
        at_last = filter & at_time(field, last)
        times |= dict.fromkeys(reader.ids(at_last, limit - len(times)), last)
    sign = 1 if reverse else -1
    return sorted(times, key=lambda image_id: (sign * times[image_id], image_id))


def at_time(field: Time, time: int) -> Filter:
    """Let images pass whose time is this one, in microseconds since 1970."""
    since = _EPOCH + time * _US
    return Filter(all=(During(field, since, since + _US),))
