"""Layers are chosen by what was measured, and that is measured once a machine and model."""

import json
from pathlib import Path

import pytest
import torch

from core.adapters.models.captioners import layer_choice
from core.adapters.models.captioners.layer_choice import choose_layers, measure_layers, pick
from core.adapters.models.captioners.linear_layers import Layers
from core.adapters.models.files import machine_file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that measurements are kept in."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder of a model that is worth measuring."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"encoder": {"hidden_size": 512}, "decoder": {"n_embd": 768}}))
    return folder


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The widths that were measured; bfloat16 is told to be the fastest by far."""
    widths: list[int] = []

    def measure(width: int) -> dict[Layers, float]:
        widths.append(width)
        return {"float32": 3.0, "packed-float32": 2.0, "packed-bfloat16": 1.0}

    monkeypatch.setattr(layer_choice, "measure_layers", measure)
    return widths


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({"float32": 2.0, "packed-float32": 1.5, "bfloat16": 3.0, "packed-bfloat16": 2.5}, "packed-float32"),
        ({"float32": 1.4, "packed-float32": 1.5}, "float32"),
        ({"float32": 2.0, "packed-float32": 1.5, "bfloat16": 1.4}, "packed-float32"),
        ({"float32": 2.0, "packed-float32": 1.5, "bfloat16": 0.8, "packed-bfloat16": 0.7}, "packed-bfloat16"),
        ({"bfloat16": 1.0}, "bfloat16"),
        ({}, "float32"),
    ],
)
def test_bfloat16_has_to_be_faster_by_far(seconds: dict[Layers, float], chosen: Layers) -> None:
    assert pick(seconds) == chosen


def test_a_model_is_measured_once_and_another_one_for_itself(home: Path, model: Path, measured: list[int]) -> None:
    assert [choose_layers(model, "one", "full") for _ in range(3)] == ["packed-bfloat16"] * 3 and measured == [768]
    choose_layers(model, "two", "full")
    choose_layers(model, "one", "full")
    assert measured == [768, 768]
    (file,) = home.iterdir()
    file.write_text("{")
    assert choose_layers(model, "one", "full") == "packed-bfloat16" and len(measured) == 3, "a damaged file is none"


def test_what_other_machines_measured_does_not_count(
    home: Path, model: Path, measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_layers(model, "one", "full")
    monkeypatch.setattr(machine_file, "describe_machine", lambda: "another")
    choose_layers(model, "one", "full")
    assert len(measured) == 2


def test_a_folder_that_cannot_be_written_costs_the_measurement_alone(
    home: Path, model: Path, measured: list[int]
) -> None:
    home.write_text("a file where the folder should be")
    assert choose_layers(model, "one", "full") == "packed-bfloat16" and measured == [768]


def test_int8_and_small_models_are_not_measured(home: Path, model: Path, measured: list[int]) -> None:
    assert choose_layers(model, "one", "int8") == "int8"
    (model / "config.json").write_text(json.dumps({"hidden_size": 192}))
    assert choose_layers(model, "one", "full") in ("packed-float32", "float32")
    assert not measured and not home.exists()


def test_int8_that_torch_does_not_have_is_full_precision(
    home: Path, model: Path, measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_choice, "is_available", lambda layers: layers != "int8")
    assert choose_layers(model, "one", "int8") == "packed-bfloat16"


def test_what_fails_or_computes_something_else_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    make = layer_choice.make_linear

    def make_some(layers: Layers, weight: torch.Tensor, bias: torch.Tensor) -> torch.nn.Module | None:
        if layers == "packed-float32":
            raise NotImplementedError("no kernel")
        if layers == "bfloat16":
            return torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.bfloat16)  # random weights
        return make(layers, weight, bias)

    monkeypatch.setattr(layer_choice, "make_linear", make_some)
    seconds = measure_layers(32)
    assert "float32" in seconds and "packed-float32" not in seconds and "bfloat16" not in seconds
    assert all(taken > 0 for taken in seconds.values())
