"""What the core needs of the world, as Protocols. Adapters implement them; tests implement them by hand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.fusion import Probe, Ranking, Shortlist
from core.images import Decoded, DecodeRequest, PixelSpec
from core.query import EVERYTHING, Filter, Keyword, Sort
from core.records import CaptionOrigin, Hit, ImageRecord, ImageRef, ListName, all_texts
from core.retrieval_figures import Figures
from core.vectors import Matrix, Vector


class ImageStore(Protocol):
    """A source of images, read-only."""

    source: str

    def list(self) -> Iterator[ImageRef]:
        """Every image, in any order, streamed. Ending normally means that the listing is complete.

        Raises StoreError (SourceNotFound before the first image) where it cannot be completed.
        """
        ...

    def read(self, ref: ImageRef) -> bytes:
        """The image's bytes. Raises ImageGone, ImageChanged, ImageWithheld, ImageUnavailable or ImageTooLarge.

        Any other StoreError says that the whole store is at fault, and that reading more of it is no use.
        """
        ...


@runtime_checkable
class Selective(Protocol):
    """A store that passes over what is plainly no image: how many files, by reason, in its last listing."""

    ignored: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Fetched:
    """An image's bytes, and the image as it was when they were read: with its etag, which its listing did not know."""

    ref: ImageRef
    data: bytes


@runtime_checkable
class Conditional(Protocol):
    """A store that learns of an image's etag only by reading it, and whose images may be asked for unless unchanged."""

    def fetch(self, ref: ImageRef, etag: str) -> Fetched:
        """As `read`; raises ImageUnchanged too, where the image is still the one that had this etag ("": unknown)."""
        ...


@runtime_checkable
class Nameable(Protocol):
    """A store that knows which of its images a person means."""

    source: str

    def named(self, name: str) -> tuple[str, str]:
        """Key and uri of the image of this name, be it there or not. Raises ValueError with a reason."""
        ...


@dataclass(frozen=True, slots=True)
class VectorRows:
    """Rows of a file of vectors, of which `first` is the first one's number, from 1.

    `vectors` is (N, D) float32 as it is in the file: neither checked nor normalised. A name or captions may be empty.
    """

    first: int
    names: Sequence[str]
    captions: Sequence[tuple[str, ...]]
    vectors: Matrix


@runtime_checkable
class Remote(Protocol):
    """A store behind a network, where reading means waiting: `readers` images are to be read at once."""

    readers: int

    def stop(self) -> None:
        """End what waits for the store, with StoreError."""
        ...


@runtime_checkable
class Watchable(Protocol):
    """A store whose images are files that can be watched: a folder of this machine."""

    source: str
    folder: bytes

    def look(self, paths: Iterable[bytes]) -> Iterator[tuple[str, ImageRef | None]]:
        """What is at these absolute paths now: key and image, or None for a key that is no image (any more).

        A path that is a folder stands for everything below it. Raises StoreError where that cannot be told.
        """
        ...


class RunLog(Protocol):
    """When a library was last made equal to its sources. Times are UTC."""

    def write(self, ended: datetime, sources: Iterable[str]) -> None:
        """A run over `sources` was complete; other sources keep their time."""
        ...

    def forget(self, source: str | None = None) -> None:
        """Of one source, or of all."""
        ...

    def sources(self) -> Mapping[str, datetime]: ...

    def latest(self) -> datetime | None: ...


class Decoder(Protocol):
    """Decodes in workers that can be killed, so that a bad file hurts only itself."""

    def submit(self, data: bytes, request: DecodeRequest) -> "Future[Decoded]":
        """Queue an image; the future ends with an ImageError where the image is at fault."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """`vectors` is (N, D) float32, unit rows. Per text: was it cut at the model's context, which words are unknown."""

    vectors: Matrix
    truncated: tuple[bool, ...]
    unknown: tuple[tuple[str, ...], ...]


class Encoder(Protocol):
    """Images and texts -> one vector space. Safe to call from several threads."""

    name: str
    fingerprint: str
    dimension: int
    pixels: PixelSpec
    remark: str | None  # what a person should know of this model whenever it is used

    def encode_images(self, pixels: NDArray[np.uint8]) -> Matrix:
        """(N, S, S, 3) uint8 RGB, sized by `pixels` -> (N, D) float32, unit rows."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> TextEncoding: ...


class Captioner(Protocol):
    name: str
    fingerprint: str
    pixels: PixelSpec

    def caption(self, pixels: NDArray[np.uint8]) -> list[str]:
        """(N, S, S, 3) uint8 RGB, sized by `pixels` -> N captions, clean of repeats; "" where it had nothing to say."""
        ...


class ThumbnailStore(Protocol):
    def put(self, image_id: str, jpeg: bytes) -> None: ...

    def get(self, image_id: str) -> bytes | None: ...

    def delete(self, image_ids: Iterable[str]) -> None: ...

    def ids(self) -> Iterator[str]:
        """Every id that has a thumbnail, in any order."""
        ...


class Drawing(Protocol):
    """A figure of matplotlib's."""

    def savefig(self, fname: str | Path) -> None:
        """In the format that the name ends with. Raises OSError, and ValueError where that is none."""
        ...


class Plots(Protocol):
    def pictures(self, hits: Sequence[tuple[Hit, bytes | None]], columns: int) -> Drawing:
        """Hits with their thumbnails, in a grid."""
        ...

    def evaluation(self, rows: Sequence[tuple[str, Figures]], title: str) -> Drawing:
        """How well each of several ways to search finds what it should."""
        ...


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """Which model an index belongs to. `model` is the name or path to load it by again."""

    model: str
    fingerprint: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Point:
    """An image to write whole. A failed one has no vectors. `caption` is the caption's text vector.

    The sparse `words` vector is made by the index from `record.texts` (core.words.document_weights).
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

    backend: str

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

    def newest(self, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0) -> list[ImageRecord]:
        """By modified_at, latest first; equal times by id."""
        ...

    def ordered(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[ImageRecord]:
        """In the order of core.order.in_order."""
        ...

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
        """By cosine to a unit vector, best first."""
        ...

    def best_words(self, weights: dict[int, float], filter: Filter = EVERYTHING, *, limit: int) -> list[Hit]:
        """By BM25: sparse dot product with the `words` vectors, IDF applied by the index, best first."""
        ...

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        """The best `limit` of every list that is asked; the approximate index may serve here."""
        ...

    def ranking(self, probe: Probe, filter: Filter = EVERYTHING, *, limit: int) -> Ranking:
        """The best `limit` of one list, exactly: equal scores by id, also where the limit cuts them apart."""
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


@dataclass(frozen=True, slots=True)
class MirrorSummary:
    """A generation of a mirror: its name, how many images it holds, in how many segments, their vectors stored how."""

    name: str
    points: int
    segments: int
    storage: str


class Mirror(SearchableIndex, Protocol):
    """A copy of the library, which may be older than it."""

    health: str | None  # what is wrong with its newest generation, for which an older one answers

    @property
    def as_of(self) -> datetime:
        """When it was known to be equal to the library for the last time, UTC."""
        ...

    def summary(self) -> MirrorSummary: ...


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


class Editions(Protocol):
    """A library's indexes, by their names: one a model, of which one is in use."""

    def open(self, edition: str | None = None) -> VectorIndex:
        """The one in use, unless another is asked for. Raises LibraryMissing."""
        ...

    def create(self, info: IndexInfo) -> None:
        """A new library. Raises ModelMismatch where there is one for another model."""
        ...

    def beside(self, info: IndexInfo) -> str:
        """The name of the edition for this model, which is made where there is none. It is not in use for that."""
        ...

    def all(self) -> Mapping[str, IndexInfo]: ...

    def current(self) -> str:
        """The one in use. Raises LibraryMissing where a server has no such library."""
        ...

    def previous(self) -> str | None:
        """The one that was in use before."""
        ...

    def use(self, edition: str) -> None:
        """From now on who opens the library opens this one. At once, or not at all."""
        ...
