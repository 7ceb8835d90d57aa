"""Protocols of what draws plots."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from core.domain.result import Hit
from core.evaluation.metrics import Figures


class Drawing(Protocol):
    """A figure of matplotlib."""

    def savefig(self, fname: str | Path) -> None:
        """Save the figure in the format that the name's ending says.

        Raises OSError, and ValueError for an unknown ending.
        """
        ...


class Plots(Protocol):
    """What draws search results and evaluations."""

    def pictures(self, hits: Sequence[tuple[Hit, bytes | None]], columns: int) -> Drawing:
        """Draw hits with their thumbnails (JPEG or None) in a grid."""
        ...

    def evaluation(self, rows: Sequence[tuple[str, Figures]], title: str) -> Drawing:
        """Draw how well each of several ways to search finds what it should."""
        ...
