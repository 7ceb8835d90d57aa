"""Files that another closes, and has forgotten, stay in the system's cache while they are held."""

import os
import sys
from pathlib import Path

import pytest

from core.adapters.local import page_cache
from core.adapters.local.page_cache import HeldPages

PAGES = 64
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")


def make(path: Path) -> Path:
    """With a hole behind it, as the engine's files have that still grow."""
    path.write_bytes(os.urandom(PAGES * 4096))
    with path.open("rb+") as file:
        os.fsync(file.fileno())  # its room is set aside only then
        file.truncate(PAGES * 4096 * 100)
    return path


def count_mapped(path: Path) -> int:
    """Count the pages of the file that this process has mapped and in memory."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    kilobytes = (
        int(next(line for line in lines if line.startswith("Rss:")).split()[1])
        for head in lines
        if head.endswith(str(path))
    )
    return sum(kilobytes) // 4


def test_all_of_it_is_read_and_held_until_it_is_released(tmp_path: Path) -> None:
    path = make(tmp_path / "vectors")
    held = HeldPages([tmp_path / "gone", path])
    held.wait()
    assert count_mapped(path) == PAGES
    held.release()
    assert count_mapped(path) == 0
    held.release()


def test_nothing_is_read_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "vectors")
    monkeypatch.setattr(page_cache, "_MEMORY", tmp_path / "meminfo")
    for free in ("", "MemAvailable: much kB", f"MemAvailable: {PAGES * 4} kB"):
        (tmp_path / "meminfo").write_text(f"MemTotal: 1 kB\n{free}\n")
        held = HeldPages([path])
        held.wait()
        assert count_mapped(path) == 0
        held.release()


def test_an_empty_file_and_none_are_nothing_to_hold(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    path = make(tmp_path / "vectors")
    for paths in ([], [tmp_path / "empty"], [tmp_path / "empty", path]):
        held = HeldPages(paths)
        held.wait()
        assert count_mapped(path) == (PAGES if path in paths else 0)
        held.release()
