"""A small classifier that tells letters of the scripts that the recogniser knows from those of others.

The recogniser turns Cyrillic, Greek and others into Latin letters that look alike, at times with a good score. What it
saw, the features before its last layer, still tells them apart. `demo/evaluation/reading/train_script_probe.py` trains
the classifier on drawn lines.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_WEIGHTS = Path(__file__).with_name("script_probe.npz")


class ScriptProbe:
    """A perceptron with one hidden layer: features of N letters, (N, 120) float32 -> how foreign each is, (N,)."""

    def __init__(self, file: Path = _WEIGHTS) -> None:
        with np.load(file) as weights:
            self._first, self._first_bias = weights["first"], weights["first_bias"]  # (120, 32), (32,)
            self._second, self._second_bias = weights["second"], weights["second_bias"]  # (32,), ()

    def foreignness(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log odds, a value a letter: over 0 for a script that the recogniser does not know."""
        hidden = np.maximum(features @ self._first + self._first_bias, 0)
        return np.asarray(hidden @ self._second + self._second_bias, dtype=np.float32)
