"""What relevance is measured by in a library (relevance_scale), kept beside it: to ask a large one takes seconds."""

import io
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from core.atomic_write import replace_whole
from core.search.relevance_scale import Arrays

log = logging.getLogger(__name__)


class CalibrationFiles:
    """One file of each kind in `folder`. A CalibrationStore."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, kind: str, name: str) -> dict[str, NDArray[Any]] | None:
        """None where there is none, or a damaged one."""
        with suppress(OSError, ValueError, EOFError, BadZipFile, KeyError):
            with np.load(io.BytesIO(self._path(kind, name).read_bytes()), allow_pickle=False) as kept:
                return dict(kept)
        return None

    def save(self, kind: str, name: str, arrays: Arrays) -> None:
        data = io.BytesIO()
        np.savez(data, **arrays)  # type: ignore[arg-type]
        path = self._path(kind, name)
        try:
            replace_whole(path, data.getvalue())
            for old in set(self._folder.glob(f"calibration-{kind}-*.npz")) - {path}:
                old.unlink(missing_ok=True)
        except OSError as error:
            log.info("calibration not kept: %s", error)

    def _path(self, kind: str, name: str) -> Path:
        return self._folder / f"calibration-{kind}-{name}.npz"
