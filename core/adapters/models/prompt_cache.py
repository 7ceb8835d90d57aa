"""The encoded prompts of core.search.relevance, kept beside the library: large models take seconds for them."""

import hashlib
import threading
from pathlib import Path

import numpy as np

from core.adapters.local.array_file import read_array, write_array
from core.domain.vectors import Matrix
from core.ports.encoders import Encoder
from core.search.relevance import encode_bank, prompts

_LENGTH_OFF = 1e-3


class PromptBank:
    """One file in `folder`, of one model and one list of prompts. What cannot be read or written costs time alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._held: tuple[str, Matrix] | None = None

    def of(self, encoder: Encoder) -> Matrix:
        """(M, D) float32, unit rows. Safe to call from several threads."""
        with self._lock:
            if self._held is None or self._held[0] != encoder.fingerprint:
                self._held = encoder.fingerprint, self._read_or_make(encoder)
            return self._held[1]

    def _read_or_make(self, encoder: Encoder) -> Matrix:
        digest = hashlib.sha256("\n".join((encoder.fingerprint, *prompts())).encode()).hexdigest()[:16]
        path = self._folder / f"prompts-{digest}.npy"
        kept = read_array(path)
        if kept is not None and _is_sound(kept, encoder.dimension):
            return kept
        bank = encode_bank(encoder)
        write_array(path, bank, replaces="prompts-*.npy")  # others may write it too: what is read is checked
        return bank


def _is_sound(bank: np.ndarray, dimension: int) -> bool:
    if bank.dtype != np.float32 or bank.ndim != 2 or bank.shape[1] != dimension:
        return False
    return bool(np.all(np.abs(np.linalg.norm(bank, axis=1) - 1) < _LENGTH_OFF))
