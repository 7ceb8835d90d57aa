"""Lists in the order of the core, made of what Qdrant's engine answers: it leaves equals in no order."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from core.domain.query import Sort
from core.domain.sort_orders import name_key
from core.ports.rank_lists import Probe, Ranking, by_score

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Listing(Protocol):
    """What passes a filter, as the engine lists it."""

    def by_value(self, field: str, limit: int, *, reverse: bool) -> dict[str, int]:
        """Ids and microseconds since 1970 of the latest, or `reverse` the earliest; without what lacks the field."""
        ...

    def at(self, field: str, time: str, limit: int) -> Iterable[str]:
        """What has exactly this RFC 3339 time."""
        ...

    def lacking(self, field: str) -> "Listing": ...

    def values(self, field: str) -> Iterator[tuple[str, Any]]:
        """Everything by id, with the value of its field; None where it lacks it."""
        ...


def whole(ask: Callable[[int], Iterable[tuple[str, float]]], limit: int) -> Ranking:
    """The best `limit`. Asks for more until the list ends between two different scores."""
    if limit < 1:
        return []
    asked = limit + 1
    while True:
        ranked = by_score(dict(ask(asked)))
        if len(ranked) < asked or ranked[limit - 1][1] > ranked[-1][1]:
            return ranked[:limit]
        asked *= 4


def scored(probe: Probe, found: Iterable[tuple[str, float]]) -> Ranking:
    """Cosines within [-1, 1]; BM25 as it is."""
    if probe.vector is None:
        return list(found)
    return [(image_id, min(1.0, max(-1.0, score))) for image_id, score in found]


def ordered(by: Sort, listing: Listing, wanted: int, *, reverse: bool) -> list[str]:
    """The first `wanted` in the order of core.domain.sort_orders.in_order."""
    match by:
        case "modified":
            return _by_time(listing, "modified_at", wanted, reverse=reverse)
        case "taken":
            dated = _by_time(listing, "taken_at", wanted, reverse=reverse)
            rest = wanted - len(dated)
            undated = listing.lacking("taken_at")
            return dated + (_by_time(undated, "modified_at", rest, reverse=reverse) if rest else [])
        case "name":  # the engine orders by numbers and times alone, so every key is read
            keys = sorted((image_id, str(key or "")) for image_id, key in listing.values("key"))
            keys.sort(key=lambda entry: name_key(entry[1]), reverse=reverse)
            return [image_id for image_id, _ in keys[:wanted]]
        case "match":
            raise ValueError("a match is no order of records")


def _by_time(listing: Listing, field: str, wanted: int, *, reverse: bool) -> list[str]:
    """The latest `wanted`, or `reverse` the earliest; equal times by id. Without what lacks the time."""
    times = listing.by_value(field, wanted, reverse=reverse)
    if times and len(times) == wanted:  # which of equal times was cut off is chance
        last = max(times.values()) if reverse else min(times.values())
        times = {image_id: time for image_id, time in times.items() if time != last}
        at_last = (_EPOCH + timedelta(microseconds=last)).isoformat()
        times |= dict.fromkeys(listing.at(field, at_last, wanted - len(times)), last)
    sign = 1 if reverse else -1
    return sorted(times, key=lambda image_id: (sign * times[image_id], image_id))
