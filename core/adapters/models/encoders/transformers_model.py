"""The towers of a plain folder of transformers: CLIP, MetaCLIP 2, SigLIP, and SigLIP 2 of fixed size."""

import json
import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.adapters.models.encoders.tokenizer import Tokenizer
from core.adapters.models.encoders.towers import ImageTower, TextTower
from core.domain.vectors import Matrix
from core.imaging.decode_request import PixelSpec

if TYPE_CHECKING:
    from core.adapters.models.torch_runtime import PixelInput

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def load_towers(folder: Path, device: str) -> tuple[ImageTower, TextTower]:
    """Load both towers of a model. Raises ValueError, and what its vendors raise."""
    from core.adapters.models.torch_runtime import (
        check_complete,
        choose_device,
        choose_dtype,
        read_pixel_input,
        silence_loading,
    )

    chosen = choose_device(device)
    with silence_loading() as reports:
        import transformers

        vendor: Any = transformers  # its typing is partial
        model = vendor.AutoModel.from_pretrained(
            folder, dtype=choose_dtype(chosen), local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        images = vendor.AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
        tokenizer = _load_tokenizer(folder, model.config)
    check_complete(reports)
    model.to(chosen).eval()
    return TransformersImageTower(model, read_pixel_input(images)), TransformersTextTower(model, tokenizer)


class TransformersImageTower:
    """An ImageTower over a loaded model of transformers."""

    def __init__(self, model: Any, pixels: "PixelInput") -> None:
        self.spec: PixelSpec = pixels.spec
        self._model = model
        self._input = pixels
        side = model.config.vision_config.image_size
        if side != pixels.spec.size:
            raise ValueError(f"its image processor makes {pixels.spec.size} px, and its image tower reads {side} px")

    def encode(self, pixels: NDArray[np.uint8]) -> Matrix:
        import torch

        values = self._input.to_tensor(pixels, self._model.device, self._model.dtype)
        with torch.inference_mode():
            features = self._model.get_image_features(pixel_values=values).pooler_output
        vectors: Matrix = features.float().cpu().numpy()
        return vectors


class TransformersTextTower:
    """A TextTower over a loaded model of transformers."""

    def __init__(self, model: Any, tokenizer: Tokenizer) -> None:
        self._model = model
        self._tokenizer = tokenizer

    def encode(self, texts: Sequence[str]) -> Matrix:
        import torch

        there = {name: tensor.to(self._model.device) for name, tensor in self._tokenizer.encode(texts).items()}
        with torch.inference_mode():
            features = self._model.get_text_features(**there).pooler_output
        vectors: Matrix = features.float().cpu().numpy()
        return vectors

    def find_truncated(self, texts: Sequence[str]) -> tuple[bool, ...]:
        return self._tokenizer.find_truncated(texts)

    def find_unknown(self, text: str) -> tuple[str, ...]:
        return self._tokenizer.find_unknown(text)


def _load_tokenizer(folder: Path, config: Any) -> Tokenizer:
    """Load the tokenizer of a model. Raises ValueError, and what its vendors raise."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    vendor: Any
    context = config.text_config.max_position_embeddings
    if config.model_type != "siglip":
        vendor = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return Tokenizer(vendor, min(context, vendor.model_max_length))
    if _is_byte_pair(folder):
        vendor = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        _lower_case(vendor)
    elif (folder / "tokenizer.json").is_file():
        vendor = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    else:
        _check_sentencepiece()
        vendor = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    vendor.padding_side = "right"  # the vector is that of the last place, which padding reaches
    clean = str if _is_byte_pair(folder) else canonicalize
    return Tokenizer(vendor, context, clean=clean, padding="max_length")


def _is_byte_pair(folder: Path) -> bool:
    """Tell SigLIP 2, whose vocabulary is Gemma's byte pairs, from SigLIP, whose vocabulary is T5's pieces."""
    path = folder / "tokenizer.json"
    return path.is_file() and json.loads(path.read_text(encoding="utf-8"))["model"]["type"] == "BPE"


def _lower_case(vendor: Any) -> None:
    """Make a tokenizer lower-case texts first, as SigLIP 2 was trained and its own tokenizer class does."""
    from tokenizers import normalizers

    inner = vendor.backend_tokenizer
    own = [] if inner.normalizer is None else [inner.normalizer]
    if not any("Lowercase" in repr(normalizer) for normalizer in own):
        inner.normalizer = normalizers.Sequence([normalizers.Lowercase(), *own])


def _check_sentencepiece() -> None:
    from importlib.util import find_spec

    if find_spec("sentencepiece") is None:
        raise ValueError(
            "it holds no tokenizer.json, and its spiece.model is read by a package that is not here: "
            "pip install sentencepiece"
        )


def canonicalize(text: str) -> str:
    """Make the canonical form of SigLIP: lower case, no ASCII punctuation, single blanks."""
    return re.sub(r"\s+", " ", text.lower().translate(_PUNCTUATION)).strip()
