"""The towers of a folder of OpenCLIP: plain vision transformers as CLIPModel, others through open_clip itself."""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from core.adapters.models.encoders.tokenizer import Tokenizer
from core.adapters.models.encoders.torch_towers import TorchImageTower, TorchTextTower
from core.adapters.models.encoders.transformers_model import TransformersImageTower, TransformersTextTower
from core.adapters.models.files.folder_layout import OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS
from core.adapters.models.text_cleaning import OPEN_CLIP
from core.imaging.decode_request import PixelSpec

if TYPE_CHECKING:
    import torch

    from core.adapters.models.torch_runtime import PixelInput

_FITS = {"shortest": "crop", "squash": "squash", "longest": "pad"}
_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def load_towers(folder: Path, device: str, dtype: str | None = None) -> tuple[TorchImageTower, TorchTextTower]:
    """Load both towers of a model. `dtype` is by default what suits the device. Raises ValueError and others."""
    from core.adapters.models.encoders.open_clip_weights import find_unlike
    from core.adapters.models.torch_runtime import choose_device, read_dtype

    config = json.loads((folder / OPEN_CLIP_CONFIG).read_text(encoding="utf-8"))
    model_cfg = config["model_cfg"]
    chosen = choose_device(device)
    pixels = read_pixel_input(model_cfg["vision_cfg"], config.get("preprocess_cfg") or {})
    unlike = find_unlike(model_cfg)
    if unlike is None:
        model = _load_plain(folder, model_cfg, read_dtype(dtype, chosen)).to(chosen).eval()
        tokenizer = _load_tokenizer(folder, model_cfg["text_cfg"])
        return TransformersImageTower(model, pixels), TransformersTextTower(model, tokenizer)
    return _load_other(folder, unlike, model_cfg["text_cfg"], pixels, chosen)


def read_pixel_input(vision_cfg: dict[str, Any], preprocess_cfg: dict[str, Any]) -> "PixelInput":
    """Read the pixel input from OpenCLIP's configuration. Raises ValueError for what is not supported."""
    import torch

    from core.adapters.models.torch_runtime import PixelInput

    side = vision_cfg.get("image_size", 224)
    if isinstance(side, Sequence):
        if len(set(side)) != 1:
            raise ValueError(f"its pictures are {' × '.join(map(str, side))} px, which is no square")
        side = side[0]
    mode = preprocess_cfg.get("resize_mode") or "shortest"
    if mode not in _FITS:
        raise ValueError(f"its pictures are resized by {mode!r}")
    bilinear = preprocess_cfg.get("interpolation") == "bilinear"
    fill = int(preprocess_cfg.get("fill_color") or 0)
    mean = torch.tensor(_spread(preprocess_cfg.get("mean") or _MEAN), dtype=torch.float32)
    std = torch.tensor(_spread(preprocess_cfg.get("std") or _STD), dtype=torch.float32)
    resample = Image.Resampling.BILINEAR if bilinear else Image.Resampling.BICUBIC
    spec = PixelSpec(int(side), _FITS[mode], int(resample), (fill,) * 3, rounds_to_even=True)  # type: ignore[arg-type]
    return PixelInput(spec, 1 / 255 / std, mean / std)


def _spread(value: Any) -> list[float]:
    return list(value) if isinstance(value, Sequence) else [value] * 3


def _load_plain(folder: Path, model_cfg: dict[str, Any], dtype: "torch.dtype") -> Any:
    from safetensors.torch import load_file

    from core.adapters.models.encoders.open_clip_weights import make_config, map_weights
    from core.adapters.models.torch_runtime import check_complete, silence_loading

    weights = next(folder / name for name in OPEN_CLIP_WEIGHTS if (folder / name).is_file())
    with silence_loading() as reports:
        from transformers import CLIPConfig, CLIPModel

        vendor: Any = CLIPModel
        config = CLIPConfig(**make_config(model_cfg))
        mapped = map_weights(load_file(weights))
        names = list(mapped)
        model = vendor.from_pretrained(None, config=config, state_dict=mapped, dtype=dtype)
    check_complete(reports)
    known = model.state_dict()
    if extra := next((name for name in names if name not in known), None):
        raise ValueError(f"its weights file holds {extra}, for which {OPEN_CLIP_CONFIG} has no place")
    return model


def _load_tokenizer(folder: Path, text_cfg: dict[str, Any]) -> Tokenizer:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    vendor: Any
    if (folder / "tokenizer.json").is_file():
        vendor = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    else:
        vendor = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if vendor.pad_token_id is None:
        vendor.pad_token = vendor.eos_token
    usual = "whitespace" if text_cfg.get("hf_tokenizer_name") else "lower"
    wanted = (text_cfg.get("tokenizer_kwargs") or {}).get("clean", usual)
    if wanted not in OPEN_CLIP:
        raise ValueError(f"its texts are cleaned by {wanted!r}, which is unknown here")
    return Tokenizer(vendor, text_cfg.get("context_length", 77), clean=wanted, padding="max_length")


def _load_other(
    folder: Path, unlike: str, text_cfg: dict[str, Any], pixels: "PixelInput", device: "torch.device"
) -> tuple[TorchImageTower, TorchTextTower]:
    """Load a model of another architecture through open_clip, where that can be imported. Raises ValueError."""
    try:
        open_clip = import_module("open_clip")
    except ImportError as error:
        raise ValueError(
            f"its {unlike} is none of a plain vision transformer, so it takes open_clip, which cannot be imported "
            f"({error}): install bucketlens[open-clip] with a torchvision that fits this torch, or take the model in "
            "ONNX, as Immich publishes it"
        ) from error
    model: Any = open_clip.create_model(f"local-dir:{folder}", precision="fp32", device=device).eval()
    tokenizer = _load_tokenizer(folder, text_cfg)
    return OpenClipImageTower(model, pixels, device), OpenClipTextTower(model, tokenizer, device)


class OpenClipImageTower(TorchImageTower):
    """An ImageTower over a model of open_clip."""

    def __init__(self, model: Any, pixels: "PixelInput", device: "torch.device") -> None:
        import torch

        super().__init__(model, model.encode_image, pixels, device, torch.float32)


class OpenClipTextTower(TorchTextTower):
    """A TextTower over a model of open_clip."""

    def __init__(self, model: Any, tokenizer: Tokenizer, device: "torch.device") -> None:
        super().__init__(model, lambda given: model.encode_text(given["input_ids"]), tokenizer, device)
