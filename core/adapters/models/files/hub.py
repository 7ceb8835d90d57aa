"""Fetching catalog entries from the Hugging Face hub into its cache, safely: no pickle stays, and no code is taken."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from core.adapters.local.free_space import check_free_space
from core.adapters.models.files.conversion import convert_pickle
from core.adapters.models.files.download import (
    RemoteFile,
    blob_path,
    count_missing,
    download,
    link,
    list_repository,
    part_path,
    resolve_commit,
    silence_hub,
)
from core.adapters.models.files.error_summary import summarize
from core.adapters.models.files.file_formats import check_inside
from core.adapters.models.files.manifest import MANIFEST, FileRecord, record_file, write_manifest
from core.adapters.models.files.snapshot import CONVERTED, cache_folder, find_image_tower, find_local_folder
from core.adapters.models.files.verification import find_forbidden, find_remote_code, verify
from core.adapters.models.onnx.external_data import read_external_data
from core.domain.model_catalog import SETTING, ModelCard
from core.errors import DiskFull, ModelUnavailable
from core.errors.hints import ChooseModel, Hint, TrainDemoModels, TryAgain

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]  # bytes that are here, and bytes in all

PROBE_SECONDS = 5.0
_SMALL = 2**25  # bytes; configurations are read before anything larger is fetched
_REMOTE_CODE = "its repository asks to run code of its own ({}), which BucketLens never does"


def fetch(card: ModelCard, progress: Progress | None = None) -> Path:
    """Fetch what is missing or damaged of a model, and record it. Returns its folder.

    What had come before a stop is kept, and the next call goes on from there. Raises ModelUnavailable.
    """
    import httpx2
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if card.folder is not None:
        if shipped := find_local_folder(card):
            return shipped
        raise _refuse(card, f"its weights are not in {card.folder}", TrainDemoModels())
    if tower := find_image_tower(card):
        fetch(tower, progress)
    if here := _find_sound(card):
        return here
    assert card.repository is not None
    missing = f"{card.repository} is not in the cache {constants.HF_HUB_CACHE}"
    if constants.is_offline_mode():
        raise _refuse(card, f"{missing}, and HF_HUB_OFFLINE forbids to fetch it")
    if trouble := _probe(f"{constants.ENDPOINT}/api/models/{card.repository}"):
        raise _refuse(card, f"{missing}, and {constants.ENDPOINT} cannot be reached ({trouble})")
    log.info("fetching model=%s repository=%s revision=%s", card.name, card.repository, card.revision)
    try:
        with silence_hub(), _lock(card):
            _Fetch(card, resolve_commit(card.repository, card.revision), progress).run()
    except DiskFull as error:
        raise _refuse(
            card, error.reason, TryAgain("free some space, or set HF_HOME to a folder of another disk")
        ) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx2.HTTPError, OSError) as error:
        cause = summarize(error.__cause__ or error)
        reason = f"{missing}, and fetching it from {constants.ENDPOINT} failed, which keeps what came so far: {cause}"
        raise _refuse(card, reason) from error
    folder = find_local_folder(card)
    if folder is None:
        raise _refuse(card, f"{constants.ENDPOINT} has not all of {card.repository}: {', '.join(card.required)}")
    return folder


def _find_sound(card: ModelCard) -> Path | None:
    """Find a model that is here, and whose bytes are known to be the hub's; record what was not recorded."""
    folder = find_local_folder(card)
    if folder is None:
        return None
    found = verify(folder, card)
    if not found.sound or found.recorded is None:
        return None
    if not (folder / MANIFEST).exists():
        files = {file.path: record_file(folder / file.path) for file in found.files}
        write_manifest(folder, files, card.repository, folder.name)
    return folder


class _Fetch:
    """One fetch of one commit: small files first, since they say whether the large ones are wanted at all."""

    def __init__(self, card: ModelCard, commit: str, progress: Progress | None) -> None:
        assert card.repository is not None
        self._card, self._repository, self._commit = card, card.repository, commit
        self._home = cache_folder(card)
        self._folder = self._home / "snapshots" / commit
        self._progress = progress
        self._here = self._all = 0

    def run(self) -> None:
        there = list_repository(self._repository, self._commit)
        files = sorted(_select(there, self._card.patterns), key=lambda file: file.size)
        self._check_listing(files, {file.path for file in there})
        self._all = sum(file.size for file in files)
        self._here = sum(file.size - count_missing(self._home, file) for file in files)
        self._check_space(files)
        for file in (file for file in files if file.path.endswith(".json") and file.size < _SMALL):
            self._bring(file)
            if code := find_remote_code(self._folder / file.path):
                raise _refuse(self._card, _REMOTE_CODE.format(f"{code} in {file.path}"))
        for file in files:
            self._bring(file)
        if self._card.onnx:
            files += self._bring_external_data(there, files)
        write_manifest(self._folder, self._record(files), self._repository, self._commit)

    def _check_listing(self, files: list[RemoteFile], there: set[str]) -> None:
        paths = {file.path for file in files}
        for path in (path for path in self._card.required if path not in paths):
            pickle = path.rpartition("/")[0] + "/pytorch_model.bin"
            only = "; what it has is a pickle, which is not taken" if pickle.removeprefix("/") in there else ""
            raise _refuse(self._card, f"the hub has no {path} of {self._repository} at {self._commit}{only}")
        for path in paths - ({self._card.weights} if self._card.pickled else set()):
            if reason := find_forbidden(path):
                raise _refuse(self._card, f"{path} of {self._repository} is {reason}")

    def _check_space(self, files: list[RemoteFile]) -> None:
        growth = sum(count_missing(self._home, file) for file in files)
        if self._card.pickled:
            growth *= 2  # the pickle and what it is converted to
        if growth:
            self._home.mkdir(parents=True, exist_ok=True)
            check_free_space(self._home, growth)

    def _bring(self, file: RemoteFile) -> None:
        """Have a file in the snapshot, with the bytes that the hub has."""
        if self._card.pickled and file.path == self._card.weights:
            return self._convert(file)
        blob = blob_path(self._home, file)
        if blob.exists() and not file.is_whole(blob):
            blob.unlink()
            self._advance(-file.size)
        if not blob.exists():
            part = part_path(self._home, file)
            download(self._repository, self._commit, file, part, self._advance if self._progress else None)
            part.replace(blob)
        self._tell()
        link(self._repository, self._commit, [file])

    def _convert(self, file: RemoteFile) -> None:
        """Turn pickled weights into safetensors, and keep no pickle."""
        target = (self._folder / file.path).with_name(CONVERTED)
        blob, part = blob_path(self._home, file), part_path(self._home, file)
        if not target.is_file():
            if blob.exists():
                blob.replace(part)
            download(self._repository, self._commit, file, part, self._advance if self._progress else None)
            try:
                convert_pickle(part, target)
            except Exception as error:  # unpickling raises whatever is in the file
                raise _refuse(self._card, f"{file.path} cannot be read as data alone: {summarize(error)}") from error
        for left in (self._folder / file.path, blob, part):
            left.unlink(missing_ok=True)

    def _bring_external_data(self, there: list[RemoteFile], files: list[RemoteFile]) -> list[RemoteFile]:
        """Fetch the data files that the ONNX models name, and no others of their folders."""
        known, found = {file.path: file for file in there}, dict[str, RemoteFile]()
        for model in (file.path for file in files if file.path.endswith(".onnx")):
            parent = model.rpartition("/")[0]
            try:
                locations = {data.location for data in read_external_data(self._folder / model)}
                for location in locations:
                    check_inside(location)
            except ValueError as error:
                raise _refuse(self._card, f"{model}: {error}") from error
            for location in sorted(locations):
                path = f"{parent}/{location}"
                if path not in known:
                    raise _refuse(self._card, f"the hub has no {path}, which {model} takes its weights from")
                found[path] = known[path]
        self._all += sum(file.size for file in found.values())
        self._here += sum(file.size - count_missing(self._home, file) for file in found.values())
        self._check_space(list(found.values()))
        for file in found.values():
            self._bring(file)
        return list(found.values())

    def _record(self, files: list[RemoteFile]) -> dict[str, FileRecord]:
        """Record what is in the snapshot; large files have the hash by which they were checked."""
        records = {}
        for file in files:
            path = self._folder / file.path
            if self._card.pickled and file.path == self._card.weights:
                path = path.with_name(CONVERTED)
            elif len(file.digest) == 64:
                records[file.path] = FileRecord(file.size, file.digest)
                continue
            records[path.relative_to(self._folder).as_posix()] = record_file(path)
        return records

    def _advance(self, count: int) -> None:
        self._here += count
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._here, self._all)


def _select(files: list[RemoteFile], patterns: tuple[str, ...]) -> list[RemoteFile]:
    """Select the files of some patterns, whose `*` stays within one folder; not the lists of pickles."""
    wanted = [pattern.split("/") for pattern in patterns]

    def fits(path: str) -> bool:
        parts = path.split("/")
        return any(len(parts) == len(p) and all(map(fnmatchcase, parts, p)) for p in wanted)

    return [file for file in files if fits(file.path) and not file.path.endswith(".bin.index.json")]


@contextmanager
def _lock(card: ModelCard) -> Iterator[None]:
    """Let one process at a time fetch a model; another one waits, and finds the files there."""
    from filelock import FileLock

    home = cache_folder(card)
    path = home.parent / ".locks" / home.name / "bucketlens.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path):
        yield


def _refuse(card: ModelCard, reason: str, hint: Hint | None = None) -> ModelUnavailable:
    setting = SETTING[card.role]
    return ModelUnavailable(card.name, reason, hint or ChooseModel(setting, card.name), setting=setting)


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
