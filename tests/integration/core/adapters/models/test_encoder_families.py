"""Encoders of every family against the classes they come from: odd pictures, odd texts, the same vectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sentence_transformers import SentenceTransformer
from transformers import CLIPModel, CLIPProcessor, PreTrainedTokenizerFast, SiglipImageProcessorPil, SiglipModel
from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer

from core.adapters.models import torch_runtime
from core.adapters.models.encoders.loader import load_encoder
from core.ports.encoders import Encoder
from tests.support.models.odd_pictures import TEXTS, decode_colours, decode_input, draw_pictures
from tests.support.models.tower_folders import (
    make_clip,
    make_flat_sentence_transformer,
    make_old_sentence_transformer,
    make_siglip,
    make_siglip2,
    make_two_towers,
)

EQUAL = 0.99999
PICTURES = draw_pictures()


@pytest.fixture(autouse=True)
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """References run in float32; so do encoders here, on processors too that compute faster in bfloat16."""
    monkeypatch.setattr(torch_runtime, "choose_dtype", lambda device: torch.float32)


@dataclass(frozen=True)
class Reference:
    """What a family's own classes make of pictures and texts: (N, D) each, of any length."""

    images: Callable[[Sequence[Image.Image]], torch.Tensor]
    texts: Callable[[Sequence[str]], torch.Tensor]


def _transformers_clip(folder: Path) -> Reference:
    model, processor = CLIPModel.from_pretrained(folder), CLIPProcessor.from_pretrained(folder, backend="pil")

    def texts(given: Sequence[str]) -> torch.Tensor:
        inputs = processor(text=list(given), padding=True, truncation=True, max_length=77, return_tensors="pt")
        return model.get_text_features(**inputs).pooler_output

    def images(given: Sequence[Image.Image]) -> torch.Tensor:
        return model.get_image_features(**processor(images=list(given), return_tensors="pt")).pooler_output

    return Reference(images, texts)


def _sentence_transformer(folder: Path) -> Reference:
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    model.tokenizer.model_max_length = 77
    return Reference(_encode_images(model), _encode_texts(model))


def _encode_images(model: Any) -> Callable[[Sequence[Image.Image]], torch.Tensor]:
    return lambda given: model.encode(list(given), convert_to_tensor=True, show_progress_bar=False)


def _encode_texts(model: Any) -> Callable[[Sequence[str]], torch.Tensor]:
    return lambda given: model.encode([{"text": t} for t in given], convert_to_tensor=True, show_progress_bar=False)


def _two_towers(folder: Path) -> Reference:
    text = SentenceTransformer(str(folder / "text"), device="cpu", local_files_only=True)
    image = SentenceTransformer(str(folder / "image"), device="cpu", local_files_only=True)
    return Reference(_encode_images(image), _encode_texts(text))


def _siglip(folder: Path, tokenizer: Any) -> Reference:
    model, processor = SiglipModel.from_pretrained(folder), SiglipImageProcessorPil.from_pretrained(folder)

    def texts(given: Sequence[str]) -> torch.Tensor:
        inputs = tokenizer(list(given), padding="max_length", truncation=True, max_length=64, return_tensors="pt")
        return model.get_text_features(input_ids=inputs["input_ids"]).pooler_output

    def images(given: Sequence[Image.Image]) -> torch.Tensor:
        return model.get_image_features(**processor(images=list(given), return_tensors="pt")).pooler_output

    return Reference(images, texts)


def _siglip1(folder: Path) -> Reference:
    return _siglip(folder, PreTrainedTokenizerFast.from_pretrained(folder))


def _siglip2(folder: Path) -> Reference:
    return _siglip(folder, Siglip2Tokenizer.from_pretrained(folder))


def _make_siglip2_of_its_own_class(folder: Path) -> Path:
    return make_siglip2(folder, tokenizer_class="Siglip2Tokenizer")


def _make_clip_with_margin(folder: Path) -> Path:
    return make_clip(folder, margin=5)


FAMILIES: dict[str, tuple[Callable[[Path], Path], Callable[[Path], Reference]]] = {
    "transformers CLIP": (make_clip, _transformers_clip),
    "transformers CLIP with a margin": (_make_clip_with_margin, _transformers_clip),
    "flat sentence-transformers": (make_flat_sentence_transformer, _sentence_transformer),
    "old sentence-transformers": (make_old_sentence_transformer, _sentence_transformer),
    "two towers": (make_two_towers, _two_towers),
    "SigLIP": (make_siglip, _siglip1),
    "SigLIP 2": (make_siglip2, _siglip2),
    "SigLIP 2 of its own class": (_make_siglip2_of_its_own_class, _siglip2),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Encoder, Reference]:
    make, refer = FAMILIES[request.param]
    folder = make(tmp_path_factory.mktemp("family") / "model")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(torch_runtime, "choose_dtype", lambda device: torch.float32)
        return load_encoder(str(folder), device="cpu"), refer(folder)


def _cosines(ours: np.ndarray, theirs: torch.Tensor) -> np.ndarray:
    unit = torch.nn.functional.normalize(theirs.detach().float(), dim=-1).numpy()
    cosines: np.ndarray = (ours * unit).sum(axis=1)
    return cosines


def _spread(vectors: np.ndarray) -> float:
    """The highest cosine between two different rows: a golden test means nothing where all are alike."""
    return float((vectors @ vectors.T)[~np.eye(len(vectors), dtype=bool)].max())


def test_pictures_come_out_as_those_of_the_reference(family: tuple[Encoder, Reference]) -> None:
    encoder, reference = family
    ours = encoder.encode_images(np.stack([decode_input(picture, encoder.pixels) for picture in PICTURES.values()]))
    with torch.inference_mode():
        theirs = reference.images([decode_colours(picture) for picture in PICTURES.values()])
    cosines = _cosines(ours, theirs)
    assert cosines.min() >= EQUAL, dict(zip(PICTURES, cosines, strict=True))
    assert _spread(ours) < 0.999


def test_texts_come_out_as_those_of_the_reference(family: tuple[Encoder, Reference]) -> None:
    encoder, reference = family
    encoding = encoder.encode_texts(TEXTS)
    with torch.inference_mode():
        theirs = reference.texts(TEXTS)
    cosines = _cosines(encoding.vectors, theirs)
    assert cosines.min() >= EQUAL, dict(zip(TEXTS, cosines, strict=True))
    assert _spread(encoding.vectors) < 0.999
    assert encoding.truncated[:2] == (False, True)
    alone = np.concatenate([encoder.encode_texts([text]).vectors for text in TEXTS])
    np.testing.assert_allclose(alone, encoding.vectors, atol=1e-5)  # whatever else is in the batch
