"""What the models do, as Protocols: encode pictures and texts, and write captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.domain.vectors import Matrix
from core.imaging.decoder import PixelSpec


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """`vectors` is (N, D) float32, unit rows. Per text: was it cut at the model's context, which words are unknown."""

    vectors: Matrix
    truncated: tuple[bool, ...]
    unknown: tuple[tuple[str, ...], ...]


class Encoder(Protocol):
    """Images and texts -> one vector space. Safe to call from several threads."""

    name: str
    fingerprint: str
    dimension: int
    pixels: PixelSpec
    remark: str | None  # what a person should know of this model whenever it is used

    def encode_images(self, pixels: NDArray[np.uint8]) -> Matrix:
        """(N, S, S, 3) uint8 RGB, sized by `pixels` -> (N, D) float32, unit rows."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> TextEncoding: ...


class Captioner(Protocol):
    name: str
    fingerprint: str
    pixels: PixelSpec

    def caption(self, pixels: NDArray[np.uint8]) -> list[str]:
        """(N, S, S, 3) uint8 RGB, sized by `pixels` -> N captions, clean of repeats; "" where it had nothing to say."""
        ...
