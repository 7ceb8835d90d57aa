"""Indexes of a library, as Protocols: one to search, one to write, and the collection of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from core.domain.filtering.conditions import Keyword
from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import CaptionFlaw, CaptionOrigin, ImageRecord, ImageRef, ListName
from core.domain.picture_texts import PictureTexts
from core.domain.query import Sort
from core.domain.text_lines import TextLine
from core.domain.vectors import Vector
from core.ports.rank_lists import Details, Probe, Ranking, Retrieval, Shortlist

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """The model that an index belongs to. `model` is the name or path to load it by again."""

    model: str
    fingerprint: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Point:
    """An image to write whole. `image` and `caption` are unit vectors (D,) float32; a failed image has none.

    The index derives the sparse vector of the words from `record.documents` (core.text.bm25.record_weights).
    """

    record: ImageRecord
    image: Vector | None
    caption: Vector | None = None


@dataclass(frozen=True, slots=True)
class CaptionUpdate:
    """A caption for an image that is already there; `vector` is None for an empty caption.

    `captions` and `generated` are those of an ImageRecord. The index derives its words anew, from these and from what
    its record holds already.
    """

    id: str
    text: str
    origin: CaptionOrigin
    captioner: str | None
    score: float | None
    vector: Vector | None
    captions: tuple[str, ...] = ()
    generated: str | None = None
    flaw: CaptionFlaw | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class TextUpdate:
    """What is written in an image that is already there, by whom it was read, and how many lines nobody could read."""

    id: str
    lines: tuple[TextLine, ...]
    reader: str
    unread: int = 0


@dataclass(frozen=True, slots=True)
class PlaceUpdate:
    """Where an image that is already there was taken, as an ImageRecord has it, and the moment that follows from it.

    `taken_from` is who tells the time; None leaves that as it is.
    """

    id: str
    places: tuple[str, ...] = ()
    city: str | None = None
    region: str | None = None
    country: str | None = None
    time_zone: str | None = None
    taken_instant: datetime | None = None
    taken_from: str | None = None


DenseName = Literal["image", "caption"]


class SearchableIndex(Protocol):
    """An index that answers queries: the library itself, or its mirror.

    Every method may raise a LibraryError, LibraryBusy and LibraryDamaged among them. Safe to call from several threads.
    """

    @property
    def backend(self) -> str:
        """The name of the engine that answers."""
        ...

    @property
    def info(self) -> IndexInfo:
        """The model that the index belongs to."""
        ...

    def fetch(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Return the records of those ids that exist."""
        ...

    def passing(self, ids: Sequence[str], filter: Filter) -> dict[str, ImageRecord]:
        """Return the records of those ids that exist and pass the filter."""
        ...

    def texts(self, ids: Sequence[str], words: Sequence[Sequence[str]] = ()) -> dict[str, PictureTexts]:
        """Return what is said of those ids that exist, in far less time than their whole records.

        Of `words`, each in any of its forms, an image has to hold all: others may be left out.
        """
        ...

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the content hashes of those ids that have one."""
        ...

    def vectors(self, ids: Sequence[str], name: DenseName = "image") -> dict[str, Vector]:
        """Return the named vectors of those ids that have one, each (D,) float32, unit length."""
        ...

    def scroll(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[ImageRecord]:
        """Return one page in ascending order of id, starting behind `after`."""
        ...

    def ordered(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[ImageRecord]:
        """Return records in the order of core.domain.sort_orders.in_order."""
        ...

    def ordered_ids(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[str]:
        """Return the ids of `ordered`: for pages far from the beginning, of which no record is read."""
        ...

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        """Return the best `limit` of every list that is probed; the approximate index may answer."""
        ...

    def ranking(self, probe: Probe, filter: Filter = EVERYTHING, *, limit: int) -> Ranking:
        """List the best `limit` of one list, exactly: equal scores by id, also where the limit cuts them apart.

        The score of a vector is the cosine. That of words is the dot product of core.text.bm25's vectors. The query's
        vector counts how many images of this index hold each word, whether or not they pass the filter.
        """
        ...

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> dict[ListName, dict[str, float]]:
        """Return the scores of these images in every list that is probed, without images that a list lacks."""
        ...

    def retrieve(self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int) -> Retrieval:
        """Answer a whole question in one pass: shortlists of `limit`, and what it takes to rank what is on them.

        The approximate index may answer. On a server this takes two dependent round trips at most.
        """
        ...

    def details(
        self,
        ids: Sequence[str],
        filter: Filter = EVERYTHING,
        *,
        hashes: Sequence[str] = (),
        vectors: Sequence[str] = (),
        count: bool = False,
    ) -> Details:
        """Read at once what a page needs, on a server in one round trip: its parts depend on nothing.

        The records of `ids`, the copies of `hashes` that pass, the image vectors of the ids `vectors`, and how many
        images pass if `count`, and whether any are paired.
        """
        ...

    def count(self, filter: Filter = EVERYTHING) -> int:
        """Count the images that pass the filter."""
        ...

    def copies(self, hashes: Sequence[str], filter: Filter = EVERYTHING) -> dict[str, int]:
        """Count the images of each content hash that pass the filter, without hashes of which none does."""
        ...

    def facet(self, field: Keyword, filter: Filter = EVERYTHING, *, limit: int = 20) -> list[tuple[str, int]]:
        """Count the values of a keyword field over what passes the filter; most frequent first, then by value."""
        ...

    def gather(self, calls: Sequence[Callable[["SearchableIndex"], T]]) -> list[T]:
        """Ask questions that do not depend on one another; return their answers in this order.

        A server is asked all of them side by side, so that they take one round trip together.
        """
        ...

    def size_bytes(self) -> int:
        """Return the bytes that the index takes on disk."""
        ...

    def close(self) -> None:
        """Release the index."""
        ...


class VectorIndex(SearchableIndex, Protocol):
    """The index of a library: one point an image, and the only state of ingestion.

    What is acknowledged (the call returned) survives kill -9. Writing methods may raise DiskFull too.
    """

    def upsert(self, points: Sequence[Point]) -> None:
        """Write whole points, replacing what was there under their ids."""
        ...

    def set_captions(self, captions: Sequence[CaptionUpdate]) -> None:
        """Write caption, words and caption vectors, and leave the rest; ids that are gone are skipped."""
        ...

    def set_texts(self, texts: Sequence[TextUpdate]) -> None:
        """Write what is written in images, with its words, and leave the rest; ids that are gone are skipped."""
        ...

    def set_places(self, places: Sequence[PlaceUpdate]) -> None:
        """Write where images were taken, with its words, and leave the rest; ids that are gone are skipped."""
        ...

    def set_refs(self, refs: Sequence[tuple[str, ImageRef]]) -> None:
        """Write etag, bytes and modified_at of (id, ref), for images whose content has not changed."""
        ...

    def delete(self, ids: Sequence[str]) -> None:
        """Delete the points of these ids, where they exist."""
        ...

    def fields(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        """Return these fields of the payloads of those ids that exist, in the order of `names`; None for one not there.

        That takes a fraction of `fetch`. Lists are lists, and times are texts, as in the payload.
        """
        ...

    def ids(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[str]:
        """Return one page of ids in ascending order, starting behind `after`."""
        ...

    def versions(self) -> Iterator[tuple[str, int]]:
        """Yield every image's id, in any order, with its point's version, which changes with every write."""
        ...

    def stamp(self) -> str | None:
        """Name the state of all that is written: while it is the same, nothing has been written in between.

        None where the index cannot tell that.
        """
        ...

    def optimize(self) -> None:
        """Build or extend the approximate index where that pays, while search goes on."""
        ...


class IndexVersions(Protocol):
    """The indexes of a library by name: one a model, of which one is in use."""

    def open(self, version: str | None = None) -> VectorIndex:
        """Open the index in use, or the one of this name. Raises LibraryMissing."""
        ...

    def create(self, info: IndexInfo) -> None:
        """Create a library. Raises ModelMismatch where there is one for another model."""
        ...

    def beside(self, info: IndexInfo) -> str:
        """Return the name of the index for this model, created where there is none; the one in use stays."""
        ...

    def all(self) -> Mapping[str, IndexInfo]:
        """Return all indexes by name."""
        ...

    def current(self) -> str:
        """Return the name of the index in use. Raises LibraryMissing where a server has no such library."""
        ...

    def previous(self) -> str | None:
        """Return the name of the index that was in use before; None where there was none."""
        ...

    def use(self, version: str) -> None:
        """Switch to this index, atomically: from now on it is the one in use."""
        ...
