"""What the core needs of a library, as Protocols: one that can be searched, its mirror, and one that can be written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from core.domain.conditions import Keyword
from core.domain.filters import EVERYTHING, Filter
from core.domain.image import CaptionOrigin, ImageRecord, ImageRef, ListName, all_texts
from core.domain.query import Sort
from core.domain.vectors import Vector
from core.ports.rank_lists import Probe, Ranking, Shortlist


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """Which model an index belongs to. `model` is the name or path to load it by again."""

    model: str
    fingerprint: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Point:
    """An image to write whole. A failed one has no vectors. `caption` is the caption's text vector.

    The sparse vector of its words is made by the index from `record.texts` (core.text.bm25.document_weights).
    """

    record: ImageRecord
    image: Vector | None
    caption: Vector | None = None


@dataclass(frozen=True, slots=True)
class CaptionUpdate:
    """A caption for an image that is already there; `vector` is None for an empty caption.

    `captions` and `generated` are those of an ImageRecord.
    """

    id: str
    text: str
    origin: CaptionOrigin
    captioner: str | None
    score: float | None
    vector: Vector | None
    captions: tuple[str, ...] = ()
    generated: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """All that is said of the image, what is shown first."""
        return all_texts(self.text, self.captions, self.generated)


DenseName = Literal["image", "caption"]


class SearchableIndex(Protocol):
    """What answers queries: the library itself, or a copy of it.

    Every method may raise a LibraryError, LibraryBusy and LibraryDamaged among them. Safe to call from several threads.
    """

    @property
    def backend(self) -> str:
        """Which engine answers: a word for people and programs."""
        ...

    @property
    def info(self) -> IndexInfo: ...

    def fetch(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """The records of those ids that are there."""
        ...

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """The content hashes of those ids that have one."""
        ...

    def vectors(self, ids: Sequence[str], name: DenseName = "image") -> dict[str, Vector]:
        """The named vectors of those ids that have one."""
        ...

    def scroll(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[ImageRecord]:
        """One page in ascending order of id, starting behind `after`."""
        ...

    def ordered(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[ImageRecord]:
        """In the order of core.domain.sort_orders.in_order."""
        ...

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        """The best `limit` of every list that is asked; the approximate index may serve here."""
        ...

    def ranking(self, probe: Probe, filter: Filter = EVERYTHING, *, limit: int) -> Ranking:
        """List the best `limit` of one list, exactly: equal scores by id, also where the limit cuts them apart.

        The score of a vector is the cosine. That of words is the dot product of core.text.bm25's vectors, of which that
        of the question counts how many images of this index hold each word, whether or not they pass the filter.
        """
        ...

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> dict[ListName, dict[str, float]]:
        """The scores of these images in every list that is asked; without those that a list does not know."""
        ...

    def count(self, filter: Filter = EVERYTHING) -> int: ...

    def copies(self, hashes: Sequence[str], filter: Filter = EVERYTHING) -> dict[str, int]:
        """How many images of each of these content hashes pass; without those of which none does."""
        ...

    def facet(self, field: Keyword, filter: Filter = EVERYTHING, *, limit: int = 20) -> list[tuple[str, int]]:
        """Values of a keyword field, counted over what passes the filter; most frequent first, then by value."""
        ...

    def size_bytes(self) -> int: ...

    def close(self) -> None: ...


class VectorIndex(SearchableIndex, Protocol):
    """The library: one point an image. The only state of ingestion.

    What is acknowledged (the call returned) survives kill -9. Writing methods may raise DiskFull too.
    """

    def upsert(self, points: Sequence[Point]) -> None:
        """Write whole points, replacing what was there under their ids."""
        ...

    def set_captions(self, captions: Sequence[CaptionUpdate]) -> None:
        """Write caption, words and caption vectors, leaving the rest; ids that are gone are passed over."""
        ...

    def set_refs(self, refs: Sequence[tuple[str, ImageRef]]) -> None:
        """Take over etag, bytes and modified_at of (id, ref) for images whose content proved unchanged."""
        ...

    def delete(self, ids: Sequence[str]) -> None: ...

    def versions(self) -> Iterator[tuple[str, int]]:
        """Every image's id, in any order, with the version of its point: another number after every write of it."""
        ...

    def optimize(self) -> None:
        """Build or extend the approximate index where that pays; search goes on meanwhile."""
        ...


class IndexVersions(Protocol):
    """A library's indexes, by their names: one a model, of which one is in use."""

    def open(self, version: str | None = None) -> VectorIndex:
        """The one in use, unless another is asked for. Raises LibraryMissing."""
        ...

    def create(self, info: IndexInfo) -> None:
        """A new library. Raises ModelMismatch where there is one for another model."""
        ...

    def beside(self, info: IndexInfo) -> str:
        """Return the name of the index version for this model, made where there is none; it is not in use for that."""
        ...

    def all(self) -> Mapping[str, IndexInfo]: ...

    def current(self) -> str:
        """The one in use. Raises LibraryMissing where a server has no such library."""
        ...

    def previous(self) -> str | None:
        """The one that was in use before."""
        ...

    def use(self, version: str) -> None:
        """From now on who opens the library opens this one. At once, or not at all."""
        ...
