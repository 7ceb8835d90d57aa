"""The library in process: Qdrant's own engine on a folder of this machine. A VectorIndex."""

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as edge

from core.adapters.index_base import stable_order
from core.adapters.index_base.point_codec import VERSION, caption_payload, dense, known, ref_payload
from core.adapters.qdrant_edge import queries as lists
from core.adapters.qdrant_edge.count_cache import Counts
from core.adapters.qdrant_edge.files import (
    Manifest,
    Tally,
    check_free_space,
    damaged,
    has_manifest,
    read_manifest,
    size_on_disk,
    sync_folder,
    write_manifest,
    write_tally,
)
from core.adapters.qdrant_edge.filters import Filters
from core.adapters.qdrant_edge.lock import LibraryLock
from core.adapters.qdrant_edge.migrations import create_indexes
from core.adapters.qdrant_edge.points import TERMS, edge_point, named, sparse, whole_point
from core.adapters.qdrant_edge.shard import SharedShard, mapped, shared_shard
from core.domain.conditions import Keyword, Match
from core.domain.filters import EVERYTHING, FAILED, WORDED, Filter, holding_word, of_indexed
from core.domain.image import ImageRecord, ImageRef, ListName, from_payload
from core.domain.query import Sort
from core.domain.vectors import Vector
from core.errors import ModelMismatch
from core.ports.rank_lists import Probe, Ranking, Shortlist
from core.ports.vector_index import CaptionUpdate, DenseName, IndexInfo, Point
from core.text.bm25 import query_vector

_WORDS = 4096  # of which it is kept how many pictures hold them
_BATCH = 256  # points in one write: well below the 32 MiB segments of the write-ahead log

_Change = tuple[dict[str, Any], dict[str, Any]]  # payload fields and named vectors to replace; None removes one


class EdgeIndex:
    """Opens nothing until it is asked something. Reads wait `wait_s` seconds for another process, writes longer.

    A write that returned survives kill -9, and a loss of power once the library was closed or let go: in between, the
    last few thousand images may have to be written again.
    """

    backend = "edge"

    def __init__(self, folder: Path, manifest: Manifest, wait_s: float, write_wait_s: float) -> None:
        self.info = manifest.info
        self._library = manifest.library
        self._folder = folder
        self._shard: SharedShard = shared_shard(folder)
        self._filters = Filters()
        self._counts = Counts()
        self._words = Counts(_WORDS)
        self._wait_s = wait_s
        self._write_wait_s = max(wait_s, write_wait_s)
        self._closed = False

    @staticmethod
    def exists(folder: Path) -> bool:
        """Raises LibraryError where that cannot be seen."""
        with mapped(folder):
            return has_manifest(folder)

    @classmethod
    def create(cls, folder: Path, info: IndexInfo, *, wait_s: float = 2.0, write_wait_s: float = 30.0) -> "EdgeIndex":
        """A new library, or the one that is there for the same model. Raises ModelMismatch, DiskFull, LibraryBusy.

        The manifest is written last: killed before it, there is no library, and the next call starts over.
        """
        with mapped(folder):
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
        with mapped(folder):
            return cls(folder, read_manifest(folder), wait_s, write_wait_s)

    def upsert(self, points: Sequence[Point]) -> None:
        """Raises ValueError for a vector that is no finite unit vector of this index and for text that is not UTF-8."""
        self._write([edge_point(point, self.info.dimension) for point in points])

    def set_captions(self, captions: Sequence[CaptionUpdate]) -> None:
        """Raises ValueError as `upsert` does."""
        changes: dict[str, _Change] = {}
        for update in captions:
            payload = caption_payload(update)
            vector = None if update.vector is None else dense(update.vector, self.info.dimension)
            changes[update.id] = payload, {"caption": vector, TERMS: sparse(update.texts)}
        self._change(changes)

    def set_refs(self, refs: Sequence[tuple[str, ImageRef]]) -> None:
        self._change({image_id: (ref_payload(image_id, ref), {}) for image_id, ref in refs})

    def delete(self, ids: Sequence[str]) -> None:
        there = list(dict.fromkeys(known(ids)))
        if not there:
            return
        check_free_space(self._folder)
        with self._writing() as shard:
            self._shard.expect_fewer(len(there))
            for start in range(0, len(there), _BATCH):
                batch = there[start : start + _BATCH]
                shard.update(edge.UpdateOperation.delete_points(batch))
                self._shard.wrote(shard, len(batch))

    def fetch(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        with self._reading() as shard:
            return self._records(shard, ids)

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        with self._reading() as shard:
            found = shard.retrieve(known(ids), ["content_hash"], False)
        return {str(point.id): point.payload["content_hash"] for point in found if point.payload}

    def vectors(self, ids: Sequence[str], name: DenseName = "image") -> dict[str, Vector]:
        with self._reading() as shard:
            found = shard.retrieve(known(ids), False, [name])
        return {
            str(point.id): np.array(point.vector[name], np.float32)
            for point in found
            if isinstance(point.vector, dict) and name in point.vector
        }

    def scroll(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[ImageRecord]:
        """`after` need not be there (any more)."""
        offset = None if after is None else str(uuid.UUID(after))
        with self._reading() as shard:
            passing = self._passing(shard, filter)
            found, _ = shard.scroll(
                edge.ScrollRequest(offset=offset, limit=limit + 1, filter=passing, with_payload=True, with_vector=False)
            )
        return [self._record(point) for point in found if str(point.id) != offset][:limit]

    def ordered(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[ImageRecord]:
        wanted = offset + limit
        if limit < 1:
            return []
        with self._reading() as shard:
            listing = lists.EdgeListing(shard, self._passing(shard, filter))
            page = stable_order.ordered(by, listing, wanted, reverse=reverse)[offset:]
            records = self._records(shard, page)
        return [records[image_id] for image_id in page if image_id in records]

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        with self._reading() as shard:
            asked = [(self._asked(shard, probe), self._listed(shard, probe, filter)) for probe in probes]
            return lists.shortlists(shard, asked, limit)

    def ranking(self, probe: Probe, filter: Filter = EVERYTHING, *, limit: int) -> Ranking:
        with self._reading() as shard:
            return lists.ranking(shard, self._asked(shard, probe), self._listed(shard, probe, filter), limit)

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> dict[ListName, dict[str, float]]:
        with self._reading() as shard:
            return lists.scores(shard, [self._asked(shard, probe) for probe in probes], known(ids))

    def count(self, filter: Filter = EVERYTHING) -> int:
        with self._reading() as shard:
            return self._count(shard, filter)

    def copies(self, hashes: Sequence[str], filter: Filter = EVERYTHING) -> dict[str, int]:
        held = list(dict.fromkeys(hashes))
        if not held:
            return {}
        with self._reading() as shard:
            same = self._passing(shard, filter & Filter(all=(Match("content_hash", tuple(held)),)))
            if (found := lists.copies(shard, same, most=1000 + 4 * len(held))) is not None:
                return found
        counts = {one: self.count(filter & Filter(all=(Match("content_hash", (one,)),))) for one in held}
        return {one: count for one, count in counts.items() if count}

    def facet(self, field: Keyword, filter: Filter = EVERYTHING, *, limit: int = 20) -> list[tuple[str, int]]:
        with self._reading() as shard:
            passing = self._passing(shard, filter)
            hits = shard.facet(edge.FacetRequest(field, limit=limit, exact=True, filter=passing)).hits
        counts = [(str(hit.value), hit.count) for hit in hits if hit.count]  # 0: nothing holds the value any more
        return sorted(counts, key=lambda item: (-item[1], item[0]))

    def versions(self) -> Iterator[tuple[str, int]]:
        """The library is let go between pages, so what is written meanwhile may be told or not."""
        after: str | None = None
        while True:
            with self._reading() as shard:
                page, after = lists.page_of(shard, VERSION, after)
            yield from ((image_id, version or 0) for image_id, version in page)
            if after is None:
                return

    def optimize(self) -> None:
        from core.adapters.qdrant_edge.optimizer import optimize

        with self._open():
            optimize(self._folder, self._shard, self._write_wait_s)

    def size_bytes(self) -> int:
        return size_on_disk(self._folder)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._shard.let_go()

    @contextmanager
    def _open(self) -> Iterator[None]:
        if self._closed:
            raise RuntimeError("this index has been closed")
        yield

    @contextmanager
    def _reading(self) -> Iterator[edge.EdgeShard]:
        with self._open(), self._shard.reading(self._wait_s, self.info) as shard:
            yield shard

    @contextmanager
    def _writing(self) -> Iterator[edge.EdgeShard]:
        with self._open(), self._shard.writing(self._write_wait_s, self.info, self._library) as shard:
            yield shard

    def _write(self, points: Sequence[edge.Point]) -> None:
        for start in range(0, len(points), _BATCH):
            batch = list(points[start : start + _BATCH])
            check_free_space(self._folder, len(batch) * self._point_bytes)
            with self._writing() as shard:
                shard.update(edge.UpdateOperation.upsert_points(batch))
                self._shard.wrote(shard, len(batch))

    def _change(self, changes: dict[str, _Change]) -> None:
        """Read whole points, change them, write them whole: no point is ever half changed."""
        there = known(list(changes))
        for start in range(0, len(there), _BATCH):
            check_free_space(self._folder, _BATCH * self._point_bytes)
            with self._writing() as shard:
                changed = []
                for point in shard.retrieve(there[start : start + _BATCH], True, True):
                    payload, vectors = changes[str(point.id)]
                    changed.append(
                        whole_point(
                            str(point.id),
                            {**(point.payload or {}), **payload},
                            {**named(point.vector), **vectors},
                        )
                    )
                if changed:
                    shard.update(edge.UpdateOperation.upsert_points(changed))
                    self._shard.wrote(shard, len(changed))

    @property
    def _point_bytes(self) -> int:
        """What one more point may cost: two vectors and a generous payload, in the log, the segment and its index."""
        return 3 * (2 * 4 * self.info.dimension + 8192)

    def _passing(self, shard: edge.EdgeShard, filter: Filter) -> edge.Filter | None:
        return self._filters(filter, shard, self._shard.stamp)

    def _listed(self, shard: edge.EdgeShard, probe: Probe, filter: Filter) -> edge.Filter | None:
        """What passes, for a list: where all that can be in it are indexed, none is asked for that: it takes time."""
        all_indexed = probe.list == "image" or not self._count(shard, FAILED)
        return self._passing(shard, of_indexed(filter) if all_indexed else filter)

    def _count(self, shard: edge.EdgeShard, filter: Filter, kept: Counts | None = None) -> int:
        return (kept or self._counts)(
            filter,
            self._shard.stamp,
            lambda: shard.count(edge.CountRequest(exact=True, filter=self._passing(shard, filter))),
        )

    def _asked(self, shard: edge.EdgeShard, probe: Probe) -> lists.Asked:
        """How many pictures hold a word is counted for the first question after a write, and kept till the next."""
        if probe.vector is not None:
            return lists.Asked(probe, dense(probe.vector, self.info.dimension))
        wanted = probe.terms or {}
        holding = {word: self._count(shard, holding_word(word), self._words) for word in wanted}
        return lists.Asked(probe, query_vector(wanted, self._count(shard, WORDED, self._words), holding))

    def _records(self, shard: edge.EdgeShard, ids: Sequence[str]) -> dict[str, ImageRecord]:
        return {str(point.id): self._record(point) for point in shard.retrieve(known(ids), True, False)}

    def _record(self, point: edge.Record) -> ImageRecord:
        try:
            return from_payload(str(point.id), point.payload or {})
        except (TypeError, ValueError) as error:
            raise damaged(self._folder, f"what is known of image {point.id} is incomplete ({error})") from error


def _create(folder: Path, info: IndexInfo) -> None:
    check_free_space(folder)
    for unfinished in folder.glob("shard-*"):
        shutil.rmtree(unfinished)
    name = f"shard-{uuid.uuid4().hex[:8]}"
    dense = edge.EdgeVectorParams(size=info.dimension, distance=edge.Distance.Dot)
    terms = edge.EdgeSparseVectorParams()
    config = edge.EdgeConfig(vectors={"image": dense, "caption": dense}, sparse_vectors={TERMS: terms})
    shard = edge.EdgeShard.create(str(folder / name), config)
    create_indexes(shard)
    shard.flush()
    shard.close()
    sync_folder(folder / name, deep=True)
    sync_folder(folder)
    write_tally(folder, Tally.of(0, exact=True))
    write_manifest(folder, Manifest(info, name, library=uuid.uuid4().hex))
