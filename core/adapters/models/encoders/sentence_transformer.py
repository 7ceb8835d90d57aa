"""The towers of a folder of sentence-transformers: both of one CLIP, or a text tower alone."""

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
    from sentence_transformers import SentenceTransformer

    from core.adapters.models.torch_runtime import PixelInput


def load_towers(folder: Path, device: str) -> tuple[ImageTower, TextTower]:
    """Load a model that reads pictures and texts. Raises ValueError, and what its vendors raise."""
    from core.adapters.models.torch_runtime import read_pixel_input

    model = _load(folder, device)
    if not {"text", "image"} <= set(model.modalities):
        raise ValueError(
            f"it reads {', '.join(map(str, model.modalities))}; an encoder reads text and images: "
            "put a model of texts into a folder as `text`, and beside it as `image` the CLIP whose space it shares"
        )
    image = SentenceImageTower(model, read_pixel_input(model.processor.image_processor))
    return image, SentenceTextTower(model)


def load_text_tower(folder: Path, device: str) -> TextTower:
    """Load a model that reads texts, and perhaps more. Raises ValueError, and what its vendors raise."""
    model = _load(folder, device)
    if "text" not in model.modalities:
        raise ValueError(f"its text tower reads {', '.join(map(str, model.modalities))}, and no text")
    return SentenceTextTower(model)


def _load(folder: Path, device: str) -> "SentenceTransformer":
    from core.adapters.models.torch_runtime import check_complete, choose_device, choose_dtype, silence_loading

    chosen = choose_device(device)
    with silence_loading() as reports:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(
            str(folder),
            device=str(chosen),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": choose_dtype(chosen), "use_safetensors": True},
        )
    check_complete(reports)
    # A projection behind the transformer is loaded in its own number type, whatever that of the model is.
    return model.to(model.dtype).eval()


class SentenceImageTower:
    """An ImageTower over a loaded SentenceTransformer."""

    def __init__(self, model: "SentenceTransformer", pixels: "PixelInput") -> None:
        self.spec: PixelSpec = pixels.spec
        self._model = model
        self._input = pixels

    def encode(self, pixels: NDArray[np.uint8]) -> Matrix:
        dtype = self._model.dtype
        assert dtype is not None
        values = self._input.to_tensor(pixels, self._model.device, dtype)
        return _forward(self._model, {"pixel_values": values, "modality": "image"})


class SentenceTextTower:
    """A TextTower over a loaded SentenceTransformer."""

    def __init__(self, model: "SentenceTransformer") -> None:
        vendor: Any = model.tokenizer
        self._model = model
        self._tokenizer = Tokenizer(vendor, _find_context(model))

    def encode(self, texts: Sequence[str]) -> Matrix:
        with self._tokenizer.lock:
            # As {"text": …}: a bare string that names a file or a URL would be opened or fetched.
            features = self._model.preprocess([{"text": text} for text in texts])
        return _forward(self._model, features)

    def find_truncated(self, texts: Sequence[str]) -> tuple[bool, ...]:
        return self._tokenizer.find_truncated(texts)

    def find_unknown(self, text: str) -> tuple[str, ...]:
        return self._tokenizer.find_unknown(text)


def _find_context(model: "SentenceTransformer") -> int:
    """Find the most tokens that the text tower reads, which the vendor leaves to the tokenizer's own setting."""
    tokenizer: Any = model.tokenizer
    text_config = getattr(model.config, "text_config", model.config)
    return int(min(tokenizer.model_max_length, getattr(text_config, "max_position_embeddings", 10**9)))


def _forward(model: "SentenceTransformer", features: dict[str, Any]) -> Matrix:
    import torch

    there = {k: v.to(model.device) if isinstance(v, torch.Tensor) else v for k, v in features.items()}
    with torch.inference_mode():
        embedding = model(there)["sentence_embedding"]
    vectors: Matrix = embedding.float().cpu().numpy()
    return vectors
