"""Tars in a folder of this machine."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from core.adapters.shards.address import SCHEME, SUFFIX, ShardAddress
from core.adapters.shards.shard import CHANGED, Shard, Unusable, explain_name
from core.domain.file_rules import is_hidden, is_rubbish
from core.errors import ImageGone, ImageUnavailable, SourceNotFound

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 2**37 * 10**9  # nanoseconds since 1970 that a datetime holds


class FolderShards:
    """A ShardPlace of the tars below a folder, or of those that a pattern names in it."""

    window = (2**14, 2**14)  # headers alone: what lies between them costs nothing to jump over

    def __init__(self, address: ShardAddress, *, exclude: Iterable[Path] = ()) -> None:
        """Open the folder. Raises SourceNotFound."""
        self._address = address
        self._root = unquote_to_bytes(address.base)
        self._exclude = {os.path.realpath(os.fsencode(path)) for path in exclude}
        self.prefix = f"{SCHEME}//{address.base}"
        self._check_root()

    def find(self) -> Iterator[Shard | Unusable]:
        """Yield every tar, in the order of names. Raises SourceNotFound."""
        self._check_root()
        if self._address.pattern is None:
            yield from self._walk(b"")
            return
        for name in self._address.names():
            yield self._look_at(os.fsencode(name))

    def read_range(self, shard: Shard, start: int, length: int) -> bytes:
        """Read exactly these bytes of the very file that was listed. Raises ImageGone, ImageUnavailable."""
        path = self._root + unquote_to_bytes(shard.uri.removeprefix(self.prefix))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if _etag(os.fstat(descriptor)) != shard.etag:
                    raise ImageUnavailable(CHANGED)
                data = b""
                while len(data) < length and (part := os.pread(descriptor, length - len(data), start + len(data))):
                    data += part
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
                raise ImageGone("its shard was deleted since it was listed") from error
            raise ImageUnavailable(f"its shard cannot be read: {error.strerror}") from error
        if len(data) != length:
            raise ImageUnavailable(CHANGED)
        return data

    def read_member(self, shard: Shard, start: int, length: int, *, neighbours: bool) -> bytes:
        """Read as `read_range` does: the system reads ahead by itself."""
        return self.read_range(shard, start, length)

    def _check_root(self) -> None:
        if not os.path.isdir(self._root):
            raise SourceNotFound(self._address.source, "there is no such folder; give it the folder of the tars")

    def _walk(self, below: bytes) -> Iterator[Shard | Unusable]:
        """Yield what is in a folder, its subfolders last. Links to folders are not followed."""
        folder = os.path.join(self._root, below)
        if os.path.realpath(folder) in self._exclude:
            return
        try:
            with os.scandir(folder) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Unusable(os.fsdecode(below) or ".", f"cannot be listed: {error.strerror}")
            return
        deeper = []
        for entry in ordered:
            name = os.path.join(below, entry.name)
            if is_hidden(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                if not is_rubbish(entry.name):
                    deeper.append(name)
            elif entry.name.lower().endswith(os.fsencode(SUFFIX)) or explain_name(os.fsdecode(entry.name)):
                yield self._look_at(name)
        for name in deeper:
            yield from self._walk(name)

    def _look_at(self, name: bytes) -> Shard | Unusable:
        shown = _to_text(name)
        if (reason := explain_name(shown)) is not None:
            return Unusable(shown, reason)
        try:
            found = os.stat(self._root + name)
        except OSError as error:
            return Unusable(shown, "is missing" if error.errno == errno.ENOENT else str(error.strerror))
        if not stat.S_ISREG(found.st_mode):
            return Unusable(shown, "is no regular file")
        moment = _EPOCH + timedelta(microseconds=min(max(0, found.st_mtime_ns), _LATEST) // 1000)
        return Shard(shown, self.prefix + quote(name), _etag(found), found.st_size, moment)


def _etag(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns:x}-{found.st_size:x}"


def _to_text(name: bytes) -> str:
    """Return the name as Unicode; one that is not UTF-8 is percent-encoded behind "./", as in a folder's keys."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return "./" + quote(name)
