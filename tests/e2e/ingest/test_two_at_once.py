"""A second ingest of the same library ends at once; whoever searches meanwhile is answered."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import INDEXED
from core.errors import LibraryBusy
from tests.e2e.ingest.faults.test_kill import contents
from tests.support.fakes import ColourEncoder
from tests.support.index_queries import nearest
from tests.support.processes import keep_run
from tests.support.processes.commands import BUCKETLENS, environment


def search_until(ingest: "subprocess.Popen[str]", folder: Path, wait_s: float) -> list[float]:
    """How long each of the searches took that were asked as long as the ingest went on. Raises LibraryBusy."""
    (red,) = ColourEncoder().encode_texts(["red"]).vectors
    took = []
    while ingest.poll() is None:
        started = time.monotonic()
        index = EdgeIndex.open(folder, wait_s=wait_s)
        try:
            if index.count(INDEXED):
                assert nearest(index, red, INDEXED, limit=5)
        finally:
            index.close()
        took.append(time.monotonic() - started)
        time.sleep(0.2)
    return took


def two_at_once(folder: Path, count: int, wait_s: float) -> list[float]:
    pictures, data = folder / "pictures", folder / "data"
    pictures.mkdir()
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 256, (3, 4, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((80, 60)).save(pictures / f"{number:04d}.png")
    command = [sys.executable, keep_run.__file__, str(pictures), "--json"]
    environ = environment() | {"BUCKETLENS_BATCH_SIZE": "4"}
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True) as first:
        try:
            while first.poll() is None and not EdgeIndex.exists(data / "index"):
                time.sleep(0.01)
            while first.poll() is None and not (data / "ingest.running").exists():
                time.sleep(0.01)
            # a model that is nowhere: it ends before it looks for it
            second = [*BUCKETLENS, "ingest", str(pictures), "--model", "nowhere"]
            run = subprocess.run(second, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
            assert first.poll() is None, "the first one ended too early to tell"
            took = search_until(first, data / "index", wait_s)
            said, _ = first.communicate(timeout=60)
        finally:
            first.kill()
    assert (run.returncode, run.stdout) == (LibraryBusy.exit_code, "") == (75, "")
    assert run.stderr.startswith("bucketlens: another ingest of data") and run.stderr.count("\n") == 1
    assert "in use by another process" in run.stderr and "try again" in run.stderr
    assert first.returncode == 0 and json.loads(said)["added"] == count and took
    assert len(contents(data)[0]) == count
    return took


def test_the_second_ends_and_every_search_is_answered(tmp_path: Path) -> None:
    two_at_once(tmp_path, 300, wait_s=30.0)  # a busy machine is no fault


@pytest.mark.soak
def test_over_many_pictures_every_search_is_answered_within_two_seconds(tmp_path: Path) -> None:
    took = two_at_once(tmp_path, 3000, wait_s=2.0)  # as long as the page waits
    assert len(took) > 100 and max(took) < 2.0
