"""Models that see the same in pictures, and place it differently: made-up towers of three geometries.

What texts and pictures mean is drawn once, in a space of meanings. Every geometry carries it into its own space: with
another offset of all texts and all pictures (the modality gap), other widths of these cones, and directions that
pictures alone have.

    Liang et al., "Mind the Gap: Understanding the Modality Gap in Multi-modal Contrastive Representation Learning",
    2022
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.domain.vectors import Matrix, unit

MEANINGS = 96  # dimensions of what is meant
DIMENSION = 256
PROMPTS = 400
KINDS = 40  # of things; those of one kind mean something alike
THINGS = 12  # of a kind


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a model places what it sees.

    `text_offset` and `image_offset` are the lengths of what all texts, and all pictures, have in common. A meaning has
    length 1. `gap` is the cosine of both. `image_noise` is what pictures alone have, of no meaning.
    """

    name: str
    text_offset: float
    image_offset: float
    gap: float
    image_noise: float


GEOMETRIES = (
    Geometry("narrow cones with a gap, as CLIP has", 1.2, 1.5, 0.25, 0.6),
    Geometry("trained by a sigmoid, as SigLIP is", 1.0, 0.5, -0.35, 1.6),
    Geometry("wide, without a gap", 0.25, 0.25, 1.0, 0.3),
)


@dataclass(frozen=True)
class World:
    """What there is: things, what prompts say, and what pictures show, as meanings. The same for every geometry."""

    things: Matrix  # (KINDS * THINGS, MEANINGS)
    prompts: Matrix  # (PROMPTS, MEANINGS)

    @classmethod
    def make(cls, seed: int, kinship: float = 0.55) -> "World":
        """Draw a world: the more `kinship`, the more the things of one kind mean the same."""
        dice = np.random.default_rng(seed)
        kinds = unit(dice.normal(size=(KINDS, MEANINGS)))
        own = unit(dice.normal(size=(KINDS * THINGS, MEANINGS)))
        things = unit(kinship * np.repeat(kinds, THINGS, axis=0) + own)
        said = dice.integers(0, len(things), (PROMPTS, 2))
        prompts = unit(things[said[:, 0]] + dice.uniform(0, 0.7, (PROMPTS, 1)) * things[said[:, 1]])
        return cls(things.astype(np.float32), prompts.astype(np.float32))

    def pictures(self, shown: Sequence[Sequence[int]], seed: int) -> Matrix:
        """Mean what pictures of these things mean, (N, MEANINGS): the first thing most, and something of no name."""
        dice = np.random.default_rng(seed)
        rows = [
            sum(weight * self.things[thing] for weight, thing in zip((1, 0.6, 0.4), each, strict=True))
            for each in shown
        ]
        return unit(np.stack(rows) + 0.5 * unit(dice.normal(size=(len(rows), MEANINGS)))).astype(np.float32)


class Tower:
    """The two towers of a model of this geometry."""

    def __init__(self, geometry: Geometry) -> None:
        dice = np.random.default_rng(7)
        basis, _ = np.linalg.qr(dice.normal(size=(DIMENSION, DIMENSION)))
        self._geometry = geometry
        self._meaning = basis[:MEANINGS]
        self._noise = basis[MEANINGS + 2 :]
        self._text_offset = basis[MEANINGS]
        across = np.sqrt(1 - geometry.gap**2)
        self._image_offset = geometry.gap * basis[MEANINGS] + across * basis[MEANINGS + 1]

    def texts(self, meanings: Matrix) -> Matrix:
        """Place texts, (N, MEANINGS) -> (N, DIMENSION) float32, unit rows."""
        return unit(self._geometry.text_offset * self._text_offset + meanings @ self._meaning).astype(np.float32)

    def images(self, meanings: Matrix, seed: int) -> Matrix:
        """Place pictures, (N, MEANINGS) -> (N, DIMENSION) float32, unit rows."""
        dice = np.random.default_rng(seed)
        noise = unit(dice.normal(size=(len(meanings), len(self._noise)))) @ self._noise
        offset = self._geometry.image_offset * self._image_offset
        return unit(offset + meanings @ self._meaning + self._geometry.image_noise * noise).astype(np.float32)
