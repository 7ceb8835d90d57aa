"""The disk fills up under an ingest: it ends with a message, nothing acknowledged is lost, and it goes on later."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import INDEXED
from tests.e2e.ingest.faults.test_kill import contents
from tests.support.processes import keep_run
from tests.support.processes.commands import bucketlens, environment
from tests.support.processes.small_disk import SmallDisk, small_disk

COUNT = 300
SLOW = {"BUCKETLENS_BATCH_SIZE": "4"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    yield from small_disk(tmp_path / "disk", 700 * 2**20)


def command(folder: Path, data: Path) -> list[str]:
    return [sys.executable, keep_run.__file__, str(folder), "--data", str(data), "--json"]


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
    options = {"env": environment() | SLOW, "text": True}
    with subprocess.Popen(command(folder, data), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as ingest:
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
    again = subprocess.run(command(folder, data), capture_output=True, timeout=60, check=False, **options)
    assert again.returncode == 1 and "nothing was damaged" in again.stderr and indexed(data) == kept

    disk.clear()
    run = subprocess.run(command(folder, data), capture_output=True, timeout=120, check=False, **options)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert (report["added"] + len(kept), report["skipped"], report["failed"]) == (COUNT, len(kept), 0)
    records, _ = contents(data)
    assert set(records) == {path.name for path in folder.iterdir()}
