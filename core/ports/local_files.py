"""Plain files on this machine, as Protocols."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol


class StateFile(Protocol):
    """A small file that holds a JSON object, replaced whole or not at all."""

    path: Path

    def read(self) -> dict[str, Any] | None:
        """Read the object; None where the file is missing, or damaged, which is logged."""
        ...

    def log_damage(self, error: Exception) -> None:
        """Log that the file does not hold what it should, and counts as missing."""
        ...

    def write(self, value: Mapping[str, Any]) -> None:
        """Replace the object. Raises OSError."""
        ...

    def delete(self) -> None:
        """Remove the file, where there is one. Raises OSError."""
        ...


class RunLog(Protocol):
    """The record of when a library was last made equal to its sources, in UTC."""

    def write(self, ended: datetime, sources: Iterable[str]) -> None:
        """Record that a run over `sources` was complete; other sources keep their time."""
        ...

    def forget(self, source: str | None = None) -> None:
        """Forget the time of one source, or of all."""
        ...

    def sources(self) -> Mapping[str, datetime]:
        """Return the time of every source."""
        ...

    def latest(self) -> datetime | None:
        """Return the latest of these times; None where there is none."""
        ...


class RecallLog(Protocol):
    """The last measurements of a library's recall, from 0 to 1, by the fingerprint of its model."""

    def read(self) -> tuple[str, tuple[float, ...]]:
        """Return the model's fingerprint and the samples."""
        ...

    def write(self, fingerprint: str, samples: Sequence[float]) -> None:
        """Replace the samples. Raises OSError."""
        ...


class ThumbnailStore(Protocol):
    """The thumbnails of a library's images, as JPEG."""

    def put(self, image_id: str, jpeg: bytes) -> None:
        """Store a thumbnail, replacing the one before."""
        ...

    def get(self, image_id: str) -> bytes | None:
        """Return a thumbnail; None where there is none."""
        ...

    def delete(self, image_ids: Iterable[str]) -> None:
        """Delete the thumbnails of these ids, where there are any."""
        ...

    def ids(self) -> Iterator[str]:
        """Yield every id that has a thumbnail, in any order."""
        ...
