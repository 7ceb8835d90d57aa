"""An encoder of two towers, CLIP or like it: images and texts -> unit vectors of one space."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.adapters.models.encoders.towers import ImageTower, TextTower
from core.domain.vectors import Matrix, unit
from core.imaging.decode_request import PixelSpec
from core.ports.encoders import TextEncoding

TEXT_BATCH = 64


class ClipEncoder:
    """An Encoder of an image tower and a text tower, whose vectors have `dimension` numbers."""

    def __init__(
        self,
        name: str,
        fingerprint: str,
        image: ImageTower,
        text: TextTower,
        *,
        dimension: int,
        remark: str | None = None,
    ) -> None:
        self.name = name
        self.remark = remark
        self.fingerprint = fingerprint
        self.pixels: PixelSpec = image.spec
        self._image = image
        self._text = text
        self.dimension = dimension

    def encode_images(self, pixels: NDArray[np.uint8]) -> Matrix:
        """Encode images: (N, S, S, 3) uint8 RGB, sized by `self.pixels` -> (N, D) float32, unit rows."""
        if len(pixels) == 0:
            return np.empty((0, self.dimension), np.float32)
        return unit(self._image.encode(pixels))

    def encode_texts(self, texts: Sequence[str]) -> TextEncoding:
        """Encode N texts into (N, D) float32, unit rows. A text is data: no path or URL in it is opened."""
        batches = [texts[start : start + TEXT_BATCH] for start in range(0, len(texts), TEXT_BATCH)]
        vectors = [self._encode_batch(batch) for batch in batches]
        stacked = np.concatenate(vectors) if vectors else np.empty((0, self.dimension), np.float32)
        unknown = tuple(self._text.find_unknown(text) for text in texts)
        return TextEncoding(stacked, self._text.find_truncated(texts), unknown)

    def _encode_batch(self, texts: Sequence[str]) -> Matrix:
        return unit(self._text.encode(texts))
