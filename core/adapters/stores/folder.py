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

_log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)  # what links that lead nowhere end in


@dataclass(frozen=True, slots=True)
class _File:
    """What os.scandir would say of a file."""

    name: bytes
    path: bytes

    def stat(self) -> os.stat_result:
        return os.stat(self.path)


class FolderStore:
    """Every file below a folder that is not plainly something else; an ImageStore.

    Left out and counted in `ignored`, by reason: files whose suffix or name says that they are no pictures, and what is
    no regular file. Left out silently: names that start with a dot, folders of thumbnails and rubbish that systems
    keep, and `exclude`. Links to files are followed; links to folders are followed where they lead out of the source,
    each folder once.
    """

    def __init__(self, folder: str | Path, *, max_bytes: int, exclude: Iterable[Path] = ()) -> None:
        """`folder` is a path or a file:/// URI. Raises SourceNotFound."""
        self._root = os.path.realpath(_path(str(folder)))
        try:
            found = os.stat(self._root)
        except OSError as error:
            raise SourceNotFound(str(folder), f"{error.strerror}; give it a folder that exists") from error
        if not stat.S_ISDIR(found.st_mode):
            raise SourceNotFound(str(folder), "is a file; give it the folder that holds the pictures")
        self._exclude = [os.fsencode(path) for path in exclude]
        if (found.st_dev, found.st_ino) in self._excluded():
            raise SourceNotFound(str(folder), "is the library's own folder; give it the folder that holds the pictures")
        self.source = _source(self._root)
        self.ignored: Counter[str] = Counter()
        self.folder = self._root
        self._max_bytes = max_bytes

    def list(self) -> Iterator[ImageRef]:
        """Every image, folder by folder, each in the order of names.

        A folder that cannot be listed raises StoreError, but after everything else has been listed.
        """
        self.ignored.clear()
        try:
            os.stat(self._root)
        except OSError as error:
            raise SourceNotFound(self.source, str(error.strerror)) from error
        yield from self._below(b"")

    def look(self, paths: Iterable[bytes]) -> Iterator[tuple[str, ImageRef | None]]:
        """What is at these absolute paths now: key and image, or None for a key that is no image (any more).

        A folder stands for everything below it; what is hidden or rubbish, or lies elsewhere, is passed over. Raises
        StoreError where it cannot be told, as when the source itself is not there.
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
                if _place(full) in self._excluded():
                    continue
                if os.path.isdir(full):
                    yield from ((ref.key, ref) for ref in self._below(path))
                else:
                    yield _key(path), self._ref(_File(parts[-1], full), path)
            except OSError as error:
                raise StoreError(f"{_key(path)}: {error.strerror}") from error

    def _below(self, start: bytes) -> Iterator[ImageRef]:
        """Every image below a folder of the source."""
        failures: list[str] = []
        walked = self._excluded()
        folders = [start]
        while folders:
            below = folders.pop()
            try:
                with os.scandir(os.path.join(self._root, below)) as entries:
                    ordered = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                failures.append(f"{_key(below) or '.'}: {error.strerror}")
                continue
            deeper = []
            for entry in ordered:
                path = os.path.join(below, entry.name)
                try:
                    if is_hidden(entry.name):
                        continue
                    if not _is_folder(entry):
                        if (ref := self._ref(entry, path)) is not None:
                            yield ref
                    elif self._enters(entry, walked):
                        deeper.append(path)
                except OSError as error:
                    failures.append(f"{_key(path)}: {error.strerror}")
            folders.extend(reversed(deeper))
        if failures:
            more = f" and {len(failures) - 3} more" if len(failures) > 3 else ""
            raise StoreError(f"{self.source} could not be listed whole: {'; '.join(failures[:3])}{more}")

    def read(self, ref: ImageRef) -> bytes:
        """The file's bytes, at most max_bytes of them; never waits on a pipe or device."""
        if ref.source != self.source:
            raise ImageGone(f"{ref.uri} is not of {self.source}")
        path = unquote_to_bytes(ref.uri.removeprefix("file://"))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _read_error(error) from error
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ImageUnavailable("is no longer a regular file")
            if found.st_size > self._max_bytes:
                raise ImageTooLarge(f"{found.st_size:,} bytes, over the limit of {self._max_bytes:,}")
            data = _read_at_most(descriptor, self._max_bytes)
        except OSError as error:
            raise _read_error(error) from error
        finally:
            os.close(descriptor)
        if data is None:
            raise ImageTooLarge(f"over the limit of {self._max_bytes:,} bytes")
        return data

    def _excluded(self) -> set[tuple[int, int]]:
        """As they are now: a library may be made while its store is there already."""
        return {_place(path) for path in self._exclude}

    def _enters(self, entry: "os.DirEntry[bytes]", walked: set[tuple[int, int]]) -> bool:
        """Is this folder to be walked? Each is once, and a link only where it leads out of the source."""
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

    def named(self, name: str) -> tuple[str, str]:
        """By path, within the folder or absolute, or by file:// address."""
        given = unquote_to_bytes(name.removeprefix("file://")) if name.startswith("file://") else os.fsencode(name)
        path = os.path.relpath(os.path.join(self._root, given), self._root)
        if path == b"." or path.split(b"/")[0] == b"..":
            raise ValueError(f"it is not in {self.source}")
        return _key(path), f"{self.source.removesuffix('/')}/{quote(path)}"

    def _ref(self, entry: "os.DirEntry[bytes] | _File", path: bytes) -> ImageRef | None:
        reason = no_picture(entry.name)
        if reason is None:
            try:
                found = entry.stat()
            except OSError as error:
                if error.errno not in _NOWHERE:
                    raise
                reason = "broken link, or deleted meanwhile"
            else:
                reason = None if stat.S_ISREG(found.st_mode) else "no regular file"
        if reason is not None:
            self.ignored[reason] += 1
            _log.info("ignored %s: %s", _key(path), reason)
            return None
        return ImageRef(
            source=self.source,
            key=_key(path),
            uri=f"{self.source.removesuffix('/')}/{quote(path)}",
            etag=f"{found.st_mtime_ns:x}-{found.st_size:x}",
            bytes=found.st_size,
            modified_at=_time(found.st_mtime_ns),
        )


def source_name(folder: str) -> str:
    """What the source of a folder is called, given as path or file URI. It need not be there. Raises SourceNotFound."""
    return _source(os.path.realpath(_path(folder)))


def _source(root: bytes) -> str:
    return "file://" + quote(root)


def _is_folder(entry: "os.DirEntry[bytes]") -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno in _NOWHERE:
            return False
        raise


def _path(folder: str) -> bytes:
    """The path of a folder given as path or file URI."""
    if not folder.startswith("file:"):
        return os.fsencode(folder)
    path = folder.removeprefix("file:").removeprefix("//").removeprefix("localhost")
    if not path.startswith("/"):
        raise SourceNotFound(folder, "names another machine; a folder is file:///and/its/path")
    return unquote_to_bytes(path)


def _place(path: bytes) -> tuple[int, int]:
    """Device and inode; of what is not there, a place that nothing has."""
    with suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return -1, -1


def _key(path: bytes) -> str:
    """The relative path as Unicode, no two alike: what is no UTF-8 is percent-encoded behind "./", a start none has."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return "./" + quote(path)


def _time(nanoseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return _EPOCH


def _read_at_most(descriptor: int, limit: int) -> bytes | None:
    """The whole file, or None where it is longer than the limit."""
    parts: list[bytes] = []
    left = limit + 1
    while left > 0 and (part := os.read(descriptor, min(left, 2**22))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts) if left > 0 else None


def _read_error(error: OSError) -> StoreError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        return ImageGone("deleted since it was listed")
    return ImageUnavailable(f"cannot be read: {error.strerror}")
