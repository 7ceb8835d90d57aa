"""The library on a Qdrant server, of one node or of a cluster, from 1.19 on. A VectorIndex."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from qdrant_client import QdrantClient, models

from core.adapters.index_base import stable_order
from core.adapters.index_base.point_codec import VERSION, caption_payload, dense, known, ref_payload
from core.adapters.index_base.stable_order import scored
from core.adapters.qdrant_server.client import Server
from core.adapters.qdrant_server.collection import Layout, collection_name, create_collection, described
from core.adapters.qdrant_server.filters import FIELDS, among, empty, passing, same_time
from core.adapters.qdrant_server.points import BATCH, batches, named, server_point, sparse, whole_point
from core.adapters.qdrant_server.word_frequencies import Frequencies
from core.adapters.qdrant_server.word_migration import Renewal
from core.domain.conditions import Keyword, Match
from core.domain.filters import EVERYTHING, Filter
from core.domain.image import ImageRecord, ImageRef, ListName, from_payload
from core.domain.query import Sort
from core.domain.result import Hit
from core.domain.vectors import Vector
from core.errors import LibraryDamaged, LibraryError, ModelMismatch, ServerLibraryMissing
from core.errors.hints import Advice
from core.ports.rank_lists import Probe, Ranking, Shortlist
from core.ports.vector_index import CaptionUpdate, DenseName, IndexInfo, Point

_PAGE = 1000
_EXACT = models.SearchParams(exact=True, quantization=models.QuantizationSearchParams(ignore=True))
_NEAR = models.SearchParams(quantization=models.QuantizationSearchParams(rescore=True, oversampling=2.0))

_Change = tuple[dict[str, Any], dict[str, Any]]  # payload fields and named vectors to replace; None removes one

T = TypeVar("T")


class QdrantIndex:
    """A collection for every model, of which an alias, the library's name, leads to the one in use.

    An index keeps to the collection that the alias led to when it was opened, and so to its model. Writes wait until
    they are searchable. Captions and references are changed by reading whole points and writing them whole: of two
    processes that change one image at once, the last one's point stays.
    """

    backend = "server"

    def __init__(self, server: Server, collection: str, info: IndexInfo) -> None:
        self.info = info
        self._server = server
        self.collection = collection
        self._frequencies = Frequencies(self.count)
        self._renewal = Renewal(server, collection)

    @classmethod
    def create(cls, server: Server, name: str, info: IndexInfo, layout: Layout | None = None) -> "QdrantIndex":
        """A new library of this name, or the one that is there for the same model. Raises ModelMismatch, LibraryError.

        The alias is made last: killed before it, there is no library, and the next call goes on.
        """
        try:
            index = cls.open(server, name)
        except ServerLibraryMissing:
            collection = collection_name(name, info.fingerprint)
            _make(server, collection, info, layout)
            alias = models.CreateAlias(collection_name=collection, alias_name=name)
            operation = models.CreateAliasOperation(create_alias=alias)
            server.ask(lambda client: client.update_collection_aliases([operation]), writes=True)
            index = cls.open(server, name)
        if index.info.fingerprint != info.fingerprint:
            raise ModelMismatch(index.info.model, info.model)
        return index

    @classmethod
    def beside(cls, server: Server, name: str, info: IndexInfo, layout: Layout | None = None) -> "QdrantIndex":
        """The collection for this model, be it there or new, whatever the alias leads to."""
        collection = collection_name(name, info.fingerprint)
        _make(server, collection, info, layout)
        return cls.open(server, collection)

    @staticmethod
    def exists(server: Server, name: str) -> bool:
        """Raises what `Server.ask` raises."""
        return server.ask(lambda client: client.collection_exists(name))

    @classmethod
    def open(cls, server: Server, name: str, *, renewing: bool = True) -> "QdrantIndex":
        """Raises ServerLibraryMissing, LibraryDamaged and what `Server.ask` raises.

        `renewing`: words of another version are brought up to this one.
        """
        if not cls.exists(server, name):
            raise ServerLibraryMissing(server.address, f"nothing is called {name}")
        config = server.ask(lambda client: client.get_collection(name)).config
        try:
            index = cls(server, *described(config.metadata))
        except (KeyError, TypeError, ValueError) as error:
            raise LibraryDamaged(
                f"the collection {name} of the Qdrant server {server.address} does not say which model it belongs to: "
                "it was not made by BucketLens",
                Advice("choose another name"),
            ) from error
        if renewing:
            index._renewal.start(config)
        return index

    def upsert(self, points: Sequence[Point]) -> None:
        """Raises ValueError for a vector that is no finite unit vector of this index and for text that is not UTF-8."""
        self._write([server_point(point, self.info.dimension) for point in points])

    def set_captions(self, captions: Sequence[CaptionUpdate]) -> None:
        """Raises ValueError as `upsert` does."""
        changes: dict[str, _Change] = {}
        for update in captions:
            vector = None if update.vector is None else dense(update.vector, self.info.dimension).tolist()
            changes[update.id] = caption_payload(update), {"caption": vector, "words": sparse(update.texts)}
        self._change(changes)

    def set_refs(self, refs: Sequence[tuple[str, ImageRef]]) -> None:
        self._change({image_id: (ref_payload(image_id, ref), {}) for image_id, ref in refs})

    def delete(self, ids: Sequence[str]) -> None:
        there = list(dict.fromkeys(known(ids)))
        for start in range(0, len(there), _PAGE):
            these = models.PointIdsList(points=there[start : start + _PAGE])
            self._ask(lambda client, name, these=these: client.delete(name, these, wait=True), writes=True)  # type: ignore[misc]

    def fetch(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        return {str(point.id): self._record(point) for point in self._retrieve(ids, payload=True)}

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        found = self._retrieve(ids, payload=["content_hash"])
        return {str(point.id): point.payload["content_hash"] for point in found if point.payload}

    def vectors(self, ids: Sequence[str], name: DenseName = "image") -> dict[str, Vector]:
        found = self._retrieve(ids, payload=False, vectors=[name])
        held = {str(point.id): named(point.vector).get(name) for point in found}
        return {image_id: np.array(vector, np.float32) for image_id, vector in held.items() if vector is not None}

    def scroll(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[ImageRecord]:
        """`after` need not be there (any more)."""
        offset = None if after is None else str(UUID(after))
        found, _ = self._scroll(self._passing(filter), limit + 1, offset=offset, payload=True)
        return [self._record(point) for point in found if str(point.id) != offset][:limit]

    def newest(self, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0) -> list[ImageRecord]:
        return self.ordered("modified", filter, limit=limit, offset=offset)

    def ordered(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[ImageRecord]:
        if limit < 1:
            return []
        listing = _Listing(self, self._passing(filter))
        page = stable_order.ordered(by, listing, offset + limit, reverse=reverse)[offset:]
        records = self.fetch(page)
        return [records[image_id] for image_id in page if image_id in records]

    def nearest(
        self,
        vector: Vector,
        filter: Filter = EVERYTHING,
        *,
        limit: int,
        offset: int = 0,
        using: DenseName = "image",
        exact: bool = False,
    ) -> list[Hit]:
        return self._hits(Probe(using, vector), filter, limit, offset, exact)

    def best_words(self, weights: Mapping[str, float], filter: Filter = EVERYTHING, *, limit: int) -> list[Hit]:
        return self._hits(Probe("words", terms=weights), filter, limit, 0, True) if weights else []

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        found = self._query(probes, self._passing(filter), limit, exact=False)
        return {probe.list: Shortlist.cut(one, limit) for probe, one in zip(probes, found, strict=True)}

    def ranking(self, probe: Probe, filter: Filter = EVERYTHING, *, limit: int) -> Ranking:
        return self._ranking(probe, self._passing(filter), limit, exact=True)

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> dict[ListName, dict[str, float]]:
        these = set(known(ids))
        if not these:
            return {probe.list: {} for probe in probes}
        found = self._query(probes, among(these), len(these), exact=True)
        return {probe.list: dict(one) for probe, one in zip(probes, found, strict=True)}

    def count(self, filter: Filter = EVERYTHING) -> int:
        counted = self._passing(filter)
        return self._ask(lambda client, name: client.count(name, counted, exact=True)).count

    def copies(self, hashes: Sequence[str], filter: Filter = EVERYTHING) -> dict[str, int]:
        held = list(dict.fromkeys(hashes))
        if not held:
            return {}
        same = self._passing(filter & Filter(all=(Match("content_hash", tuple(held)),)))
        return dict(Counter(value for _, value in _Listing(self, same).values("content_hash")))

    def facet(self, field: Keyword, filter: Filter = EVERYTHING, *, limit: int = 20) -> list[tuple[str, int]]:
        counted = self._passing(filter)
        hits = self._ask(
            lambda client, name: client.facet(name, field, facet_filter=counted, limit=limit, exact=True)
        ).hits
        counts = [(str(hit.value), hit.count) for hit in hits if hit.count]
        return sorted(counts, key=lambda item: (-item[1], item[0]))

    def versions(self) -> Iterator[tuple[str, int]]:
        return ((image_id, version or 0) for image_id, version in _Listing(self, None).values(VERSION))

    def optimize(self) -> None:
        """The server does so by itself."""

    def size_bytes(self) -> int:
        """Of vectors and a usual payload; what the server's disk holds beside them it does not tell."""
        return self.count() * (2 * 4 * self.info.dimension + 2048)

    def close(self) -> None:
        self._renewal.close()
        self._server.close()

    def _ask(self, call: Callable[[QdrantClient, str], T], *, writes: bool = False) -> T:
        try:
            return self._server.ask(lambda client: call(client, self.collection), writes=writes)
        finally:
            if writes:
                self._frequencies.forget()

    def _write(self, points: Sequence[models.PointStruct]) -> None:
        for batch in batches(points, self.info.dimension):
            self._ask(lambda client, name, batch=batch: client.upsert(name, batch, wait=True), writes=True)  # type: ignore[misc]

    def _change(self, changes: dict[str, _Change]) -> None:
        ids = list(changes)
        for start in range(0, len(ids), BATCH):
            changed = []
            for point in self._retrieve(ids[start : start + BATCH], payload=True, vectors=True):
                payload, vectors = changes[str(point.id)]
                whole = {**named(point.vector), **vectors}
                changed.append(whole_point(str(point.id), {**(point.payload or {}), **payload}, whole))
            self._write(changed)

    def _passing(self, filter: Filter) -> models.Filter | None:
        return passing(filter, self._read)

    def _read(self, filter: models.Filter | None, fields: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        offset: Any = None
        while True:
            found, offset = self._scroll(filter, _PAGE, offset=offset, payload=fields)
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
            lambda client, name: client.scroll(
                name, filter, limit=limit, order_by=order_by, offset=offset, with_payload=payload, with_vectors=False
            )
        )

    def _retrieve(
        self, ids: Sequence[str], *, payload: bool | list[str], vectors: bool | list[str] = False
    ) -> Iterator[models.Record]:
        there = list(dict.fromkeys(known(ids)))
        for start in range(0, len(there), _PAGE):
            page = there[start : start + _PAGE]
            yield from self._ask(
                lambda client, name, page=page: client.retrieve(  # type: ignore[misc]
                    name, page, with_payload=payload, with_vectors=vectors
                )
            )

    def _query(
        self, probes: Sequence[Probe], filter: models.Filter | None, limit: int, *, exact: bool
    ) -> list[Ranking]:
        requests = [
            models.QueryRequest(
                query=self._sought(probe),
                using=probe.list,
                filter=filter,
                limit=limit,
                params=None if probe.vector is None else _EXACT if exact else _NEAR,
            )
            for probe in probes
        ]
        answers = self._ask(lambda client, name: client.query_batch_points(name, requests))
        return [
            scored(probe, ((str(point.id), point.score) for point in answer.points))
            for probe, answer in zip(probes, answers, strict=True)
        ]

    def _sought(self, probe: Probe) -> Any:
        if probe.vector is not None:
            return dense(probe.vector, self.info.dimension).tolist()
        wanted = probe.terms or {}
        terms = self._renewal.vector(wanted, *self._frequencies.of(wanted))
        return models.SparseVector(indices=list(terms), values=list(terms.values()))

    def _ranking(self, probe: Probe, filter: models.Filter | None, limit: int, *, exact: bool) -> Ranking:
        return stable_order.whole(lambda count: self._query([probe], filter, count, exact=exact)[0], limit)

    def _hits(self, probe: Probe, filter: Filter, limit: int, offset: int, exact: bool) -> list[Hit]:
        if limit < 1:
            return []
        page = self._ranking(probe, self._passing(filter), offset + limit, exact=exact)[offset:]
        records = self.fetch([image_id for image_id, _ in page])
        return [Hit(records[image_id], score) for image_id, score in page if image_id in records]

    def _record(self, point: models.Record) -> ImageRecord:
        try:
            return from_payload(str(point.id), point.payload or {})
        except (TypeError, ValueError) as error:
            raise LibraryDamaged(
                f"what the Qdrant server {self._server.address} knows of image {point.id} is incomplete ({error})",
                Advice("delete the point, and ingest its source again"),
            ) from error


def _make(server: Server, collection: str, info: IndexInfo, layout: Layout | None) -> None:
    """The collection and its payload indexes, or what of them is missing."""
    if not server.ask(lambda client: client.collection_exists(collection)):
        try:
            server.ask(lambda client: create_collection(client, collection, info, layout), writes=True)
        except LibraryError:  # by somebody else, or by a call of ours whose answer was lost
            if not server.ask(lambda client: client.collection_exists(collection)):
                raise
    held = server.ask(lambda client: client.get_collection(collection)).payload_schema
    for field in sorted(FIELDS.keys() - held.keys()):
        server.ask(
            lambda client, field=field: client.create_payload_index(collection, field, FIELDS[field]),  # type: ignore[misc]
            writes=True,
        )


@dataclass(frozen=True, slots=True)
class _Listing:
    """What passes a filter, for core.adapters.index_base.stable_order."""

    index: QdrantIndex
    filter: models.Filter | None

    def by_value(self, field: str, limit: int, *, reverse: bool) -> dict[str, int]:
        order = models.OrderBy(key=field, direction=models.Direction.ASC if reverse else models.Direction.DESC)
        found, _ = self.index._scroll(self.filter, limit, order_by=order)
        return {str(point.id): int(point.order_value or 0) for point in found}

    def at(self, field: str, time: str, limit: int) -> Iterable[str]:
        found, _ = self.index._scroll(same_time(self.filter, field, time), limit)
        return [str(point.id) for point in found]

    def lacking(self, field: str) -> "_Listing":
        return _Listing(self.index, empty(self.filter, field))

    def values(self, field: str) -> Iterator[tuple[str, Any]]:
        for image_id, payload in self.index._read(self.filter, [field]):
            yield image_id, payload.get(field)
