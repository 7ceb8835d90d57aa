"""The lists of an embedded library: what is near a vector, what shares words, what is latest."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import qdrant_edge as edge

from core.adapters import engine_lists
from core.adapters.engine_lists import scored
from core.adapters.qdrant_edge_filter import among, empty, same_time
from core.fusion import Probe, Ranking, Shortlist
from core.records import ListName

_PAGE = 10_000
_EXACT = edge.SearchParams(exact=True)


@dataclass(frozen=True, slots=True)
class EdgeListing:
    """What passes a filter of a loaded shard."""

    shard: edge.EdgeShard
    filter: edge.Filter | None

    def by_value(self, field: str, limit: int, *, reverse: bool) -> dict[str, int]:
        direction = edge.Direction.Asc if reverse else edge.Direction.Desc
        request = edge.ScrollRequest(
            limit=limit,
            filter=self.filter,
            order_by=edge.OrderBy(field, direction),
            with_payload=False,
            with_vector=False,
        )
        return {str(point.id): int(point.order_value or 0) for point in self.shard.scroll(request)[0]}

    def at(self, field: str, time: str, limit: int) -> Iterable[str]:
        passing = same_time(self.filter, field, time)
        return [str(point.id) for point in self.shard.scroll(edge.ScrollRequest(limit=limit, filter=passing))[0]]

    def lacking(self, field: str) -> "EdgeListing":
        return EdgeListing(self.shard, empty(self.filter, field))

    def values(self, field: str) -> Iterator[tuple[str, Any]]:
        """Some 3 µs each."""
        offset: Any = None
        while True:
            page, offset = page_of(self.shard, field, offset, self.filter)
            yield from page
            if offset is None:
                return


def page_of(
    shard: edge.EdgeShard, field: str, offset: Any, filter: edge.Filter | None = None
) -> tuple[list[tuple[str, Any]], Any]:
    """Ids with the value of the field from an offset on, and where to go on; None at the end."""
    found, behind = shard.scroll(
        edge.ScrollRequest(offset=offset, limit=_PAGE, filter=filter, with_payload=[field], with_vector=False)
    )
    return [(str(point.id), (point.payload or {}).get(field)) for point in found], behind


def shortlists(
    shard: edge.EdgeShard, asked: Sequence[tuple[Probe, edge.Filter | None]], limit: int
) -> dict[ListName, Shortlist]:
    """Each list is asked with a filter of its own."""
    requests = [edge.QueryRequest(limit=limit, query=_query(probe), filter=filter) for probe, filter in asked]
    found = shard.query_batch(edge.QueryBatchRequest(requests))
    return {probe.list: Shortlist.cut(_scored(probe, one), limit) for (probe, _), one in zip(asked, found, strict=True)}


def ranking(
    shard: edge.EdgeShard, probe: Probe, filter: edge.Filter | None, limit: int, *, exact: bool = True
) -> Ranking:
    params = _EXACT if exact and probe.vector is not None else None

    def best(count: int) -> Ranking:
        request = edge.QueryRequest(limit=count, query=_query(probe), filter=filter, params=params)
        return _scored(probe, shard.query(request))

    return engine_lists.whole(best, limit)


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
    return scored(probe, ((str(point.id), point.score) for point in points))
