"""Graphs that were exported from models of torch, kept in the cache folder.

Each is a folder of its own that appears whole or not at all, so several processes can make and read them.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.adapters.local.atomic_write import sync
from core.adapters.models.files.machine_file import find_cache_folder
from core.adapters.models.runtimes.choices import read_versions

log = logging.getLogger(__name__)

EXPORTER = 1  # raised whenever a graph is made in another way
MODEL, TOKENIZER = "model.onnx", "tokenizer.json"
Kind = Literal["profile", "text-float32", "image-float32", "image-int8"]

_MANIFEST = "manifest.json"
_REFUSED, _VERSIONS = "refused", "versions"
_ABANDONED = 3600.0  # seconds; an export takes a minute at most
_WHOLE = 4 * 2**20  # files up to this size are hashed whole at every use
_SAMPLES, _SAMPLE_BYTES = 64, 4096


@dataclass(frozen=True, slots=True)
class Graph:
    """A kept graph: the folder of its files, and the facts that were told when it was made."""

    folder: Path
    facts: dict[str, Any]

    @property
    def refused(self) -> str | None:
        """Why there is no graph; None where there is one."""
        return str(self.facts[_REFUSED]) if _REFUSED in self.facts else None

    @property
    def model(self) -> Path:
        return self.folder / MODEL


def find_graph(fingerprint: str, kind: Kind) -> Graph | None:
    """Find a kept graph of the model with this fingerprint; None where there is none, or it is damaged.

    A refusal by other versions of the packages counts for nothing.
    """
    folder = _place(fingerprint, kind)
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        files, facts = dict(manifest["files"]), dict(manifest["facts"])
        changed = [name for name, kept in files.items() if _changed(folder / name, kept)]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        log.warning("a kept graph cannot be read, and is made anew later: folder=%s error=%s", folder, error)
        return None
    if changed:
        log.warning("a kept graph is damaged, and is made anew later: folder=%s files=%s", folder, ", ".join(changed))
        return None
    if _REFUSED in facts and facts.get(_VERSIONS) != read_versions():
        return None
    return Graph(folder, facts)


def make_refusal(reason: str) -> dict[str, Any]:
    """Make the facts of a graph that today's packages cannot make, for a reason."""
    return {_REFUSED: reason, _VERSIONS: read_versions()}


def keep_graph(fingerprint: str, kind: Kind, make: Callable[[Path], dict[str, Any]]) -> Graph:
    """Keep what `make` writes into the folder that it is given, with the facts that it returns.

    Where another process was faster, its graph is the one that is kept. Raises OSError, and what `make` raises.
    """
    final = _place(fingerprint, kind)
    final.parent.mkdir(parents=True, exist_ok=True)
    _delete_abandoned(final.parent)
    made = Path(tempfile.mkdtemp(prefix=f".{kind}-", dir=final.parent))
    try:
        made.chmod(0o755)
        facts = make(made)
        paths = sorted(path for path in made.iterdir() if path.is_file())
        for path in paths:
            path.chmod(0o644)
        manifest = {"facts": facts, "files": {path.name: _describe(path) for path in paths}}
        (made / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        for path in (*paths, made / _MANIFEST, made):
            sync(path)
        _put_in_place(fingerprint, kind, made, final)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    _delete_earlier(final, kind)
    return Graph(final, facts)


def _put_in_place(fingerprint: str, kind: Kind, made: Path, final: Path) -> None:
    """Rename a folder, unless a sound one is there already; a damaged one makes way."""
    for _ in range(2):
        try:
            os.rename(made, final)
        except OSError:
            if not final.is_dir():
                raise
            if find_graph(fingerprint, kind) is not None:
                return
            shutil.rmtree(final, ignore_errors=True)
        else:
            sync(final.parent)
            return


def _place(fingerprint: str, kind: Kind) -> Path:
    return find_cache_folder() / "bucketlens-graphs" / fingerprint / f"{kind}-{EXPORTER}"


def _delete_earlier(final: Path, kind: Kind) -> None:
    for other in final.parent.glob(f"{kind}-*"):
        if other != final:
            shutil.rmtree(other, ignore_errors=True)


def _delete_abandoned(folder: Path) -> None:
    """Delete what processes that were killed have left half made."""
    for left in folder.glob(".*-*"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                shutil.rmtree(left, ignore_errors=True)


def _describe(path: Path) -> dict[str, Any]:
    found = path.stat()
    return {
        "size": found.st_size,
        "modified": found.st_mtime_ns,
        "sha256": _hash(path),
        "sampled": _hash_samples(path, found.st_size),
    }


def _changed(path: Path, kept: dict[str, Any]) -> bool:
    """Tell whether a file is not what was written.

    A large one as old as on record is hashed in samples, which takes milliseconds; any other is hashed whole.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return True
    if found.st_size != kept["size"]:
        return True
    if found.st_size > _WHOLE and found.st_mtime_ns == kept["modified"]:
        return _hash_samples(path, found.st_size) != str(kept["sampled"])
    return _hash(path) != str(kept["sha256"])


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_samples(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for n in range(_SAMPLES + 1):
            file.seek(max(0, (size - _SAMPLE_BYTES) * n // _SAMPLES))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()
