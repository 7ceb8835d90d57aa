"""Refusing to write where the disk is nearly full."""

import shutil
from pathlib import Path

from core.errors import DiskFull

RESERVE = 256 * 2**20  # bytes; the embedded engine's files have holes, of up to 32 MiB each, that any write may fill


def check_free_space(folder: Path, growth: int = 0) -> None:
    """Raise DiskFull unless the folder's disk has room for `growth` bytes and the reserve.

    The embedded engine writes through memory maps: on a full disk that would kill the process.
    """
    free = shutil.disk_usage(folder).free
    if free < RESERVE + growth:
        raise DiskFull(folder, free, RESERVE + growth)
