"""The library in process: Qdrant's own engine on a folder of this machine. A VectorIndex."""

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import qdrant_edge as edge

from core.adapters.index_base.index import IndexBase, check_vector, valid_ids
from core.adapters.index_base.point_codec import (
    VERSION,
    caption_payload,
    place_payload,
    ref_payload,
    reword,
    text_payload,
)
from core.adapters.local.free_space import check_free_space
from core.adapters.local.library_lock import LibraryLock
from core.adapters.qdrant_edge.approximate.parameters import collection
from core.adapters.qdrant_edge.engine_errors import translate_errors
from core.adapters.qdrant_edge.files import (
    Manifest,
    Tally,
    has_manifest,
    read_manifest,
    size_on_disk,
    sync_folder,
    write_manifest,
    write_tally,
)
from core.adapters.qdrant_edge.kept_columns import summary
from core.adapters.qdrant_edge.kept_columns.library_columns import LibraryColumns
from core.adapters.qdrant_edge.kept_columns.snapshot import Snapshot
from core.adapters.qdrant_edge.migrations import create_indexes
from core.adapters.qdrant_edge.points import TERMS, build_point, named_vectors, sparse_vector, to_edge_point
from core.adapters.qdrant_edge.read_cache import ReadCaches
from core.adapters.qdrant_edge.reader import EdgeReader
from core.adapters.qdrant_edge.shard import SharedShard, shared_shard
from core.domain.filtering.conditions import Keyword
from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ImageRef
from core.errors import ModelMismatch
from core.ports.vector_index import CaptionUpdate, IndexInfo, PlaceUpdate, Point, TextUpdate

_CLOSED = "this index has been closed"
_BATCH = 256  # points in one write: well below the 32 MiB segments of the write-ahead log

_Change = tuple[dict[str, Any], dict[str, Any]]  # payload fields and named vectors to replace; None removes one


class EdgeIndex(IndexBase):
    """Opens nothing until it is asked something. Reads wait `wait_s` seconds for another process, writes longer.

    A write that returned survives kill -9, and a loss of power once the library was closed or let go: in between, the
    last few thousand images may have to be written again.
    """

    backend = "edge"

    def __init__(self, folder: Path, manifest: Manifest, wait_s: float, write_wait_s: float) -> None:
        self._info = manifest.info
        self._library = manifest.library
        self._folder = folder
        self._shard: SharedShard = shared_shard(folder)
        self._caches = ReadCaches()
        self._snapshot = Snapshot(folder)
        self._wait_s = wait_s
        self._write_wait_s = max(wait_s, write_wait_s)
        self._closed = False

    @property
    def info(self) -> IndexInfo:
        return self._info

    @staticmethod
    def exists(folder: Path) -> bool:
        """Raises LibraryError where that cannot be seen."""
        with translate_errors(folder):
            return has_manifest(folder)

    @classmethod
    def create(cls, folder: Path, info: IndexInfo, *, wait_s: float = 2.0, write_wait_s: float = 30.0) -> "EdgeIndex":
        """A new library, or the one that is there for the same model. Raises ModelMismatch, DiskFull, LibraryBusy.

        The manifest is written last: killed before it, there is no library, and the next call starts over.
        """
        with translate_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = LibraryLock(folder.resolve())
            if not has_manifest(folder):
                lock.acquire(wait_s)
                try:
                    if not has_manifest(folder):
                        _create(folder, info)
                finally:
                    lock.release()
        index = cls.open(folder, wait_s=wait_s, write_wait_s=write_wait_s)
        if index.info.fingerprint != info.fingerprint:
            raise ModelMismatch(index.info.model, info.model)
        return index

    @classmethod
    def open(cls, folder: Path, *, wait_s: float = 2.0, write_wait_s: float = 30.0) -> "EdgeIndex":
        """Raises LibraryMissing, LibraryDamaged."""
        folder = folder.resolve()
        with translate_errors(folder):
            return cls(folder, read_manifest(folder), wait_s, write_wait_s)

    def upsert(self, points: Sequence[Point]) -> None:
        """Raises ValueError for a vector that is no finite unit vector of this index and for text that is not UTF-8."""
        self._write([to_edge_point(point, self.info.dimension) for point in points])

    def set_captions(self, captions: Sequence[CaptionUpdate]) -> None:
        """Raises ValueError as `upsert` does."""
        changes: dict[str, _Change] = {}
        for update in captions:
            payload = caption_payload(update)
            vector = None if update.vector is None else check_vector(update.vector, self.info.dimension)
            changes[update.id] = payload, {"caption": vector}
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
        if not there:
            return
        check_free_space(self._folder)
        with self._writing() as shard:
            self._shard.expect_deletions(len(there))
            for start in range(0, len(there), _BATCH):
                batch = there[start : start + _BATCH]
                self._shard.columns.note(batch)
                shard.update(edge.UpdateOperation.delete_points(batch))
                self._shard.count_written(shard, len(batch))

    def fields(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        wanted = valid_ids(ids)
        told = self._snapshot.fields(wanted, names) if self._is_unloaded() else None
        if told is not None:
            return told
        with self._reading() as reader:
            return reader.fields(wanted, names)

    def ids(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[str]:
        with self._reading() as reader:
            found = reader.ids(filter, limit if after is None else limit + 1, after)
        return [image_id for image_id in found if image_id != after][:limit]

    def versions(self) -> Iterator[tuple[str, int]]:
        """Yield every id with its version. What is written meanwhile may be in it: the lock is free between pages."""
        with self._reading() as reader:
            columns = reader.current_columns()
        if columns is not None:
            yield from columns.versions()
            return
        offset: Any = None
        while True:
            with self._reading() as reader:
                page, offset = reader.values_page(VERSION, offset)
            yield from ((image_id, version or 0) for image_id, version in page)
            if offset is None:
                return

    def stamp(self) -> str | None:
        """Flushes first: it is the stamp that the next process finds."""
        if self._is_unloaded() and (stamp := summary.read_stamp(self._folder)) is not None:
            return stamp
        with self._open(), self._shard.quiesce(self._write_wait_s) as tally:
            return tally.stamp

    def optimize(self) -> None:
        from core.adapters.qdrant_edge.kept_columns.refresh import refresh
        from core.adapters.qdrant_edge.optimizer import optimize

        with self._open():
            optimize(self._folder, self._shard, self._write_wait_s)
            refresh(self._shard, self._write_wait_s)

    def count(self, filter: Filter = EVERYTHING) -> int:
        told = None
        if self._is_unloaded() and (told := summary.read_count(self._folder, filter)) is None:
            told = self._snapshot.count(filter)
        return super().count(filter) if told is None else told

    def facet(self, field: Keyword, filter: Filter = EVERYTHING, *, limit: int = 20) -> list[tuple[str, int]]:
        if field == "source" and self._is_unloaded():
            if (told := summary.read_sources(self._folder, filter)) is not None:
                return sorted(told.items(), key=lambda entry: (-entry[1], entry[0]))[:limit]
        return super().facet(field, filter, limit=limit)

    def size_bytes(self) -> int:
        return size_on_disk(self._folder)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._snapshot.close()
            self._shard.refreshing.stop()
            self._shard.let_go()

    def _is_unloaded(self) -> bool:
        """Whether the engine would have to be loaded for an answer: what lies beside it may know too."""
        return not self._closed and not self._shard.is_loaded

    @contextmanager
    def _open(self) -> Iterator[None]:
        if self._closed:
            raise RuntimeError(_CLOSED)
        yield

    @contextmanager
    def _reading(self) -> Iterator[EdgeReader]:
        if self._closed:
            raise RuntimeError(_CLOSED)
        with self._shard.reading(self._wait_s, self._info) as shard:
            yield EdgeReader(shard, self._shard.stamp, self._folder, self._caches, self._shard)

    @contextmanager
    def _writing(self) -> Iterator[edge.EdgeShard]:
        with self._open(), self._shard.writing(self._write_wait_s, self.info, self._library) as shard:
            yield shard

    def _write(self, points: Sequence[edge.Point]) -> None:
        for start in range(0, len(points), _BATCH):
            batch = list(points[start : start + _BATCH])
            check_free_space(self._folder, len(batch) * self._point_bytes)
            with self._writing() as shard:
                self._shard.columns.note([str(point.id) for point in batch])
                shard.update(edge.UpdateOperation.upsert_points(batch))
                self._shard.count_written(shard, len(batch))

    def _change(self, changes: dict[str, _Change], *, texts: bool = False) -> None:
        """Read whole points, change them, write them whole: no point is ever half changed.

        `texts`: what is said of the images changes, and so do their words.
        """
        there = valid_ids(list(changes))
        for start in range(0, len(there), _BATCH):
            check_free_space(self._folder, _BATCH * self._point_bytes)
            with self._writing() as shard:
                changed = []
                for point in shard.retrieve(there[start : start + _BATCH], True, True):
                    payload, vectors = changes[str(point.id)]
                    whole = {**(point.payload or {}), **payload}
                    held = {**named_vectors(point.vector), **vectors}
                    if texts:
                        whole, said = reword(whole)
                        held[TERMS] = sparse_vector(said)
                    changed.append(build_point(str(point.id), whole, held))
                if changed:
                    self._shard.columns.note([str(point.id) for point in changed])
                    shard.update(edge.UpdateOperation.upsert_points(changed))
                    self._shard.count_written(shard, len(changed))

    @property
    def _point_bytes(self) -> int:
        """What one more point may cost: two vectors and a generous payload, in the log, the segment and its index."""
        return 3 * (2 * 4 * self.info.dimension + 8192)


def _create(folder: Path, info: IndexInfo) -> None:
    check_free_space(folder)
    for unfinished in folder.glob("shard-*"):
        shutil.rmtree(unfinished)
    name = f"shard-{uuid.uuid4().hex[:8]}"
    shard = edge.EdgeShard.create(str(folder / name), collection(info.dimension))
    create_indexes(shard)
    shard.flush()
    shard.close()
    sync_folder(folder / name, deep=True)
    sync_folder(folder)
    tally = Tally.of(0, exact=True)
    LibraryColumns(folder).begin(tally, seeded=True)
    write_tally(folder, tally)
    write_manifest(folder, Manifest(info, name, library=uuid.uuid4().hex))
