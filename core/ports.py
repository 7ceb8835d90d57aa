"""What the core needs of the world, as Protocols. Adapters implement them; tests implement them by hand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.images import Decoded, DecodeRequest, PixelSpec
from core.query import EVERYTHING, Filter, Keyword
from core.records import CaptionOrigin, Hit, ImageRecord, ImageRef
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

    def forget(self) -> None: ...

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


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """Which model an index belongs to. `model` is the name or path to load it by again."""

    model: str
    fingerprint: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Point:
    """An image to write whole. A failed one has no vectors. `caption` is the caption's text vector.

    The sparse `words` vector is made by the index from `record.caption` (core.words.document_weights).
    """

    record: ImageRecord
    image: Vector | None
    caption: Vector | None = None


@dataclass(frozen=True, slots=True)
class CaptionUpdate:
    """A caption for an image that is already there; `vector` is None for an empty caption."""

    id: str
    text: str
    origin: CaptionOrigin
    captioner: str | None
    score: float | None
    vector: Vector | None


DenseName = Literal["image", "caption"]


class VectorIndex(Protocol):
    """The library: one point an image. The only state of ingestion.

    What is acknowledged (the call returned) survives kill -9. Every method may raise a LibraryError, LibraryBusy and
    LibraryDamaged among them; writing ones DiskFull. Safe to call from several threads.
    """

    backend: str
    info: IndexInfo

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

    def fetch(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """The records of those ids that are there."""
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

    def count(self, filter: Filter = EVERYTHING) -> int: ...

    def facet(self, field: Keyword, filter: Filter = EVERYTHING, *, limit: int = 20) -> list[tuple[str, int]]:
        """Values of a keyword field, counted over what passes the filter; most frequent first, then by value."""
        ...

    def optimize(self) -> None:
        """Build or extend the approximate index where that pays; search goes on meanwhile."""
        ...

    def size_bytes(self) -> int: ...

    def close(self) -> None: ...
