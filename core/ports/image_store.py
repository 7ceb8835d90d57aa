"""Sources of images, as Protocols, and what else a store may be able to do."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from core.domain.image import ImageRef
from core.domain.vectors import Matrix
from core.errors import Notice


class ImageStore(Protocol):
    """A source of images, read-only."""

    source: str

    def list(self) -> Iterator[ImageRef]:
        """Yield every image, in any order, streamed. A normal end means that the listing is complete.

        Raises StoreError where it cannot be completed, and SourceNotFound before the first image.
        """
        ...

    def read(self, ref: ImageRef) -> bytes:
        """Read the image's bytes. Raises ImageGone, ImageChanged, ImageWithheld, ImageUnavailable or ImageTooLarge.

        Any other StoreError means that the whole store is at fault, so that reading on is of no use.
        """
        ...


EXCLUDED = "excluded by your patterns"
"""The reason under which a Selective store counts the pictures that a person's patterns leave out."""


@runtime_checkable
class Selective(Protocol):
    """A store that skips what is plainly no image; `ignored` counts the last listing's skipped files by reason."""

    ignored: Mapping[str, int]


@runtime_checkable
class Remarking(Protocol):
    """A store that has something to say of its last listing beside the images: `remarks`, a sentence each."""

    remarks: Sequence[str]


@runtime_checkable
class Accompanied(Protocol):
    """A store whose listing tells of the files beside an image: its sidecars."""

    def read_sidecar(self, ref: ImageRef, key: str) -> bytes:
        """Read one of the image's sidecars, at most MAX_SIDECAR_BYTES (core.domain.sidecars). Raises as `read` does."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """An image's bytes, and its reference with the etag that it had when they were read."""

    ref: ImageRef
    data: bytes


@runtime_checkable
class Conditional(Protocol):
    """A store whose listing has no etags, and which reads an image only if its etag has changed."""

    def fetch(self, ref: ImageRef, etag: str) -> Fetched:
        """Read an image as `read` does. Raises ImageUnchanged too, where it still has this etag ("": unknown)."""
        ...


@runtime_checkable
class Explaining(Protocol):
    """A store that says what may be behind what a run finds strange. It may ask the source for it."""

    def explain_empty(self) -> Notice:
        """Say what to check where the first listing had no image."""
        ...

    def explain_rereading(self, count: int, known: int, example: ImageRef) -> Notice:
        """Say why `count` of `known` images were read again although their bytes are those on record.

        `example` is one of them, as it is listed now.
        """
        ...


@runtime_checkable
class Nameable(Protocol):
    """A store that resolves the names that people give images."""

    source: str

    def resolve_name(self, name: str) -> tuple[str, str]:
        """Return key and uri of the image of this name, which need not exist. Raises ValueError with a reason."""
        ...


@dataclass(frozen=True, slots=True)
class VectorRows:
    """Some rows of a file of vectors; `first` is the number of the first one, from 1.

    `vectors` is (N, D) float32 as stored, neither checked nor normalised. Names and captions may be empty. `addresses`
    of the pictures on the web are known besides their names: one a row ("" for none), or none at all.
    """

    first: int
    names: Sequence[str]
    captions: Sequence[tuple[str, ...]]
    vectors: Matrix
    addresses: Sequence[str] = ()


@runtime_checkable
class Remote(Protocol):
    """A store behind a network, from which `readers` images are to be read at once."""

    readers: int

    def stop(self) -> None:
        """End all waiting for the store, with StoreError."""
        ...


@runtime_checkable
class Watchable(Protocol):
    """A store whose images are files that can be watched: a folder of this machine."""

    source: str
    folder: bytes

    def look_up(self, paths: Iterable[bytes]) -> Iterator[tuple[str, ImageRef | None]]:
        """Yield key and image of what is at these absolute paths now; None for a key that is no image.

        A folder stands for everything below it, and a sidecar for its pictures; with a picture comes its pair.
        Pictures whose own paths were given are to be read `again`. Raises StoreError where a path cannot be read.
        """
        ...
