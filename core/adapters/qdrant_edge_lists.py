"""The lists of an embedded library: what is near a vector, what shares words, what is latest."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import qdrant_edge as edge

from core.adapters.qdrant_edge_filter import among, empty, same_time
from core.fusion import Probe, Ranking, Shortlist, by_score
from core.order import name_key
from core.records import ListName

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE = 10_000
_EXACT = edge.SearchParams(exact=True)


def shortlists(
    shard: edge.EdgeShard, probes: Sequence[Probe], filter: edge.Filter | None, limit: int
) -> dict[ListName, Shortlist]:
    requests = [edge.QueryRequest(limit=limit, query=_query(probe), filter=filter) for probe in probes]
    found = shard.query_batch(edge.QueryBatchRequest(requests))
    return {probe.list: Shortlist.cut(_scored(probe, one), limit) for probe, one in zip(probes, found, strict=True)}


def ranking(
    shard: edge.EdgeShard, probe: Probe, filter: edge.Filter | None, limit: int, *, exact: bool = True
) -> Ranking:
    """Asks for more until the list ends between two different scores: the engine leaves equals in no order."""
    if limit < 1:
        return []
    asked = limit + 1
    while True:
        params = _EXACT if exact and probe.vector is not None else None
        found = shard.query(edge.QueryRequest(limit=asked, query=_query(probe), filter=filter, params=params))
        ranked = by_score(dict(_scored(probe, found)))
        if len(ranked) < asked or ranked[limit - 1][1] > ranked[-1][1]:
            return ranked[:limit]
        asked *= 4


def scores(shard: edge.EdgeShard, probes: Sequence[Probe], ids: Sequence[str]) -> dict[ListName, dict[str, float]]:
    if not ids:
        return {probe.list: {} for probe in probes}
    these = among(set(ids))
    requests = [
        edge.QueryRequest(
            limit=len(ids), query=_query(probe), filter=these, params=None if probe.vector is None else _EXACT
        )
        for probe in probes
    ]
    found = shard.query_batch(edge.QueryBatchRequest(requests))
    return {probe.list: dict(_scored(probe, one)) for probe, one in zip(probes, found, strict=True)}


def by_time(shard: edge.EdgeShard, field: str, filter: edge.Filter | None, wanted: int, *, reverse: bool) -> list[str]:
    """The latest `wanted`, or `reverse` the earliest; equal times by id. Without what lacks the time."""
    direction = edge.Direction.Asc if reverse else edge.Direction.Desc
    found, _ = shard.scroll(
        edge.ScrollRequest(
            limit=wanted,
            filter=filter,
            order_by=edge.OrderBy(field, direction),
            with_payload=False,
            with_vector=False,
        )
    )
    times = {str(point.id): int(point.order_value or 0) for point in found}
    if found and len(found) == wanted:
        # The engine leaves equal times in no order, and which of them it cut off is chance.
        last = max(times.values()) if reverse else min(times.values())
        times = {image_id: time for image_id, time in times.items() if time != last}
        at_last = same_time(filter, field, (_EPOCH + timedelta(microseconds=last)).isoformat())
        rest = edge.ScrollRequest(limit=wanted - len(times), filter=at_last, with_payload=False)
        times |= {str(point.id): last for point in shard.scroll(rest)[0]}
    sign = 1 if reverse else -1
    return sorted(times, key=lambda image_id: (sign * times[image_id], image_id))


def by_taken(shard: edge.EdgeShard, filter: edge.Filter | None, wanted: int, *, reverse: bool) -> list[str]:
    """As `by_time`; what has no such time comes behind it, by when it was modified."""
    dated = by_time(shard, "taken_at", filter, wanted, reverse=reverse)
    if len(dated) == wanted:
        return dated
    undated = empty(filter, "taken_at")
    return dated + by_time(shard, "modified_at", undated, wanted - len(dated), reverse=reverse)


def by_name(shard: edge.EdgeShard, filter: edge.Filter | None, wanted: int, *, reverse: bool) -> list[str]:
    """Reads every key that passes, some 3 µs each: the engine orders by numbers and times alone."""
    keys: list[tuple[str, str]] = []
    offset: Any = None
    while True:
        request = edge.ScrollRequest(offset=offset, limit=_PAGE, filter=filter, with_payload=["key"], with_vector=False)
        found, offset = shard.scroll(request)
        keys += [(str(point.id), str((point.payload or {}).get("key", ""))) for point in found]
        if offset is None:
            break
    keys.sort()
    keys.sort(key=lambda entry: name_key(entry[1]), reverse=reverse)
    return [image_id for image_id, _ in keys[:wanted]]


def copies(shard: edge.EdgeShard, filter: edge.Filter | None, most: int) -> dict[str, int] | None:
    """Content hashes that pass, counted; None where that are more than `most` images. A facet took 70 times as long."""
    request = edge.ScrollRequest(limit=most + 1, filter=filter, with_payload=["content_hash"], with_vector=False)
    found, _ = shard.scroll(request)
    if len(found) > most:
        return None
    return dict(Counter(str((point.payload or {})["content_hash"]) for point in found))


def _query(probe: Probe) -> Any:
    if probe.vector is not None:
        return edge.Query.Nearest(probe.vector, using=probe.list)  # type: ignore[arg-type]
    terms = probe.terms or {}
    return edge.Query.Nearest(edge.SparseVector(list(terms), list(terms.values())), using=probe.list)


def _scored(probe: Probe, points: Sequence[edge.ScoredPoint]) -> Ranking:
    if probe.vector is None:
        return [(str(point.id), point.score) for point in points]
    return [(str(point.id), min(1.0, max(-1.0, point.score))) for point in points]
