"""A generation of the mirror, opened: the questions that it answers, put to all of its segments."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.adapters.columns.column_set import ColumnSet
from core.adapters.columns.table import Mask, Rows
from core.adapters.faiss_mirror.manifest import Manifest
from core.adapters.faiss_mirror.segment import Segment
from core.adapters.index_base.index_reader import IndexReader
from core.domain.filtering.conditions import Keyword
from core.domain.filtering.filters import WORDED, Filter
from core.domain.image import ImageRecord
from core.domain.picture_texts import PICTURE_TEXTS, PictureTexts
from core.domain.query import Sort
from core.domain.vectors import Vector
from core.ports.rank_lists import Probe
from core.ports.vector_index import DenseName
from core.text import analysis
from core.text.bm25 import list_dimension, query_vector
from core.text.word_lists import WordListName


class Generation(IndexReader):
    """A generation opened, with what is worth keeping of the answers to one query for the next.

    `pool` searches its segments side by side. `names` is the order of its rows by name.
    Safe to use from several threads.
    """

    def __init__(
        self,
        manifest: Manifest,
        segments: Sequence[Segment],
        as_of: datetime,
        pool: Executor,
        names: NDArray[np.int32] | None = None,
    ) -> None:
        self.manifest = manifest
        self.segments = segments
        self.as_of = as_of
        self._pool = pool
        self._columns = ColumnSet(
            [segment.columns for segment in segments], [segment.live for segment in segments], names=names
        )
        self._worded: dict[WordListName, int] = {}

    @property
    def stamp(self) -> str:
        return self.manifest.name

    def records(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        found: dict[str, ImageRecord] = {}
        for segment, rows in self._locate(ids):
            found |= {record.id: record for record in segment.columns.records(rows)}
        return found

    def texts(self, ids: Sequence[str], words: Sequence[Sequence[str]]) -> dict[str, PictureTexts]:
        found: dict[str, PictureTexts] = {}
        for segment, rows in self._locate(self._columns.find_holding(ids, words)):
            payloads = segment.columns.payloads(rows, PICTURE_TEXTS)
            found |= dict(zip(segment.columns.names(rows), map(PictureTexts.read, payloads), strict=True))
        return found

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        return self._columns.hashes(ids)

    def vectors(self, ids: Sequence[str], name: DenseName) -> dict[str, Vector]:
        found: dict[str, Vector] = {}
        for segment, rows in self._locate(ids):
            with_vector, vectors = segment.vectors(name, rows)
            found |= dict(zip(segment.columns.names(with_vector), vectors, strict=True))
        return found

    def page(self, filter: Filter, start: str | None, limit: int) -> list[ImageRecord]:
        def first(segment: Segment, mask: Mask) -> list[ImageRecord]:
            row = 0 if start is None else segment.columns.first_row(start)
            return segment.columns.records(row + np.flatnonzero(mask[row:])[:limit])

        pages = [first(*each) for each in zip(self.segments, self.masks(filter), strict=True)]
        return list(islice(merge(*pages, key=lambda record: record.id), limit))

    def ids(self, filter: Filter, limit: int) -> Iterable[str]:
        return self._columns.ids(filter, limit)

    def ordered_ids(self, by: Sort, filter: Filter, limit: int, offset: int, *, reverse: bool) -> list[str]:
        return self._columns.ordered(by, filter, limit, offset, reverse=reverse)

    def search(
        self, probes: Sequence[Probe], filter: Filter, limit: int, *, exact: bool
    ) -> Sequence[Iterable[tuple[str, float]]]:
        return [self._best(probe, filter, limit, exact=exact) for probe in probes]

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> Sequence[Iterable[tuple[str, float]]]:
        located = self._locate(ids)
        found: list[list[tuple[str, float]]] = []
        for probe in probes:
            terms = self._terms(probe)
            scores: list[tuple[str, float]] = []
            for segment, rows in located:
                scored_rows, values = segment.scores(probe, terms, rows)
                scores += zip(segment.columns.names(scored_rows), values.tolist(), strict=True)
            found.append(scores)
        return found

    def count(self, filter: Filter) -> int:
        return self._columns.count(filter)

    def copies(self, hashes: Sequence[str], filter: Filter) -> dict[str, int]:
        return self._columns.copies(hashes, filter)

    def value_counts(self, field: Keyword, filter: Filter, limit: int) -> Iterable[tuple[str, int]]:
        return self._columns.value_counts(field, filter, limit)

    def masks(self, filter: Filter) -> list[Mask]:
        """Find the live rows that pass, for every segment."""
        return self._columns.masks(filter)

    def _locate(self, ids: Sequence[str]) -> list[tuple[Segment, Rows]]:
        """Find the live rows of these ids, ascending, in the segments that have any."""
        found = []
        for segment in self.segments:
            rows = segment.columns.rows_of(ids)
            rows = rows[segment.live[rows]]
            if len(rows):
                found.append((segment, rows))
        return found

    def _best(self, probe: Probe, filter: Filter, limit: int, *, exact: bool) -> list[tuple[str, float]]:
        terms = self._terms(probe)

        def search(segment: Segment, mask: Mask) -> tuple[Segment, Rows, Any]:
            return segment, *segment.best(probe, terms, mask, limit, exact=exact)

        parts = list(self._pool.map(search, self.segments, self.masks(filter)))
        scores = np.concatenate([part[2] for part in parts]) if parts else np.zeros(0)
        best = np.argsort(-scores, kind="stable")[:limit]
        ends = np.cumsum([len(part[1]) for part in parts])
        of = np.searchsorted(ends, best, side="right")
        found: list[tuple[str, float]] = []
        for place, n in zip(best, of, strict=True):
            segment, rows, own = parts[n]
            within = place - (ends[n - 1] if n else 0)
            found.append((segment.columns.names([rows[within]])[0], float(own[within])))
        return found

    def _terms(self, probe: Probe) -> dict[int, float]:
        """Weigh the probe's words as core.text.bm25 does, by how many images of this generation hold each."""
        name = probe.list
        if not probe.terms or name == "image" or name == "caption":
            return {}
        terms = {word: list_dimension(analysis.term_id(word), name) for word in probe.terms}
        holding = {
            word: sum(segment.words.count(term, segment.live) for segment in self.segments)
            for word, term in terms.items()
        }
        return query_vector(probe.terms, self._count_worded(name), holding, name)

    def _count_worded(self, name: WordListName) -> int:
        if name not in self._worded:
            self._worded[name] = self.count(WORDED[name])
        return self._worded[name]
