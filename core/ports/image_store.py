"""What the core needs of the world, as Protocols. Adapters implement them; tests implement them by hand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from core.domain.image import ImageRef
from core.domain.vectors import Matrix


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

    def resolve_name(self, name: str) -> tuple[str, str]:
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

    def look_up(self, paths: Iterable[bytes]) -> Iterator[tuple[str, ImageRef | None]]:
        """What is at these absolute paths now: key and image, or None for a key that is no image (any more).

        A path that is a folder stands for everything below it. Raises StoreError where that cannot be told.
        """
        ...
