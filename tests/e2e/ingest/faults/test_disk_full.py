"""The disk fills up under an ingest: it ends with a message, nothing acknowledged is lost, and it goes on later."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import INDEXED
from tests.e2e.ingest.faults.test_kill import contents
from tests.support.processes.commands import bucketlens, started
from tests.support.processes.small_disk import SmallDisk, small_disk
from tests.support.processes.warm_processes import WarmProcess

COUNT = 120
SLOW = {"BUCKETLENS_BATCH_SIZE": "4"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    yield from small_disk(tmp_path / "disk", 700 * 2**20)


def start(folder: Path, data: Path) -> WarmProcess:
    main = "tests.support.processes.keep_run:main"
    return started(folder, "--data", data, "--json", cwd=folder.parent, env=SLOW, main=main)


def indexed(data: Path) -> set[str]:
    if not EdgeIndex.exists(data / "index"):
        return set()
    index = EdgeIndex.open(data / "index", wait_s=30)
    try:
        return {record.id for record in index.scroll(INDEXED)}
    finally:
        index.close()


def test_it_stops_before_damage_and_goes_on_when_there_is_room(tmp_path: Path, disk: SmallDisk) -> None:
    folder, data = tmp_path / "pictures", disk.folder / "data"
    folder.mkdir()
    for number in range(COUNT):
        Image.new("RGB", (40 + number, 30), (number % 256, 90, 9)).save(folder / f"{number:03d}.png")
    with start(folder, data) as ingest:
        while ingest.poll() is None and not (acknowledged := indexed(data)):
            time.sleep(0.05)
        disk.leave(100 * 2**20)
        _, said = ingest.communicate(timeout=60)
    assert ingest.returncode == 1 and acknowledged
    assert re.search(r"has \d+ MiB free and \d+ MiB are needed to write safely; nothing was damaged: free some", said)
    assert "Traceback" not in said
    disk.leave(0)
    kept = indexed(data)
    assert acknowledged <= kept and len(kept) < COUNT
    status = bucketlens("status", "--data", data, "--json", cwd=tmp_path)
    assert json.loads(status.stdout)["images"] == len(kept), status.stderr
    with start(folder, data) as again:
        _, said = again.communicate(timeout=60)
    assert again.returncode == 1 and "nothing was damaged" in said and indexed(data) == kept

    disk.clear()
    with start(folder, data) as last:
        printed, said = last.communicate(timeout=120)
    assert last.returncode == 0, said
    report = json.loads(printed)
    assert (report["added"] + len(kept), report["skipped"], report["failed"]) == (COUNT, len(kept), 0)
    records, _ = contents(data)
    assert set(records) == {path.name for path in folder.iterdir()}
