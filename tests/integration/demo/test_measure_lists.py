"""The weights of text, places and names, measured on real vectors where they are at hand."""

import random
from pathlib import Path

import pytest

from core.domain.query import Weights
from demo.evaluation.measure_lists import STEPS, make_questions, measure
from demo.evaluation.real_vectors import RealVectors

VECTORS = Path(__file__).parents[4] / "shared" / "data" / "clip_vectors"
pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason="the real vectors are not here")


@pytest.fixture(scope="module")
def found() -> RealVectors:
    return RealVectors.read(VECTORS)


@pytest.mark.parametrize("name", ["text", "place", "name"])
def test_the_usual_weight_lifts_what_is_told_and_costs_captions_nothing(found: RealVectors, name: str) -> None:
    usual = STEPS.index(getattr(Weights(), name))
    told = measure(found, name, "told", times=1)
    assert told[usual].ndcg_at_10 > told[0].ndcg_at_10 + 0.02
    misled = measure(found, name, "misleading", times=1)
    assert misled[usual].ndcg_at_10 > misled[0].ndcg_at_10 - 0.005


def test_a_told_question_is_answered_by_pictures_of_the_place_alone(found: RealVectors) -> None:
    made, _ = make_questions(found, "told", "place", random.Random(1))
    records = made.gallery.records
    assert made.asked
    for one in made.asked:
        town = one.text.rsplit(" in ", 1)[1]
        assert all(records[row].places[0] == town for row in one.answers)
