"""Whether a folder holds a model of a role, as far as that can be told without a model library."""

import json
from pathlib import Path

from core.adapters.models.files.error_summary import summarize
from core.adapters.models.files.folder_layout import (
    IMAGE_TOWER,
    OPEN_CLIP_CONFIG,
    OPEN_CLIP_WEIGHTS,
    TEXT_TOWER,
    find_layout,
    find_model_folder,
    read_kind,
)
from core.adapters.models.onnx.folder import check_onnx_folder, is_onnx_folder, list_revisions
from core.domain.model_catalog import Role

_PROCESSORS = ("processor_config.json", "preprocessor_config.json")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
_BYTE_PAIRS = ("vocab.json", "merges.txt")  # a tokenizer takes both
CAPTIONER_KINDS = ("vision-encoder-decoder", "blip", "blip-2", "git", "florence2")  # those that caption unprompted
ANSWERER_KINDS = ("blip-vqa", "blip-2")
_KINDS: dict[Role, tuple[str, ...]] = {"captioner": CAPTIONER_KINDS, "answerer": ANSWERER_KINDS}
_NO_ENCODERS: dict[Role, str] = {
    "captioner": "an encoder writes no captions",
    "answerer": "an encoder answers no questions",
}
_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "open_clip_pytorch_model.bin")
_HALF = (
    f"; a model of texts alone goes into a folder as `{TEXT_TOWER}`, beside the CLIP whose space it shares as "
    f"`{IMAGE_TOWER}`"
)
_PICKLED = "its weights are pickled ({}), and loading a pickle can run code; save it again with safetensors: {}"


def find_role(given: Path) -> Role:
    """Find what a folder's model is for: a captioner or an answerer by its kind, and an encoder otherwise."""
    try:
        kind = read_kind(find_model_folder(given) / "config.json")
    except (OSError, ValueError, AttributeError):
        return "encoder"
    return next((role for role, kinds in _KINDS.items() if kind in kinds), "encoder")


def check_folder(given: Path, role: Role) -> str | None:
    """Check a folder as far as that takes no model library. Returns what is wrong with it; None where nothing is."""
    if is_onnx_folder(given):
        return check_onnx_folder(given) if role == "encoder" else f"it is an encoder in ONNX; {_NO_ENCODERS[role]}"
    if role == "encoder":
        match find_layout(given):
            case "two-towers":
                return _check_two_towers(given)
            case "open-clip":
                return _check_open_clip(given)
    folder = find_model_folder(given)
    if not (folder / "config.json").is_file() and (found := list_revisions(given)):
        return f"it holds several models or revisions; choose one of {', '.join(path.name for path in found)}"
    if cause := _check_kind(folder, role):
        return cause
    if not any((place / name).is_file() for place in (folder, given) for name in _PROCESSORS):
        way_out = _HALF if role == "encoder" else ""
        return f"{folder} holds no {' or '.join(_PROCESSORS)}, so it reads no images{way_out}"
    return _check_tokenizer(folder, given) or _check_weights(folder)


def _check_kind(folder: Path, role: Role) -> str | None:
    config_path = folder / "config.json"
    if not config_path.is_file():
        return "the folder holds no config.json, so it is not a saved model"
    try:
        kind = read_kind(config_path)
    except (ValueError, AttributeError, OSError) as error:
        return f"{config_path.name} cannot be read: {summarize(error)}"
    kinds = _KINDS.get(role, ())
    if kind not in kinds if kinds else kind in (*CAPTIONER_KINDS, *ANSWERER_KINDS):
        takes = f"a {', '.join(kinds[:-1])} or {kinds[-1]} model" if kinds else "a CLIP-like encoder"
        return f"it is a {kind!r} model; the {role} has to be {takes}"
    if kind == "siglip2":
        return (
            "it is a SigLIP 2 of flexible resolution (NaFlex), which reads patches of pictures of any shape; take one "
            "of a fixed resolution, such as google/siglip2-base-patch16-224"
        )
    return None


def _check_tokenizer(*places: Path) -> str | None:
    """Check that there is a vocabulary: without one transformers makes up an empty one, and all texts are alike."""
    for place in places:
        if any((place / name).is_file() for name in _TOKENIZERS) or all((place / n).is_file() for n in _BYTE_PAIRS):
            return None
    return f"{places[0]} holds no tokenizer.json, so it knows no words"


def _check_weights(folder: Path) -> str | None:
    if any((folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")):
        return None
    if any((folder / name).is_file() for name in _PICKLES):
        return _PICKLED.format("pytorch_model.bin", "model.save_pretrained(folder)")
    return f"{folder} holds no model.safetensors"


def _check_two_towers(given: Path) -> str | None:
    """Check a folder of two models: `image` reads pictures, `text` only has to read texts."""
    if cause := check_folder(given / IMAGE_TOWER, "encoder"):
        return f"its image tower ({IMAGE_TOWER}): {cause}"
    folder = find_model_folder(given / TEXT_TOWER)
    if cause := (
        _check_kind(folder, "encoder") or _check_tokenizer(folder, given / TEXT_TOWER) or _check_weights(folder)
    ):
        return f"its text tower ({TEXT_TOWER}): {cause}"
    return None


def _check_open_clip(given: Path) -> str | None:
    try:
        config = json.loads((given / OPEN_CLIP_CONFIG).read_text(encoding="utf-8"))
        missing = [name for name in ("vision_cfg", "text_cfg", "embed_dim") if name not in config["model_cfg"]]
    except (ValueError, LookupError, TypeError, OSError) as error:
        return f"{OPEN_CLIP_CONFIG} cannot be read: {summarize(error)}"
    if missing:
        return f"{OPEN_CLIP_CONFIG} lacks model_cfg.{missing[0]}"
    if cause := _check_tokenizer(given):
        return f"{cause}; OpenCLIP's push_to_hf_hub saves one"
    if any((given / name).is_file() for name in OPEN_CLIP_WEIGHTS):
        return None
    if any((given / name).is_file() for name in _PICKLES):
        return _PICKLED.format(
            "open_clip_pytorch_model.bin",
            "safetensors.torch.save_file(model.state_dict(), 'open_clip_model.safetensors')",
        )
    return f"{given} holds no {OPEN_CLIP_WEIGHTS[0]}"
