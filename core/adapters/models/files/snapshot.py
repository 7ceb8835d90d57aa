"""Where the files of a catalog entry are on this disk, found without any network."""

import json
from pathlib import Path

from core.adapters.models.files.manifest import Manifest, list_files, read_manifest
from core.adapters.models.onnx.external_data import read_external_data
from core.domain import model_catalog
from core.domain.model_catalog import ModelCard
from core.domain.model_catalog.card import SHARDS_INDEX

CONVERTED = "model.safetensors"  # what pickled weights are turned into
_MAIN = "main"


def find_local_folder(card: ModelCard) -> Path | None:
    """Find the folder that holds all of a model's files; None where some are missing."""
    folder = card.folder or find_snapshot(card)
    if folder is None or not _is_complete(folder, card):
        return None
    tower = find_image_tower(card)
    return folder if tower is None or find_local_folder(tower) else None


def find_image_tower(card: ModelCard) -> ModelCard | None:
    """Find the entry that encodes the pictures of one that encodes texts alone; None for all others."""
    if card.image_tower is None:
        return None
    tower = model_catalog.find(card.image_tower, "encoder")
    assert tower is not None, card.image_tower
    return tower


def find_snapshot(card: ModelCard) -> Path | None:
    """Find the folder of a model in the cache of the hub, complete or not; None where there is none.

    Without a pinned revision it is the one that was recorded last, or else what the cache knows as the main branch.
    """
    home = cache_folder(card)
    if card.revision is not None:
        folder = home / "snapshots" / card.revision
        return folder if folder.is_dir() else None
    recorded = [
        (manifest.recorded, folder) for folder in (home / "snapshots").glob("*") if (manifest := _try_read(folder))
    ]
    if recorded:
        return max(recorded)[1]
    try:
        folder = home / "snapshots" / (home / "refs" / _MAIN).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return folder if folder.is_dir() else None


def cache_folder(card: ModelCard) -> Path:
    """Return the folder of the card's repository in the cache of the hub, there or not."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    assert card.repository is not None
    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=card.repository, repo_type="model")


def find_commit(card: ModelCard) -> str | None:
    """Find the commit of the hub that is here; None for what is shipped, or is not here."""
    folder = None if card.folder else find_snapshot(card)
    return folder.name if folder else None


def measure_size(folder: Path) -> int:
    """Return how many bytes the files of a folder take."""
    return sum(path.stat().st_size for path in list_files(folder) if path.is_file())


def _is_complete(folder: Path, card: ModelCard) -> bool:
    converted = (folder / card.weights).with_name(CONVERTED).is_file()
    required = [path for path in card.required if not (card.pickled and converted and path == card.weights)]
    if not all((folder / path).is_file() for path in required):
        return False
    return _has_external_data(folder, card) if card.onnx else _has_shards(folder / card.weights)


def _has_shards(weights: Path) -> bool:
    """Tell whether every shard that the index names is here; weights without an index have none to miss."""
    if not weights.name.endswith(SHARDS_INDEX):
        return True
    try:
        shards = set(json.loads(weights.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
    return all(weights.with_name(str(shard)).is_file() for shard in shards)


def _has_external_data(folder: Path, card: ModelCard) -> bool:
    models = [folder / path for path in card.required if path.endswith(".onnx")]
    try:
        return all((model.parent / data.location).is_file() for model in models for data in read_external_data(model))
    except (OSError, ValueError):
        return False


def _try_read(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except (OSError, ValueError):
        return None
