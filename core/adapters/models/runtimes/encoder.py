"""An encoder whose towers are loaded when they are needed, and whose runtime is measured where many pictures come."""

import logging
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.adapters.models.encoders.clip_encoder import ClipEncoder
from core.adapters.models.files.model_files import ModelFiles
from core.adapters.models.runtimes.choices import Choice
from core.adapters.models.runtimes.lazy_towers import LazyImageTower, LazyTextTower, LazyTowers
from core.adapters.models.runtimes.trials import TrialsStopped
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
        self._stop: threading.Event | None = None
        self._is_decided = False  # whether this process measures, which it does once at most
        self._seen = 0

    def allow_measuring(self, announce: Callable[[str], None], stop: threading.Event | None = None) -> None:
        """Let this process measure the runtimes when it has encoded many pictures; `announce` is told before.

        Setting `stop` ends a measurement between two runtimes.
        """
        self._stop = stop
        if not self._is_decided:
            self._is_decided = True
            self._announce = None if self.towers.is_measured else announce

    def encode_images(self, pixels: NDArray[np.uint8]) -> Matrix:
        """Encode images: (N, S, S, 3) uint8 RGB, sized by `self.pixels` -> (N, D) float32, unit rows."""
        if self._announce is not None:
            self._seen += len(pixels)
            if self._seen > MANY and len(pixels) >= _LEAST:
                announce, self._announce = self._announce, None
                announce(self._describe_work())
                self._try_measure(pixels)
        return super().encode_images(pixels)

    def measure(self, pixels: NDArray[np.uint8]) -> Choice:
        """Measure the runtimes with pictures, (N, S, S, 3) uint8, and use the fastest from now on."""
        return self.towers.measure(pixels)

    def _try_measure(self, pixels: NDArray[np.uint8]) -> None:
        try:
            self.towers.measure(pixels, self._stop)
        except TrialsStopped:
            log.info("the process ends, so the runtimes are measured another time")
        except Exception as error:  # several vendors' exceptions, of every kind: what encoded until now goes on
            log.warning("the runtimes could not be measured, so the model goes on as before: error=%r", error)

    def _describe_work(self) -> str:
        runtime = self.towers.runtime
        if runtime == "auto":
            return f"measuring which runtime encodes pictures the fastest here ({self.name}); that is done once"
        return f"preparing the model for {runtime} ({self.name}); that is done once"

    def keep_text_tower(self) -> None:
        """Keep what the next search by words needs, so that it loads no torch."""
        self.towers.keep_text()
