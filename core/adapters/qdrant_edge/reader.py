"""The questions that an embedded library answers, put to its loaded shard."""

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import qdrant_edge as edge

from core.adapters.index_base.index_reader import IndexReader
from core.adapters.qdrant_edge.approximate.search_mode import EXACT, FEW, choose_mode
from core.adapters.qdrant_edge.files import damaged
from core.adapters.qdrant_edge.filters import FilterTranslator
from core.adapters.qdrant_edge.points import TERMS
from core.domain.filtering.conditions import Keyword, Match, Time
from core.domain.filtering.filters import EVERYTHING, FAILED, WORDED, Filter, holding_word, of_indexed
from core.domain.image import ImageRecord, from_payload
from core.domain.vectors import Vector
from core.ports.rank_lists import Probe
from core.ports.vector_index import DenseName
from core.text.bm25 import query_vector
from core.text.word_lists import WordListName

_WordQuery = tuple[WordListName, tuple[tuple[str, float], ...]]
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_PAGE = 10_000  # points of which one payload field is read
_WORDS = 4096  # of which the frequencies are kept


class StampedCache(Generic[K, V]):
    """At most `capacity` values by their keys, kept while nothing is written. Safe to use from several threads."""

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._stamp: str | None = None
        self._values: dict[K, V] = {}
        self._lock = threading.Lock()

    def get(self, key: K, stamp: str | None, make: Callable[[], V]) -> V:
        """Return the kept value, or make it. `stamp` is another after every write, and None while one goes on."""
        if stamp is None:
            return make()
        with self._lock:
            if stamp != self._stamp:
                self._stamp, self._values = stamp, {}
            if key in self._values:
                return self._values[key]
        value = make()
        with self._lock:
            if stamp == self._stamp:
                if len(self._values) >= self._capacity:
                    self._values.clear()
                self._values[key] = value
        return value


class ReadCaches:
    """What one question found out and the next may use, until something is written."""

    def __init__(self) -> None:
        self.translate = FilterTranslator()
        self.filters: StampedCache[tuple[Filter, bool], edge.Filter | None] = StampedCache()
        self.counts: StampedCache[Filter, int] = StampedCache()
        self.word_counts: StampedCache[Filter, int] = StampedCache(_WORDS)
        self.word_queries: StampedCache[_WordQuery, edge.SparseVector | None] = StampedCache()


@dataclass(frozen=True, slots=True)
class EdgeReader(IndexReader):
    """A loaded shard. `stamp` is another after every write, and None while one goes on."""

    _shard: edge.EdgeShard
    _stamp: str | None
    _folder: Path
    _caches: ReadCaches

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
        mode = EXACT if exact or all(probe.vector is None for probe in probes) else self._choose_mode(filter)
        requests = [
            edge.QueryRequest(
                limit=limit,
                query=query,
                filter=self._translate(filter, all_indexed=probe.list == "image" or not self.count(FAILED)),
                params=None if probe.vector is None else mode,  # words are always scored exactly
            )
            if (query := self._query(probe)) is not None
            else None
            for probe in probes
        ]
        return self._query_batch(requests)

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> Sequence[Iterable[tuple[str, float]]]:
        these = edge.Filter(must=[edge.HasIdCondition(set(ids))])
        requests = [
            edge.QueryRequest(limit=len(ids), query=query, filter=these, params=None if probe.vector is None else EXACT)
            if (query := self._query(probe)) is not None
            else None
            for probe in probes
        ]
        return self._query_batch(requests)

    def count(self, filter: Filter) -> int:
        return self._caches.counts.get(filter, self._stamp, lambda: self._count(filter))

    def copies(self, hashes: Sequence[str], filter: Filter) -> dict[str, int]:
        """Read the hashes of all that passes, or count each where that are many. A facet takes 70 times as long."""
        most = 1000 + 4 * len(hashes)
        must: list[Any] = [edge.FieldCondition("content_hash", match=edge.MatchAny(list(hashes)))]
        if (passing := self._translate(filter)) is not None:
            must.append(passing)
        found, _ = self._shard.scroll(
            edge.ScrollRequest(
                limit=most + 1, filter=edge.Filter(must=must), with_payload=["content_hash"], with_vector=False
            )
        )
        if len(found) <= most:
            return dict(Counter(str((point.payload or {})["content_hash"]) for point in found))
        counts = {one: self._count(filter & Filter(all=(Match("content_hash", (one,)),))) for one in hashes}
        return {one: count for one, count in counts.items() if count}

    def value_counts(self, field: Keyword, filter: Filter, limit: int) -> Iterable[tuple[str, int]]:
        passing = self._translate(filter)
        hits = self._shard.facet(edge.FacetRequest(field, limit=limit, exact=True, filter=passing)).hits
        return [(str(hit.value), hit.count) for hit in hits]

    def _choose_mode(self, filter: Filter) -> edge.SearchParams:
        total = self.count(EVERYTHING)
        return choose_mode(total if total <= FEW else self.count(filter), total)

    def _translate(self, filter: Filter, *, all_indexed: bool = False) -> edge.Filter | None:
        """Translate a filter. Where all that is asked are indexed, that is not asked: it takes time."""
        return self._caches.filters.get(
            (filter, all_indexed),
            self._stamp,
            lambda: self._caches.translate(of_indexed(filter) if all_indexed else filter, self._shard, self._stamp),
        )

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

    def _count(self, filter: Filter) -> int:
        return self._shard.count(edge.CountRequest(exact=True, filter=self._translate(filter)))

    def _query(self, probe: Probe) -> edge.Query | None:
        """Make the engine's query; None where no image holds any of the words."""
        name = probe.list
        if name == "image" or name == "caption":
            return edge.Query.Nearest(probe.vector, using=name)  # type: ignore[arg-type]
        words = probe.terms or {}
        key = (name, tuple(words.items()))
        vector = self._caches.word_queries.get(key, self._stamp, lambda: self._word_query(words, name))
        return None if vector is None else edge.Query.Nearest(vector, using=TERMS)

    def _word_query(self, words: Mapping[str, float], name: WordListName) -> edge.SparseVector | None:
        """Weigh words by how many images hold them, which is counted for the first question after a write."""
        counts = self._caches.word_counts
        holding = {word: holding_word(word, name) for word in words}
        frequencies = {word: counts.get(one, self._stamp, partial(self._count, one)) for word, one in holding.items()}
        if not any(frequencies.values()):
            return None
        total = counts.get(WORDED[name], self._stamp, lambda: self._count(WORDED[name]))
        terms = query_vector(words, total, frequencies, name)
        return edge.SparseVector(list(terms), list(terms.values()))

    def _query_batch(self, requests: Sequence[edge.QueryRequest | None]) -> list[list[tuple[str, float]]]:
        """Ask them at once. What is not asked finds nothing."""
        asked = [request for request in requests if request is not None]
        found = iter(self._shard.query_batch(edge.QueryBatchRequest(asked)) if asked else ())
        return [
            [] if request is None else [(str(point.id), point.score) for point in next(found)] for request in requests
        ]

    def _record(self, point: edge.Record) -> ImageRecord:
        try:
            return from_payload(str(point.id), point.payload or {})
        except (TypeError, ValueError) as error:
            raise damaged(self._folder, f"what is known of image {point.id} is incomplete ({error})") from error
