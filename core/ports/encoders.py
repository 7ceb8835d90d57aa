"""The encoder of images and texts, and the captioner, as Protocols."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.domain.vectors import Matrix
from core.imaging.decoder import PixelSpec


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """The encoding of N texts: `vectors` is (N, D) float32, unit rows.

    `truncated` says which texts were cut at the model's context. `unknown` lists each text's words that the model does
    not know.
    """

    vectors: Matrix
    truncated: tuple[bool, ...]
    unknown: tuple[tuple[str, ...], ...]


class Encoder(Protocol):
    """An encoder of images and texts into one vector space. Safe to call from several threads."""

    name: str
    fingerprint: str
    dimension: int
    pixels: PixelSpec
    remark: str | None  # what a person should know of this model whenever it is used

    def encode_images(self, pixels: NDArray[np.uint8]) -> Matrix:
        """Encode images: (N, S, S, 3) uint8 RGB, sized by `self.pixels` -> (N, D) float32, unit rows."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> TextEncoding:
        """Encode N texts, as data that is never opened or fetched."""
        ...


class Captioner(Protocol):
    """A model that writes captions of images. `language` is that of its captions (ISO 639-1), None where not known.

    Its captions are what it said, with its loops and loose ends: core.text.caption_flaws cuts those.
    """

    name: str
    fingerprint: str
    language: str | None
    pixels: PixelSpec

    def caption(self, pixels: NDArray[np.uint8]) -> list[str]:
        """Caption images: (N, S, S, 3) uint8 RGB, sized by `self.pixels` -> N captions; "" where there is none."""
        ...
