"""The table of models."""

import re
from typing import Any

import pytest

from core.domain import model_catalog
from core.domain.model_catalog import MODELS, ModelCard
from core.settings import DEFAULT_CAPTIONER, DEFAULT_MODEL, DEMO

CARD: dict[str, Any] = {"name": "x", "role": "encoder", "licence": "MIT", "input_px": 224, "weights": "w.safetensors"}
HUB = {"repository": "a/b", "revision": "0" * 40}


def test_names_are_unique_in_their_role() -> None:
    keys = [(card.role, card.name) for card in MODELS]
    assert len(set(keys)) == len(keys)


def test_the_defaults_come_first_and_the_demo_has_both_roles() -> None:
    assert model_catalog.names("encoder")[0] == DEFAULT_MODEL
    assert model_catalog.names("captioner")[0] == DEFAULT_CAPTIONER
    assert DEMO in model_catalog.names("encoder") and DEMO in model_catalog.names("captioner")


@pytest.mark.parametrize("card", MODELS, ids=lambda card: f"{card.role}-{card.name}")
def test_what_comes_from_the_hub_is_pinned_to_a_commit(card: ModelCard) -> None:
    if card.repository is not None:
        assert card.revision is not None and re.fullmatch(r"[0-9a-f]{40}", card.revision)
    assert model_catalog.find(card.name, card.role) is card


def test_every_encoder_has_safe_weights() -> None:
    assert all(card.weights.endswith(".safetensors") for card in MODELS if card.role == "encoder")


def test_an_unknown_name_or_another_role_finds_nothing() -> None:
    assert model_catalog.find("no-such-model", "encoder") is None
    assert model_catalog.find(DEFAULT_CAPTIONER, "encoder") is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dimension": 8}, "either a folder or a repository"),
        ({"dimension": 8, "repository": "a/b"}, "pinned"),
        (HUB, "encoders have a dimension"),
        (HUB | {"role": "captioner", "dimension": 8}, "others have none"),
        (HUB | {"role": "answerer", "dimension": 8}, "others have none"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelCard(**(CARD | values))


def test_the_demo_models_say_what_they_are() -> None:
    for role in ("encoder", "captioner"):
        card = model_catalog.find(DEMO, role)
        assert card is not None and card.remark == "the demo model knows only its drawn scenes"
