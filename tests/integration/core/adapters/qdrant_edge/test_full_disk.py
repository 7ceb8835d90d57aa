"""The embedded library on a disk that is full: nothing is damaged, and it can be read all the while."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.adapters.qdrant_edge.disk_space import SPARE_BYTES, fill_holes
from core.adapters.qdrant_edge.index import EdgeIndex
from core.errors import DiskFull
from core.ports.vector_index import IndexInfo
from tests.support.made_up_images import DIMENSION, point
from tests.support.processes.small_disk import SmallDisk, small_disk

ROOT = Path(__file__).resolve().parents[5]
INFO = IndexInfo("colours", "colours-1", DIMENSION)
READ = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from core.adapters.qdrant_edge.index import EdgeIndex
from tests.support.index_queries import nearest
from tests.support.made_up_images import vector
index = EdgeIndex.open(Path(sys.argv[2]))
print(index.count(), len(nearest(index, vector(7), limit=5)))
index.close()
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    yield from small_disk(tmp_path / "disk", 700 * 2**20)


def read(folder: Path) -> str:
    """What a process of its own finds: a full disk kills the engine where it is let."""
    command = [sys.executable, "-c", READ, str(ROOT), str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return run.stdout.strip() or f"{run.returncode}: {run.stderr.strip()[-300:]}"


def test_a_library_is_read_on_a_disk_without_a_free_byte(disk: SmallDisk) -> None:
    folder = disk.folder / "index"
    index = EdgeIndex.create(folder, INFO)
    index.upsert([point(n, "a red car") for n in range(300)])
    index.close()
    for _ in range(4):
        disk.leave(0)  # whoever fills it up takes what a reader has left, too
        assert read(folder) == "300 5"
    index = EdgeIndex.open(folder)
    with pytest.raises(DiskFull, match="nothing was damaged: free some space, then try again"):
        index.upsert([point(400)])
    with pytest.raises(DiskFull):
        index.delete([point(1).record.id])
    index.close()
    assert read(folder) == "300 5"
    disk.clear()
    index = EdgeIndex.open(folder)
    index.upsert([point(400)])
    index.close()
    assert read(folder) == "301 5" and (folder / "spare").stat().st_size == SPARE_BYTES


def test_writing_stops_while_there_is_room_to_read(disk: SmallDisk) -> None:
    folder = disk.folder / "index"
    index = EdgeIndex.create(folder, INFO)
    index.upsert([point(0)])
    disk.leave(2**28 + 2**23)
    written = 1
    with pytest.raises(DiskFull):
        while written < 10_000:
            index.upsert([point(n) for n in range(written, written + 50)])
            written += 50
            disk.leave(disk.free - 2**21)
    assert written > 1
    index.close()
    disk.leave(0)
    assert read(folder) == f"{written} {min(5, written)}"


def test_holes_are_filled_where_there_is_room_and_told_of_where_not(disk: SmallDisk) -> None:
    folder = disk.folder / "files"
    folder.mkdir()
    with (folder / "sparse").open("wb") as file:
        file.truncate(2**22)
        file.write(b"kept")
    fill_holes(folder)
    found = (folder / "sparse").stat()
    assert (found.st_size, found.st_blocks * 512) == (2**22, 2**22)
    assert (folder / "sparse").read_bytes() == b"kept".ljust(2**22, b"\0")
    with (folder / "more").open("wb") as file:
        file.truncate(2**22)
    disk.leave(2**21)
    with pytest.raises(OSError, match="No space left"):
        fill_holes(folder)
