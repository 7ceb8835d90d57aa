"""What draws figures, as Protocols."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from core.domain.result import Hit
from core.evaluation.metrics import Figures


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
