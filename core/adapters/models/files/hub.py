"""The files of catalog entries: those that are shipped, and those of the Hugging Face hub in its cache."""

import json
import logging
import threading
from pathlib import Path

from core.adapters.models.files.error_summary import SETTING, summarize
from core.domain.model_catalog import ModelCard
from core.errors import ModelUnavailable
from core.errors.hints import TrainDemoModels

log = logging.getLogger(__name__)

PROBE_SECONDS = 5.0
_INDEX = ".index.json"


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


def fetch(card: ModelCard) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    setting = SETTING[card.role]
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
        reason = f"{missing}, and fetching it from {constants.ENDPOINT} failed: {summarize(error.__cause__ or error)}"
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
            outcome.append(summarize(error))

    thread = threading.Thread(target=ask, name="hub-probe", daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return outcome[0] if outcome else f"no answer within {PROBE_SECONDS:g} s"
