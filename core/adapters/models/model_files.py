"""The files of models: shipped, in the Hugging Face cache, fetched, or in a folder of the user's."""

import json
import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.domain import model_catalog
from core.domain.model_catalog import ModelCard, Role
from core.errors import ModelUnavailable
from core.errors.hints import TrainDemoModels

log = logging.getLogger(__name__)

PROBE_SECONDS = 5.0
_SETTING: dict[Role, Literal["model", "captioner"]] = {"encoder": "model", "captioner": "captioner"}
_PROCESSORS = ("processor_config.json", "preprocessor_config.json")
_INDEX = ".index.json"
CAPTIONER_KINDS = ("vision-encoder-decoder", "blip", "blip-2", "git")  # `model_type` of those that caption unprompted
_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of a model on this disk.

    `name` is the name or path to load it by again. `card` is None for a folder of the user's.
    """

    name: str
    role: Role
    folder: Path
    card: ModelCard | None = None

    @property
    def remark(self) -> str | None:
        return self.card.remark if self.card else None

    @property
    def safetensors(self) -> bool:
        """Whether the weights are safetensors; False only for a catalog entry whose pinned revision has pickles."""
        return self.card is None or self.card.safetensors

    @property
    def kind(self) -> str:
        """The `model_type` in its config.json. Raises OSError, ValueError, AttributeError."""
        return _read_kind(self.folder / "config.json")

    def make_error(self, cause: str) -> ModelUnavailable:
        """Return the error that says why this model cannot be used."""
        return ModelUnavailable(self.name, cause, setting=_SETTING[self.role])

    def map_error(self, error: Exception) -> ModelUnavailable:
        """Map what a vendor raised while loading the model."""
        from safetensors import SafetensorError

        damaged = "its weights file is damaged: " if isinstance(error, SafetensorError) else ""
        return self.make_error(damaged + _summarize(error))


def set_environment() -> None:
    """Set the environment variables that torch reads when it is loaded; those of the user stay.

    Waiting threads of OpenMP spin by default. Where other processes want the same cores, each operation waits for a
    thread that spins in vain. Measured on two busy cores, a text took 1,300 ms spinning and 11 ms passive. A batch of
    captions took 5 s and 0.2 s.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else every later fork of this process warns


def locate(name_or_path: str, role: Role) -> ModelFiles:
    """Locate the files of a model of the catalog, fetched where they are not here yet, or of a local folder.

    Raises ModelUnavailable, within seconds where the hub cannot be reached.
    """
    card = model_catalog.find(name_or_path, role)
    if card is not None:
        folder = find_local_folder(card) or _fetch(card)
        return ModelFiles(card.name, role, folder, card)
    files = ModelFiles(str(Path(name_or_path).expanduser().absolute()), role, Path(name_or_path).expanduser())
    if not files.folder.is_dir():
        known = ", ".join(model_catalog.names(role))
        raise ModelUnavailable(
            name_or_path,
            f"it is no folder, and no {role} of the table ({known})",
            setting=_SETTING[role],
        )
    _check_folder(files)
    return files


def find_local_folder(card: ModelCard) -> Path | None:
    """Find the folder that holds the model's files, without network; None where some are missing."""
    folder = card.folder or _find_snapshot(card)
    weights = folder / card.weights
    complete = weights.is_file() and weights.with_name("config.json").is_file() and _has_shards(weights)
    return folder if complete else None


def _has_shards(weights: Path) -> bool:
    """Tell whether every shard that the index names is here; weights without an index have none to miss."""
    if not weights.name.endswith(_INDEX):
        return True
    try:
        shards = set(json.loads(weights.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
    return all(weights.with_name(str(shard)).is_file() for shard in shards)


def _find_snapshot(card: ModelCard) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    assert card.repository is not None and card.revision is not None
    repository = repo_folder_name(repo_id=card.repository, repo_type="model")
    return Path(constants.HF_HUB_CACHE) / repository / "snapshots" / card.revision


def _fetch(card: ModelCard) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    setting = _SETTING[card.role]
    if card.folder is not None:
        raise ModelUnavailable(card.name, f"its weights are not in {card.folder}", TrainDemoModels(), setting=setting)
    assert card.repository is not None
    missing = f"{card.repository} is not in the cache {constants.HF_HUB_CACHE}"
    if constants.is_offline_mode():
        raise ModelUnavailable(card.name, f"{missing}, and HF_HUB_OFFLINE forbids to fetch it", setting=setting)
    if trouble := _probe(f"{constants.ENDPOINT}/api/models/{card.repository}"):
        reason = f"{missing}, and {constants.ENDPOINT} cannot be reached ({trouble})"
        raise ModelUnavailable(card.name, reason, setting=setting)
    log.info("fetching model=%s repository=%s revision=%s", card.name, card.repository, card.revision)
    try:
        snapshot_download(
            card.repository, revision=card.revision, allow_patterns=["*.json", "*.txt", *_list_weight_patterns(card)]
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = f"{missing}, and fetching it from {constants.ENDPOINT} failed: {_summarize(error.__cause__ or error)}"
        raise ModelUnavailable(card.name, reason, setting=setting) from error
    folder = find_local_folder(card)
    if folder is None:
        reason = f"{constants.ENDPOINT} has no {card.weights} for {card.repository} at {card.revision}"
        raise ModelUnavailable(card.name, reason, setting=setting)
    return folder


def _list_weight_patterns(card: ModelCard) -> list[str]:
    """List patterns of the weights files; an index file stands for its shards, such as model-00001-of-00002."""
    if not card.weights.endswith(_INDEX):
        return [card.weights]
    whole = Path(card.weights.removesuffix(_INDEX))
    return [card.weights, str(whole.with_name(f"{whole.stem}-*{whole.suffix}"))]


def _probe(url: str) -> str | None:
    """Probe an address; return why it does not answer, or None where it does, with any status below 500.

    The probe runs in a thread of its own, because name resolution has no time-out and may take minutes.
    """
    import httpx2
    from huggingface_hub import get_session

    outcome: list[str | None] = []

    def ask() -> None:
        try:
            status = get_session().head(url, timeout=PROBE_SECONDS - 1).status_code
            outcome.append(f"it answers {status}" if status >= 500 else None)  # the hub's client would ask on and on
        except (httpx2.HTTPError, OSError, ValueError) as error:
            outcome.append(_summarize(error))

    thread = threading.Thread(target=ask, name="hub-probe", daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return outcome[0] if outcome else f"no answer within {PROBE_SECONDS:g} s"


def _check_folder(files: ModelFiles) -> None:
    """Check a folder as far as that takes no model library. Raises ModelUnavailable."""
    config_path = next((p for p in _list_config_paths(files.folder) if p.is_file()), None)
    if config_path is None:
        raise files.make_error("the folder holds no config.json, so it is not a saved model")
    try:
        kind = _read_kind(config_path)
    except (ValueError, AttributeError, OSError) as error:
        raise files.make_error(f"{config_path.name} cannot be read: {_summarize(error)}") from error
    if (kind in CAPTIONER_KINDS) != (files.role == "captioner"):
        kinds = f"{', '.join(CAPTIONER_KINDS[:-1])} or {CAPTIONER_KINDS[-1]}"
        takes = f"a {kinds} model" if files.role == "captioner" else "a CLIP-like encoder"
        raise files.make_error(f"it is a {kind!r} model; the {files.role} has to be {takes}")
    folder = config_path.parent
    if not any((place / name).is_file() for place in (folder, files.folder) for name in _PROCESSORS):
        raise files.make_error(f"{folder} holds no {' or '.join(_PROCESSORS)}, so it reads no images")
    if any((folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")):
        return
    if any((folder / name).is_file() for name in _PICKLES):
        raise files.make_error(
            "its weights are pickled (pytorch_model.bin), and loading a pickle can run code; save it again with "
            "safetensors: model.save_pretrained(folder)"
        )
    raise files.make_error(f"{folder} holds no model.safetensors")


def _read_kind(config_path: Path) -> str:
    config: dict[str, Any] = json.loads(config_path.read_text(encoding="utf-8"))
    return str(config.get("model_type"))


def _list_config_paths(folder: Path) -> list[Path]:
    """List config.json of the first module of a sentence-transformers folder, then that of the folder itself."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        first = [folder / str(modules[0]["path"]) / "config.json"]
    except (OSError, ValueError, LookupError, TypeError):
        first = []
    return [*first, folder / "config.json"]


def _summarize(error: BaseException) -> str:
    """Summarize an error in one line, since messages of vendors may run over a page."""
    if type(error) is ValueError:
        return str(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
