"""The layouts of folders that hold an encoder, told by their files and never by their name."""

import json
from pathlib import Path
from typing import Any, Literal

Layout = Literal["two-towers", "open-clip", "transformers", "sentence-transformers"]

IMAGE_TOWER, TEXT_TOWER = "image", "text"  # the folders of two models, one for pictures and one for texts
OPEN_CLIP_CONFIG = "open_clip_config.json"
OPEN_CLIP_WEIGHTS = ("open_clip_model.safetensors", "model.safetensors")

_DIRECT = frozenset({"clip", "metaclip_2", "siglip", "siglip2"})  # `model_type` of what transformers loads without help
_PADDED = frozenset({"siglip", "siglip2"})  # whose texts sentence-transformers does not pad to the context
_TRANSFORMER, _NORMALIZE = ("Transformer", "CLIPModel"), "Normalize"


def find_layout(folder: Path) -> Layout:
    """Find the layout of a folder. What is none of the others is left to sentence-transformers."""
    if (folder / IMAGE_TOWER).is_dir() and (folder / TEXT_TOWER).is_dir() and not _has_config(folder):
        return "two-towers"
    modules = _read_modules(folder)
    kind = _read_kind(find_model_folder(folder))
    if modules and not (kind in _PADDED and _is_transformer_alone(modules)):
        return "sentence-transformers"
    if (folder / OPEN_CLIP_CONFIG).is_file() and kind not in _DIRECT:
        return "open-clip"
    return "transformers" if kind in _DIRECT else "sentence-transformers"


def find_model_folder(folder: Path) -> Path:
    """Find the folder of config.json: that of the first module of sentence-transformers, or else the folder itself."""
    modules = _read_modules(folder)
    first = folder / str(modules[0].get("path", "")) if modules else folder
    return first if (first / "config.json").is_file() else folder


def read_kind(config_path: Path) -> str:
    """Read the `model_type`; a BLIP that answers questions is a "blip-vqa".

    Raises OSError, ValueError, AttributeError.
    """
    config: dict[str, Any] = json.loads(config_path.read_text(encoding="utf-8"))
    kind = str(config.get("model_type"))
    answers = kind == "blip" and "BlipForQuestionAnswering" in (config.get("architectures") or ())
    return "blip-vqa" if answers else kind


def _has_config(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("config.json", "modules.json", OPEN_CLIP_CONFIG))


def _read_kind(folder: Path) -> str | None:
    try:
        return read_kind(folder / "config.json")
    except (OSError, ValueError, AttributeError):
        return None


def _read_modules(folder: Path) -> list[dict[str, Any]]:
    """Read the modules of a folder of sentence-transformers; none where it is no such folder."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return modules if isinstance(modules, list) and all(isinstance(module, dict) for module in modules) else []


def _is_transformer_alone(modules: list[dict[str, Any]]) -> bool:
    """Tell whether nothing but a normalisation follows the transformer."""
    first, *others = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    return first in _TRANSFORMER and all(name == _NORMALIZE for name in others)
