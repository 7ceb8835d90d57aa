"""SIGTERM while the store keeps everybody waiting: the run ends within ten seconds, with nothing lost."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ingest.faults.test_kill import contents
from tests.integration.ingest.pipeline.test_ingest_s3 import picture
from tests.support.processes import keep_run
from tests.support.processes.commands import environment
from tests.support.servers.fault_proxy import FaultProxy
from tests.support.servers.s3_server import ENVIRONMENT, s3_client

COUNT = 60


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultProxy]:
    with FaultProxy(s3_endpoint) as proxy:
        yield proxy


def start(folder: Path, bucket: str, proxy: FaultProxy) -> "subprocess.Popen[str]":
    command = [sys.executable, keep_run.__file__, f"s3://{bucket}/in", "--endpoint-url", proxy.endpoint, "--json"]
    environ = environment() | ENVIRONMENT | {"BUCKETLENS_BATCH_SIZE": "4"}
    return subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("after", [0, 20])
def test_a_black_hole_delays_no_stop(after: int, s3_endpoint: str, proxy: FaultProxy, tmp_path: Path) -> None:
    """The store falls silent before the listing, or after so many objects have been read."""
    s3: Any = s3_client(s3_endpoint)
    bucket = f"hole-{after}"
    s3.create_bucket(Bucket=bucket)
    for n in range(COUNT):
        s3.put_object(Bucket=bucket, Key=f"in/{n:02d}.png", Body=picture("red", 20 + n))
    proxy.set(hole=not after, delay=0.1)
    with start(tmp_path, bucket, proxy) as ingest:
        try:
            deadline = time.monotonic() + 60
            while sum(proxy.requests.values()) < max(1, after):
                assert time.monotonic() < deadline and ingest.poll() is None
                time.sleep(0.01)
            proxy.set(hole=True)
            asked = sum(proxy.requests.values())
            while after and sum(proxy.requests.values()) < asked + 4:  # every reader is kept waiting
                assert time.monotonic() < deadline and ingest.poll() is None
                time.sleep(0.01)
            ingest.send_signal(signal.SIGTERM)
            said, errors = ingest.communicate(timeout=10)
        finally:
            ingest.kill()
    assert ingest.returncode == 128 + signal.SIGTERM, errors
    assert json.loads(said)["interrupted"] is True and "Traceback" not in errors
    proxy.set()
    with start(tmp_path, bucket, proxy) as ingest:
        said, errors = ingest.communicate(timeout=120)
    assert ingest.returncode == 0, errors
    assert json.loads(said)["failed"] == 0 and len(contents(tmp_path / "data")[0]) == COUNT
