"""The table of models."""

import re
from fnmatch import fnmatchcase
from pathlib import Path
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
def test_a_revision_is_a_commit_and_every_name_finds_its_line(card: ModelCard) -> None:
    assert card.revision is None or re.fullmatch(r"[0-9a-f]{40}", card.revision)
    for name in (card.name, *card.aliases):
        assert model_catalog.find(name, card.role) is card


@pytest.mark.parametrize("card", MODELS, ids=lambda card: f"{card.role}-{card.name}")
def test_every_line_tells_what_people_choose_by(card: ModelCard) -> None:
    assert card.languages and card.licence and card.input_px
    assert card.parameters
    if card.folder is None:
        assert card.size and card.size > card.parameters, "a parameter takes more than a byte"
    assert card.recall is None or (re.search(r"\d", card.recall.figures) and card.recall.source)
    if card.image_tower is not None:
        tower = model_catalog.find(card.image_tower, "encoder")
        assert tower is not None and tower.image_tower is None and tower.dimension == card.dimension


def test_every_encoder_has_safe_weights() -> None:
    assert all(card.weights.endswith((".safetensors", ".onnx")) for card in MODELS if card.role == "encoder")
    assert [card.name for card in MODELS if card.pickled] == ["vit-gpt2", "blip-base"]


def test_the_aliases_and_names_of_one_role_are_of_one_model_each() -> None:
    known = [(card.role, name) for card in MODELS for name in {card.name, *card.aliases}]
    assert len(known) == len(set(known))


def test_every_word_of_a_search_has_to_be_in_a_line() -> None:
    def found(text: str) -> list[str]:
        return [card.name for card in model_catalog.search(text)]

    assert found("siglip2") == ["siglip2-base", "siglip2-large", "ViT-B-16-SigLIP2__webli"]
    assert found("SigLIP multilingual by-nc") == ["nllb-clip-base-siglip__v1"]
    assert found("captioner bsd") == ["blip-base", "blip-large"]
    assert found("immich rn50") == ["RN50__openai"]
    assert found("no-such-word") == []
    assert len(found("")) == len(MODELS)


def test_what_is_fetched_holds_what_is_required_and_no_other_runtime_s_files() -> None:
    def fits(card: ModelCard, path: str) -> bool:
        parts = path.split("/")
        return any(
            len(pattern.split("/")) == len(parts) and all(map(fnmatchcase, parts, pattern.split("/")))
            for pattern in card.patterns
        )

    for card in MODELS:
        assert all(fits(card, path) for path in card.required), card.name
        others = ("visual/fp16/model.armnn", "visual/model.armnn", "visual/rknpu/rk3588/model.rknn", "tf_model.h5")
        others += ("modeling_clip.py", "onnx/model.onnx", "openvino/openvino_model.bin", "onnx/config.json")
        assert not any(fits(card, path) for path in others), card.name


def test_an_unknown_name_or_another_role_finds_nothing() -> None:
    assert model_catalog.find("no-such-model", "encoder") is None
    assert model_catalog.find(DEFAULT_CAPTIONER, "encoder") is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dimension": 8}, "either a folder or a repository"),
        ({"dimension": 8, "folder": Path("a"), "revision": "0" * 40}, "a revision is one of a repository"),
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
