"""Ids of images and fingerprints of models."""

import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.ids import model_fingerprint, point_id

PART = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def test_ids_are_the_same_for_ever() -> None:
    assert point_id("/photos", "a/b.jpg") == "3ca1d1c2-3ef8-5646-9340-e446db1270da"


@given(PART, PART, PART, PART)
def test_another_source_or_key_has_another_id(source: str, key: str, other_source: str, other_key: str) -> None:
    same = (source, key) == (other_source, other_key)
    assert (point_id(source, key) == point_id(other_source, other_key)) is same
    assert uuid.UUID(point_id(source, key)).version == 5


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "0_CLIPModel").mkdir(parents=True)
    (folder / "modules.json").write_text("[]")
    (folder / "0_CLIPModel" / "config.json").write_text('{"size": 1}')
    (folder / "0_CLIPModel" / "model.safetensors").write_bytes(bytes(range(256)) * 4096)
    return folder


def test_a_copy_has_the_same_fingerprint(model: Path, tmp_path: Path) -> None:
    before = model_fingerprint(model)
    assert len(before) == 16 and int(before, 16) >= 0
    assert model_fingerprint(model.rename(tmp_path / "moved")) == before


@pytest.mark.parametrize("at", [0, 500_000, -1])
def test_other_weights_have_another_fingerprint(model: Path, at: int) -> None:
    before = model_fingerprint(model)
    weights = model / "0_CLIPModel" / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    start = at % len(changed)
    changed[max(0, start - 20_000) : start + 20_000] = b"\xff" * len(changed[max(0, start - 20_000) : start + 20_000])
    weights.write_bytes(changed)
    assert model_fingerprint(model) != before


def test_weights_of_another_size_have_another_fingerprint(model: Path) -> None:
    before = model_fingerprint(model)
    weights = model / "0_CLIPModel" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert model_fingerprint(model) != before


def test_another_configuration_has_another_fingerprint(model: Path) -> None:
    before = model_fingerprint(model)
    (model / "0_CLIPModel" / "config.json").write_text('{"size": 2}')
    assert model_fingerprint(model) != before


def test_what_is_no_part_of_the_model_does_not_matter(model: Path) -> None:
    before = model_fingerprint(model)
    (model / "README.md").write_text("hello")
    (model / "results.json").write_text("{}")
    (model / "pytorch_model.bin").write_bytes(b"the same weights again")
    assert model_fingerprint(model) == before


def test_pickled_weights_count_where_there_are_no_others(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"weights")
    before = model_fingerprint(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"changed")
    assert model_fingerprint(tmp_path) != before
