"""Paths and files of this machine, as a folder of pictures needs them."""

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_to_bytes

from core.errors import ImageGone, ImageTooLarge, ImageUnavailable, SourceNotFound, StoreError
from core.errors.hints import RAISE_BYTES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

BROKEN_LINK = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)  # of stat on a broken link


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A stand-in for os.DirEntry, for a file that no listing has found."""

    name: bytes
    path: bytes

    def stat(self) -> os.stat_result:
        """Return what the system says of the file, following links. Raises OSError."""
        return os.stat(self.path)


def read_file(path: bytes, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; never wait on a pipe or device.

    Raises ImageGone, ImageTooLarge or ImageUnavailable.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _map_read_error(error) from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ImageUnavailable("is no longer a regular file")
        if found.st_size > limit:
            raise ImageTooLarge(f"{found.st_size:,} bytes, over the limit of {limit:,}", RAISE_BYTES)
        data = _read_at_most(descriptor, limit)
    except OSError as error:
        raise _map_read_error(error) from error
    finally:
        os.close(descriptor)
    if data is None:
        raise ImageTooLarge(f"over the limit of {limit:,} bytes", RAISE_BYTES)
    return data


def make_etag(found: os.stat_result) -> str:
    """Make the etag of a file: its time and size."""
    return f"{found.st_mtime_ns:x}-{found.st_size:x}"


def to_uri(root: bytes) -> str:
    """Return the file URI of an absolute path."""
    return "file://" + quote(root)


def is_folder(entry: "os.DirEntry[bytes]") -> bool:
    """Tell whether an entry is a folder, or a link to one. Raises OSError."""
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno in BROKEN_LINK:
            return False
        raise


def parse_path(folder: str) -> bytes:
    """Parse a path or file URI into a path. Raises SourceNotFound for a URI of another machine."""
    if not folder.startswith("file:"):
        return os.fsencode(folder)
    path = folder.removeprefix("file:").removeprefix("//").removeprefix("localhost")
    if not path.startswith("/"):
        raise SourceNotFound(folder, "names another machine; a folder is file:///and/its/path")
    return unquote_to_bytes(path)


def identify(path: bytes) -> tuple[int, int]:
    """Return device and inode of a path; (-1, -1), which nothing has, where it is missing."""
    with suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return -1, -1


def to_key(path: bytes) -> str:
    """Return the relative path as Unicode.

    A path that is not UTF-8 is percent-encoded behind "./", with which no other path starts, so keys stay unique.
    """
    try:
        return path.decode()
    except UnicodeDecodeError:
        return "./" + quote(path)


def to_path(key: str) -> bytes:
    """Invert `to_key`."""
    return unquote_to_bytes(key[2:]) if key.startswith("./") else key.encode()


def to_utc(nanoseconds: int) -> datetime:
    """Return the time of a file; 1970 for one that no calendar has."""
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
