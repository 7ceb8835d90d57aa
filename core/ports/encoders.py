"""The encoder of images and texts, the captioner and the answerer, as Protocols."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.domain.vectors import Matrix
from core.imaging.decode_request import PixelSpec


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


@runtime_checkable
class Tunable(Protocol):
    """An encoder that can become faster on this machine by measuring, and keep what makes later starts quick."""

    def allow_measuring(self, announce: Callable[[str], None], stop: threading.Event | None = None) -> None:
        """Let this process measure the runtimes once it has encoded many pictures; `announce` is told before.

        Setting `stop` ends a measurement before its time.
        """
        ...

    def measure(self, pixels: NDArray[np.uint8]) -> object:
        """Measure the runtimes with pictures, (N, S, S, 3) uint8, and use the fastest from now on."""
        ...

    def keep_text_tower(self) -> None:
        """Keep what the next search by words needs, so that it loads no model library."""
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


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a question about one image. `truncated` is what ended it before the model was done."""

    text: str
    truncated: Literal["time", "length"] | None = None


class Answerer(Protocol):
    """A model that answers questions about images."""

    name: str
    fingerprint: str
    pixels: PixelSpec

    def answer(
        self, pixels: NDArray[np.uint8], question: str, *, seconds: float, going: Callable[[], object] | None = None
    ) -> list[Answer]:
        """Answer a question about images: (N, S, S, 3) uint8 RGB, sized by `self.pixels` -> N answers.

        The question is data. `seconds` is the time for all of them together. What is written when it is over is
        returned as truncated. `going` is called often, and ends the work by raising.
        """
        ...
