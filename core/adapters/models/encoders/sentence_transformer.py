"""The towers of a folder of sentence-transformers: both of one CLIP, or a text tower alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.adapters.models.encoders.tokenizer import Tokenizer
from core.adapters.models.encoders.torch_towers import TorchImageTower, TorchTextTower

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

    from core.adapters.models.torch_runtime import PixelInput


def load_towers(folder: Path, device: str, dtype: str | None = None) -> tuple[TorchImageTower, TorchTextTower]:
    """Load a model that reads pictures and texts. Raises ValueError, and what its vendors raise."""
    from core.adapters.models.torch_runtime import read_pixel_input

    model = _load(folder, device, dtype)
    if not {"text", "image"} <= set(model.modalities):
        raise ValueError(
            f"it reads {', '.join(map(str, model.modalities))}; an encoder reads text and images: "
            "put a model of texts into a folder as `text`, and beside it as `image` the CLIP whose space it shares"
        )
    image = SentenceImageTower(model, read_pixel_input(model.processor.image_processor))
    return image, SentenceTextTower(model)


def load_text_tower(folder: Path, device: str, dtype: str | None = None) -> TorchTextTower:
    """Load a model that reads texts, and perhaps more. Raises ValueError, and what its vendors raise."""
    model = _load(folder, device, dtype)
    if "text" not in model.modalities:
        raise ValueError(f"its text tower reads {', '.join(map(str, model.modalities))}, and no text")
    return SentenceTextTower(model)


def _load(folder: Path, device: str, dtype: str | None) -> "SentenceTransformer":
    from core.adapters.models.torch_runtime import check_complete, choose_device, read_dtype, silence_loading

    chosen = choose_device(device)
    with silence_loading() as reports:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(
            str(folder),
            device=str(chosen),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": read_dtype(dtype, chosen), "use_safetensors": True},
        )
    check_complete(reports)
    # A projection behind the transformer is loaded in its own number type, whatever that of the model is.
    return model.to(model.dtype).eval()


class SentenceImageTower(TorchImageTower):
    """An ImageTower over a loaded SentenceTransformer."""

    def __init__(self, model: "SentenceTransformer", pixels: "PixelInput") -> None:
        vendor: Any = model  # its typing takes no plain dictionary
        assert model.dtype is not None
        super().__init__(
            model,
            lambda values: vendor({"pixel_values": values, "modality": "image"})["sentence_embedding"],
            pixels,
            model.device,
            model.dtype,
        )


class SentenceTextTower(TorchTextTower):
    """A TextTower over a loaded SentenceTransformer."""

    def __init__(self, model: "SentenceTransformer") -> None:
        vendor: Any = model
        tokenizer: Any = model.tokenizer
        self._model = model
        super().__init__(
            model,
            lambda given: vendor({**given, "modality": "text"})["sentence_embedding"],
            Tokenizer(tokenizer, _find_context(model)),
            model.device,
        )

    def tokenize(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        import torch

        with self.tokenizer.lock:
            # As {"text": …}: a bare string that names a file or a URL would be opened or fetched.
            features: dict[str, Any] = self._model.preprocess([{"text": text} for text in texts])
        return {name: value for name, value in features.items() if isinstance(value, torch.Tensor)}


def _find_context(model: "SentenceTransformer") -> int:
    """Find the most tokens that the text tower reads, which the vendor leaves to the tokenizer's own setting."""
    tokenizer: Any = model.tokenizer
    text_config = getattr(model.config, "text_config", model.config)
    return int(min(tokenizer.model_max_length, getattr(text_config, "max_position_embeddings", 10**9)))
