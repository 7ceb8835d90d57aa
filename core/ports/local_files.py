"""What is kept in plain files on this machine, as Protocols."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol


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


class ThumbnailStore(Protocol):
    def put(self, image_id: str, jpeg: bytes) -> None: ...

    def get(self, image_id: str) -> bytes | None: ...

    def delete(self, image_ids: Iterable[str]) -> None: ...

    def ids(self) -> Iterator[str]:
        """Every id that has a thumbnail, in any order."""
        ...
