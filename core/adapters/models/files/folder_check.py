"""Whether a folder holds a model of a role, as far as that can be told without a model library."""

import json
from pathlib import Path
from typing import Any

from core.adapters.models.files.error_summary import summarize
from core.domain.model_catalog import Role

_PROCESSORS = ("processor_config.json", "preprocessor_config.json")
CAPTIONER_KINDS = ("vision-encoder-decoder", "blip", "blip-2", "git", "florence2")  # those that caption unprompted
ANSWERER_KINDS = ("blip-vqa", "blip-2")
_KINDS: dict[Role, tuple[str, ...]] = {"captioner": CAPTIONER_KINDS, "answerer": ANSWERER_KINDS}
_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")


def check_folder(given: Path, role: Role) -> str | None:
    """Check a folder as far as that takes no model library. Returns what is wrong with it; None where nothing is."""
    config_path = next((p for p in _list_config_paths(given) if p.is_file()), None)
    if config_path is None:
        return "the folder holds no config.json, so it is not a saved model"
    try:
        kind = read_kind(config_path)
    except (ValueError, AttributeError, OSError) as error:
        return f"{config_path.name} cannot be read: {summarize(error)}"
    kinds = _KINDS.get(role, ())
    if kind not in kinds if kinds else kind in (*CAPTIONER_KINDS, *ANSWERER_KINDS):
        takes = f"a {', '.join(kinds[:-1])} or {kinds[-1]} model" if kinds else "a CLIP-like encoder"
        return f"it is a {kind!r} model; the {role} has to be {takes}"
    folder = config_path.parent
    if not any((place / name).is_file() for place in (folder, given) for name in _PROCESSORS):
        return f"{folder} holds no {' or '.join(_PROCESSORS)}, so it reads no images"
    if any((folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")):
        return None
    if any((folder / name).is_file() for name in _PICKLES):
        return (
            "its weights are pickled (pytorch_model.bin), and loading a pickle can run code; save it again with "
            "safetensors: model.save_pretrained(folder)"
        )
    return f"{folder} holds no model.safetensors"


def read_kind(config_path: Path) -> str:
    """Read the `model_type` of a config.json; a BLIP that answers questions is a "blip-vqa"."""
    config: dict[str, Any] = json.loads(config_path.read_text(encoding="utf-8"))
    kind = str(config.get("model_type"))
    answers = kind == "blip" and "BlipForQuestionAnswering" in (config.get("architectures") or ())
    return "blip-vqa" if answers else kind


def _list_config_paths(folder: Path) -> list[Path]:
    """List config.json of the first module of a sentence-transformers folder, then that of the folder itself."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        first = [folder / str(modules[0]["path"]) / "config.json"]
    except (OSError, ValueError, LookupError, TypeError):
        first = []
    return [*first, folder / "config.json"]
