"""What lies beside the embedded index: its manifest, the tally of its points, and their atomic replacement."""

import os
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.adapters.local.atomic_write import sync
from core.adapters.local.json_file import JsonFile
from core.errors import LibraryDamaged, LibraryError, LibraryMissing
from core.errors.hints import Advice, RebuildLibrary
from core.ports.vector_index import IndexInfo
from core.text.analysis import ANALYSER_VERSION
from core.text.bm25 import SCORING_VERSION

# 2: pictures know their aspect, and keys, sizes and times taken have indexes; 3: the question says how rare words are;
# 4: what pictures say of themselves has indexes; 5: text in pictures, places and names have words and indexes too
FORMAT = 5
_MANIFEST = "manifest.json"
_TALLY = "tally.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which model the index belongs to, which folder beside it holds the shard now, and what that can be asked.

    `library` tells this library from another that is put in its place; those made before it was kept have "".
    `analyser` and `scoring` are the versions that its words and their vectors are of.
    """

    info: IndexInfo
    shard: str
    library: str
    format: int = FORMAT
    analyser: int = ANALYSER_VERSION
    scoring: int = SCORING_VERSION

    @property
    def outdated(self) -> bool:
        """Whether it has to be brought up to what this version asks."""
        return self.format < FORMAT or (self.analyser, self.scoring) != (ANALYSER_VERSION, SCORING_VERSION)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many points are on disk for certain: `exact`, or at least so many while a process writes.

    Every tally has another `stamp`, and none is written without one: the same stamp, no writes in between.
    """

    points: int
    exact: bool
    stamp: str

    @classmethod
    def of(cls, points: int, *, exact: bool) -> "Tally":
        return cls(points, exact, uuid.uuid4().hex)


def has_manifest(folder: Path) -> bool:
    return (folder / _MANIFEST).is_file()


def read_manifest(folder: Path) -> Manifest:
    """Raises LibraryMissing, LibraryDamaged, and LibraryError for one made by a later version."""
    raw = _read(folder, _MANIFEST)
    if raw.get("format", 0) > FORMAT:
        raise LibraryError(
            f"the library {folder} was made by a newer BucketLens", Advice("update BucketLens to open it")
        )
    try:
        made_by = int(raw.get("analyser", 1)), int(raw.get("scoring", 1))
        return Manifest(
            IndexInfo(**raw["info"]), raw["shard"], str(raw.get("library", "")), int(raw["format"]), *made_by
        )
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder, f"{_MANIFEST} lacks {error}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest, under the library's lock. Raises OSError."""
    JsonFile(folder / _MANIFEST, indent=1).write(asdict(manifest))


def read_tally(folder: Path) -> Tally:
    raw = _read(folder, _TALLY)
    try:
        return Tally(int(raw["points"]), bool(raw["exact"]), str(raw["stamp"]))
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder, f"{_TALLY} lacks {error}") from error


def write_tally(folder: Path, tally: Tally) -> None:
    """Replace the tally, under the library's lock. Raises OSError."""
    JsonFile(folder / _TALLY, indent=1).write(asdict(tally))


def damaged(folder: Path, what: str) -> LibraryDamaged:
    return LibraryDamaged(f"the library {folder} is damaged: {what}", RebuildLibrary())


def size_on_disk(folder: Path, counts: Callable[[Path], bool] = lambda path: True) -> int:
    """Bytes allocated on disk; files with holes count for what is in them, and linked ones once.

    `counts`: which of the files do.
    """
    found: dict[int, int] = {}
    for directory, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(directory, name)
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            if counts(Path(path)):
                found[status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def sync_folder(folder: Path, *, deep: bool = False) -> None:
    """Have the folder's own entries on disk; `deep`: all files and folders in it, whole."""
    for path in (*(folder.rglob("*") if deep else ()), folder):
        sync(path)


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        return JsonFile(folder / name).load()
    except FileNotFoundError as error:
        if name == _MANIFEST:
            raise LibraryMissing(folder.parent) from error
        raise damaged(folder, f"{name} is gone") from error
    except ValueError as error:
        raise damaged(folder, f"{name} cannot be read ({error})") from error
