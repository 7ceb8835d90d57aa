"""Folders of encoders: how texts are prepared, what their fingerprints cover, and what is refused in which words."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from core.adapters.models.encoders.loader import load_encoder
from core.errors import ModelUnavailable
from tests.support.models.odd_pictures import TEXTS, decode_input, draw_pictures
from tests.support.models.tower_folders import (
    make_clip,
    make_old_sentence_transformer,
    make_siglip,
    make_siglip2,
    make_text_tower,
    make_two_towers,
)

PICTURES = draw_pictures()


def test_siglip_texts_lose_case_and_punctuation_wherever_that_is_written(tmp_path: Path) -> None:
    """Files of some hosts lack the canonical form in tokenizer.json; SigLIP's own tokenizer class makes it itself."""
    with_form = load_encoder(str(make_siglip(tmp_path / "with")), device="cpu")
    without = load_encoder(str(make_siglip(tmp_path / "without", canonical=False)), device="cpu")
    np.testing.assert_allclose(without.encode_texts(TEXTS).vectors, with_form.encode_texts(TEXTS).vectors, atol=1e-6)
    plain, shouted = without.encode_texts(["a red car", "A RED,  car!"]).vectors
    np.testing.assert_allclose(plain, shouted, atol=1e-6)


def test_siglip2_texts_lose_their_case_alone(tmp_path: Path) -> None:
    encoder = load_encoder(str(make_siglip2(tmp_path / "model")), device="cpu")
    plain, shouted, marked = encoder.encode_texts(["a red car", "A RED CAR", "a red car!"]).vectors
    np.testing.assert_allclose(plain, shouted, atol=1e-6)
    assert float(plain @ marked) < 0.9999


@pytest.mark.parametrize(
    ("make", "unknown"),
    [(make_siglip, ("熊", "дом")), (make_siglip2, ()), (make_two_towers, ("熊", "дом")), (make_clip, ())],
)
def test_unknown_words_are_told_by_every_family(
    make: Callable[[Path], Path], unknown: tuple[str, ...], tmp_path: Path
) -> None:
    encoder = load_encoder(str(make(tmp_path / "model")), device="cpu")
    assert encoder.encode_texts(["a red car", "熊, a RED дом!"]).unknown == ((), unknown)


def test_a_saved_siglip_loads_as_a_plain_one(tmp_path: Path) -> None:
    """Sentence-transformers would pad its texts to the longest of a batch, and take the vector of another token."""
    plain, saved = make_siglip2(tmp_path / "plain"), tmp_path / "saved"
    SentenceTransformer(str(plain), device="cpu", local_files_only=True).save(str(saved), create_model_card=False)
    vectors = [load_encoder(str(folder), device="cpu").encode_texts(TEXTS).vectors for folder in (plain, saved)]
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)


def test_pictures_of_two_towers_are_those_of_the_image_tower(tmp_path: Path) -> None:
    both = make_two_towers(tmp_path / "both")
    encoders = [load_encoder(str(folder), device="cpu") for folder in (both, both / "image")]
    vectors = [
        encoder.encode_images(np.stack([decode_input(picture, encoder.pixels) for picture in PICTURES.values()]))
        for encoder in encoders
    ]
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_a_catalog_entry_of_a_text_tower_takes_its_pictures_from_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.domain import model_catalog
    from core.domain.model_catalog import ModelCard

    both = make_two_towers(tmp_path / "both")
    image_weights, rest = "0_CLIPModel/model.safetensors", {"licence": "MIT", "input_px": 32, "dimension": 24}
    image = ModelCard("image", "encoder", weights=image_weights, folder=both / "image", **rest)  # type: ignore[arg-type]
    text = ModelCard(
        "multilingual",
        "encoder",
        weights="model.safetensors",
        folder=both / "text",
        image_tower="image",
        **rest,  # type: ignore[arg-type]
    )
    monkeypatch.setattr(model_catalog, "MODELS", (image, text))
    by_name, by_folder = load_encoder("multilingual", device="cpu"), load_encoder(str(both), device="cpu")
    assert by_name.name == "multilingual"
    assert by_name.fingerprint == by_folder.fingerprint
    np.testing.assert_array_equal(by_name.encode_texts(TEXTS).vectors, by_folder.encode_texts(TEXTS).vectors)


# --------------------------------------------------------------------------------------------------- fingerprints


def _edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("make", "name", "changes"),
    [
        (make_two_towers, "text/sentence_bert_config.json", {"max_seq_length": 8}),
        (make_two_towers, "image/0_CLIPModel/processor_config.json", {"remark": "another"}),
        (make_siglip2, "tokenizer_config.json", {"model_max_length": 16}),
        (make_siglip2, "preprocessor_config.json", {"resample": 2}),
    ],
)
def test_the_fingerprint_changes_with_what_changes_vectors(
    make: Callable[[Path], Path], name: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    folder = make(tmp_path / "model")
    before = load_encoder(str(folder), device="cpu").fingerprint
    assert load_encoder(str(shutil.copytree(folder, tmp_path / "copy")), device="cpu").fingerprint == before
    _edit(folder / name, **changes)
    assert load_encoder(str(folder), device="cpu").fingerprint != before


def test_the_fingerprint_covers_the_weights_of_both_towers(tmp_path: Path) -> None:
    prints = {load_encoder(str(make_two_towers(tmp_path / "one")), device="cpu").fingerprint}
    for tower in ("image", "text"):
        folder, other = tmp_path / f"other-{tower}", make_two_towers(tmp_path / f"new-{tower}", seed=5)
        shutil.copytree(tmp_path / "one", folder)
        shutil.rmtree(folder / tower)
        shutil.copytree(other / tower, folder / tower)
        prints.add(load_encoder(str(folder), device="cpu").fingerprint)
    assert len(prints) == 3


# ---------------------------------------------------------------------------------------------------------- refusals


def _refusal(folder: Path) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        load_encoder(str(folder), device="cpu")
    assert "\n" not in caught.value.reason
    return caught.value.reason


def test_a_flexible_siglip2_is_refused_with_another_one(tmp_path: Path) -> None:
    folder = make_siglip2(tmp_path / "model")
    _edit(folder / "config.json", model_type="siglip2")
    assert "NaFlex" in (reason := _refusal(folder))
    assert "google/siglip2-base-patch16-224" in reason


def test_a_text_tower_alone_says_what_it_lacks(tmp_path: Path) -> None:
    assert "reads no images" in (reason := _refusal(make_text_tower(tmp_path / "model")))
    assert "as `text`" in reason and "as `image`" in reason


def test_towers_of_two_spaces_are_refused(tmp_path: Path) -> None:
    reason = _refusal(make_two_towers(tmp_path / "model", dimension=12))
    assert "gives vectors of 24 numbers, its text tower of 12" in reason


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("image/0_CLIPModel/processor_config.json", "its image tower (image)"),
        ("text/model.safetensors", "its text tower (text)"),
    ],
)
def test_half_of_two_towers_says_which(missing: str, said: str, tmp_path: Path) -> None:
    folder = make_two_towers(tmp_path / "model")
    (folder / missing).unlink()
    assert said in _refusal(folder)


def test_a_processor_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = make_siglip2(tmp_path / "model")
    _edit(folder / "preprocessor_config.json", size={"height": 48, "width": 48})
    assert "makes 48 px, and its image tower reads 32 px" in _refusal(folder)


def test_a_siglip_whose_pieces_take_a_package_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    find_spec = importlib.util.find_spec
    without = {"sentencepiece": None}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: without.get(name, 0) or find_spec(name, *a))
    folder = make_siglip(tmp_path / "model")
    (folder / "tokenizer.json").rename(folder / "spiece.model")
    assert "pip install sentencepiece" in _refusal(folder)


@pytest.mark.parametrize("make", [make_clip, make_siglip, make_siglip2, make_old_sentence_transformer])
def test_a_folder_without_a_vocabulary_is_refused(make: Callable[[Path], Path], tmp_path: Path) -> None:
    """The vendors' classes make up an empty one, and every text has the same vector."""
    folder = make(tmp_path / "model")
    for path in [*folder.rglob("tokenizer.json"), *folder.rglob("merges.txt")]:
        path.unlink()
    assert "holds no tokenizer.json, so it knows no words" in _refusal(folder)


def test_a_text_tower_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    folder = make_two_towers(tmp_path / "model")
    (folder / "text/tokenizer.json").unlink()
    assert "its text tower (text): " in _refusal(folder) and "so it knows no words" in _refusal(folder)


def test_the_home_of_nobody_is_no_folder() -> None:
    with pytest.raises(ModelUnavailable, match="it is no folder"):
        load_encoder("~nobody-of-this-name/model", device="cpu")


# ------------------------------------------------------------------------------------------------------ at full size


@pytest.mark.soak
def test_a_siglip2_of_full_size_loads(tmp_path: Path) -> None:
    folder = make_siglip2(tmp_path / "model", full_size=True)
    encoder = load_encoder(str(folder), device="cpu")
    assert (encoder.dimension, encoder.pixels.size) == (768, 224)
    picture = decode_input(PICTURES["landscape of 2 : 1"], encoder.pixels)
    assert encoder.encode_images(picture[np.newaxis]).shape == (1, 768)


@pytest.mark.soak
def test_a_vit_b_16_of_full_size_loads(tmp_path: Path) -> None:
    folder = make_clip(tmp_path / "model", full_size=True)
    encoder = load_encoder(str(folder), device="cpu")
    assert (encoder.dimension, encoder.pixels.size) == (512, 224)
    picture = decode_input(PICTURES["portrait in CMYK"], encoder.pixels)
    assert encoder.encode_images(picture[np.newaxis]).shape == (1, 512)
