"""Strength means the same whatever the geometry of a model: nothing is set for any of them."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache, partial

import numpy as np
import pytest

from core.domain.query import LikeTerm, Query, TextTerm
from core.domain.vectors import Matrix
from core.ports.encoders import TextEncoding
from core.ports.vector_index import IndexInfo, Point
from core.search import relevance_scale
from core.search.relevance import SOME, STRONG, NullMaximum, Scores, TextYardstick
from core.search.relevance_scale import SAMPLE, Calibration
from core.search.service import SearchService
from tests.support.fakes import InlineDecoder, MemoryIndex
from tests.support.made_up_images import image_id, record
from tests.support.models.geometries import DIMENSION, GEOMETRIES, KINDS, THINGS, Geometry, Tower, World

SIZES = (100, 500, 2000)
HIDDEN = 8  # kinds of things that no picture shows
ASKED = 30

WORLD = World.make(0)
_DICE = np.random.default_rng(1)
_SHOWN = _DICE.integers(HIDDEN * THINGS, KINDS * THINGS, (SIZES[-1], 3))
_MEANT = WORLD.pictures(_SHOWN.tolist(), 2)
PRESENT = list(dict.fromkeys(_SHOWN[: SIZES[0], 0].tolist()))[:ASKED]
ABSENT = _DICE.permutation(HIDDEN * THINGS)[:ASKED].tolist()


@cache
def make_pictures(geometry: Geometry) -> tuple[Tower, Matrix, TextYardstick, Matrix]:
    """Its tower, all the pictures, what texts are measured by, and texts of no meaning."""
    tower = Tower(geometry)
    yardstick = TextYardstick(tower.texts(WORLD.prompts))
    return tower, tower.images(_MEANT, 3), yardstick, yardstick.random_texts()


@cache
def find_chance(geometry: Geometry, sample: int) -> NullMaximum:
    _, images, yardstick, random = make_pictures(geometry)
    return NullMaximum.of(yardstick.reach(random, images[:sample]))


def best_strengths(geometry: Geometry, size: int, asked: list[int]) -> Scores:
    """The best strength for every thing that is asked of so many pictures."""
    tower, images, yardstick, _ = make_pictures(geometry)
    images = images[:size]
    chance = find_chance(geometry, min(size, SAMPLE)).at(size)
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


_UNSEEN = 2  # things of every kind that no picture shows, while pictures show its ten others
_SEEN = np.array([thing for thing in range(KINDS * THINGS) if thing % THINGS >= _UNSEEN])
_SCENES, _PICTURES = 8, 4  # so many pictures of each of so many scenes, beside others


class OfGeometry:
    """An Encoder of texts "thing 7", with the vectors of a tower."""

    name, fingerprint, dimension, remark, languages = "made", "made-1", DIMENSION, None, ("en",)

    def __init__(self, tower: Tower) -> None:
        self._things = tower.texts(WORLD.things)

    def encode_texts(self, texts: Sequence[str]) -> TextEncoding:
        rows = [int(text.split()[-1]) for text in texts]
        return TextEncoding(self._things[rows], (False,) * len(rows), ((),) * len(rows))


def test_things_whose_relatives_are_there_are_told_alike_in_every_geometry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way of a search, in a library that grows and is calibrated anew."""
    monkeypatch.setattr(relevance_scale, "SAMPLE", 64)
    dice = np.random.default_rng(1)
    shown = dice.choice(_SEEN, (220, 3))
    of_scenes = dice.permutation(100)[: _SCENES * _PICTURES]  # the library's first are its sample
    shown[of_scenes] = np.repeat(shown[:_SCENES], _PICTURES, axis=0)
    meant = WORLD.pictures(shown.tolist(), 2)
    absent = dice.permutation([thing for thing in range(KINDS * THINGS) if thing % THINGS < _UNSEEN])[:20].tolist()
    present = list(dict.fromkeys(shown[:100, 0].tolist()))[:12]
    scenes = of_scenes[::_PICTURES].tolist()
    told: dict[str, dict[str, list[str | None]]] = defaultdict(dict)
    for geometry in GEOMETRIES:
        tower = Tower(geometry)
        images, bank = tower.images(meant, 3), tower.texts(WORLD.prompts)
        index, calibration = MemoryIndex(IndexInfo("made", "made-1", DIMENSION)), Calibration()
        service = SearchService(
            index, partial(OfGeometry, tower), InlineDecoder, bank=lambda _, bank=bank: bank, calibration=calibration
        )
        for first, end in ((0, 100), (100, 220)):
            index.upsert([Point(record(n), images[n]) for n in range(first, end)])
            calibration.renew(index, lambda bank=bank: bank)
            for asked, terms in {
                "present": [TextTerm(f"thing {thing}") for thing in present],
                "absent": [TextTerm(f"thing {thing}") for thing in absent],
                "scenes": [LikeTerm(image_id(n)) for n in scenes],
            }.items():
                found = [service.search(Query((term,), limit=1)).verdict for term in terms]
                told[f"{asked}, {end}"][geometry.name] = found
    for end in (100, 220):
        clip, siglip, wide = (told[f"absent, {end}"][geometry.name] for geometry in GEOMETRIES)
        for other in (siglip, wide):
            assert np.mean([one == two for one, two in zip(clip, other, strict=True)]) >= 0.85, (clip, other)
        assert min(one.count("none") for one in (clip, siglip, wide)) >= 0.5 * len(absent)
        for verdicts in told[f"present, {end}"].values():
            assert verdicts.count("strong") >= 0.9 * len(present), verdicts
        clip, _, wide = (told[f"scenes, {end}"][geometry.name] for geometry in GEOMETRIES)
        assert "none" not in (*clip, *wide)
