"""The folder of a mirror: how its generations are written, checked and published.

    mirror/current                  the name of the generation in use, and when it was equal to the library
    mirror/generation-00000042/     manifest.json, the segments' folders, and which of their rows live
    mirror/verified.json            which files were found whole, and their state then
    mirror/library.json             which state of the library a generation was made of, where the library tells

The last two generations are kept, and share no file. A segment that lives on is linked from the generation before the
last, or copied where it is not there yet. So whatever is done to the files of one, the other is whole.
"""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from core.adapters.faiss_mirror.manifest import MANIFEST, FileEntry, Manifest, digest_of, read_manifest
from core.adapters.local.atomic_write import replace_whole, sync
from core.adapters.local.json_file import JsonFile
from core.adapters.local.library_lock import LibraryLock
from core.errors import BucketLensError, LibraryError, MirrorDamaged, MirrorMissing

KEPT = 2  # generations

_PREFIX = "generation-"

_log = logging.getLogger(__name__)


class MirrorFolder:
    """The generations of one library's mirror."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._verified = JsonFile(folder / "verified.json")
        self._library = JsonFile(folder / "library.json")

    @property
    def pointer(self) -> Path:
        return self.folder / "current"

    def candidates(self) -> list[Path]:
        """List the generation in use and those before it, latest first; all that there are where none is in use."""
        found = sorted((path for path in self.folder.glob(f"{_PREFIX}*") if _number(path.name)), reverse=True)
        current = self._current()
        return [path for path in found if not current or _number(path.name) <= current]

    def find_usable(self) -> tuple[Path, Manifest, str | None]:
        """Find the newest generation that is whole, and what is wrong with a newer one.

        Raises MirrorMissing, MirrorDamaged, LibraryError.
        """
        problem: BucketLensError | None = None
        for generation in self.candidates():
            try:
                return generation, self.check(generation), None if problem is None else problem.reason
            except BucketLensError as error:
                _log.warning("mirror passed over generation=%s error=%s", generation.name, error)
                problem = problem or error
        raise problem or self.missing()

    def check(self, generation: Path, *, again: bool = False) -> Manifest:
        """Read a generation's manifest once all of its files are what was written.

        Files that were found whole before, and whose state is the same, are not read again unless `again`.
        Raises MirrorDamaged, LibraryError.
        """
        manifest, digest = read_manifest(generation)
        state = {"manifest": digest, "files": _file_states(generation, manifest)}
        verified = self._verified.read() or {}
        if again or verified.get(generation.name) != state:
            _check_files(generation, manifest)
            kept = {path.name: verified[path.name] for path in self.candidates() if path.name in verified}
            with suppress(OSError):  # where nothing may be written, every process verifies it
                self._verified.write(kept | {generation.name: state})
        return manifest

    @contextmanager
    def building(self, wait_s: float) -> Iterator[Path]:
        """Make a folder to write a generation into, for one process at a time; it is removed unless published.

        Raises LibraryBusy, OSError.
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
        """Name the generation that comes after all that there are."""
        numbers = [_number(path.name) for path in self.folder.glob(f"{_PREFIX}*")]
        return f"{_PREFIX}{max(numbers, default=0) + 1:08}"

    def publish(self, unfinished: Path, manifest: Manifest, as_of: datetime | None = None, *, kept: int = KEPT) -> Path:
        """Make what was written the generation in use, and remove all but the `kept` latest.

        Every file is read once more and compared with the manifest first. `as_of` is when the generation was equal to
        the library, if not when its build began. Raises OSError, MirrorDamaged.
        """
        replace_whole(unfinished / MANIFEST, manifest.encode())
        _check_files(unfinished, manifest)
        for path in (*unfinished.rglob("*"), unfinished):
            sync(path)
        generation = self.folder / manifest.name
        os.rename(unfinished, generation)
        sync(self.folder)
        self.point_to(manifest.name, as_of or manifest.created_at)
        self.check(generation)
        for old in self.candidates()[kept:]:
            shutil.rmtree(old, ignore_errors=True)
        return generation

    def point_to(self, name: str, as_of: datetime) -> None:
        """Make this generation the one in use, in one step; it was equal to the library at `as_of`. Raises OSError."""
        replace_whole(self.pointer, f"{name} {as_of.isoformat()}".encode())

    def as_of(self, manifest: Manifest) -> datetime:
        """Read when this generation was last known to be equal to the library."""
        try:
            name, time = self.pointer.read_text().split()
            return datetime.fromisoformat(time) if name == manifest.name else manifest.created_at
        except (OSError, ValueError):
            return manifest.created_at

    def stamp_of(self, manifest: Manifest) -> str | None:
        """Read the stamp of the library that this generation is equal to; None where that is not known."""
        kept = self._library.read() or {}
        return kept.get("stamp") if kept.get("generation") == manifest.name else None

    def keep_stamp(self, manifest: Manifest, stamp: str | None) -> None:
        """Put on record that this generation is equal to the library of that stamp. Raises OSError."""
        self._library.write({"generation": manifest.name, "stamp": stamp})

    def verify(self) -> list[tuple[str, str | None]]:
        """Read all files of every generation; list names, latest first, with what is wrong, or None.

        Raises MirrorMissing.
        """
        found: list[tuple[str, str | None]] = []
        for generation in self.candidates():
            try:
                self.check(generation, again=True)
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


def reuse_segment(
    segment: str, into: Path, files: Mapping[str, FileEntry], before: Path, before_that: Path | None
) -> None:
    """Bring a segment's files into a new generation: as links into the generation before the last, else as copies.

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


def _check_files(generation: Path, manifest: Manifest) -> None:
    def check(name: str) -> str | None:
        try:
            return None if digest_of(generation / name) == manifest.files[name] else f"{name} is not what was written"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for problem in pool.map(check, manifest.files):
            if problem is not None:
                raise MirrorDamaged(generation, problem)


def _file_states(generation: Path, manifest: Manifest) -> dict[str, list[int]]:
    """Read size, time and inode of every file: a change of its content changes these. Raises MirrorDamaged."""
    states = {}
    for name in manifest.files:
        try:
            found = os.stat(generation / name)
        except OSError as error:
            raise MirrorDamaged(generation, f"{name} cannot be read: {error.strerror}") from error
        states[name] = [found.st_size, found.st_mtime_ns, found.st_ino]
    return states


def _number(name: str) -> int:
    """Parse the number of a generation from its name; 0 for what is no such name."""
    digits = name.removeprefix(_PREFIX)
    return int(digits) if name.startswith(_PREFIX) and digits.isascii() and digits.isdigit() else 0
