"""Captions are the same whatever the linear layers: those of `generate` of the model's own class."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from transformers import GenerationConfig, VisionEncoderDecoderModel

from core.adapters.models.captioners import layer_choice
from core.adapters.models.captioners.linear_layers import Int8Linear, Layers
from core.adapters.models.captioners.vision_captioner import MAX_TOKENS, VisionCaptioner, load_captioner
from core.bootstrap import factories
from core.domain.model_catalog.card import DEMO_WEIGHTS
from core.settings import DEMO, load_settings
from demo.scenes import sample_library
from tests.support.model_folders import TINY_PIXELS, make_tiny_captioner

SETTINGS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "another end": {"eos_token_id": [9, 11]},
    "few tokens": {"max_new_tokens": 3},
    "at least so many": {"min_new_tokens": 9, "max_new_tokens": 12},
    "forbidden tokens": {"suppress_tokens": [5, 7, 10], "bad_words_ids": [[6], [8, 9]]},
    "no repeats": {"no_repeat_ngram_size": 2, "repetition_penalty": 1.3},
}


@pytest.fixture(scope="module", params=SETTINGS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ViT-GPT2 whose random weights tell pictures apart, with settings of generation of its own."""
    made = make_tiny_captioner(tmp_path_factory.mktemp("layers") / "model", seed=3)
    model = VisionEncoderDecoderModel.from_pretrained(made)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.copy_(torch.randn(weights.shape, generator=generator) * 0.3)
    ids = {"decoder_start_token_id": 2, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    model.generation_config = GenerationConfig(**(ids | SETTINGS[request.param]))
    model.save_pretrained(made)
    return made


def _load(folder: Path | str, layers: Layers | None = None, **options: Any) -> VisionCaptioner:
    with pytest.MonkeyPatch.context() as patched:
        if layers is not None:
            patched.setattr(layer_choice, "choose_layers", lambda *_: layers)
        captioner = load_captioner(str(folder), device="cpu", **options)
    assert isinstance(captioner, VisionCaptioner)
    return captioner


def _generate(folder: Path | str, captioner: VisionCaptioner, pixels: np.ndarray, **settings: Any) -> list[str]:
    """Caption with transformers alone."""
    model = VisionEncoderDecoderModel.from_pretrained(folder, dtype=torch.float32).eval()
    values = captioner._writer.pixels.to_tensor(pixels, torch.device("cpu"), torch.float32)
    limit = model.generation_config.max_new_tokens or MAX_TOKENS
    with torch.inference_mode():
        tokens = model.generate(
            pixel_values=values,
            decoder_attention_mask=torch.ones(len(values), 1, dtype=torch.long),
            **({"max_new_tokens": limit, "max_length": None} | settings),
        )
    return [" ".join(text.split()) for text in captioner._tokenizer.batch_decode(tokens, skip_special_tokens=True)]


def test_captions_are_those_of_generate_whatever_its_settings(folder: Path) -> None:
    captioner = _load(folder)
    pixels = np.random.default_rng(2).integers(0, 256, (11, TINY_PIXELS, TINY_PIXELS, 3), np.uint8)
    pixels[3], pixels[4] = 0, 255
    expected = _generate(folder, captioner, pixels)
    assert captioner.caption(pixels) == expected and len(set(expected)) >= 3
    assert captioner.caption(pixels[7:8]) == expected[7:8]


def test_beams_find_what_they_find_in_generate(tmp_path: Path) -> None:
    folder = make_tiny_captioner(tmp_path / "beams", seed=3)
    captioner = _load(folder, beams=3)
    pixels = np.random.default_rng(4).integers(0, 256, (9, TINY_PIXELS, TINY_PIXELS, 3), np.uint8)
    settings = {"num_beams": 3, "early_stopping": True, "max_new_tokens": captioner._generation.max_new_tokens}
    assert captioner.caption(pixels) == _generate(folder, captioner, pixels, **settings)


@pytest.fixture(scope="module")
def scenes() -> tuple[np.ndarray, list[str]]:
    """Drawn scenes, and what the demo captioner says of them by `generate` alone, in float32."""
    captioner = _load("demo", "float32")
    drawn = (sample_library.draw(sample_library.library_scene(number), 96) for number in range(3000, 3096))
    pixels = np.stack([np.asarray(scene.convert("RGB")) for scene in drawn])
    return pixels, _generate(DEMO_WEIGHTS / "captioner", captioner, pixels)


@pytest.mark.parametrize("layers", get_args(Layers))
def test_all_layers_say_the_same_of_nearly_all_drawn_scenes(
    layers: Layers, scenes: tuple[np.ndarray, list[str]]
) -> None:
    if not layer_choice.is_available(layers):
        pytest.skip(f"{layers} cannot be used on this machine")
    pixels, expected = scenes
    captioner = _load("demo", layers)
    said = [caption for start in range(0, len(pixels), 32) for caption in captioner.caption(pixels[start : start + 32])]
    same = sum(one == other for one, other in zip(said, expected, strict=True)) / len(expected)
    assert same >= 0.95 and len(set(expected)) > 48
    if layers in ("float32", "packed-float32"):
        assert same == 1


def test_int8_is_asked_for_by_a_setting_and_keeps_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    full = factories.load_captioner(load_settings(), DEMO)
    monkeypatch.setenv("BUCKETLENS_CAPTION_PRECISION", "int8")
    coarse = factories.load_captioner(load_settings(), DEMO)
    assert isinstance(full, VisionCaptioner) and isinstance(coarse, VisionCaptioner)
    kinds = {type(module) for module in coarse._model.modules()}
    assert Int8Linear in kinds and Int8Linear not in {type(module) for module in full._model.modules()}
    assert torch.nn.Linear not in kinds and full.fingerprint == coarse.fingerprint
