"""A second ingest of the same library ends at once; whoever searches meanwhile is answered."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import INDEXED
from core.errors import LibraryBusy, LibraryLeased
from tests.e2e.ingest.test_kill import contents
from tests.support.fakes import ColourEncoder
from tests.support.index_queries import nearest
from tests.support.processes import keep_run
from tests.support.processes.commands import BUCKETLENS, environment
from tests.support.servers.qdrant_stub import QdrantStub, serving


def search_until(ingest: "subprocess.Popen[str]", folder: Path) -> list[float]:
    """How long each of the searches took that were asked as long as the ingest went on. Raises LibraryBusy."""
    (red,) = ColourEncoder().encode_texts(["red"]).vectors
    took = []
    while ingest.poll() is None:
        started = time.monotonic()
        index = EdgeIndex.open(folder)  # waits as long as the page does
        try:
            if index.count(INDEXED):
                assert nearest(index, red, INDEXED, limit=5)
        finally:
            index.close()
        took.append(time.monotonic() - started)
        time.sleep(0.05)
    return took


def two_at_once(folder: Path, count: int) -> list[float]:
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
            took = search_until(first, data / "index")
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
    two_at_once(tmp_path, 300)


@pytest.mark.soak
def test_over_many_pictures_every_search_is_answered_within_two_seconds(tmp_path: Path) -> None:
    took = two_at_once(tmp_path, 3000)
    assert len(took) > 100 and max(took) < 2.0


@pytest.mark.soak
def test_on_a_server_the_second_is_refused_and_takes_over_from_a_first_that_was_killed(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(400):
        noise = np.random.default_rng(number).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(pictures / f"{number}.png")
    environ = environment() | {"BUCKETLENS_MODEL": "demo", "BUCKETLENS_BATCH_SIZE": "4"}
    with serving(QdrantStub()) as url:

        def ingest(data: str) -> list[str]:
            options = ["--qdrant-url", url, "--data", str(tmp_path / data), "--no-captions", "--json"]
            return [*BUCKETLENS, "ingest", str(pictures), *options]

        with subprocess.Popen(ingest("one"), env=environ, stdout=subprocess.DEVNULL) as first:
            while first.poll() is None and not (tmp_path / "one" / "thumbnails").is_dir():
                time.sleep(0.05)
            second = subprocess.run(ingest("two"), env=environ, capture_output=True, text=True, timeout=120)
            assert first.poll() is None, "the first one ended too early to tell"
            assert second.returncode == LibraryLeased.exit_code == 75
            assert f"is being written by process {first.pid} on " in second.stderr
            os.kill(first.pid, signal.SIGKILL)
        third = subprocess.run(ingest("two"), env=environ, capture_output=True, text=True, timeout=600)
        assert third.returncode == 0, third.stderr
        told = json.loads(third.stdout)
        assert told["added"] + told["skipped"] == 400
