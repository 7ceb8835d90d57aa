"""The lists of an embedded library: what is near a vector, what shares words, what is latest."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import qdrant_edge as edge

from core.adapters.index_base import stable_order
from core.adapters.index_base.stable_order import scored
from core.adapters.qdrant_edge.filters import among, empty, same_time
from core.adapters.qdrant_edge.points import TERMS
from core.domain.image import ListName
from core.ports.rank_lists import Probe, Ranking, Shortlist

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


@dataclass(frozen=True, slots=True)
class Asked:
    """A probe with what the engine is asked for it: a vector that was checked, or words as core.text.bm25's."""

    probe: Probe
    vector: Any

    @property
    def query(self) -> Any:
        if self.probe.vector is not None:
            return edge.Query.Nearest(self.vector, using=self.probe.list)
        return edge.Query.Nearest(edge.SparseVector(list(self.vector), list(self.vector.values())), using=TERMS)

    @property
    def exactly(self) -> edge.SearchParams | None:
        """Words are always scored exactly."""
        return None if self.probe.vector is None else _EXACT

    def scored(self, points: Sequence[edge.ScoredPoint]) -> Ranking:
        return scored(self.probe, ((str(point.id), point.score) for point in points))


def shortlists(
    shard: edge.EdgeShard, asked: Sequence[tuple[Asked, edge.Filter | None]], limit: int
) -> dict[ListName, Shortlist]:
    """Each list is asked with a filter of its own."""
    requests = [edge.QueryRequest(limit=limit, query=one.query, filter=filter) for one, filter in asked]
    found = shard.query_batch(edge.QueryBatchRequest(requests))
    return {one.probe.list: Shortlist.cut(one.scored(best), limit) for (one, _), best in zip(asked, found, strict=True)}


def ranking(shard: edge.EdgeShard, asked: Asked, filter: edge.Filter | None, limit: int) -> Ranking:
    def best(count: int) -> Ranking:
        return asked.scored(
            shard.query(edge.QueryRequest(limit=count, query=asked.query, filter=filter, params=asked.exactly))
        )

    return stable_order.whole(best, limit)


def scores(shard: edge.EdgeShard, asked: Sequence[Asked], ids: Sequence[str]) -> dict[ListName, dict[str, float]]:
    if not ids:
        return {one.probe.list: {} for one in asked}
    these = among(set(ids))
    requests = [edge.QueryRequest(limit=len(ids), query=one.query, filter=these, params=one.exactly) for one in asked]
    found = shard.query_batch(edge.QueryBatchRequest(requests))
    return {one.probe.list: dict(one.scored(points)) for one, points in zip(asked, found, strict=True)}


def copies(shard: edge.EdgeShard, filter: edge.Filter | None, most: int) -> dict[str, int] | None:
    """Content hashes that pass, counted; None where that are more than `most` images. A facet took 70 times as long."""
    request = edge.ScrollRequest(limit=most + 1, filter=filter, with_payload=["content_hash"], with_vector=False)
    found, _ = shard.scroll(request)
    if len(found) > most:
        return None
    return dict(Counter(str((point.payload or {})["content_hash"]) for point in found))
