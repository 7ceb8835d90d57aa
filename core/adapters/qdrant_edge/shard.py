"""The shard of a library folder: loaded on demand, shared by this process's threads, let go when another wants it.

The engine takes no second user: even a refused second load can harm the first. So a process has one `SharedShard` for a
folder, and one process at a time holds the folder's lock.
"""

import atexit
import ctypes
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import qdrant_edge as edge

from core.adapters.local.free_space import check_free_space
from core.adapters.local.library_lock import LibraryLock
from core.adapters.local.page_cache import HeldPages
from core.adapters.qdrant_edge.approximate.segment_files import searched_files
from core.adapters.qdrant_edge.disk_space import make_loadable, stay_loadable
from core.adapters.qdrant_edge.engine_errors import as_library_error, translate_errors
from core.adapters.qdrant_edge.files import (
    Manifest,
    Tally,
    damaged,
    read_manifest,
    read_tally,
    write_tally,
)
from core.adapters.qdrant_edge.kept_columns.library_columns import SMALL, LibraryColumns
from core.adapters.qdrant_edge.kept_columns.refresh import BackgroundRefresh
from core.adapters.qdrant_edge.migrations import find_lost_indexes, upgrade
from core.adapters.qdrant_edge.word_migration import read_progress
from core.errors import LibraryBusy, LibraryError
from core.errors.hints import TryAgain
from core.ports.vector_index import IndexInfo

_WATCH_S = 0.05  # how often the holder looks whether another process waits
_HOLD_S = 0.25  # held at least so long, so that the several questions of one page do not each load it anew
_IDLE_S = 30.0
_REFRESH_WAIT_S = 2.0  # the end of a process may have to wait for it
_SAVE_POINTS = 50_000  # at most so many are read for the kept columns when the library is let go: two seconds
_FLUSH_POINTS = 4096  # how many written points the write-ahead log may hold: it is replayed when a killed one is loaded

_log = logging.getLogger(__name__)
_shards: dict[Path, "SharedShard"] = {}
_registry = threading.Lock()


def shared_shard(folder: Path) -> "SharedShard":
    """This process's only one for the folder."""
    with _registry:
        if not _shards:
            _hook_process()
        return _shards.setdefault(folder, SharedShard(folder))


class SharedShard:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = LibraryLock(folder)
        self._changed = threading.Condition()
        self._writing = threading.RLock()
        self._shard: edge.EdgeShard | None = None
        self._path = folder  # of the loaded shard
        self._pages: HeldPages | None = None
        self._users = 0
        self._busy = False  # being loaded or closed
        self._draining = False  # no further users until it is closed
        self._loaded_at = self._used_at = 0.0
        self._tally: Tally | None = None
        self._info: IndexInfo | None = None
        self._library = ""
        self._unflushed = 0
        self._writes = 0  # begun and ended: odd while one goes on
        self.columns = LibraryColumns(folder)
        self.refreshing = BackgroundRefresh()

    @contextmanager
    def reading(self, wait_s: float, info: IndexInfo | None = None) -> Iterator[edge.EdgeShard]:
        """The loaded shard. Raises LibraryBusy, LibraryDamaged, LibraryMissing; maps what the engine raises.

        Raises LibraryError too where it has become the library of another model than that of `info`.
        """
        shard = self._enter(wait_s)
        broken = False
        try:
            if info is not None and (self._info is None or info.fingerprint != self._info.fingerprint):
                raise LibraryError(
                    f"the library {self._folder} was made anew with another model while it was in use", TryAgain()
                )
            yield shard
        except BaseException as error:
            translated = as_library_error(self._folder, error)
            broken = translated is not None or isinstance(error, LibraryError)
            if translated is not None:
                raise translated from error
            raise
        finally:
            self._leave(broken)

    @contextmanager
    def writing(self, wait_s: float, info: IndexInfo, library: str) -> Iterator[edge.EdgeShard]:
        """As `reading`, one writer at a time, for writes that keep the number of points or let it grow.

        Raises LibraryError too where another library has taken the place of the one named `library`.
        """
        if not self._writing.acquire(timeout=wait_s):
            raise LibraryBusy(f"the library {self._folder}", wait_s)
        try:
            with self.reading(wait_s, info) as shard:
                if self._lock.is_lost or library != self._library:
                    raise LibraryError(
                        f"the library {self._folder} was removed or replaced while it was open", TryAgain()
                    )
                tally = self.tally
                if tally.exact:
                    self._set_tally(Tally.of(tally.points, exact=False))
                self._writes += 1
                try:
                    yield shard
                finally:
                    self._writes += 1
        finally:
            self._writing.release()

    @property
    def tally(self) -> Tally:
        """Only while reading or writing."""
        assert self._tally is not None
        return self._tally

    @property
    def stamp(self) -> str | None:
        """Another after every write, None while one goes on. Only while reading."""
        assert self._tally is not None
        writes = self._writes
        return None if writes % 2 else f"{self._tally.stamp} {writes}"

    def get_writes(self) -> int:
        """How many writes began and ended: odd while one goes on."""
        return self._writes

    @property
    def is_loaded(self) -> bool:
        return self._shard is not None

    def refresh_later(self) -> None:
        """Have the kept columns brought up to date in the background, where that pays."""
        if self.tally.points >= SMALL:
            self.refreshing.start(self, _REFRESH_WAIT_S)

    def expect_deletions(self, points: int) -> None:
        """To be said, while writing, before up to so many points are deleted."""
        self._set_tally(Tally.of(max(0, self.tally.points - points), exact=False))

    def count_written(self, shard: edge.EdgeShard, points: int) -> None:
        """To be said, while writing, after a write: flushes when enough has gathered."""
        self._unflushed += points
        if self._unflushed >= _FLUSH_POINTS:
            shard.flush()
            self._unflushed = 0
            self._set_tally(Tally.of(shard.count(edge.CountRequest(exact=True)), exact=False))

    @contextmanager
    def quiesce(self, wait_s: float) -> Iterator[Tally]:
        """Everything is on disk, and no thread of this process writes meanwhile."""
        if not self._writing.acquire(timeout=wait_s):
            raise LibraryBusy(f"the library {self._folder}", wait_s)
        try:
            with self.reading(wait_s) as shard:
                yield self._settle(shard)
        finally:
            self._writing.release()

    def save_columns(self, wait_s: float, limit: int) -> None:
        """Have the kept columns on disk, where at most `limit` points have to be read for that. Raises LibraryError."""
        with self.quiesce(wait_s) as tally:
            assert self._shard is not None  # nobody closes it meanwhile
            self.columns.save(self._shard, tally, limit)

    @contextmanager
    def suspend(self, wait_s: float) -> Iterator[None]:
        """Nobody, in this process or another, has the shard open meanwhile."""
        deadline = time.monotonic() + wait_s
        with self._writing:
            with self._changed:
                self._draining = True
                self._wait(lambda: not self._busy and self._users == 0, deadline, wait_s, undrain=True)
                self._busy = True
            try:
                self._close_shard(yielding=True)
                if not self._lock.held:
                    self._lock.acquire(max(0.0, deadline - time.monotonic()))
                yield
            finally:
                self._lock.release()
                self._settle_state()

    def let_go(self, *, yielding: bool = False) -> None:
        """Close the shard once nobody in this process uses it, and release the lock."""
        with self._changed:
            self._draining = True
            while self._busy or self._users:
                self._changed.wait()
            self._busy = True
        try:
            self._close_shard(yielding=yielding)
        finally:
            with suppress(OSError):
                self._lock.release(yielding=yielding)
            self._settle_state()

    def forget(self) -> None:
        """In the child of a fork: the parent goes on using the shard, this process must never touch it again."""
        self._lock.forget()
        _close_files_below(self._folder)
        if self._shard is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._shard))  # never freed: that would write to its files
        self.__init__(self._folder)  # type: ignore[misc]

    def _enter(self, wait_s: float) -> edge.EdgeShard:
        deadline = time.monotonic() + wait_s
        with self._changed:
            if self._busy or self._draining:
                self._wait(lambda: not self._busy and not self._draining, deadline, wait_s)
            if self._shard is not None:
                self._users += 1
                return self._shard
            self._busy = True
        try:
            shard = self._load(max(0.0, deadline - time.monotonic()))
        except BaseException:
            self._lock.release()
            self._settle_state()
            raise
        with self._changed:
            self._shard, self._users, self._busy = shard, 1, False
            self._changed.notify_all()
        threading.Thread(target=self._watch, name="library-lock", daemon=True).start()
        return shard

    def _leave(self, broken: bool) -> None:
        with self._changed:
            self._users -= 1
            self._used_at = time.monotonic()
            if broken:
                self._draining = True  # the watcher closes it; the next use loads it anew
            self._changed.notify_all()

    def _wait(self, ready: Callable[[], bool], deadline: float, wait_s: float, *, undrain: bool = False) -> None:
        if not self._changed.wait_for(ready, max(0.0, deadline - time.monotonic())):
            if undrain:
                self._draining = False
            raise LibraryBusy(describe_library(self._folder), wait_s)

    def _load(self, wait_s: float) -> edge.EdgeShard:
        with translate_errors(self._folder):
            read_manifest(self._folder)
            try:
                self._lock.acquire(wait_s)
            except LibraryBusy as busy:
                raise LibraryBusy(describe_library(self._folder), busy.waited_s) from busy
            started = time.monotonic()
            manifest = read_manifest(self._folder)
            path = self._folder / manifest.shard
            if not path.is_dir():
                raise damaged(self._folder, f"{path.name} is gone")
            self._info, self._library, self._tally = manifest.info, manifest.library, read_tally(self._folder)
            if not self._tally.exact:
                check_free_space(self._folder)  # a writer was killed: loading writes what its log holds
            make_loadable(self._folder, path)
            shard = edge.EdgeShard.load(str(path))
            stay_loadable(self._folder, path)
            self._path = path
            self._pages = HeldPages(searched_files(path))
            fault = find_fault(shard, self._tally, manifest)
        if fault:
            self._close_engine(shard)
            raise damaged(self._folder, fault)
        if manifest.outdated:
            try:
                with translate_errors(self._folder):
                    self.columns.discard()
                    upgrade(self._folder, shard, manifest)
                    self._set_tally(Tally.of(self._tally.points, exact=self._tally.exact))
            except BaseException:
                self._close_engine(shard)
                raise
        with suppress(OSError):  # nothing is kept then
            self.columns.attach(self._tally)
        self._loaded_at = self._used_at = time.monotonic()
        _log.debug("library loaded folder=%s seconds=%.3f", self._folder, self._loaded_at - started)
        return shard

    def _close_shard(self, *, yielding: bool = False) -> None:
        """`yielding`: others wait meanwhile, so that its columns are not saved now."""
        shard, self._shard = self._shard, None
        if shard is None:
            return
        try:
            with translate_errors(self._folder):
                lost = self._lock.is_lost
                if not self.tally.exact and not lost:
                    self._settle(shard)
                if not lost and not yielding:
                    self._save_columns(shard)
                self._close_engine(shard)
                if not lost:
                    stay_loadable(self._folder, self._path)
        except LibraryError as error:
            _log.error("library closed badly folder=%s error=%s", self._folder, error)

    def _close_engine(self, shard: edge.EdgeShard) -> None:
        """It has the system forget its files: what is still held then, the next load finds in memory."""
        try:
            shard.close()
        finally:
            if self._pages is not None:
                self._pages.release()
                self._pages = None

    def _save_columns(self, shard: edge.EdgeShard) -> None:
        """The shard is closed whatever becomes of them: they can be made again."""
        try:
            self.columns.save(shard, self.tally, _SAVE_POINTS)
        except Exception as error:
            _log.warning("columns not saved folder=%s error=%s", self._folder, error)

    def _settle(self, shard: edge.EdgeShard) -> Tally:
        if not self.tally.exact:
            shard.flush()
            self._unflushed = 0
            self.columns.sync()
            self._set_tally(Tally.of(shard.count(edge.CountRequest(exact=True)), exact=True))
        return self.tally

    def _settle_state(self) -> None:
        with self._changed:
            self._busy = self._draining = False
            self._changed.notify_all()

    def _set_tally(self, tally: Tally) -> None:
        self.columns.mark(tally.stamp)
        write_tally(self._folder, tally)
        self._tally = tally

    def _watch(self) -> None:
        mine = self._shard
        while True:
            with self._changed:
                self._changed.wait(_WATCH_S)
                if self._shard is not mine or self._shard is None:
                    return
                if self._busy:
                    continue
                now = time.monotonic()
                idle = self._users == 0 and now - self._used_at > _IDLE_S
                broken = self._draining
            wanted = now - self._loaded_at > _HOLD_S and self._lock.is_wanted()
            if idle or wanted or broken:
                self.let_go(yielding=wanted)
                return


def describe_library(folder: Path) -> str:
    """The library, and what keeps it where that is known."""
    progress = read_progress(folder)
    being = "" if progress is None else f" ({progress.done:,} of {progress.total:,} brought up to this version)"
    return f"the library {folder}{being}"


def find_fault(shard: edge.EdgeShard, tally: Tally, manifest: Manifest) -> str | None:
    """What is wrong with a shard that the engine loaded without a word, if anything."""
    found = shard.count(edge.CountRequest(exact=True))
    if found < tally.points or (tally.exact and found != tally.points):
        return f"it holds {found:,} images where {tally.points:,} were written"
    if lost := find_lost_indexes(shard, manifest.format):
        return f"its payload indexes of {', '.join(lost)} are gone"
    return None


def _hook_process() -> None:
    atexit.register(_let_go_of_all)
    os.register_at_fork(after_in_child=_forget_all)


def _let_go_of_all() -> None:
    for shard in list(_shards.values()):
        shard.refreshing.stop()
        shard.let_go()


def _forget_all() -> None:
    for shard in _shards.values():
        shard.forget()


def _close_files_below(folder: Path) -> None:
    """The engine's own lock is a file too: held open here, it would outlive the parent."""
    with suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                if os.readlink(f"/proc/self/fd/{name}").startswith(f"{folder}{os.sep}"):
                    os.close(int(name))
