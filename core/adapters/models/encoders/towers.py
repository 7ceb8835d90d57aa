"""The two towers of an encoder: what reads pictures, and what reads texts."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.domain.vectors import Matrix
from core.imaging.decode_request import PixelSpec


class ImageTower(Protocol):
    """What turns pictures into vectors. Safe to call from several threads."""

    spec: PixelSpec

    def encode(self, pixels: NDArray[np.uint8]) -> Matrix:
        """Encode N > 0 pictures: (N, S, S, 3) uint8 RGB, sized by `spec` -> (N, D) float32 of any length."""
        ...


class TextTower(Protocol):
    """What turns texts into vectors. Safe to call from several threads."""

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Encode N > 0 texts into (N, D) float32 of any length. A text is data: no path or URL in it is opened."""
        ...

    def find_truncated(self, texts: Sequence[str]) -> tuple[bool, ...]:
        """Find which texts are cut at the context of the tower."""
        ...

    def find_unknown(self, text: str) -> tuple[str, ...]:
        """Find the words that the tower's vocabulary lacks, each once."""
        ...
