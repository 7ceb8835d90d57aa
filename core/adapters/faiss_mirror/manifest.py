"""The generations of a mirror on disk: how one is written, checked, published, and told from a damaged one.

    mirror/current                  the name of the generation in use, and when it was equal to the library
    mirror/generation-00000042/     manifest.json, the segments' folders, what of them is deleted
    mirror/verified.json            which files were found whole, and how they looked then

The last two generations are kept, and share no file: a segment that lives on is linked from the generation before
the last, or copied where it is not there yet. So whatever is done to the files of one, the other is whole.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from core.adapters.qdrant_edge.lock import LibraryLock
from core.atomic_write import replace_whole, sync
from core.errors import LibraryError, MirrorDamaged, MirrorMissing
from core.errors.hints import Advice
from core.ports.vector_index import IndexInfo
from core.text.analysis import ANALYSER_VERSION
from core.text.bm25 import SCORING_VERSION

FORMAT = 2  # 2: words are weighed as the question says, and pairs of them
_PREFIX = "generation-"
MANIFEST = "manifest.json"
KEPT = 2


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A segment of a generation: its folder, its rows, how many of them live; `deleted`: not all do, see its mask."""

    name: str
    rows: int
    live: int

    @property
    def mask(self) -> str | None:
        """The file that tells which rows live; None where all do."""
        return None if self.live == self.rows else f"live-{self.name}.npy"


@dataclass(frozen=True, slots=True)
class FileEntry:
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation holds. `version`: of the latest write in it; `created_at`: when its making began, UTC.

    `imported`: it is of another library than the one beside it, whose versions tell nothing of its pictures.
    `analyser` and `scoring` are the versions that its words and their weights are of.
    """

    name: str
    info: IndexInfo
    created_at: datetime
    points: int
    version: int
    storage: str
    segments: tuple[SegmentEntry, ...]
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    imported: bool = False
    analyser: int = ANALYSER_VERSION
    scoring: int = SCORING_VERSION

    @property
    def outdated(self) -> bool:
        """Whether its words are other ones than this version asks for."""
        return (self.analyser, self.scoring) != (ANALYSER_VERSION, SCORING_VERSION)

    def encode(self) -> bytes:
        told = asdict(self) | {"created_at": self.created_at.isoformat(), "format": FORMAT}
        return json.dumps(told | {"sha256": _digest(told)}, indent=1).encode()


def read_manifest(generation: Path) -> Manifest:
    """Raises MirrorDamaged, and LibraryError for one made by a later version."""
    try:
        raw = (generation / MANIFEST).read_bytes()
    except OSError as error:
        raise MirrorDamaged(generation, f"{MANIFEST} cannot be read: {error!r}") from error
    manifest = decode_manifest(raw, generation)
    if manifest.name != generation.name:
        raise MirrorDamaged(generation, f"{MANIFEST} is not what was written")
    return manifest


def decode_manifest(raw: bytes, place: Path) -> Manifest:
    """`place` is where it was found. Raises MirrorDamaged, and LibraryError for one made by a later version."""
    try:
        told = json.loads(raw)
        digest = told.pop("sha256")
        if told["format"] > FORMAT:
            raise LibraryError(f"{place} was made by a newer BucketLens", Advice("update BucketLens to open it"))
        if digest != _digest(told):
            raise MirrorDamaged(place, f"{MANIFEST} is not what was written")
        return Manifest(
            told["name"],
            IndexInfo(**told["info"]),
            datetime.fromisoformat(told["created_at"]),
            told["points"],
            told["version"],
            told["storage"],
            tuple(SegmentEntry(**each) for each in told["segments"]),
            {name: FileEntry(**each) for name, each in told["files"].items()},
            bool(told.get("imported")),
            int(told.get("analyser", 1)),
            int(told.get("scoring", 1)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MirrorDamaged(place, f"{MANIFEST} cannot be read: {error!r}") from error


class MirrorFolder:
    """All generations of one library's mirror."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def pointer(self) -> Path:
        return self.folder / "current"

    def candidates(self) -> list[Path]:
        """The generation in use and those before it, the latest first; whatever there is where none is in use."""
        found = sorted((path for path in self.folder.glob(f"{_PREFIX}*") if _number(path.name)), reverse=True)
        current = self._current()
        return [path for path in found if not current or _number(path.name) <= current]

    def checked(self, generation: Path, *, again: bool = False) -> Manifest:
        """Its manifest, when all of its files are what was written. Raises MirrorDamaged, LibraryError.

        Files that were found whole before, and look as they did then, are not read again unless `again`.
        """
        manifest = read_manifest(generation)
        digest = hashlib.sha256((generation / MANIFEST).read_bytes()).hexdigest()
        seen = _seen(generation, manifest)
        known = self._verified()
        if again or known.get(generation.name) != {"manifest": digest, "files": seen}:
            _verify(generation, manifest)
            kept = {path.name: known[path.name] for path in self.candidates() if path.name in known}
            verified = kept | {generation.name: {"manifest": digest, "files": seen}}
            with suppress(OSError):  # where nothing may be written, it is verified by every process
                replace_whole(self.folder / "verified.json", json.dumps(verified).encode())
        return manifest

    @contextmanager
    def building(self, wait_s: float) -> Iterator[Path]:
        """A new folder to write a generation into, for one process at a time. Raises LibraryBusy, OSError.

        What is in it when this ends and was not published is removed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = LibraryLock(self.folder.resolve())
        lock.acquire(wait_s)
        unfinished = self.folder / ".building"
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            yield unfinished
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
            lock.release()

    def next_name(self) -> str:
        numbers = [_number(path.name) for path in self.folder.glob(f"{_PREFIX}*")]
        return f"{_PREFIX}{max(numbers, default=0) + 1:08}"

    def publish(self, unfinished: Path, manifest: Manifest, as_of: datetime | None = None, *, kept: int = KEPT) -> Path:
        """Make what was written the generation in use, and remove all but the `kept` latest. Raises OSError.

        `as_of`: when it was equal to the library, if not when its making began.

        Every file is read once more and compared with its manifest before anybody is sent to it.
        """
        replace_whole(unfinished / MANIFEST, manifest.encode())
        _verify(unfinished, manifest)
        for path in (*unfinished.rglob("*"), unfinished):
            sync(path)
        generation = self.folder / manifest.name
        os.rename(unfinished, generation)
        sync(self.folder)
        self.point_to(manifest.name, as_of or manifest.created_at)
        self.checked(generation)
        for old in self.candidates()[kept:]:
            shutil.rmtree(old, ignore_errors=True)
        return generation

    def point_to(self, name: str, as_of: datetime) -> None:
        """Send everybody to this generation, which was equal to the library then, in one step. Raises OSError."""
        replace_whole(self.pointer, f"{name} {as_of.isoformat()}".encode())

    def as_of(self, manifest: Manifest) -> datetime:
        """When this generation was known to be equal to the library for the last time."""
        try:
            name, time = self.pointer.read_text().split()
            return datetime.fromisoformat(time) if name == manifest.name else manifest.created_at
        except (OSError, ValueError):
            return manifest.created_at

    def verified(self) -> list[tuple[str, str | None]]:
        """Every generation by its name, the latest first, all of its files read, and what is wrong with it.

        Raises MirrorMissing.
        """
        found: list[tuple[str, str | None]] = []
        for generation in self.candidates():
            try:
                self.checked(generation, again=True)
            except LibraryError as error:
                found.append((generation.name, error.reason))
            else:
                found.append((generation.name, None))
        if not found:
            raise self.missing()
        return found

    def missing(self) -> MirrorMissing:
        return MirrorMissing(self.folder)

    def _current(self) -> int:
        try:
            return _number(self.pointer.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0

    def _verified(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / "verified.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def take_over(segment: str, into: Path, files: Mapping[str, FileEntry], before: Path, before_that: Path | None) -> None:
    """Bring a segment into a generation: as links to the generation before the last, else as a copy of the last.

    Raises OSError, and MirrorDamaged where a copy is not what was written.
    """
    for name, entry in files.items():
        if name.split("/")[0] != segment:
            continue
        (into / segment).mkdir(exist_ok=True)
        older = None if before_that is None else before_that / name
        if older is not None and older.is_file() and digest_of(older) == entry:
            os.link(older, into / name)
            continue
        shutil.copyfile(before / name, into / name)
        if digest_of(into / name) != entry:
            raise MirrorDamaged(before, f"{name} is not what was written")


def digest_of(path: Path) -> FileEntry:
    """Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(file.seek(0, os.SEEK_END), digest)


def _verify(generation: Path, manifest: Manifest) -> None:
    def check(name: str) -> str | None:
        try:
            return None if digest_of(generation / name) == manifest.files[name] else f"{name} is not what was written"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for problem in pool.map(check, manifest.files):
            if problem is not None:
                raise MirrorDamaged(generation, problem)


def _seen(generation: Path, manifest: Manifest) -> dict[str, list[int]]:
    """How the files look from outside: any change of what they hold changes that. Raises MirrorDamaged."""
    seen = {}
    for name in manifest.files:
        try:
            found = os.stat(generation / name)
        except OSError as error:
            raise MirrorDamaged(generation, f"{name} cannot be read: {error.strerror}") from error
        seen[name] = [found.st_size, found.st_mtime_ns, found.st_ino]
    return seen


def _number(name: str) -> int:
    """0 for what is not the name of a generation."""
    digits = name.removeprefix(_PREFIX)
    return int(digits) if name.startswith(_PREFIX) and digits.isascii() and digits.isdigit() else 0


def _digest(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
