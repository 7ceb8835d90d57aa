"""What every index derives from the primitives of its reader."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast
from uuid import UUID

import numpy as np

from core.adapters.index_base import stable_order
from core.adapters.index_base.index_reader import IndexReader
from core.domain.filtering.conditions import Keyword
from core.domain.filtering.filters import EVERYTHING, INDEXED, PAIRED, Filter
from core.domain.ids import POINT_ID
from core.domain.image import ImageRecord, ListName
from core.domain.picture_texts import PictureTexts
from core.domain.query import Sort
from core.domain.vectors import Vector
from core.ports.rank_lists import Details, Probe, Ranking, Retrieval, Shortlist
from core.ports.retrieval import Unscored, complete_scores
from core.ports.vector_index import DenseName, IndexInfo, SearchableIndex

T = TypeVar("T")


class IndexBase(ABC):
    """A SearchableIndex but for its name, its size and its end: all of its answers come from its reader."""

    backend: str

    @property
    @abstractmethod
    def info(self) -> IndexInfo: ...

    @abstractmethod
    def size_bytes(self) -> int: ...

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _reading(self) -> AbstractContextManager[IndexReader]:
        """Open the index for one question. Raises LibraryError."""

    def fetch(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        with self._reading() as reader:
            return reader.records(valid_ids(ids))

    def passing(self, ids: Sequence[str], filter: Filter) -> dict[str, ImageRecord]:
        there = valid_ids(ids)
        if not there:
            return {}
        with self._reading() as reader:
            return reader.passing(there, filter)

    def texts(self, ids: Sequence[str], words: Sequence[Sequence[str]] = ()) -> dict[str, PictureTexts]:
        there = valid_ids(ids)
        if not there:
            return {}
        with self._reading() as reader:
            return reader.texts(there, words)

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        with self._reading() as reader:
            return reader.hashes(valid_ids(ids))

    def vectors(self, ids: Sequence[str], name: DenseName = "image") -> dict[str, Vector]:
        with self._reading() as reader:
            return reader.vectors(valid_ids(ids), name)

    def scroll(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[ImageRecord]:
        """Read one page in ascending order of id. The image `after` need not exist."""
        start = None if after is None else str(UUID(after))
        with self._reading() as reader:
            found = reader.page(filter, start, limit if start is None else limit + 1)
        return [record for record in found if record.id != start][:limit]

    def ordered(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[ImageRecord]:
        if limit < 1:
            return []
        with self._reading() as reader:
            page = reader.ordered_ids(by, filter, limit, offset, reverse=reverse)
            records = reader.records(page)
        return [records[image_id] for image_id in page if image_id in records]

    def ordered_ids(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[str]:
        if limit < 1:
            return []
        with self._reading() as reader:
            return reader.ordered_ids(by, filter, limit, offset, reverse=reverse)

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        checked = [self._check(probe) for probe in probes]
        with self._reading() as reader:
            found = reader.search(checked, filter, limit, exact=False)
        pairs = zip(checked, found, strict=True)
        return {probe.list: Shortlist.cut(clamp(probe, scored), limit) for probe, scored in pairs}

    def ranking(self, probe: Probe, filter: Filter = EVERYTHING, *, limit: int) -> Ranking:
        checked = self._check(probe)

        with self._reading() as reader:

            def best(count: int) -> Iterable[tuple[str, float]]:
                (found,) = reader.search([checked], filter, count, exact=True)
                return clamp(checked, found)

            return stable_order.stable_ranking(best, limit)

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> dict[ListName, dict[str, float]]:
        checked, scored_ids = [self._check(probe) for probe in probes], valid_ids(ids)
        if not scored_ids:
            return {probe.list: {} for probe in checked}
        with self._reading() as reader:
            found = reader.scores(checked, scored_ids)
        return {probe.list: dict(clamp(probe, scored)) for probe, scored in zip(checked, found, strict=True)}

    def retrieve(self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int) -> Retrieval:
        checked = [self._check(probe) for probe in probes]
        with self._reading() as reader:
            seeking = [probe for probe in checked if probe.seeks]
            found = zip(seeking, reader.search(seeking, filter, limit, exact=False), strict=True)
            shortlists = {probe.list: Shortlist.cut(clamp(probe, scored), limit) for probe, scored in found}

            def score(open: Sequence[Unscored]) -> list[dict[str, float]]:
                return [dict(clamp(probe, *reader.scores([probe], ids))) for probe, ids in open]

            scores = complete_scores(checked, shortlists, score, exact=reader.compares_all(filter))
            paired, indexed = reader.count(PAIRED) > 0, reader.count(INDEXED)
            return Retrieval(reader.count(filter), shortlists, scores, paired, stamp=reader.stamp, indexed=indexed)

    def details(
        self,
        ids: Sequence[str],
        filter: Filter = EVERYTHING,
        *,
        hashes: Sequence[str] = (),
        vectors: Sequence[str] = (),
        count: bool = False,
    ) -> Details:
        with self._reading() as reader:
            return Details(
                reader.records(valid_ids(ids)) if ids else {},
                reader.copies(list(dict.fromkeys(hashes)), filter) if hashes else {},
                reader.vectors(valid_ids(vectors), "image") if vectors else {},
                reader.count(filter) if count else None,
                reader.count(PAIRED) > 0 if count else None,
            )

    def count(self, filter: Filter = EVERYTHING) -> int:
        with self._reading() as reader:
            return reader.count(filter)

    def copies(self, hashes: Sequence[str], filter: Filter = EVERYTHING) -> dict[str, int]:
        distinct = list(dict.fromkeys(hashes))
        if not distinct:
            return {}
        with self._reading() as reader:
            return reader.copies(distinct, filter)

    def facet(self, field: Keyword, filter: Filter = EVERYTHING, *, limit: int = 20) -> list[tuple[str, int]]:
        if limit < 1:
            return []
        with self._reading() as reader:
            counts = [(value, count) for value, count in reader.value_counts(field, filter, limit) if count]
        return sorted(counts, key=lambda entry: (-entry[1], entry[0]))[:limit]

    def gather(self, calls: Sequence[Callable[[SearchableIndex], T]]) -> list[T]:
        return [call(cast(SearchableIndex, self)) for call in calls]

    def _check(self, probe: Probe) -> Probe:
        """Have the vector as (D,) float32. Raises ValueError for one that is not a unit vector of this index."""
        return probe if probe.vector is None else Probe(probe.list, check_vector(probe.vector, self.info.dimension))


def check_vector(vector: Vector, dimension: int) -> Any:
    """(D,) float32. Raises ValueError for any other shape and for what is no finite unit vector."""
    array = np.asarray(vector, np.float32)
    if array.shape != (dimension,):
        raise ValueError(f"a vector of shape {array.shape}, where this index takes ({dimension},)")
    if not abs(float(array @ array) - 1) < 1e-2:  # also refuses NaN
        raise ValueError("a vector that is not a finite unit vector")
    return array


def valid_ids(ids: Sequence[str]) -> list[Any]:
    """Keep the ids that are UUIDs, each once: nothing else can be in an index."""
    return list(dict.fromkeys(image_id for image_id in ids if POINT_ID.fullmatch(image_id)))


def clamp(probe: Probe, found: Iterable[tuple[str, float]]) -> Ranking:
    """Keep cosines within [-1, 1], which rounding may leave by a little; BM25 scores stay as they are."""
    if probe.vector is None:
        return list(found)
    return [(image_id, score if -1.0 <= score <= 1.0 else min(1.0, max(-1.0, score))) for image_id, score in found]
