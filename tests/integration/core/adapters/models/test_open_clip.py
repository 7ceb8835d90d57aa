"""OpenCLIP's folders against OpenCLIP: what it gave, kept in a file, and itself where it is installed."""

import gzip
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPTokenizer

from core.adapters.models import torch_runtime
from core.adapters.models.encoders.loader import load_encoder
from core.ports.encoders import Encoder
from tests.support.models.odd_pictures import TEXTS, decode_colours, decode_input, draw_pictures
from tests.support.models.open_clip_folders import VARIANTS, make_open_clip

GOLDEN = Path(__file__).resolve().parents[4] / "support/models/open_clip_vectors.json"
EQUAL = 0.99999
PICTURES = draw_pictures()

needs_open_clip = pytest.mark.skipif(
    find_spec("open_clip") is None,
    reason="open_clip_torch is not installed: it asks for torchvision, which has no build on PyPI for a torch of CPUs",
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
