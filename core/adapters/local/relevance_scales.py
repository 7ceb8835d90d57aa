"""What relevance is measured by in a library (relevance_scale), kept beside it: to ask a large one takes seconds."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from core.adapters.local.array_file import read_arrays, write_arrays
from core.search.relevance_scale import Arrays


class CalibrationFiles:
    """One file of each kind in `folder`. A CalibrationStore."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, kind: str, name: str) -> dict[str, NDArray[Any]] | None:
        """Read the arrays; None where there are none, or damaged ones."""
        return read_arrays(self._path(kind, name))

    def save(self, kind: str, name: str, arrays: Arrays) -> None:
        """Keep the arrays in place of all others of their kind."""
        write_arrays(self._path(kind, name), arrays, replaces=f"calibration-{kind}-*.npz")

    def _path(self, kind: str, name: str) -> Path:
        return self._folder / f"calibration-{kind}-{name}.npz"
