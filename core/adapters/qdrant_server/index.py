"""The library on a Qdrant server, of one node or of a cluster, from 1.19 on. A VectorIndex."""

import logging
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from qdrant_client import QdrantClient, models

from core.adapters.index_base.index import IndexBase, check_vector, valid_ids
from core.adapters.index_base.point_codec import (
    VERSION,
    caption_payload,
    place_payload,
    ref_payload,
    reword,
    text_payload,
)
from core.adapters.qdrant_server.client import Server
from core.adapters.qdrant_server.collection import Layout, collection_name, create_collection, parse_metadata
from core.adapters.qdrant_server.columns import ServerColumns
from core.adapters.qdrant_server.filters import FIELDS, is_decided
from core.adapters.qdrant_server.points import (
    BATCH,
    batches,
    build_point,
    named_vectors,
    sparse_vector,
    to_server_point,
)
from core.adapters.qdrant_server.reader import PAGE, ServerReader
from core.adapters.qdrant_server.word_frequencies import WordFrequencies
from core.adapters.qdrant_server.word_migration import WordMigration
from core.domain.filtering.conditions import Missing
from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ImageRecord, ImageRef
from core.domain.query import Sort
from core.errors import (
    LibraryDamaged,
    LibraryError,
    ModelMismatch,
    ServerLibraryMissing,
)
from core.errors.hints import Advice
from core.ports.rank_lists import Details, Probe, Retrieval
from core.ports.vector_index import CaptionUpdate, IndexInfo, PlaceUpdate, Point, SearchableIndex, TextUpdate

_Change = tuple[dict[str, Any], dict[str, Any]]  # payload fields and named vectors to replace; None removes one

T = TypeVar("T")

_QUESTION_S = 10.0  # how long after what it found the details of a question are asked for at most

_log = logging.getLogger(__name__)


class QdrantIndex(IndexBase):
    """A collection for every model, of which an alias, the library's name, leads to the one in use.

    An index keeps to the collection that the alias led to when it was opened, and so to its model. Writes wait until
    they are searchable. Captions and references are changed by reading whole points and writing them whole: of two
    processes that change one image at once, the last one's point stays.
    """

    backend = "server"

    def __init__(self, server: Server, collection: str, info: IndexInfo) -> None:
        self._info = info
        self._server = server
        self.collection = collection
        self._frequencies = WordFrequencies(self._count_all)
        self._word_migration = WordMigration(server, collection)
        self._columns = ServerColumns(server, collection)
        self._latest: tuple[Filter, ServerReader, float] | None = None

    @property
    def info(self) -> IndexInfo:
        return self._info

    @classmethod
    def create(cls, server: Server, name: str, info: IndexInfo, layout: Layout | None = None) -> "QdrantIndex":
        """A new library of this name, or the one that is there for the same model. Raises ModelMismatch, LibraryError.

        The alias is made last: killed before it, there is no library, and the next call goes on.
        """
        try:
            index = cls.open(server, name)
        except ServerLibraryMissing:
            collection = collection_name(name, info.fingerprint)
            _ensure_collection(server, collection, info, layout)
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
        _ensure_collection(server, collection, info, layout)
        return cls.open(server, collection)

    @staticmethod
    def exists(server: Server, name: str) -> bool:
        """Raises what `Server.ask` raises."""
        return server.ask(lambda client: client.collection_exists(name))

    @classmethod
    def open(cls, server: Server, name: str, *, migrate: bool = True) -> "QdrantIndex":
        """Raises ServerLibraryMissing, LibraryDamaged and what `Server.ask` raises.

        `migrate`: words of another version are brought up to this one, and missing payload indexes are added.
        """
        if not cls.exists(server, name):
            raise ServerLibraryMissing(server.address, f"nothing is called {name}")
        found = server.ask(lambda client: client.get_collection(name))
        config = found.config
        try:
            index = cls(server, *parse_metadata(config.metadata))
        except (KeyError, TypeError, ValueError) as error:
            raise LibraryDamaged(
                f"the collection {name} of the Qdrant server {server.address} does not say which model it belongs to: "
                "it was not made by BucketLens",
                Advice("choose another name"),
            ) from error
        if migrate:
            if found.payload_schema:  # qdrant-client's own memory tells of none
                _add_payload_indexes(server, index.collection, found.payload_schema)
            index._word_migration.start(config)
        return index

    def ordered(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[ImageRecord]:
        end, reader = offset + limit, self._reader(filter)
        if limit < 1:
            return []
        if by not in ("modified", "taken") or end > PAGE or (self._columns.is_there and not is_decided(filter)):
            ids = reader.ordered_ids(by, filter, limit, offset, reverse=reverse)
            records = reader.records(ids)
            return [records[image_id] for image_id in ids if image_id in records]
        if by == "modified":
            return reader.first_by_time(filter, "modified_at", end, ascending=reverse)[offset:]
        undated = filter & Filter(all=(Missing("taken_at"),))
        dated, rest = self._server.gather(
            [
                partial(reader.first_by_time, filter, "taken_at", end, ascending=reverse),
                partial(reader.first_by_time, undated, "modified_at", end, ascending=reverse),
            ]
        )
        return [*dated, *rest][offset:end]

    def ordered_ids(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[str]:
        return self._reader(filter).ordered_ids(by, filter, limit, offset, reverse=reverse) if limit > 0 else []

    def retrieve(self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int) -> Retrieval:
        return self._reader(filter).retrieve_best([self._check(probe) for probe in probes], filter, limit)

    def details(
        self,
        ids: Sequence[str],
        filter: Filter = EVERYTHING,
        *,
        hashes: Sequence[str] = (),
        vectors: Sequence[str] = (),
        count: bool = False,
    ) -> Details:
        reader = self._latest_reader(filter)
        parts: dict[str, Callable[[], Any]] = {
            "records": partial(self.fetch, ids),
            "copies": partial(reader.copies, list(dict.fromkeys(hashes)), filter),
            "vectors": partial(self.vectors, vectors),
            "total": partial(reader.count, filter),
            "paired": partial(reader.has_pairs),
        }
        asked = {"records": ids, "copies": hashes, "vectors": vectors, "total": count, "paired": count}
        wanted = [name for name in parts if asked[name]]
        found = dict(zip(wanted, self._server.gather([parts[name] for name in wanted]), strict=True))
        return Details(**({"records": {}, "copies": {}, "vectors": {}} | found))

    def gather(self, calls: Sequence[Callable[[SearchableIndex], Any]]) -> list[Any]:
        return self._server.gather([partial(call, self) for call in calls])

    def upsert(self, points: Sequence[Point]) -> None:
        """Raises ValueError for a vector that is no finite unit vector of this index and for text that is not UTF-8."""
        self._write([to_server_point(point, self.info.dimension) for point in points])

    def set_captions(self, captions: Sequence[CaptionUpdate]) -> None:
        """Raises ValueError as `upsert` does."""
        changes: dict[str, _Change] = {}
        for update in captions:
            vector = None if update.vector is None else check_vector(update.vector, self.info.dimension).tolist()
            changes[update.id] = caption_payload(update), {"caption": vector}
        self._change(changes, texts=True)

    def set_texts(self, texts: Sequence[TextUpdate]) -> None:
        """Raises ValueError as `upsert` does."""
        self._change({update.id: (text_payload(update), {}) for update in texts}, texts=True)

    def set_places(self, places: Sequence[PlaceUpdate]) -> None:
        """Raises ValueError as `upsert` does."""
        self._change({update.id: (place_payload(update), {}) for update in places}, texts=True)

    def set_refs(self, refs: Sequence[tuple[str, ImageRef]]) -> None:
        self._change({image_id: (ref_payload(image_id, ref), {}) for image_id, ref in refs})

    def delete(self, ids: Sequence[str]) -> None:
        there = valid_ids(ids)
        for start in range(0, len(there), PAGE):
            these = models.PointIdsList(points=there[start : start + PAGE])
            self._ask(lambda client, name, these=these: client.delete(name, these, wait=True), writes=True)  # type: ignore[misc]

    def fields(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        return self._reader().fields(valid_ids(ids), names)

    def ids(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[str]:
        with self._reading() as reader:
            found = reader.ids(filter, limit if after is None else limit + 1, after)
        return [image_id for image_id in found if image_id != after][:limit]

    def versions(self) -> Iterator[tuple[str, int]]:
        return ((image_id, version or 0) for image_id, version in self._reader().values(EVERYTHING, VERSION))

    def stamp(self) -> None:
        """A server does not tell what was written, or by whom."""

    def optimize(self) -> None:
        """The server does so by itself."""

    def size_bytes(self) -> int:
        """Of vectors and a usual payload; what the server's disk holds beside them it does not tell."""
        return self.count() * (2 * 4 * self.info.dimension + 2048)

    def close(self) -> None:
        self._word_migration.close()
        self._columns.close()
        self._server.close()

    @contextmanager
    def _reading(self) -> Iterator[ServerReader]:
        yield self._reader()

    def _latest_reader(self, filter: Filter) -> ServerReader:
        """The reader that just found what passes a filter: what it had to read for that serves the details too."""
        latest = self._latest
        if latest is not None and latest[0] == filter and time.monotonic() - latest[2] < _QUESTION_S:
            return latest[1]
        return self._reader()

    def _reader(self, filter: Filter | None = None) -> ServerReader:
        """A reader for one question. `filter`: what passes is to be shown in detail next."""
        reader = self._make_reader()
        if filter is not None:
            self._latest = filter, reader, time.monotonic()
        return reader

    def _make_reader(self) -> ServerReader:
        return ServerReader(self._server, self.collection, self._frequencies, self._word_migration, self._columns)

    def _count_all(self, filters: Sequence[Filter]) -> list[int]:
        return self._server.gather([partial(self.count, one) for one in filters])

    def _ask(self, call: Callable[[QdrantClient, str], T], *, writes: bool = False) -> T:
        try:
            return self._server.ask(lambda client: call(client, self.collection), writes=writes)
        finally:
            if writes:
                self._frequencies.clear()
                self._latest = None

    def _write(self, points: Sequence[models.PointStruct]) -> None:
        for batch in batches(points, self.info.dimension):
            self._ask(lambda client, name, batch=batch: client.upsert(name, batch, wait=True), writes=True)  # type: ignore[misc]

    def _change(self, changes: dict[str, _Change], *, texts: bool = False) -> None:
        """`texts`: what is said of the images changes, and so do their words."""
        ids, reader = valid_ids(list(changes)), self._reader()
        for start in range(0, len(ids), BATCH):
            changed = []
            for point in reader.retrieve(ids[start : start + BATCH], payload=True, vectors=True):
                payload, vectors = changes[str(point.id)]
                whole = {**(point.payload or {}), **payload}
                held = {**named_vectors(point.vector), **vectors}
                if texts:
                    whole, said = reword(whole)
                    held["words"] = sparse_vector(said)
                changed.append(build_point(str(point.id), whole, held))
            self._write(changed)


def _ensure_collection(server: Server, collection: str, info: IndexInfo, layout: Layout | None) -> None:
    """The collection and its payload indexes, or what of them is missing."""
    if not server.ask(lambda client: client.collection_exists(collection)):
        try:
            server.ask(lambda client: create_collection(client, collection, info, layout), writes=True)
        except LibraryError:  # by somebody else, or by a call of ours whose answer was lost
            if not server.ask(lambda client: client.collection_exists(collection)):
                raise
    held = server.ask(lambda client: client.get_collection(collection)).payload_schema
    _create_payload_indexes(server, collection, held, wait=True)


def _create_payload_indexes(server: Server, collection: str, held: Container[str], *, wait: bool) -> None:
    """Those that are not among the fields that are `held`."""
    for field in sorted(name for name in FIELDS if name not in held):
        server.ask(
            lambda client, field=field: client.create_payload_index(collection, field, FIELDS[field], wait=wait),  # type: ignore[misc]
            writes=True,
        )


def _add_payload_indexes(server: Server, collection: str, held: Container[str]) -> None:
    """To a collection of an earlier version, if the key may write. The server builds them in the background."""
    try:
        _create_payload_indexes(server, collection, held, wait=False)
    except LibraryError as error:
        _log.warning("%s lacks indexes of fields that filters ask by, until it is opened again: %s", collection, error)
