"""The questions that an embedded library answers, put to its loaded shard."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as edge

from core.adapters.index_base.index_reader import IndexReader
from core.adapters.qdrant_edge.count_cache import CountCache
from core.adapters.qdrant_edge.files import damaged
from core.adapters.qdrant_edge.filters import FilterTranslator, having_id
from core.adapters.qdrant_edge.points import TERMS
from core.domain.conditions import Keyword, Match, Time
from core.domain.filters import EVERYTHING, FAILED, WORDED, Filter, holding_word, of_indexed
from core.domain.image import ImageRecord, from_payload
from core.domain.vectors import Vector
from core.ports.rank_lists import Probe
from core.ports.vector_index import DenseName
from core.text.bm25 import query_vector

_PAGE = 10_000  # points of which one payload field is read
_WORDS = 4096  # of which the frequencies are kept
_EXACT = edge.SearchParams(exact=True)


class ReadCaches:
    """What one question found out and the next may use, until something is written."""

    def __init__(self) -> None:
        self.filters = FilterTranslator()
        self.counts = CountCache()
        self.word_counts = CountCache(_WORDS)


class EdgeReader(IndexReader):
    """A loaded shard. `stamp` is another after every write, and None while one goes on."""

    def __init__(self, shard: edge.EdgeShard, stamp: str | None, folder: Path, caches: ReadCaches) -> None:
        self._shard = shard
        self._stamp = stamp
        self._folder = folder
        self._caches = caches

    def records(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        return {str(point.id): self._record(point) for point in self._shard.retrieve(list(ids), True, False)}

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        found = self._shard.retrieve(list(ids), ["content_hash"], False)
        return {str(point.id): point.payload["content_hash"] for point in found if point.payload}

    def vectors(self, ids: Sequence[str], name: DenseName) -> dict[str, Vector]:
        return {
            str(point.id): np.array(point.vector[name], np.float32)
            for point in self._shard.retrieve(list(ids), False, [name])
            if isinstance(point.vector, dict) and name in point.vector
        }

    def page(self, filter: Filter, start: str | None, limit: int) -> list[ImageRecord]:
        found, _ = self._scroll(filter, limit, offset=start, payload=True)
        return [self._record(point) for point in found]

    def ids(self, filter: Filter, limit: int) -> Iterable[str]:
        return [str(point.id) for point in self._scroll(filter, limit)[0]]

    def by_time(self, filter: Filter, field: Time, limit: int, *, ascending: bool) -> Mapping[str, int]:
        order = edge.OrderBy(field, edge.Direction.Asc if ascending else edge.Direction.Desc)
        found, _ = self._scroll(filter, limit, order_by=order)
        return {str(point.id): int(point.order_value or 0) for point in found}

    def values(self, filter: Filter, field: str) -> Iterator[tuple[str, Any]]:
        """Some 3 µs each."""
        offset: Any = None
        while True:
            page, offset = self.values_page(field, offset, filter)
            yield from page
            if offset is None:
                return

    def values_page(self, field: str, offset: Any, filter: Filter = EVERYTHING) -> tuple[list[tuple[str, Any]], Any]:
        """Read ids with the value of the field from an offset on, and the next offset, which is None at the end."""
        found, next_offset = self._scroll(filter, _PAGE, offset=offset, payload=[field])
        return [(str(point.id), (point.payload or {}).get(field)) for point in found], next_offset

    def search(
        self, probes: Sequence[Probe], filter: Filter, limit: int, *, exact: bool
    ) -> Sequence[Iterable[tuple[str, float]]]:
        requests = [
            edge.QueryRequest(
                limit=limit,
                query=self._query(probe),
                filter=self._list_filter(probe, filter),
                params=_EXACT if exact and probe.vector is not None else None,  # words are always scored exactly
            )
            for probe in probes
        ]
        return self._query_batch(requests)

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> Sequence[Iterable[tuple[str, float]]]:
        these = having_id(set(ids))
        requests = [
            edge.QueryRequest(
                limit=len(ids),
                query=self._query(probe),
                filter=these,
                params=None if probe.vector is None else _EXACT,
            )
            for probe in probes
        ]
        return self._query_batch(requests)

    def count(self, filter: Filter) -> int:
        return self._count(filter, self._caches.counts)

    def copies(self, hashes: Sequence[str], filter: Filter) -> dict[str, int]:
        """Read the hashes of all that passes, or count each where these are many. A facet takes 70 times as long."""
        most = 1000 + 4 * len(hashes)
        same = filter & Filter(all=(Match("content_hash", tuple(hashes)),))
        found, _ = self._scroll(same, most + 1, payload=["content_hash"])
        if len(found) <= most:
            return dict(Counter(str((point.payload or {})["content_hash"]) for point in found))
        counts = {one: self.count(filter & Filter(all=(Match("content_hash", (one,)),))) for one in hashes}
        return {one: count for one, count in counts.items() if count}

    def value_counts(self, field: Keyword, filter: Filter, limit: int) -> Iterable[tuple[str, int]]:
        passing = self._translate(filter)
        hits = self._shard.facet(edge.FacetRequest(field, limit=limit, exact=True, filter=passing)).hits
        return [(str(hit.value), hit.count) for hit in hits]

    def _translate(self, filter: Filter) -> edge.Filter | None:
        return self._caches.filters(filter, self._shard, self._stamp)

    def _list_filter(self, probe: Probe, filter: Filter) -> edge.Filter | None:
        """Translate the filter for a list. A condition that all of the list fulfils is left out: it takes time."""
        all_indexed = probe.list == "image" or not self.count(FAILED)
        return self._translate(of_indexed(filter) if all_indexed else filter)

    def _scroll(
        self,
        filter: Filter,
        limit: int,
        *,
        offset: Any = None,
        payload: bool | list[str] = False,
        order_by: edge.OrderBy | None = None,
    ) -> tuple[list[edge.Record], Any]:
        return self._shard.scroll(
            edge.ScrollRequest(
                offset=offset,
                limit=limit,
                filter=self._translate(filter),
                order_by=order_by,
                with_payload=payload,
                with_vector=False,
            )
        )

    def _count(self, filter: Filter, cache: CountCache) -> int:
        return cache(
            filter,
            self._stamp,
            lambda: self._shard.count(edge.CountRequest(exact=True, filter=self._translate(filter))),
        )

    def _query(self, probe: Probe) -> Any:
        """Make the engine's query. How many images hold a word is counted for the first question after a write."""
        if probe.vector is not None:
            return edge.Query.Nearest(probe.vector, using=probe.list)  # type: ignore[arg-type]
        words = probe.terms or {}
        frequencies = {word: self._count(holding_word(word), self._caches.word_counts) for word in words}
        terms = query_vector(words, self._count(WORDED, self._caches.word_counts), frequencies)
        return edge.Query.Nearest(edge.SparseVector(list(terms), list(terms.values())), using=TERMS)

    def _query_batch(self, requests: list[edge.QueryRequest]) -> list[list[tuple[str, float]]]:
        found = self._shard.query_batch(edge.QueryBatchRequest(requests))
        return [[(str(point.id), point.score) for point in points] for points in found]

    def _record(self, point: edge.Record) -> ImageRecord:
        try:
            return from_payload(str(point.id), point.payload or {})
        except (TypeError, ValueError) as error:
            raise damaged(self._folder, f"what is known of image {point.id} is incomplete ({error})") from error
