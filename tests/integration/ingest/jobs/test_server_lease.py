"""Two machines and one library on a server: every command that writes is refused while another machine writes."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.adapters.models.encoders import loader
from core.adapters.qdrant_server import lease as lease_module
from core.adapters.qdrant_server.client import connect
from core.adapters.qdrant_server.lease import Lease, LeaseTimes
from core.bootstrap import Container
from core.errors import LibraryLeased
from core.ports.vector_index import IndexInfo
from core.settings import load_settings
from demo.scenes.sample_library import write_pictures
from tests.integration.ingest.jobs.test_copy import build
from tests.integration.ingest.jobs.test_reindex import load_fake, run
from tests.support.made_up_images import image_id
from tests.support.processes.commands import BUCKETLENS, environment
from tests.support.servers.qdrant_stub import QdrantStub, serving

QUICK = LeaseTimes(renewal=0.1, poll=0.02, expiry=30.0)
LIBRARY = "bucketlens"


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of the settings; commands look at another's lease often."""
    monkeypatch.setattr(loader, "load_encoder", load_fake)
    monkeypatch.setattr(lease_module, "LeaseTimes", partial(LeaseTimes, poll=0.02))
    with serving(QdrantStub()) as url:
        monkeypatch.setenv("BUCKETLENS_QDRANT_URL", url)
        yield url


def fill(tmp_path: Path) -> None:
    """Make a library of two models, and what else commands read."""
    (tmp_path / "pictures").mkdir()
    for number, colour in enumerate(("red", "green", "blue")):
        Image.new("RGB", (20 + number, 20), colour).save(tmp_path / "pictures" / f"{number}.png")
    np.save(tmp_path / "vectors.npy", np.eye(16, dtype=np.float32)[:2])
    (tmp_path / "names.txt").write_text("a.png\nb.png\n")
    build(tmp_path / "origin", 3)
    run("ingest", "pictures", "--model", "colours", "--no-captions")
    run("reindex", "--model", "turned")


def hold(url: str) -> Lease:
    lease = Lease(lambda patience_s: connect(url, prefer_grpc=False, patience_s=patience_s), LIBRARY, times=QUICK)
    lease.acquire()
    return lease


def test_every_command_that_writes_is_refused_and_changes_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    Image.new("RGB", (50, 20), "white").save("pictures/new.png")
    held = hold(url)
    before = run("status")
    for command in (
        ("ingest", "pictures"),
        ("caption",),
        ("import", "vectors.npy", "--names", "names.txt", "--model", "colours"),
        ("forget", "pictures", "--yes"),
        ("reindex", "--model", "turned"),
        ("switch",),
        ("copy", "--from", "origin", "--to", url, "--data", "elsewhere"),
    ):
        with pytest.raises(LibraryLeased, match="is being written by process"):
            run(*command)
    assert run("status")["images"] == before["images"] == 3
    held.release()
    assert run("ingest", "pictures", "--no-captions")["added"] == 1


def test_whoever_lost_the_lease_stops_before_the_next_write(url: str, tmp_path: Path) -> None:
    with Container(load_settings(data=tmp_path)) as container:
        container.create_index(IndexInfo("colours", "colours-1", 16))
        with container.lease():
            index = container.index
            index.delete([image_id(1)])
            assert container._lease is not None
            stolen = connect(url, prefer_grpc=False)
            stolen.ask(
                lambda client: client.upsert(
                    f"{LIBRARY}-lease",
                    [{"id": 1, "vector": {"none": [1.0]}, "payload": {"stamp": "other:1", "host": "there"}}],  # type: ignore[list-item]
                )
            )
            container._lease._renewed_at = 0.0
            for _ in range(2):
                with pytest.raises(LibraryLeased, match="on there"):
                    index.delete([image_id(1)])
            stolen.close()


class _GatedStub(QdrantStub):
    """A server that answers no write to a library's collection, unless the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.held = threading.Event()

    def answer(self, method: str, path: str, body: Any, key: str | None) -> tuple[int, Any]:
        if method == "PUT" and path.endswith("/points") and f"{LIBRARY}-lease/" not in path and not self.gate.is_set():
            self.held.set()
            self.gate.wait()
        return super().answer(method, path, body, key)


@pytest.mark.soak
def test_a_second_process_is_refused_and_takes_over_from_a_first_that_was_killed(tmp_path: Path) -> None:
    assert len(list(write_pictures(tmp_path / "pictures", 6, size=64))) == 6
    environ = environment() | {"BUCKETLENS_MODEL": "demo"}
    stub = _GatedStub()
    with serving(stub) as url:

        def ingest(data: str) -> list[str]:
            options = ["--qdrant-url", url, "--data", str(tmp_path / data), "--no-captions", "--json"]
            return [*BUCKETLENS, "ingest", str(tmp_path / "pictures"), *options]

        with subprocess.Popen(ingest("one"), env=environ, stdout=subprocess.DEVNULL) as first:
            assert stub.held.wait(60)
            second = subprocess.run(ingest("two"), env=environ, capture_output=True, text=True, timeout=120)
            os.kill(first.pid, signal.SIGKILL)
        assert second.returncode == LibraryLeased.exit_code == 75
        assert f"is being written by process {first.pid} on " in second.stderr
        stub.gate.set()
        third = subprocess.run(ingest("two"), env=environ, capture_output=True, text=True, timeout=120)
        assert third.returncode == 0, third.stderr
        told = json.loads(third.stdout)
        assert told["added"] + told["skipped"] + told["updated"] == 6
