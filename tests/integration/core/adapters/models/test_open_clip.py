"""OpenCLIP's folders against OpenCLIP: what it gave, kept in a file, and itself where it is installed."""

import gzip
import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPTokenizer

from core.adapters.models import torch_runtime
from core.adapters.models.encoders.loader import load_encoder
from core.errors import ModelUnavailable
from core.ports.encoders import Encoder
from tests.support.models.odd_pictures import TEXTS, decode_colours, decode_input, draw_pictures
from tests.support.models.open_clip_folders import VARIANTS, make_open_clip

GOLDEN = Path(__file__).resolve().parents[4] / "support/models/open_clip_vectors.json"
EQUAL = 0.99999
PICTURES = draw_pictures()

needs_open_clip = pytest.mark.skipif(
    find_spec("open_clip") is None,
    reason="open_clip_torch is not installed: it needs torchvision, which does not import with a torch for CPUs",
)


@pytest.fixture(autouse=True)
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_runtime, "choose_dtype", lambda device: torch.float32)


def _encode(encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.stack([decode_input(picture, encoder.pixels) for picture in PICTURES.values()])
    return encoder.encode_images(pixels), encoder.encode_texts(TEXTS).vectors


def _check_equal(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> None:
    for mine, other, names in zip(ours, theirs, (PICTURES, TEXTS), strict=True):
        cosines = (mine * other).sum(axis=1) / np.linalg.norm(other, axis=1)
        assert cosines.min() >= EQUAL, dict(zip(names, cosines, strict=True))
        assert (mine @ mine.T)[~np.eye(len(mine), dtype=bool)].max() < 0.999, "or the test could not tell them apart"


def refer(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Encode pictures and texts by OpenCLIP itself."""
    import open_clip

    vendor: Any = open_clip
    name = f"local-dir:{folder}"
    model, _, prepare = vendor.create_model_and_transforms(name)
    tokenizer = vendor.get_tokenizer(name)
    with torch.inference_mode():
        images = model.eval().encode_image(torch.stack([prepare(decode_colours(p)) for p in PICTURES.values()]))
        texts = model.encode_text(tokenizer(list(TEXTS)))
    return images.numpy(), texts.numpy()


@pytest.mark.parametrize("variant", VARIANTS)
def test_vectors_are_those_that_open_clip_gave(variant: str, tmp_path: Path) -> None:
    kept = json.loads(GOLDEN.read_text())[variant]
    encoder = load_encoder(str(make_open_clip(tmp_path / "model", variant)), device="cpu")
    _check_equal(_encode(encoder), (np.array(kept["images"]), np.array(kept["texts"])))
    assert encoder.encode_texts(TEXTS[:2]).truncated == (False, True)


@needs_open_clip
@pytest.mark.parametrize("variant", VARIANTS)
def test_vectors_are_those_of_open_clip(variant: str, tmp_path: Path) -> None:
    folder = make_open_clip(tmp_path / "model", variant)
    _check_equal(_encode(load_encoder(str(folder), device="cpu")), refer(folder))


@needs_open_clip
def test_texts_go_through_open_clips_own_vocabulary(tmp_path: Path) -> None:
    import open_clip

    vendor: Any = open_clip
    lines = gzip.decompress(Path(vendor.tokenizer.default_bpe()).read_bytes()).decode().split("\n")
    merges = [tuple(line.split()) for line in lines[1 : 49152 - 256 - 2 + 1]]
    letters = list(vendor.tokenizer.bytes_to_unicode().values())
    tokens = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in merges)]
    vocabulary = {token: n for n, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77)
    folder = make_open_clip(tmp_path / "model", "shortest", tokenizer=tokenizer, simple=True)
    _check_equal(_encode(load_encoder(str(folder), device="cpu")), refer(folder))


# ---------------------------------------------------------------------------------------------------- its folders


def _refusal(folder: Path) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        load_encoder(str(folder), device="cpu")
    assert "\n" not in caught.value.reason
    return caught.value.reason


def _edit(folder: Path, section: str, **changes: Any) -> None:
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"][section] |= changes
    path.write_text(json.dumps(config))


@pytest.mark.skipif(find_spec("open_clip") is not None, reason="open_clip is installed, and loads it")
@pytest.mark.parametrize(
    ("section", "changes", "named"),
    [
        ("vision_cfg", {"layers": [3, 4, 6, 3]}, "vision_cfg.layers of a ResNet"),
        ("vision_cfg", {"timm_model_name": "vit_base_patch16_siglip_224"}, "vision_cfg.timm_model_name"),
        ("text_cfg", {"hf_model_name": "xlm-roberta-base"}, "text_cfg.hf_model_name"),
        ("text_cfg", {"no_causal_mask": True}, "text_cfg.no_causal_mask"),
    ],
)
def test_another_architecture_takes_open_clip(
    section: str, changes: dict[str, Any], named: str, tmp_path: Path
) -> None:
    folder = make_open_clip(tmp_path / "model", "shortest")
    _edit(folder, section, **changes)
    reason = _refusal(folder)
    assert f"its {named} is none of a plain vision transformer" in reason
    assert "bucketlens[open-clip]" in reason and "ONNX" in reason


def _without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _without_weights(folder: Path) -> None:
    (folder / "open_clip_model.safetensors").unlink()


def _pickled(folder: Path) -> None:
    (folder / "open_clip_model.safetensors").rename(folder / "open_clip_pytorch_model.bin")


def _broken_config(folder: Path) -> None:
    (folder / "open_clip_config.json").write_text("{")


def _without_text(folder: Path) -> None:
    config = json.loads((folder / "open_clip_config.json").read_text())
    del config["model_cfg"]["text_cfg"]
    (folder / "open_clip_config.json").write_text(json.dumps(config))


def _deeper_than_its_weights(folder: Path) -> None:
    _edit(folder, "vision_cfg", layers=3)


def _flatter_than_its_weights(folder: Path) -> None:
    _edit(folder, "vision_cfg", layers=1)


def _layer_scale(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "open_clip_model.safetensors"
    save_file(load_file(path) | {"visual.transformer.resblocks.0.ls_1.gamma": torch.ones(32)}, path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without_tokenizer, "holds no tokenizer.json"),
        (_without_weights, "holds no open_clip_model.safetensors"),
        (_pickled, "pickled"),
        (_broken_config, "open_clip_config.json cannot be read"),
        (_without_text, "lacks model_cfg.text_cfg"),
        (_deeper_than_its_weights, "lacks some of the weights"),
        (_flatter_than_its_weights, "for which open_clip_config.json has no place"),
        (_layer_scale, "ls_1.gamma"),
    ],
)
def test_a_broken_folder_says_what_is_wrong(damage: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    folder = make_open_clip(tmp_path / "model", "shortest")
    damage(folder)
    assert said in _refusal(folder)


def test_the_fingerprint_covers_how_pictures_and_texts_are_prepared(tmp_path: Path) -> None:
    folder = make_open_clip(tmp_path / "model", "shortest")
    prints = [load_encoder(str(folder), device="cpu").fingerprint]
    _edit(folder, "text_cfg", tokenizer_kwargs={"clean": "canonicalize"})
    prints.append(load_encoder(str(folder), device="cpu").fingerprint)
    path = folder / "open_clip_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"preprocess_cfg": {"resize_mode": "longest"}}))
    prints.append(load_encoder(str(folder), device="cpu").fingerprint)
    assert len(set(prints)) == 3
