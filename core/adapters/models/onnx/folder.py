"""An ONNX folder as Immich publishes it: whether a folder is one, and whether all of it is there."""

import json
from pathlib import Path
from typing import Any

from core.adapters.models.onnx.external_data import FETCH_WHOLE, check_model

TOWERS = ("visual", "textual")
MODEL = "model.onnx"
CONFIG = Path("config.json")
PREPROCESSING = Path("visual/preprocess_cfg.json")
TOKENIZER = Path("textual/tokenizer.json")
TOKENIZER_CONFIG = Path("textual/tokenizer_config.json")
SPECIAL_TOKENS = Path("textual/special_tokens_map.json")

_PURPOSES = {
    Path("visual") / MODEL: "so it reads no images",
    Path("textual") / MODEL: "so it reads no texts",
    PREPROCESSING: "which says how a picture is prepared for it",
    TOKENIZER: "which turns texts into what it reads",
    CONFIG: "which says how a text is prepared for it",
}
_OTHER_LAYOUTS = ("config.json", "modules.json")  # begin the folders of other libraries
_OTHER_RUNTIMES = {".armnn": "ARM NN", ".rknn": "Rockchip's NPUs"}


def is_onnx_folder(folder: Path) -> bool:
    """Tell whether a folder has the layout of Immich's models: towers in `visual` and `textual`, perhaps not whole."""
    if any((folder / tower / MODEL).is_file() for tower in TOWERS) or (folder / PREPROCESSING).is_file():
        return True
    return any(_list_other_runtimes(folder / tower) for tower in TOWERS)


def find_onnx_folder(given: Path) -> Path:
    """Find the folder of the model by what was given: a part of it, or what holds one revision; or else what was given.

    Immich keeps models below a folder for the revision, and the hub's cache in `snapshots`.
    """
    if given.name == MODEL and given.is_file():
        given = given.parent
    if is_onnx_folder(given) or any((given / name).is_file() for name in _OTHER_LAYOUTS):
        return given
    if given.name in TOWERS and is_onnx_folder(given.parent):
        return given.parent
    found = list_revisions(given)
    return found[0] if len(found) == 1 else given


def list_revisions(given: Path) -> list[Path]:
    """List the ONNX folders right below a folder, or below its `snapshots`."""
    for parent in (given, given / "snapshots"):
        if found := [child for child in _list_folders(parent) if is_onnx_folder(child)]:
            return found
    return []


def check_onnx_folder(folder: Path) -> str | None:
    """Check that an ONNX folder is whole, without a model library. Returns what is wrong; None where nothing is."""
    for path, purpose in _PURPOSES.items():
        if not (folder / path).is_file():
            return _explain_missing(folder, path, purpose)
    for path in (CONFIG, PREPROCESSING, TOKENIZER, TOKENIZER_CONFIG, SPECIAL_TOKENS):
        if (folder / path).is_file() or path in _PURPOSES:
            try:
                read_json(folder / path)
            except (OSError, ValueError) as error:
                return f"{path.as_posix()} cannot be read: {error}; {FETCH_WHOLE}"
    for tower in TOWERS:
        try:
            cause = check_model(folder / tower / MODEL)
        except OSError as error:
            return f"{tower}/{MODEL} cannot be read: {error.strerror or error}"
        if cause:
            return cause
    return None


def read_json(path: Path) -> dict[str, Any]:
    """Read an object of JSON. Raises OSError, ValueError."""
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError("it holds no JSON object")
    return found


def _explain_missing(folder: Path, path: Path, purpose: str) -> str:
    there = f"the folder holds no {path.as_posix()}, {purpose}"
    others = _list_other_runtimes(folder / path.parent) if path.name == MODEL else []
    if others:
        return f"{there}: what is there is for {' and '.join(others)} alone; fetch the ONNX files of the model too"
    return f"{there}; {FETCH_WHOLE}"


def _list_other_runtimes(tower: Path) -> list[str]:
    """List for which runtimes other than ONNX Runtime a tower is there; they lie in its folder or below."""
    suffixes = {path.suffix for path in tower.rglob("model.*")}
    return [name for suffix, name in _OTHER_RUNTIMES.items() if suffix in suffixes]


def _list_folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir())
    except OSError:
        return []
