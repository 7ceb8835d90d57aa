"""The questions that an embedded library answers, put to its loaded shard."""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import qdrant_edge as edge

from core.adapters.index_base import stable_order
from core.adapters.index_base.index_reader import IndexReader
from core.adapters.qdrant_edge.approximate.search_mode import EXACT, FEW, choose_mode
from core.adapters.qdrant_edge.files import damaged
from core.adapters.qdrant_edge.points import TERMS
from core.adapters.qdrant_edge.read_cache import ReadCaches
from core.adapters.qdrant_edge.shard import SharedShard
from core.domain.filtering.conditions import Keyword, Match, Time
from core.domain.filtering.filters import EVERYTHING, FAILED, WORDED, Filter, holding_word, of_indexed
from core.domain.image import LISTS, ImageRecord, from_payload
from core.domain.picture_texts import PICTURE_TEXTS, PictureTexts
from core.domain.query import Sort
from core.domain.vectors import Vector
from core.ports.rank_lists import Probe
from core.ports.vector_index import DenseName
from core.text.bm25 import query_vector
from core.text.word_lists import WordListName

if TYPE_CHECKING:
    from core.adapters.columns.column_set import ColumnSet


_LISTS = frozenset((*LISTS, "file_texts", "text_lines"))
_PAGE = 10_000  # points of which one payload field is read
_DEEP = 500  # hits: more than that are not read for one page
_FEW = 512  # points that are read anew sooner than the engine answers otherwise
_MANY = 8192
_WRITTEN = 'ScoredPoint(id="'
_WRITTEN_END = len(_WRITTEN) + 36


@dataclass(frozen=True, slots=True)
class EdgeReader(IndexReader):
    """A loaded shard. `stamp` is another after every write, and None while one goes on."""

    _shard: edge.EdgeShard
    _stamp: str | None
    _folder: Path
    _caches: ReadCaches
    _shared: SharedShard

    @property
    def stamp(self) -> str | None:
        return self._stamp

    def records(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        found = _name_points(ids, self._shard.retrieve(list(ids), True, False))
        return {image_id: self._record(image_id, point) for image_id, point in found}

    def fields(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        """Read some fields of payloads, None for one that is absent; lists that are empty are not in points."""
        told, rest = self._shared.columns.fields(ids, names)
        points = self._shard.retrieve(list(rest), list(names), False) if rest else []
        lists = {name for name in names if name in _LISTS}
        for point in points:
            held = point.payload or {}
            told[str(point.id)] = tuple(held.get(name, [] if name in lists else None) for name in names)
        return told

    def passing(self, ids: Sequence[str], filter: Filter) -> dict[str, ImageRecord]:
        must: list[Any] = [edge.HasIdCondition(set(ids))]
        if (passing := self._translate(filter)) is not None:
            must.append(passing)
        found, _ = self._shard.scroll(
            edge.ScrollRequest(limit=len(ids), filter=edge.Filter(must=must), with_payload=True, with_vector=False)
        )
        return {image_id: self._record(image_id, point) for point in found for image_id in [str(point.id)]}

    def texts(self, ids: Sequence[str], words: Sequence[Sequence[str]]) -> dict[str, PictureTexts]:
        columns = self._warm_columns() if words else None
        asked: list[Any] = list(ids) if columns is None else columns.find_holding(ids, words)
        found = _name_points(asked, self._shard.retrieve(asked, list(PICTURE_TEXTS), False))
        try:
            return {image_id: PictureTexts.read(point.payload or {}) for image_id, point in found}
        except (TypeError, KeyError) as error:
            raise damaged(self._folder, f"what is said of some image is incomplete ({error!r})") from error

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        columns = self._columns(_MANY) if len(ids) > _DEEP else self._warm_columns()
        if columns is not None:
            return columns.hashes(ids)
        found = _name_points(ids, self._shard.retrieve(list(ids), ["content_hash"], False))
        held = ((image_id, point.payload) for image_id, point in found)
        return {image_id: payload["content_hash"] for image_id, payload in held if payload}

    def vectors(self, ids: Sequence[str], name: DenseName) -> dict[str, Vector]:
        found = _name_points(ids, self._shard.retrieve(list(ids), False, [name]))
        held = ((image_id, point.vector) for image_id, point in found)
        return {
            image_id: _read_vector(values)
            for image_id, vector in held
            if isinstance(vector, dict) and isinstance(values := vector.get(name), list)
        }

    def page(self, filter: Filter, start: str | None, limit: int) -> list[ImageRecord]:
        found, _ = self._scroll(filter, limit, offset=start, payload=True)
        return [self._record(str(point.id), point) for point in found]

    def ids(self, filter: Filter, limit: int, start: str | None = None) -> list[str]:
        return [str(point.id) for point in self._scroll(filter, limit, offset=start)[0]]

    def ordered_ids(self, by: Sort, filter: Filter, limit: int, offset: int, *, reverse: bool) -> list[str]:
        if by == "name":
            columns = self._columns(max(_MANY, self._shared.tally.points // 2))
        else:
            columns = self._columns(_MANY) if offset + limit > _DEEP else self._warm_columns()
        if columns is not None:
            return self._with_texts(columns, filter).ordered(by, filter, limit, offset, reverse=reverse)
        return stable_order.ordered_ids(self, by, filter, offset + limit, reverse=reverse)[offset:]

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

    def compares_all(self, filter: Filter) -> bool:
        return self._choose_mode(filter) is EXACT

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
        return self._caches.counts.get(filter, self._stamp, lambda: self._count_anew(filter))

    def copies(self, hashes: Sequence[str], filter: Filter) -> dict[str, int]:
        """Read the hashes of all that passes, or count each where that are many. A facet takes 70 times as long."""
        if (columns := self._warm_columns()) is not None:
            return self._with_texts(columns, filter).copies(hashes, filter)
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
        if (columns := self._columns(_MANY)) is not None:
            return self._with_texts(columns, filter).value_counts(field, filter, limit)
        passing = self._translate(filter)
        hits = self._shard.facet(edge.FacetRequest(field, limit=limit, exact=True, filter=passing)).hits
        return [(str(hit.value), hit.count) for hit in hits]

    def current_columns(self) -> "ColumnSet | None":
        """Columns for a question about all images; None where the engine has to answer it."""
        return self._columns(_MANY)

    def _columns(self, most: int) -> "ColumnSet | None":
        """Columns equal to the shard, where that takes at most so many points to be read."""
        kept = self._shared.columns
        columns = kept.current(self._shard, self._shared.get_writes, most)
        if columns is None:
            self._shared.refresh_later()
        return columns

    def _warm_columns(self) -> "ColumnSet | None":
        """Columns for what the engine answers fast too: opening them takes longer than a few of such answers."""
        return self._columns(_FEW) if self._shared.columns.is_open or self._caches.is_much_asked() else None

    def _with_texts(self, columns: "ColumnSet", filter: Filter) -> "ColumnSet":
        from core.adapters.columns.filters import asks_for_texts

        return columns.with_reader(self._read_fields) if asks_for_texts(filter) else columns

    def _read_fields(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(ids), _PAGE):
            points = self._shard.retrieve(list(ids[start : start + _PAGE]), list(fields), False)
            found |= {str(point.id): point.payload or {} for point in points}
        return found

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

    def _count_anew(self, filter: Filter) -> int:
        columns = self._warm_columns()
        return self._count(filter) if columns is None else self._with_texts(columns, filter).count(filter)

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
            [] if request is None else [(_read_id(point), point.score) for point in next(found)] for request in requests
        ]

    def _record(self, image_id: str, point: edge.Record) -> ImageRecord:
        try:
            return from_payload(image_id, point.payload or {})
        except (TypeError, ValueError) as error:
            raise damaged(self._folder, f"what is known of image {image_id} is incomplete ({error})") from error


def _name_points(ids: Sequence[str], found: Sequence[edge.Record]) -> Iterable[tuple[str, edge.Record]]:
    """Pair points with their ids: they come in the order in which they were asked for, unless some are not there."""
    if len(found) == len(ids) and (not ids or str(found[-1].id) == ids[-1]):
        return zip(ids, found, strict=True)
    return ((str(point.id), point) for point in found)


def _read_id(point: edge.ScoredPoint) -> str:
    """Read the id from how the engine writes the point: five times as fast as to have it make a UUID of it."""
    told = repr(point)
    if told.startswith(_WRITTEN) and told[_WRITTEN_END] == '"':
        return told[len(_WRITTEN) : _WRITTEN_END]
    return str(point.id)


def _read_vector(values: Sequence[Any]) -> Vector:
    """Make an array of the engine's list, (D,) float32, in half the time that numpy takes."""
    return np.frombuffer(struct.pack(f"={len(values)}f", *values), np.float32)
