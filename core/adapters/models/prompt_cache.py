"""The encoded prompts of core.search.relevance, kept beside the library: large models take seconds for them."""

import hashlib
import io
import logging
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np

from core.atomic_write import replace_whole
from core.domain.vectors import Matrix
from core.ports.encoders import Encoder
from core.search.relevance import encode_bank, prompts

log = logging.getLogger(__name__)

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
        with suppress(OSError, ValueError, EOFError):
            bank = np.load(path, allow_pickle=False)
            if _sound(bank, encoder.dimension):
                return np.asarray(bank)
        bank = encode_bank(encoder)
        try:
            self._write(path, bank)
        except OSError as error:
            log.info("prompts not kept: %s", error)
        return bank

    def _write(self, path: Path, bank: Matrix) -> None:
        """Other processes may write the same: whatever comes out of that is checked before it is used."""
        data = io.BytesIO()
        np.save(data, bank, allow_pickle=False)
        replace_whole(path, data.getvalue())
        for old in set(self._folder.glob("prompts-*.npy")) - {path}:
            old.unlink(missing_ok=True)


def _sound(bank: np.ndarray, dimension: int) -> bool:
    if bank.dtype != np.float32 or bank.ndim != 2 or bank.shape[1] != dimension:
        return False
    return bool(np.all(np.abs(np.linalg.norm(bank, axis=1) - 1) < _LENGTH_OFF))
