"""The system's cache of files that are read at random: filled in long reads, and kept while another closes them.

A file that is mapped with the advice to read at random is read page by page, each waiting for the disk. And an engine
may have the system forget a file that it closes. What another mapping holds is not forgotten.
"""

import ctypes
import mmap
import os
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

_PIECE = 8 * 2**20
_SHARE = 1 / 2  # of the memory that is free, at most
_MEMORY = Path("/proc/meminfo")
_POPULATE_READ = 22  # of Linux 5.14 and later: maps what is cached and reads the rest; an older one refuses it


class HeldPages:
    """Has files in the system's cache, from a thread of its own, and keeps them there until `release`.

    Does nothing where they would fill the memory, or on a system that has no means for it.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        """`paths`: those asked first come first. The files may be removed meanwhile."""
        self._paths = tuple(paths)
        self._released = threading.Event()
        self._mapped: list[mmap.mmap] = []
        self._thread = threading.Thread(target=self._fill, name="page-cache", daemon=True)
        if sys.platform == "linux" and 0 < sum(map(_size, self._paths)) <= _free_memory() * _SHARE:
            self._thread.start()

    def release(self) -> None:
        """Stop reading, and leave it to the system what it keeps."""
        self._released.set()
        self.wait()
        while self._mapped:
            self._mapped.pop().close()

    def wait(self) -> None:
        """Wait until all is read."""
        if self._thread.ident is not None:
            self._thread.join()

    def _fill(self) -> None:
        for path in self._paths:
            with suppress(OSError, ValueError), path.open("rb") as file:  # gone, or empty
                self._mapped.append(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
                if not self._fill_one(file.fileno(), self._mapped[-1]):
                    return

    def _fill_one(self, descriptor: int, mapped: mmap.mmap) -> bool:
        """Whether there is more to do."""
        address = np.frombuffer(mapped, np.uint8).ctypes.data
        written = min(len(mapped), _allocated(os.fstat(descriptor)))  # holes behind it would take memory
        for start in range(0, written, _PIECE):
            if self._released.is_set():
                return False
            size = min(_PIECE, written - start)
            os.posix_fadvise(descriptor, start, size, os.POSIX_FADV_WILLNEED)
            if _madvise(address + start, size, _POPULATE_READ) != 0:
                return False
        return True


def _madvise(address: int, size: int, advice: int) -> int:
    """As the mmap module does, but others run meanwhile."""
    return int(ctypes.CDLL(None).madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), ctypes.c_int(advice)))


def _free_memory() -> int:
    """What programs can have without swapping; 0 where unknown."""
    with suppress(OSError, ValueError):
        for line in _MEMORY.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def _size(path: Path) -> int:
    try:
        return _allocated(path.stat())
    except OSError:
        return 0


def _allocated(status: os.stat_result) -> int:
    return status.st_blocks * 512
