"""Pictures as their decoder gives them -> one vector each, however many tiles they have (core.imaging.tiling)."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from core.domain.vectors import Matrix, unit
from core.imaging.decode_request import Pixels
from core.imaging.tiling import MAX_TILES
from core.ports.encoders import Encoder


def encode_pictures(encoder: Encoder, pictures: Sequence[Pixels]) -> Matrix:
    """Encode N pictures, each (T, S, S, 3) uint8 RGB with a T of its own -> (N, D) float32, unit rows, in their order.

    The mean of a picture's tiles, brought to length 1. The model is given about as many tiles at once as pictures.
    """
    if not pictures:
        return np.empty((0, encoder.dimension), np.float32)
    tiles = np.concatenate(pictures)  # N of (T, S, S, 3) -> (sum of T, S, S, 3)
    most = max(len(pictures), MAX_TILES)
    parts = [encoder.encode_images(tiles[start : start + most]) for start in range(0, len(tiles), most)]
    vectors = np.concatenate(parts)
    ends = list(accumulate(len(picture) for picture in pictures))
    return np.stack([_mean(vectors[end - len(picture) : end]) for picture, end in zip(pictures, ends, strict=True)])


def _mean(tiles: Matrix) -> Matrix:
    return tiles[0] if len(tiles) == 1 else unit(tiles.astype(np.float64).mean(axis=0))
