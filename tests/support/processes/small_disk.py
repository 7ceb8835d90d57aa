"""A file system of a few hundred MiB in memory, for tests of what happens when it is full."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


class SmallDisk:
    """A tmpfs at `folder`; `leave` fills it up, as another program would, to where so many bytes are free."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    @property
    def free(self) -> int:
        return shutil.disk_usage(self.folder).free

    def leave(self, count: int) -> None:
        with self._filler.open("ab") as file:
            if self.free < count:
                file.truncate(max(0, file.tell() - (count - self.free)))
            elif self.free > count:
                os.posix_fallocate(file.fileno(), file.tell(), self.free - count)

    def clear(self) -> None:
        self._filler.unlink()


def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """Skips the test where none can be mounted (that takes root, on Linux)."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
