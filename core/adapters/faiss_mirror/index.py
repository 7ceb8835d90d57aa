"""A copy of the library in FAISS indexes and mapped files, exact and read-only. A SearchableIndex."""

import logging
import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow.compute as pc

from core.adapters.faiss_mirror.columns import Mask, Rows
from core.adapters.faiss_mirror.generation import Generation, Listing
from core.adapters.faiss_mirror.manifest import MirrorFolder
from core.adapters.faiss_mirror.segment import Segment, open_segments
from core.adapters.index_base import stable_order
from core.adapters.index_base.point_codec import dense, known
from core.adapters.index_base.stable_order import scored
from core.domain.conditions import Keyword, Match
from core.domain.filters import EVERYTHING, Filter
from core.domain.image import ImageRecord, ListName
from core.domain.query import Sort
from core.domain.result import Hit
from core.domain.vectors import Vector
from core.errors import BucketLensError
from core.ports.mirror import MirrorSummary
from core.ports.rank_lists import Probe, Ranking, Shortlist
from core.ports.vector_index import DenseName, IndexInfo

_log = logging.getLogger(__name__)


class FaissMirror:
    """Answers from the generation that is in use, and from the next one as soon as that is published.

    Opens nothing until it is asked something. A generation that is damaged is passed over for the one before it; see
    `health`. Every search looks at every vector that passes, but for `shortlists` and inexact `nearest` of a mirror in
    cells.
    """

    backend = "mirror"

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self._folder = MirrorFolder(folder)
        self._opening = threading.Lock()
        self._opened: Generation | None = None
        self._pointer: object = None
        self.health: str | None = None  # what is wrong with the newest generation
        self._pool = ThreadPoolExecutor(
            threads or os.cpu_count() or 1, "mirror", initializer=faiss.omp_set_num_threads, initargs=(1,)
        )

    @property
    def info(self) -> IndexInfo:
        return self.generation().manifest.info

    @property
    def as_of(self) -> datetime:
        return self.generation().as_of

    def summary(self) -> MirrorSummary:
        manifest = self.generation().manifest
        return MirrorSummary(manifest.name, manifest.points, len(manifest.segments), manifest.storage)

    def generation(self) -> Generation:
        """Raises MirrorMissing, MirrorDamaged, LibraryError."""
        pointer = self._looks()
        opened = self._opened
        if opened is not None and pointer == self._pointer:
            return opened
        with self._opening:
            if self._opened is None or pointer != self._pointer:
                self._opened = self._open()
                self._pointer = pointer
            return self._opened

    def _looks(self) -> object:
        try:
            found = os.stat(self._folder.pointer)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def _open(self) -> Generation:
        self.health = None
        problem: BucketLensError | None = None
        for folder in self._folder.candidates():
            try:
                manifest = self._folder.checked(folder)
                if manifest.outdated:
                    _log.warning("mirror has words of another version until it is made anew generation=%s", folder.name)
                return Generation(manifest, open_segments(folder, manifest), self._folder.as_of(manifest))
            except BucketLensError as error:
                _log.warning("mirror passed over generation=%s error=%s", folder.name, error)
                problem = problem or error
                self.health = self.health or error.reason
        raise problem or self._folder.missing()

    def fetch(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        found: dict[str, ImageRecord] = {}
        for segment, rows in self._located(ids):
            found |= {record.id: record for record in segment.columns.records(rows)}
        return found

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for segment, rows in self._located(ids):
            held = segment.columns["content_hash"].take(rows).to_pylist()
            pairs = zip(segment.columns.names(rows), held, strict=True)
            found |= {image_id: content_hash for image_id, content_hash in pairs if content_hash is not None}
        return found

    def vectors(self, ids: Sequence[str], name: DenseName = "image") -> dict[str, Vector]:
        found: dict[str, Vector] = {}
        for segment, rows in self._located(ids):
            held, vectors = segment.vectors(name, rows)
            found |= dict(zip(segment.columns.names(held), vectors, strict=True))
        return found

    def scroll(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[ImageRecord]:
        """`after` need not be there (any more)."""
        generation = self.generation()

        def page(segment: Segment, mask: Mask) -> list[ImageRecord]:
            start = 0 if after is None else segment.columns.after(after)
            return segment.columns.records(start + np.flatnonzero(mask[start:])[:limit])

        pages = [page(*each) for each in zip(generation.segments, generation.passing(filter), strict=True)]
        return list(islice(merge(*pages, key=lambda record: record.id), limit))

    def newest(self, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0) -> list[ImageRecord]:
        return self.ordered("modified", filter, limit=limit, offset=offset)

    def ordered(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[ImageRecord]:
        if limit < 1:
            return []
        listing = Listing(self.generation(), filter)
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
        generation = self.generation()
        return {
            probe.list: Shortlist.cut(self._best(generation, self._checked(probe), filter, limit, exact=False), limit)
            for probe in probes
        }

    def ranking(self, probe: Probe, filter: Filter = EVERYTHING, *, limit: int) -> Ranking:
        return self._ranking(probe, filter, limit, exact=True)

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> dict[ListName, dict[str, float]]:
        generation = self.generation()
        located = self._located(ids, generation)
        found: dict[ListName, dict[str, float]] = {}
        for probe in map(self._checked, probes):
            terms = generation.terms(probe)
            mine: list[tuple[str, float]] = []
            for segment, rows in located:
                held, scores = segment.scores(probe, terms, rows)
                mine += zip(segment.columns.names(held), scores.tolist(), strict=True)
            found[probe.list] = dict(scored(probe, mine))
        return found

    def count(self, filter: Filter = EVERYTHING) -> int:
        return sum(int(np.count_nonzero(mask)) for mask in self.generation().passing(filter))

    def copies(self, hashes: Sequence[str], filter: Filter = EVERYTHING) -> dict[str, int]:
        generation = self.generation()
        held = list(dict.fromkeys(hashes))
        counts: Counter[str] = Counter()
        same = Filter(all=(Match("content_hash", tuple(held)),)) if held else EVERYTHING
        for segment, mask in zip(generation.segments, generation.passing(filter), strict=True) if held else ():
            rows = np.flatnonzero(segment.passing(same) & mask)
            counts.update(segment.columns["content_hash"].take(rows).to_pylist())
        return dict(counts)

    def facet(self, field: Keyword, filter: Filter = EVERYTHING, *, limit: int = 20) -> list[tuple[str, int]]:
        generation = self.generation()
        counts: Counter[str] = Counter()
        for segment, mask in zip(generation.segments, generation.passing(filter), strict=True):
            values = segment.columns[field].filter(mask)
            if field == "words":
                values = values.flatten()
            told = pc.value_counts(values)
            for value, count in zip(told.field("values").to_pylist(), told.field("counts").to_pylist(), strict=True):
                if value is not None:
                    counts[value] += count
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]

    def size_bytes(self) -> int:
        return sum(entry.size for entry in self.generation().manifest.files.values())

    def close(self) -> None:
        self._pool.shutdown()
        self._opened = None

    def _checked(self, probe: Probe) -> Probe:
        """Raises ValueError for a vector that is none of this model."""
        return probe if probe.vector is None else Probe(probe.list, dense(probe.vector, self.info.dimension))

    def _located(self, ids: Sequence[str], generation: Generation | None = None) -> list[tuple[Segment, Rows]]:
        """Segments with their living rows of these ids, ascending; without segments that have none."""
        there = known(ids)
        found = []
        for segment in (generation or self.generation()).segments:
            rows = segment.columns.rows_of(there)
            rows = rows[segment.live[rows]]
            if len(rows):
                found.append((segment, rows))
        return found

    def _best(self, generation: Generation, probe: Probe, filter: Filter, limit: int, *, exact: bool) -> Ranking:
        """The `limit` best of all segments, in any order of equals; the segments are searched side by side."""
        terms = generation.terms(probe)

        def search(segment: Segment, mask: Mask) -> tuple[Segment, Rows, Any]:
            return segment, *segment.best(probe, terms, mask, limit, exact=exact)

        parts = list(self._pool.map(search, generation.segments, generation.passing(filter)))
        scores = np.concatenate([part[2] for part in parts]) if parts else np.zeros(0)
        best = np.argsort(-scores, kind="stable")[:limit]
        ends = np.cumsum([len(part[1]) for part in parts])
        of = np.searchsorted(ends, best, side="right")
        ranking: Ranking = []
        for place, n in zip(best, of, strict=True):
            segment, rows, own = parts[n]
            within = place - (ends[n - 1] if n else 0)
            ranking.append((segment.columns.names([rows[within]])[0], float(own[within])))
        return scored(probe, ranking)

    def _ranking(self, probe: Probe, filter: Filter, limit: int, *, exact: bool) -> Ranking:
        generation, asked = self.generation(), self._checked(probe)
        return stable_order.whole(lambda count: self._best(generation, asked, filter, count, exact=exact), limit)

    def _hits(self, probe: Probe, filter: Filter, limit: int, offset: int, exact: bool) -> list[Hit]:
        if limit < 1:
            return []
        page = self._ranking(probe, filter, offset + limit, exact=exact)[offset:]
        records = self.fetch([image_id for image_id, _ in page])
        return [Hit(records[image_id], score) for image_id, score in page if image_id in records]
