"""What the core needs of the world, as Protocols. Adapters implement them; tests implement them by hand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.images import Decoded, DecodeRequest, PixelSpec
from core.records import Hit, ImageRef
from core.retrieval_figures import Figures
from core.vectors import Matrix


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


class RecallLog(Protocol):
    """The last measurements of a library's recall, from 0 to 1, by the fingerprint of its model."""

    def read(self) -> tuple[str, tuple[float, ...]]: ...

    def write(self, fingerprint: str, samples: Sequence[float]) -> None:
        """Raises OSError."""
        ...


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
