"""A folder of pictures as a source."""

import errno
import logging
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from core.domain.file_rules import is_hidden, is_rubbish, no_picture
from core.domain.image import ImageRef
from core.errors import ImageGone, ImageTooLarge, ImageUnavailable, SourceNotFound, StoreError
from core.errors.hints import RAISE_BYTES

_log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_BROKEN_LINK = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)  # of stat on a broken link


@dataclass(frozen=True, slots=True)
class _File:
    """A stand-in for os.DirEntry, for a file that no listing has found."""

    name: bytes
    path: bytes

    def stat(self) -> os.stat_result:
        return os.stat(self.path)


class FolderStore:
    """An ImageStore of every file below a folder, except those that are plainly no pictures.

    Files whose suffix or name rules them out, and what is no regular file, are counted in `ignored` by reason. Hidden
    names, system folders such as thumbnail caches, and `exclude` are left out silently. Links to files are followed.
    Links to folders are followed where they lead out of the source, each folder once.
    """

    def __init__(self, folder: str | Path, *, max_bytes: int, exclude: Iterable[Path] = ()) -> None:
        """Open a folder, given as a path or a file:/// URI. Raises SourceNotFound."""
        self._root = os.path.realpath(_parse_path(str(folder)))
        try:
            found = os.stat(self._root)
        except OSError as error:
            raise SourceNotFound(str(folder), f"{error.strerror}; give it a folder that exists") from error
        if not stat.S_ISDIR(found.st_mode):
            raise SourceNotFound(str(folder), "is a file; give it the folder that holds the pictures")
        self._exclude = [os.fsencode(path) for path in exclude]
        if (found.st_dev, found.st_ino) in self._identify_excluded():
            raise SourceNotFound(str(folder), "is the library's own folder; give it the folder that holds the pictures")
        self.source = _to_uri(self._root)
        self.ignored: Counter[str] = Counter()
        self.folder = self._root
        self._max_bytes = max_bytes

    def list(self) -> Iterator[ImageRef]:
        """Yield every image, folder by folder, each in the order of names.

        Raises SourceNotFound. A folder that cannot be listed raises StoreError after everything else was yielded.
        """
        self.ignored.clear()
        try:
            os.stat(self._root)
        except OSError as error:
            raise SourceNotFound(self.source, str(error.strerror)) from error
        yield from self._walk(b"")

    def look_up(self, paths: Iterable[bytes]) -> Iterator[tuple[str, ImageRef | None]]:
        """Yield key and image of what is at these absolute paths now; None for a key that is no image.

        A folder stands for everything below it. Hidden files, rubbish and paths outside the source are skipped. Raises
        StoreError where a path cannot be read, and SourceNotFound where the source is gone.
        """
        try:
            os.stat(self._root)
        except OSError as error:
            raise SourceNotFound(self.source, str(error.strerror)) from error
        for full in paths:
            path = os.path.relpath(full, self._root)
            parts = path.split(b"/")
            if any(part.startswith(b".") or is_rubbish(part) for part in parts):
                continue
            try:
                if _identify(full) in self._identify_excluded():
                    continue
                if os.path.isdir(full):
                    yield from ((ref.key, ref) for ref in self._walk(path))
                else:
                    yield _to_key(path), self._to_ref(_File(parts[-1], full), path)
            except OSError as error:
                raise StoreError(f"{_to_key(path)}: {error.strerror}") from error

    def _walk(self, start: bytes) -> Iterator[ImageRef]:
        """Yield every image below a folder of the source."""
        failures: list[str] = []
        walked = self._identify_excluded()
        folders = [start]
        while folders:
            below = folders.pop()
            try:
                with os.scandir(os.path.join(self._root, below)) as entries:
                    ordered = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                failures.append(f"{_to_key(below) or '.'}: {error.strerror}")
                continue
            deeper = []
            for entry in ordered:
                path = os.path.join(below, entry.name)
                try:
                    if is_hidden(entry.name):
                        continue
                    if not _is_folder(entry):
                        if (ref := self._to_ref(entry, path)) is not None:
                            yield ref
                    elif self._should_enter(entry, walked):
                        deeper.append(path)
                except OSError as error:
                    failures.append(f"{_to_key(path)}: {error.strerror}")
            folders.extend(reversed(deeper))
        if failures:
            more = f" and {len(failures) - 3} more" if len(failures) > 3 else ""
            raise StoreError(f"{self.source} could not be listed whole: {'; '.join(failures[:3])}{more}")

    def read(self, ref: ImageRef) -> bytes:
        """Read the file, at most `max_bytes` bytes; never wait on a pipe or device.

        Raises ImageGone, ImageTooLarge or ImageUnavailable.
        """
        if ref.source != self.source:
            raise ImageGone(f"{ref.uri} is not of {self.source}")
        path = unquote_to_bytes(ref.uri.removeprefix("file://"))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _map_read_error(error) from error
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ImageUnavailable("is no longer a regular file")
            if found.st_size > self._max_bytes:
                raise ImageTooLarge(f"{found.st_size:,} bytes, over the limit of {self._max_bytes:,}", RAISE_BYTES)
            data = _read_at_most(descriptor, self._max_bytes)
        except OSError as error:
            raise _map_read_error(error) from error
        finally:
            os.close(descriptor)
        if data is None:
            raise ImageTooLarge(f"over the limit of {self._max_bytes:,} bytes", RAISE_BYTES)
        return data

    def _identify_excluded(self) -> set[tuple[int, int]]:
        """Identify the excluded folders as they are now: a library may be created after its store."""
        return {_identify(path) for path in self._exclude}

    def _should_enter(self, entry: "os.DirEntry[bytes]", walked: set[tuple[int, int]]) -> bool:
        """Tell whether to walk this folder: each once, and a link only where it leads out of the source."""
        if is_rubbish(entry.name):
            return False
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if os.path.commonpath([target, self._root]) in (target, self._root):
                return False
        found = entry.stat()
        place = (found.st_dev, found.st_ino)
        if place in walked:
            return False
        walked.add(place)
        return True

    def resolve_name(self, name: str) -> tuple[str, str]:
        """Resolve a path, within the folder or absolute, or a file:// address. Raises ValueError."""
        given = unquote_to_bytes(name.removeprefix("file://")) if name.startswith("file://") else os.fsencode(name)
        path = os.path.relpath(os.path.join(self._root, given), self._root)
        if path == b"." or path.split(b"/")[0] == b"..":
            raise ValueError(f"it is not in {self.source}")
        return _to_key(path), f"{self.source.removesuffix('/')}/{quote(path)}"

    def _to_ref(self, entry: "os.DirEntry[bytes] | _File", path: bytes) -> ImageRef | None:
        reason = no_picture(entry.name)
        if reason is None:
            try:
                found = entry.stat()
            except OSError as error:
                if error.errno not in _BROKEN_LINK:
                    raise
                reason = "broken link, or deleted meanwhile"
            else:
                reason = None if stat.S_ISREG(found.st_mode) else "no regular file"
        if reason is not None:
            self.ignored[reason] += 1
            _log.info("ignored %s: %s", _to_key(path), reason)
            return None
        return ImageRef(
            source=self.source,
            key=_to_key(path),
            uri=f"{self.source.removesuffix('/')}/{quote(path)}",
            etag=f"{found.st_mtime_ns:x}-{found.st_size:x}",
            bytes=found.st_size,
            modified_at=_to_utc(found.st_mtime_ns),
        )


def source_name(folder: str) -> str:
    """Return the canonical name of a folder's source, given as path or file URI; the folder need not exist.

    Raises SourceNotFound where it is on another machine.
    """
    return _to_uri(os.path.realpath(_parse_path(folder)))


def _to_uri(root: bytes) -> str:
    return "file://" + quote(root)


def _is_folder(entry: "os.DirEntry[bytes]") -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno in _BROKEN_LINK:
            return False
        raise


def _parse_path(folder: str) -> bytes:
    """Parse a path or file URI into a path. Raises SourceNotFound for a URI of another machine."""
    if not folder.startswith("file:"):
        return os.fsencode(folder)
    path = folder.removeprefix("file:").removeprefix("//").removeprefix("localhost")
    if not path.startswith("/"):
        raise SourceNotFound(folder, "names another machine; a folder is file:///and/its/path")
    return unquote_to_bytes(path)


def _identify(path: bytes) -> tuple[int, int]:
    """Return device and inode of a path; (-1, -1), which nothing has, where it is missing."""
    with suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return -1, -1


def _to_key(path: bytes) -> str:
    """Return the relative path as Unicode.

    A path that is not UTF-8 is percent-encoded behind "./", with which no other path starts, so keys stay unique.
    """
    try:
        return path.decode()
    except UnicodeDecodeError:
        return "./" + quote(path)


def _to_utc(nanoseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return _EPOCH


def _read_at_most(descriptor: int, limit: int) -> bytes | None:
    """Read the whole file; None where it is longer than the limit."""
    parts: list[bytes] = []
    left = limit + 1
    while left > 0 and (part := os.read(descriptor, min(left, 2**22))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts) if left > 0 else None


def _map_read_error(error: OSError) -> StoreError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        return ImageGone("deleted since it was listed")
    return ImageUnavailable(f"cannot be read: {error.strerror}")
