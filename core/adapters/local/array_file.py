"""Files of NumPy arrays that can be computed again: what cannot be read or written costs time alone."""

import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from core.adapters.local.atomic_write import replace_whole

_log = logging.getLogger(__name__)


def read_array(path: Path) -> NDArray[Any] | None:
    """Read one array from a .npy file; None where it is missing or damaged."""
    loaded = _load(path)
    return loaded if isinstance(loaded, np.ndarray) else None


def read_arrays(path: Path) -> dict[str, NDArray[Any]] | None:
    """Read named arrays from a .npz file; None where it is missing or damaged."""
    loaded = _load(path)
    return loaded if isinstance(loaded, dict) else None


def write_array(path: Path, array: NDArray[Any], replaces: str) -> None:
    """Write one array as .npy. What else fits the glob `replaces` beside it is removed; failures are logged."""
    data = io.BytesIO()
    np.save(data, array, allow_pickle=False)
    _replace(path, data.getvalue(), replaces)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], replaces: str) -> None:
    """Write named arrays as .npz. What else fits the glob `replaces` beside it is removed; failures are logged."""
    data = io.BytesIO()
    np.savez(data, **arrays)  # type: ignore[arg-type]
    _replace(path, data.getvalue(), replaces)


def _load(path: Path) -> NDArray[Any] | dict[str, NDArray[Any]] | None:
    try:
        loaded = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return dict(loaded)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, BadZipFile, KeyError) as error:
        _log.info("arrays passed over path=%s error=%r", path, error)
        return None


def _replace(path: Path, data: bytes, replaces: str) -> None:
    try:
        replace_whole(path, data)
        for old in set(path.parent.glob(replaces)) - {path}:
            old.unlink(missing_ok=True)
    except OSError as error:
        _log.info("arrays not kept path=%s error=%s", path, error)
