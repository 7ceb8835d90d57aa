"""The mirror of a library, as a Protocol."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.ports.vector_index import SearchableIndex


@dataclass(frozen=True, slots=True)
class MirrorSummary:
    """A summary of a mirror's generation: its name, its images and segments, and how vectors are stored."""

    name: str
    points: int
    segments: int
    storage: str


@dataclass(frozen=True, slots=True)
class MirrorState:
    """The generation of a mirror that answers, when it was equal to the library, and what is wrong with a newer one."""

    summary: MirrorSummary
    as_of: datetime
    problem: str | None


class Mirror(SearchableIndex, Protocol):
    """The mirror of a library, which may be older than it."""

    health: str | None  # what is wrong with its newest generation, for which an older one answers

    @property
    def as_of(self) -> datetime:
        """The last time, UTC, at which it was known to be equal to the library."""
        ...

    def summary(self) -> MirrorSummary:
        """Summarise the generation that answers."""
        ...
