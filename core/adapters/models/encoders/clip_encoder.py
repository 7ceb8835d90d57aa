"""CLIP encoders of sentence-transformers: images and texts -> unit vectors of one space."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.adapters.models.files.model_files import ModelFiles, set_environment
from core.domain.ids import model_fingerprint
from core.domain.vectors import Matrix, unit
from core.imaging.decoder import PixelSpec
from core.ports.encoders import TextEncoding
from core.text import analysis

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

    from core.adapters.models.torch_runtime import PixelInput

TEXT_BATCH = 64


def load_clip_encoder(files: ModelFiles, device: str) -> "ClipEncoder":
    """Load a folder of sentence-transformers. Raises what its vendors raise."""
    return ClipEncoder(files, *_load(files, device))


def _load(files: ModelFiles, device: str) -> "tuple[SentenceTransformer, PixelInput]":
    set_environment()
    from core.adapters.models.torch_runtime import (
        check_complete,
        choose_device,
        choose_dtype,
        read_pixel_input,
        silence_loading,
    )

    chosen = choose_device(device)
    with silence_loading() as reports:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(
            str(files.folder),
            device=str(chosen),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": choose_dtype(chosen), "use_safetensors": True},
        )
    check_complete(reports)
    if not {"text", "image"} <= set(model.modalities):
        raise ValueError(f"it reads {', '.join(map(str, model.modalities))}; an encoder reads text and images")
    model.eval()
    return model, read_pixel_input(model.processor.image_processor)


class ClipEncoder:
    """An Encoder over a loaded SentenceTransformer that reads images and texts."""

    def __init__(self, files: ModelFiles, model: "SentenceTransformer", pixels: "PixelInput") -> None:
        self.name = files.name
        self.remark = files.remark
        self.fingerprint = model_fingerprint(files.folder)
        self._model = model
        self._input = pixels
        self.pixels: PixelSpec = pixels.spec
        self._tokenizer: Any = model.tokenizer
        self._context = _limit_context(model)
        self._tokenizer_lock = threading.Lock()  # the tokenizer's truncation setting is shared and not thread-safe
        self.dimension = int(self._encode_batch(["a"]).shape[1])

    def encode_images(self, pixels: NDArray[np.uint8]) -> Matrix:
        """Encode images: (N, S, S, 3) uint8 RGB, sized by `self.pixels` -> (N, D) float32, unit rows."""
        if len(pixels) == 0:
            return np.empty((0, self.dimension), np.float32)
        values = self._input.to_tensor(pixels, self._model.device, self._dtype)
        return self._forward({"pixel_values": values, "modality": "image"})

    def encode_texts(self, texts: Sequence[str]) -> TextEncoding:
        """Encode N texts into (N, D) float32, unit rows. A text is data: no path or URL in it is opened."""
        batches = [texts[start : start + TEXT_BATCH] for start in range(0, len(texts), TEXT_BATCH)]
        vectors = [self._encode_batch(batch) for batch in batches]
        stacked = np.concatenate(vectors) if vectors else np.empty((0, self.dimension), np.float32)
        return TextEncoding(stacked, self._find_truncated(texts), tuple(self._find_unknown(text) for text in texts))

    @property
    def _dtype(self) -> "torch.dtype":
        dtype = self._model.dtype
        assert dtype is not None
        return dtype

    def _encode_batch(self, texts: Sequence[str]) -> Matrix:
        with self._tokenizer_lock:
            # As {"text": …}: a bare string that names a file or a URL would be opened or fetched.
            features = self._model.preprocess([{"text": text} for text in texts])
        return self._forward(features)

    def _forward(self, features: dict[str, Any]) -> Matrix:
        import torch

        there = {k: v.to(self._model.device) if isinstance(v, torch.Tensor) else v for k, v in features.items()}
        with torch.inference_mode():
            embedding = self._model(there)["sentence_embedding"]
        return unit(embedding.float().cpu().numpy())

    def _find_truncated(self, texts: Sequence[str]) -> tuple[bool, ...]:
        if not texts:
            return ()
        with self._tokenizer_lock:
            ids = self._tokenizer(list(texts), truncation=False, padding=False, verbose=False)["input_ids"]
        return tuple(len(row) > self._context for row in ids)

    def _find_unknown(self, text: str) -> tuple[str, ...]:
        """Return the words that the vocabulary lacks, each once; byte-pair vocabularies lack none."""
        unknown_id = self._tokenizer.unk_token_id
        if unknown_id is None or unknown_id == self._tokenizer.eos_token_id:
            return ()
        with self._tokenizer_lock:
            found = [word for word in analysis.split_words(text) if unknown_id in self._tokenize(word)]
        return tuple(dict.fromkeys(found))

    def _tokenize(self, word: str) -> list[int]:
        return list(self._tokenizer(word, add_special_tokens=False, truncation=False, verbose=False)["input_ids"])


def _limit_context(model: "SentenceTransformer") -> int:
    """Make the tokenizer cut at the context of the text tower, and return that number of tokens."""
    tokenizer: Any = model.tokenizer
    text_config = getattr(model.config, "text_config", model.config)
    context = min(tokenizer.model_max_length, getattr(text_config, "max_position_embeddings", 10**9))
    tokenizer.model_max_length = context
    return int(context)
