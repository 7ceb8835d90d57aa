"""An encoder whose towers are loaded when they are needed, and whose runtime is measured where many pictures come."""

import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.adapters.models.encoders.clip_encoder import ClipEncoder
from core.adapters.models.files.model_files import ModelFiles
from core.adapters.models.runtimes.choices import Choice
from core.adapters.models.runtimes.lazy_towers import LazyImageTower, LazyTextTower, LazyTowers
from core.domain.vectors import Matrix

log = logging.getLogger(__name__)

MANY = 256  # pictures after which measuring pays: it costs as much as some hundred pictures
_LEAST = 8  # pictures of a batch to measure with


class RuntimeEncoder(ClipEncoder):
    """An Encoder that can measure its runtimes, and keep what makes later starts quick (a Tunable)."""

    def __init__(self, files: ModelFiles, fingerprint: str, towers: LazyTowers) -> None:
        """Read what is kept of the model, or load it. Raises ValueError, and what loading raises."""
        profile = towers.read_profile()
        super().__init__(
            files.name,
            fingerprint,
            LazyImageTower(towers, profile.spec),
            LazyTextTower(towers),
            remark=files.remark,
            dimension=profile.dimension,
        )
        self.towers = towers
        self._announce: Callable[[str], None] | None = None
        self._seen = 0

    def allow_measuring(self, announce: Callable[[str], None]) -> None:
        """Let this process measure the runtimes when it has encoded many pictures; `announce` is told before."""
        if self._announce is None and not self.towers.is_measured:
            self._announce = announce

    def encode_images(self, pixels: NDArray[np.uint8]) -> Matrix:
        """Encode images: (N, S, S, 3) uint8 RGB, sized by `self.pixels` -> (N, D) float32, unit rows."""
        if self._announce is not None:
            self._seen += len(pixels)
            if self._seen > MANY and len(pixels) >= _LEAST:
                announce, self._announce = self._announce, None
                announce(f"measuring which runtime encodes pictures the fastest here ({self.name}); that is done once")
                self.measure(pixels)
        return super().encode_images(pixels)

    def measure(self, pixels: NDArray[np.uint8]) -> Choice:
        """Measure the runtimes with pictures, (N, S, S, 3) uint8, and use the fastest from now on."""
        return self.towers.measure(pixels)

    def keep_text_tower(self) -> None:
        """Keep what the next search by words needs, so that it loads no torch."""
        self.towers.keep_text()
