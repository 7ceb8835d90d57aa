"""A generation of the mirror, opened: what passes a filter, how rare a word is, what comes first by time or name."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

import numpy as np

from core.adapters.faiss_mirror.columns import Mask, Rows, microseconds
from core.adapters.faiss_mirror.manifest import Manifest
from core.adapters.faiss_mirror.segment import Segment
from core.domain.conditions import Missing
from core.domain.filters import Filter
from core.ports.rank_lists import Probe
from core.text import analysis
from core.text.bm25 import query_vector

_MASKS = 8  # filters whose rows are kept


class Generation:
    """A generation opened, with what is worth keeping of the answers to one query for the next."""

    def __init__(self, manifest: Manifest, segments: Sequence[Segment], as_of: datetime) -> None:
        self.manifest = manifest
        self.segments = segments
        self.as_of = as_of
        self._masks: OrderedDict[Filter, list[Mask]] = OrderedDict()
        self._guard = threading.Lock()
        self._told: int | None = None

    def passing(self, filter: Filter) -> list[Mask]:
        """For every segment the rows that live and pass."""
        with self._guard:
            if filter in self._masks:
                self._masks.move_to_end(filter)
                return self._masks[filter]
        made = [segment.passing(filter) for segment in self.segments]
        with self._guard:
            self._masks[filter] = made
            while len(self._masks) > _MASKS:
                self._masks.popitem(last=False)
        return made

    def terms(self, probe: Probe) -> dict[int, float]:
        """The probe's words as a vector of core.text.bm25, by how many images of this generation hold each."""
        if not probe.terms:
            return {}
        holding = {
            word: sum(segment.words.count(analysis.term_id(word), segment.live) for segment in self.segments)
            for word in probe.terms
        }
        return query_vector(probe.terms, self._with_words(), holding)

    def _with_words(self) -> int:
        if self._told is None:
            self._told = sum(segment.words.told(segment.live) for segment in self.segments)
        return self._told


@dataclass(frozen=True, slots=True)
class Listing:
    """What passes a filter, for core.adapters.index_base.stable_order."""

    generation: Generation
    filter: Filter

    def by_value(self, field: str, limit: int, *, reverse: bool) -> dict[str, int]:
        sign = 1 if reverse else -1
        found: list[tuple[str, int]] = []
        for segment, rows, times in self._times(field):
            first = np.argsort(sign * times, kind="stable")[:limit]
            found += zip(segment.columns.names(rows[first]), times[first].tolist(), strict=True)
        return dict(sorted(found, key=lambda entry: sign * entry[1])[:limit])

    def at(self, field: str, time: str, limit: int) -> Iterable[str]:
        exactly = microseconds(datetime.fromisoformat(time))
        found = (segment.columns.names(rows[times == exactly][:limit]) for segment, rows, times in self._times(field))
        return islice(merge(*found), limit)

    def lacking(self, field: str) -> "Listing":
        lacks = Filter(all=(Missing(field),))  # type: ignore[arg-type]
        return Listing(self.generation, self.filter & lacks)

    def values(self, field: str) -> Iterator[tuple[str, Any]]:
        for segment, rows in self._rows(self.filter):
            yield from zip(segment.columns.names(rows), segment.columns[field].take(rows).to_pylist(), strict=True)

    def _times(self, field: str) -> Iterator[tuple[Segment, Rows, Any]]:
        there = Filter(none=(Missing(field),))  # type: ignore[arg-type]
        for segment, rows in self._rows(self.filter & there):
            yield segment, rows, segment.columns[field].take(rows).to_numpy()

    def _rows(self, filter: Filter) -> Iterator[tuple[Segment, Rows]]:
        masks = self.generation.passing(filter)
        return ((segment, np.flatnonzero(mask)) for segment, mask in zip(self.generation.segments, masks, strict=True))
