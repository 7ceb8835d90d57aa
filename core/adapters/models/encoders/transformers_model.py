"""The towers of a plain folder of transformers: CLIP, MetaCLIP 2, SigLIP, and SigLIP 2 of fixed size."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.adapters.models.encoders.tokenizer import Tokenizer
from core.adapters.models.encoders.torch_towers import TorchImageTower, TorchTextTower

if TYPE_CHECKING:
    from core.adapters.models.torch_runtime import PixelInput


def load_towers(folder: Path, device: str, dtype: str | None = None) -> tuple[TorchImageTower, TorchTextTower]:
    """Load both towers of a model. `dtype` is by default what suits the device. Raises ValueError and others."""
    from core.adapters.models.torch_runtime import (
        check_complete,
        choose_device,
        read_dtype,
        read_pixel_input,
        silence_loading,
    )

    chosen = choose_device(device)
    with silence_loading() as reports:
        import transformers

        vendor: Any = transformers  # its typing is partial
        model = vendor.AutoModel.from_pretrained(
            folder,
            dtype=read_dtype(dtype, chosen),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
        images = vendor.AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
        tokenizer = _load_tokenizer(folder, model.config)
    check_complete(reports)
    model.to(chosen).eval()
    return TransformersImageTower(model, read_pixel_input(images)), TransformersTextTower(model, tokenizer)


class TransformersImageTower(TorchImageTower):
    """An ImageTower over a loaded model of transformers."""

    def __init__(self, model: Any, pixels: "PixelInput") -> None:
        side = model.config.vision_config.image_size
        if side != pixels.spec.size:
            raise ValueError(f"its image processor makes {pixels.spec.size} px, and its image tower reads {side} px")
        super().__init__(
            model,
            lambda values: model.get_image_features(pixel_values=values).pooler_output,
            pixels,
            model.device,
            model.dtype,
        )


class TransformersTextTower(TorchTextTower):
    """A TextTower over a loaded model of transformers."""

    def __init__(self, model: Any, tokenizer: Tokenizer) -> None:
        super().__init__(model, lambda given: model.get_text_features(**given).pooler_output, tokenizer, model.device)


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
    clean = "none" if _is_byte_pair(folder) else "siglip"
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
