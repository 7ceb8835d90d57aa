"""The mirror of a library, as a Protocol."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.ports.vector_index import SearchableIndex


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
