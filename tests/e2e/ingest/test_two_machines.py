"""Two data folders and one library on a server: the second ingest is refused, and goes on once the first was killed."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import LibraryLeased
from tests.support.processes.commands import BUCKETLENS, environment
from tests.support.servers.qdrant_stub import QdrantStub, serving

COUNT = 400


@pytest.mark.soak
def test_the_second_is_refused_and_takes_over_from_a_first_that_was_killed(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(COUNT):
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
        assert told["added"] + told["skipped"] == COUNT
