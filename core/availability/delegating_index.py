"""An index that answers with another index: the base of those that change one of its answers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import TypeVar

from core.domain.filtering.conditions import Keyword
from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ImageRecord, ListName
from core.domain.picture_texts import PictureTexts
from core.domain.query import Sort
from core.domain.vectors import Vector
from core.ports.rank_lists import Details, Probe, Ranking, Retrieval, Shortlist
from core.ports.vector_index import DenseName, IndexInfo, SearchableIndex

T = TypeVar("T")


class DelegatingIndex(SearchableIndex):
    """A SearchableIndex over another one; see there for what its methods return and raise.

    Subclasses override the answers that they change, or `_calling` to wrap every call.
    """

    def __init__(self, index: SearchableIndex) -> None:
        self._index = index

    @contextmanager
    def _calling(self) -> Iterator[SearchableIndex]:
        """Give the index that answers one call."""
        yield self._index

    @property
    def backend(self) -> str:
        with self._calling() as index:
            return index.backend

    @property
    def info(self) -> IndexInfo:
        with self._calling() as index:
            return index.info

    def fetch(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        with self._calling() as index:
            return index.fetch(ids)

    def passing(self, ids: Sequence[str], filter: Filter) -> dict[str, ImageRecord]:
        with self._calling() as index:
            return index.passing(ids, filter)

    def texts(self, ids: Sequence[str], words: Sequence[Sequence[str]] = ()) -> dict[str, PictureTexts]:
        with self._calling() as index:
            return index.texts(ids, words)

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        with self._calling() as index:
            return index.hashes(ids)

    def vectors(self, ids: Sequence[str], name: DenseName = "image") -> dict[str, Vector]:
        with self._calling() as index:
            return index.vectors(ids, name)

    def scroll(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[ImageRecord]:
        with self._calling() as index:
            return index.scroll(filter, after=after, limit=limit)

    def ordered(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[ImageRecord]:
        with self._calling() as index:
            return index.ordered(by, filter, limit=limit, offset=offset, reverse=reverse)

    def ordered_ids(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[str]:
        with self._calling() as index:
            return index.ordered_ids(by, filter, limit=limit, offset=offset, reverse=reverse)

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        with self._calling() as index:
            return index.shortlists(probes, filter, limit=limit)

    def ranking(self, probe: Probe, filter: Filter = EVERYTHING, *, limit: int) -> Ranking:
        with self._calling() as index:
            return index.ranking(probe, filter, limit=limit)

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> dict[ListName, dict[str, float]]:
        with self._calling() as index:
            return index.scores(probes, ids)

    def retrieve(self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int) -> Retrieval:
        with self._calling() as index:
            return index.retrieve(probes, filter, limit=limit)

    def details(
        self,
        ids: Sequence[str],
        filter: Filter = EVERYTHING,
        *,
        hashes: Sequence[str] = (),
        vectors: Sequence[str] = (),
        count: bool = False,
    ) -> Details:
        with self._calling() as index:
            return index.details(ids, filter, hashes=hashes, vectors=vectors, count=count)

    def count(self, filter: Filter = EVERYTHING) -> int:
        with self._calling() as index:
            return index.count(filter)

    def copies(self, hashes: Sequence[str], filter: Filter = EVERYTHING) -> dict[str, int]:
        with self._calling() as index:
            return index.copies(hashes, filter)

    def facet(self, field: Keyword, filter: Filter = EVERYTHING, *, limit: int = 20) -> list[tuple[str, int]]:
        with self._calling() as index:
            return index.facet(field, filter, limit=limit)

    def size_bytes(self) -> int:
        with self._calling() as index:
            return index.size_bytes()

    def close(self) -> None:
        with self._calling() as index:
            index.close()

    def gather(self, calls: Sequence[Callable[[SearchableIndex], T]]) -> list[T]:
        with self._calling() as index:
            return index.gather([partial(self._ask_over, call) for call in calls])

    def _ask_over(self, call: Callable[[SearchableIndex], T], index: SearchableIndex) -> T:
        """Ask this index over the one that gathers: what wraps a call, as a clock does, wraps all of them once."""
        other = copy(self)
        other._index = index
        return call(other)
