"""Room for the engine to load a library on a full disk, so that it can still be read there.

Loading rewrites a small file, and touches the holes in the engine's files. On a file system in memory (tmpfs) those
holes then take room. Where there is none, the process would be killed.
"""

import os
from contextlib import suppress
from pathlib import Path

SPARE_BYTES = 2**20

_PIECE = 2**14
_MOUNTS = Path("/proc/self/mounts")
_IN_MEMORY = ("tmpfs", "ramfs")


def make_loadable(folder: Path, shard: Path) -> None:
    """Before a load, under the library's lock. Raises OSError where there is no room even so."""
    if _free(folder) < SPARE_BYTES:
        _spare(folder).unlink(missing_ok=True)
    if _is_in_memory(shard):
        fill_holes(shard)


def stay_loadable(folder: Path, shard: Path) -> None:
    """After a load and after a close, under the library's lock: takes the room that the next load will need."""
    with suppress(OSError):
        if _is_in_memory(shard):
            fill_holes(shard)
    with suppress(OSError), _spare(folder).open("ab", buffering=0) as file:
        while (missing := SPARE_BYTES - file.tell()) > 0:
            file.write(bytes(min(missing, _PIECE)))  # on a full disk as much as there is


def fill_holes(folder: Path) -> None:
    """Have all that the files below a folder may hold set aside on disk. Raises OSError where there is no room."""
    for directory, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(directory, name)
            found = os.lstat(path)
            if found.st_blocks * 512 < found.st_size:
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    os.posix_fallocate(descriptor, 0, found.st_size)
                finally:
                    os.close(descriptor)


def _spare(folder: Path) -> Path:
    return folder / "spare"


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _is_in_memory(folder: Path) -> bool:
    place = os.path.join(os.path.realpath(folder), "")
    best, kind = "", ""
    with suppress(OSError):
        for line in _MOUNTS.read_text(errors="replace").splitlines():
            _, point, what, *_ = line.split(" ")
            if place.startswith(point.rstrip("/") + "/") and len(point) >= len(best):
                best, kind = point, what
    return kind in _IN_MEMORY
