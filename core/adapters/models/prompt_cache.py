"""A cache of the encoded prompts of core.search.relevance, which take large models seconds."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.adapters.local.array_file import read_array, write_array
from core.domain.vectors import Matrix
from core.ports.encoders import Encoder
from core.search.relevance import encode_bank, prompts

_NORM_TOLERANCE = 1e-3


class PromptCache:
    """A cache of one file in `folder`, for one model and one list of prompts.

    A file that cannot be read or written costs only time. `announce` is called before the prompts are encoded.
    """

    def __init__(self, folder: Path, announce: Callable[[], None] = lambda: None) -> None:
        self._folder = folder
        self._announce = announce
        self._lock = threading.Lock()
        self._cached: tuple[str, Matrix] | None = None

    def get(self, encoder: Encoder) -> Matrix:
        """Return the encoded prompts, (M, D) float32, unit rows. Safe to call from several threads."""
        with self._lock:
            if self._cached is None or self._cached[0] != encoder.fingerprint:
                self._cached = encoder.fingerprint, self._read_or_encode(encoder)
            return self._cached[1]

    def _read_or_encode(self, encoder: Encoder) -> Matrix:
        digest = hashlib.sha256("\n".join((encoder.fingerprint, *prompts())).encode()).hexdigest()[:16]
        path = self._folder / f"prompts-{digest}.npy"
        kept = read_array(path)
        if kept is not None and _is_sound(kept, encoder.dimension):
            return kept
        self._announce()
        bank = encode_bank(encoder)
        write_array(path, bank, replaces="prompts-*.npy")  # others may write it too: what is read is checked
        return bank


def _is_sound(bank: np.ndarray, dimension: int) -> bool:
    if bank.dtype != np.float32 or bank.ndim != 2 or bank.shape[1] != dimension:
        return False
    return bool(np.all(np.abs(np.linalg.norm(bank, axis=1) - 1) < _NORM_TOLERANCE))
