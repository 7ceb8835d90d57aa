"""The questions that a library on a Qdrant server answers, put to its collection."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from qdrant_client import QdrantClient, models

from core.adapters.columns.column_set import ColumnSet
from core.adapters.index_base import stable_order
from core.adapters.index_base.index import clamp
from core.adapters.index_base.index_reader import IndexReader
from core.adapters.index_base.stable_order import at_time
from core.adapters.qdrant_server.client import Server
from core.adapters.qdrant_server.columns import ServerColumns
from core.adapters.qdrant_server.filters import FilterTranslator, having_id
from core.adapters.qdrant_server.points import named_vectors
from core.adapters.qdrant_server.retrieval import (
    EXACT,
    NEAR,
    Batch,
    find_unscored,
    list_pool,
    read_hashes,
    read_raws,
)
from core.adapters.qdrant_server.word_frequencies import WordFrequencies
from core.adapters.qdrant_server.word_migration import WordMigration
from core.domain.filtering.conditions import Keyword, Match, Time
from core.domain.filtering.filters import INDEXED, PAIRED, Filter
from core.domain.image import ImageRecord, ListName, from_payload
from core.domain.picture_texts import PICTURE_TEXTS, PictureTexts
from core.domain.query import Sort
from core.domain.vectors import Vector
from core.errors import LibraryDamaged
from core.errors.hints import Advice
from core.ports.rank_lists import Probe, Retrieval
from core.ports.vector_index import DenseName
from core.text.word_lists import WordListName

T = TypeVar("T")
_Words = Mapping[WordListName, Mapping[str, float]]  # of every list, with their weights
_Counts = Mapping[WordListName, tuple[int, Mapping[str, int]]]  # see WordFrequencies.lookup

PAGE = 1000  # points in one request
_TIES = 16  # points that are read behind the last, for those among them that are equal to it
_VALUES = 1_000_000  # of cameras, people, words in pictures and the like


class ServerReader(IndexReader):
    """A collection of a server. What one of its filters had to read serves the whole question."""

    def __init__(
        self,
        server: Server,
        collection: str,
        frequencies: WordFrequencies,
        renewal: WordMigration,
        columns: ServerColumns,
    ) -> None:
        self._server = server
        self._collection = collection
        self._frequencies = frequencies
        self._word_migration = renewal
        self._columns = columns
        self._snapshot: ColumnSet | None = None  # of a list, of which the counts are to be too
        self._translate = FilterTranslator(self._payloads, self._list_values)

    def records(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        return {str(point.id): self._record(point) for point in self.retrieve(ids, payload=True)}

    def fields(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        """Read some fields of payloads, None for one that is absent."""
        found = self.retrieve(ids, payload=list(names))
        return {str(point.id): tuple(map((point.payload or {}).get, names)) for point in found}

    def texts(self, ids: Sequence[str], words: Sequence[Sequence[str]]) -> dict[str, PictureTexts]:
        found = self.retrieve(ids, payload=list(PICTURE_TEXTS))
        try:
            return {str(point.id): PictureTexts.read(point.payload or {}) for point in found}
        except (TypeError, KeyError) as error:
            raise self._incomplete("what is said of some image", error) from error

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        found = self.retrieve(ids, payload=["content_hash"])
        return {str(point.id): point.payload["content_hash"] for point in found if point.payload}

    def vectors(self, ids: Sequence[str], name: DenseName) -> dict[str, Vector]:
        found = self.retrieve(ids, payload=False, vectors=[name])
        vectors = {str(point.id): named_vectors(point.vector).get(name) for point in found}
        return {image_id: np.array(vector, np.float32) for image_id, vector in vectors.items() if vector is not None}

    def page(self, filter: Filter, start: str | None, limit: int) -> list[ImageRecord]:
        found, _ = self._scroll(self._translate(filter), limit, offset=start, payload=True)
        return [self._record(point) for point in found]

    def ids(self, filter: Filter, limit: int, start: str | None = None) -> list[str]:
        return [str(point.id) for point in self._scroll(self._translate(filter), limit, offset=start)[0]]

    def ordered_ids(self, by: Sort, filter: Filter, limit: int, offset: int, *, reverse: bool) -> list[str]:
        """List ids `offset` to `offset` + `limit` in the order of core.domain.sort_orders.in_order."""
        columns = self._columns.current()
        if columns is not None:
            self._snapshot = columns.with_reader(self._read_fields)
            return self._snapshot.ordered(by, filter, limit, offset, reverse=reverse)
        return stable_order.ordered_ids(self, by, filter, offset + limit, reverse=reverse)[offset:]

    def _read_fields(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        return {str(point.id): point.payload or {} for point in self.retrieve(ids, payload=list(fields))}

    def by_time(self, filter: Filter, field: Time, limit: int, *, ascending: bool) -> Mapping[str, int]:
        order = models.OrderBy(key=field, direction=models.Direction.ASC if ascending else models.Direction.DESC)
        found, _ = self._scroll(self._translate(filter), limit, order_by=order)
        return {str(point.id): int(point.order_value or 0) for point in found}

    def first_by_time(self, filter: Filter, field: Time, limit: int, *, ascending: bool) -> list[ImageRecord]:
        """Read the `limit` latest, or earliest if `ascending`, equal times by id. Images without the time are left out.

        One round trip, and one more where the limit cuts many equal times apart: which of them a server returns is
        chance.
        """
        order = models.OrderBy(key=field, direction=models.Direction.ASC if ascending else models.Direction.DESC)
        asked = limit + _TIES
        found, _ = self._scroll(self._translate(filter), asked, order_by=order, payload=True)
        times = {str(point.id): int(point.order_value or 0) for point in found}
        if len(found) == asked and found[limit - 1].order_value == found[-1].order_value:
            last = int(found[-1].order_value or 0)
            times = {image_id: time for image_id, time in times.items() if time != last}
            at_last, _ = self._scroll(self._translate(filter & at_time(field, last)), limit - len(times), payload=True)
            times |= {str(point.id): last for point in at_last}
            found = [*found, *at_last]
        points = {str(point.id): point for point in found}
        sign = 1 if ascending else -1
        first = sorted(times, key=lambda image_id: (sign * times[image_id], image_id))[:limit]
        return [self._record(points[image_id]) for image_id in first]

    def values(self, filter: Filter, field: str) -> Iterator[tuple[str, Any]]:
        for image_id, payload in self._payloads(self._translate(filter), [field]):
            yield image_id, payload.get(field)

    def search(
        self, probes: Sequence[Probe], filter: Filter, limit: int, *, exact: bool
    ) -> Sequence[Iterable[tuple[str, float]]]:
        return self._query(probes, self._translate(filter), limit, exact=exact)

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> Sequence[Iterable[tuple[str, float]]]:
        return self._query(probes, having_id(ids), len(ids), exact=True)

    def retrieve_best(self, probes: Sequence[Probe], filter: Filter, limit: int) -> Retrieval:
        """Answer SearchableIndex.retrieve, in one round trip behind what filter and words need to be asked.

        Pictures that a request had no room for, as of several shards it may, are scored in a further one.
        """
        words = {name: probe.terms or {} for probe in probes if (name := _word_list(probe))}
        passing, counted = self._server.gather([partial(self._translate, filter), partial(self._count_words, words)])
        queries = _dense_queries(probes) | self._weigh_words(words, counted)
        short = () if self._word_migration.is_outdated() else _find_short(counted, limit)
        batch = Batch(probes, queries, limit, frozenset(short))
        answers, total, indexed, paired = self._server.gather(
            [
                partial(self._ask_batch, batch.requests(passing)),
                partial(self._count, passing),
                partial(self.count, INDEXED),
                self.has_pairs,
            ]
        )
        found = batch.read(answers)
        shortlists = found.shortlists(probes, limit)
        pool = list_pool(shortlists.values())
        known: dict[ListName, dict[str, float]] = {name: dict(scored) for name, scored in found.scored.items()}
        if unscored := find_unscored(found, batch, shortlists):
            further = self._query(probes, having_id(unscored), len(unscored), exact=True)
            for probe, scored in zip(probes, further, strict=True):
                known[probe.list] = known.get(probe.list, {}) | dict(clamp(probe, scored))
        scores = {
            probe.list: {i: known[probe.list][i] for i in pool if i in known.get(probe.list, {})} for probe in probes
        }
        payloads = {image_id: found.payloads[image_id] for image_id in pool if image_id in found.payloads}
        raws = read_raws(payloads) if paired else {}
        hashes = read_hashes(payloads)
        return Retrieval(total, shortlists, scores, paired, hashes, raws, indexed=indexed, complete=True)

    def count(self, filter: Filter) -> int:
        return self._count(self._translate(filter)) if self._snapshot is None else self._snapshot.count(filter)

    def has_pairs(self) -> bool:
        """Tell whether the library has any RAW beside its JPEG."""
        return self.count(PAIRED) > 0

    def copies(self, hashes: Sequence[str], filter: Filter) -> dict[str, int]:
        if self._snapshot is not None:
            return self._snapshot.copies(hashes, filter)
        same = filter & Filter(all=(Match("content_hash", tuple(hashes)),))
        return {value: count for value, count in self.value_counts("content_hash", same, len(hashes)) if count}

    def value_counts(self, field: Keyword, filter: Filter, limit: int) -> Iterable[tuple[str, int]]:
        return self._facet(field, self._translate(filter), limit)

    def retrieve(
        self, ids: Sequence[str], *, payload: bool | list[str], vectors: bool | list[str] = False
    ) -> Iterator[models.Record]:
        """Yield the points of those valid ids that are there, page by page; all pages are asked for at once."""

        def read(page: list[str]) -> list[models.Record]:
            return self._ask(
                lambda client: client.retrieve(self._collection, page, with_payload=payload, with_vectors=vectors)
            )

        pages = [partial(read, list(ids[start : start + PAGE])) for start in range(0, len(ids), PAGE)]
        for found in self._server.gather(pages):
            yield from found

    def _count(self, passing: models.Filter | None) -> int:
        return self._ask(lambda client: client.count(self._collection, passing, exact=True)).count

    def _facet(self, field: Keyword, passing: models.Filter | None, limit: int) -> list[tuple[str, int]]:
        answer = self._ask(
            lambda client: client.facet(self._collection, field, facet_filter=passing, limit=limit, exact=True)
        )
        return [(str(hit.value), hit.count) for hit in answer.hits]

    def _list_values(self, field: Keyword) -> list[str]:
        return [value for value, count in self._facet(field, None, _VALUES) if count]

    def _ask(self, call: Callable[[QdrantClient], T]) -> T:
        return self._server.ask(call)

    def _payloads(self, filter: models.Filter | None, fields: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        offset: Any = None
        while True:
            found, offset = self._scroll(filter, PAGE, offset=offset, payload=fields)
            yield from ((str(point.id), point.payload or {}) for point in found)
            if offset is None:
                return

    def _scroll(
        self,
        filter: models.Filter | None,
        limit: int,
        *,
        offset: Any = None,
        payload: bool | list[str] = False,
        order_by: models.OrderBy | None = None,
    ) -> tuple[list[models.Record], Any]:
        return self._ask(
            lambda client: client.scroll(
                self._collection,
                filter,
                limit=limit,
                order_by=order_by,
                offset=offset,
                with_payload=payload,
                with_vectors=False,
            )
        )

    def _query(
        self, probes: Sequence[Probe], filter: models.Filter | None, limit: int, *, exact: bool
    ) -> list[list[tuple[str, float]]]:
        """Ask all lists in one request, but those that hold none of the words."""
        vectors = self._queries(probes)
        requests = {
            probe.list: models.QueryRequest(
                query=vectors[probe.list],
                using="words" if probe.vector is None else probe.list,
                filter=filter,
                limit=limit,
                params=None if probe.vector is None else EXACT if exact else NEAR,
            )
            for probe in probes
            if probe.list in vectors
        }
        found = dict(zip(requests, self._ask_batch(list(requests.values())), strict=True))
        return [
            [(str(point.id), point.score) for point in found[probe.list].points] if probe.list in found else []
            for probe in probes
        ]

    def _ask_batch(self, requests: Sequence[models.QueryRequest]) -> list[models.QueryResponse]:
        return self._ask(lambda client: client.query_batch_points(self._collection, requests)) if requests else []

    def _queries(self, probes: Sequence[Probe]) -> dict[ListName, Any]:
        """The queries of the lists, but of those that hold none of the words."""
        words = {name: probe.terms or {} for probe in probes if (name := _word_list(probe))}
        return _dense_queries(probes) | self._weigh_words(words, self._count_words(words))

    def _count_words(self, asked: _Words) -> _Counts:
        return self._frequencies.lookup(asked) if asked else {}

    def _weigh_words(self, asked: _Words, counted: _Counts) -> dict[ListName, models.SparseVector]:
        """Weigh the words of every list that holds any of them."""
        vectors: dict[ListName, models.SparseVector] = {}
        for name, (total, holding) in counted.items():
            if any(holding.values()) or self._word_migration.is_outdated():
                terms = self._word_migration.vector(asked[name], total, holding, name)
                vectors[name] = models.SparseVector(indices=list(terms), values=list(terms.values()))
        return vectors

    def _record(self, point: models.Record) -> ImageRecord:
        try:
            return from_payload(str(point.id), point.payload or {})
        except (TypeError, ValueError) as error:
            raise self._incomplete(f"what it knows of image {point.id}", error) from error

    def _incomplete(self, what: str, error: Exception) -> LibraryDamaged:
        return LibraryDamaged(
            f"the Qdrant server {self._server.address} does not have all of {what} ({error})",
            Advice("delete the point, and ingest its source again"),
        )


def _dense_queries(probes: Sequence[Probe]) -> dict[ListName, Any]:
    return {probe.list: probe.vector.tolist() for probe in probes if probe.vector is not None}


def _find_short(counted: _Counts, limit: int) -> list[ListName]:
    """The lists in which fewer images than `limit` hold any of the words."""
    return [name for name, (_, holding) in counted.items() if sum(holding.values()) < limit]


def _word_list(probe: Probe) -> WordListName | None:
    return None if probe.list == "image" or probe.list == "caption" else probe.list
