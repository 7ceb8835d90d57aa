"""One process at a time: the lock of a library folder, and how a waiter makes itself known to the holder.

Two files beside the library. `lock` is locked exclusively (flock) by the process that has the library open. Who waits
for it locks `wanted` shared; the holder sees that when it cannot lock `wanted` itself. The kernel drops both locks with
the process, however it ends. File locks of this kind do not reach across network file systems reliably.
"""

import fcntl
import os
import time
from pathlib import Path

from core.errors import LibraryBusy

_POLL_S = 0.01
_COURTESY_S = 0.3  # how long one who was asked to let go leaves the others to come first


class LibraryLock:
    """Not safe for threads, but for `is_lost` and `is_wanted`: its user serialises the other calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: int | None = None
        self._yielded_until = 0.0

    @property
    def held(self) -> bool:
        return self._held is not None

    @property
    def is_lost(self) -> bool:
        """Held, but of a folder that was removed or replaced since: nothing may be written into that any more."""
        held = self._held
        return held is not None and not _is_still(held, self._folder / "lock")

    def acquire(self, wait_s: float) -> None:
        """Raises LibraryBusy when it is not had within `wait_s` seconds, OSError where the files cannot be opened."""
        started = time.monotonic()
        self._let_others_first(started + wait_s)
        wanted: int | None = None
        try:
            while not self._try():
                waited = time.monotonic() - started
                if waited >= wait_s:
                    raise LibraryBusy(f"the library {self._folder}", waited)
                if wanted is None:
                    wanted = _open(self._folder / "wanted")
                _flock(wanted, fcntl.LOCK_SH)
                time.sleep(_POLL_S)
        finally:
            if wanted is not None:
                os.close(wanted)

    def release(self, *, yielding: bool = False) -> None:
        """Let go; `yielding` to a waiter, which then has the first chance."""
        if self._held is not None:
            fcntl.flock(self._held, fcntl.LOCK_UN)  # by name: a forked child may still share this file
            os.close(self._held)
            self._held = None
        if yielding:
            self._yielded_until = time.monotonic() + _COURTESY_S

    def forget(self) -> None:
        """Close the file without letting go: for the child of a fork, whose parent still holds the lock."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def is_wanted(self) -> bool:
        """Does another process wait, or has the locked file been replaced under us?"""
        if self.is_lost:
            return True
        try:
            wanted = _open(self._folder / "wanted")
        except OSError:
            return True
        try:
            return not _flock(wanted, fcntl.LOCK_EX)
        finally:
            os.close(wanted)

    def _try(self) -> bool:
        path = self._folder / "lock"
        descriptor = _open(path)
        if _flock(descriptor, fcntl.LOCK_EX) and _is_still(descriptor, path):
            self._held = descriptor
            return True
        os.close(descriptor)
        return False

    def _let_others_first(self, deadline: float) -> None:
        until = min(self._yielded_until, deadline)
        while time.monotonic() < until and self.is_wanted():
            time.sleep(_POLL_S)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(descriptor: int, path: Path) -> bool:
    """Is the open file the one at this path? Not when the folder was deleted and made anew."""
    try:
        here, there = os.fstat(descriptor), os.stat(path)
    except OSError:
        return False
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
