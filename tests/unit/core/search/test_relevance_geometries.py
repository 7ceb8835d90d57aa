"""Strength means the same whatever the geometry of a model: nothing is set for any of them."""

import numpy as np
import pytest

from core.search.relevance import SOME, STRONG, NullMaximum, Scores, TextYardstick
from core.search.relevance_scale import SAMPLE
from tests.support.geometries import GEOMETRIES, KINDS, THINGS, Geometry, Tower, World

SIZES = (100, 500, 2000)
HIDDEN = 8  # kinds of things that no picture shows
ASKED = 30

WORLD = World.make(0)
_DICE = np.random.default_rng(1)
_SHOWN = _DICE.integers(HIDDEN * THINGS, KINDS * THINGS, (SIZES[-1], 3))
_MEANT = WORLD.pictures(_SHOWN.tolist(), 2)
PRESENT = list(dict.fromkeys(_SHOWN[: SIZES[0], 0].tolist()))[:ASKED]
ABSENT = _DICE.permutation(HIDDEN * THINGS)[:ASKED].tolist()


def best_strengths(geometry: Geometry, size: int, asked: list[int]) -> Scores:
    """The best strength for every thing that is asked of so many pictures."""
    tower = Tower(geometry)
    images = tower.images(_MEANT, 3)[:size]
    yardstick = TextYardstick(tower.texts(WORLD.prompts))
    chance = NullMaximum.of(yardstick.reach(yardstick.random_texts(), images[:SAMPLE])).at(size)
    texts = tower.texts(WORLD.things[asked])
    best = []
    for text in texts:
        near = images[np.argsort(-(images @ text))[:50]]
        reach = yardstick.reach(text[np.newaxis], near)[:, 0]
        best.append(min(yardstick.strengths(reach).max(), yardstick.evidence(reach, chance)))
    return np.array(best)


def test_the_geometries_differ_as_those_of_models_do() -> None:
    cosines = []
    for geometry in GEOMETRIES:
        tower = Tower(geometry)
        images, texts = tower.images(_MEANT, 3)[:200], tower.texts(WORLD.things)
        shown = (images * texts[_SHOWN[:200, 0]]).sum(axis=1)
        cosines.append((float(np.median(images @ texts.T)), float(np.median(shown))))
    (clip, clip_shown), (siglip, siglip_shown), (wide, wide_shown) = cosines
    assert 0.05 < clip < clip_shown < 0.45
    assert -0.2 < siglip < 0 < siglip_shown < 0.4
    assert wide < 0.2 and 0.5 < wide_shown < 0.85


@pytest.mark.parametrize("size", SIZES)
def test_what_is_there_is_strong_and_what_is_not_is_nothing_in_every_geometry(size: int) -> None:
    present = np.stack([best_strengths(geometry, size, PRESENT) for geometry in GEOMETRIES])
    absent = np.stack([best_strengths(geometry, size, ABSENT) for geometry in GEOMETRIES])
    assert (present >= STRONG).mean(axis=1).min() >= 0.95, present
    assert (absent < SOME).mean(axis=1).min() >= 0.85, absent
    agree = ((absent >= SOME) == (absent[0] >= SOME)).mean(axis=1)
    assert agree.min() >= 0.85, absent
