"""Unit vectors: the only kind that is stored, compared or combined. All arrays are float32."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidQuery

Vector = NDArray[np.float32]  # (D,)
Matrix = NDArray[np.float32]  # (N, D)

_TINY = 1e-12


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale (D,) or (N, D) of any float dtype to the same shape, float32, each row of length 1.

    Raises ValueError for a row that is not finite or has no direction.
    """
    wide = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(wide, axis=-1, keepdims=True)
    if not np.isfinite(norms).all() or (norms < _TINY).any():
        raise ValueError("a vector is not finite or is all zeros, so it has no direction")
    return np.asarray(wide / norms, dtype=np.float32)


def compose(vectors: Sequence[Vector], weights: Sequence[float]) -> Vector:
    """Add unit vectors by weight, to a unit vector; a negative weight pushes away.

    (N x (D,), N weights) -> (D,). Raises InvalidQuery when the terms cancel each other out.
    """
    total = np.einsum("n,nd->d", np.asarray(weights, np.float64), np.stack(vectors).astype(np.float64))
    if float(np.linalg.norm(total)) < 1e-6:
        raise InvalidQuery("weight", list(weights), "weights under which the terms do not cancel each other out")
    return unit(total)
