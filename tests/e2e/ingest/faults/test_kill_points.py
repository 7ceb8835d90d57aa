"""kill -9 at every stage of an ingest of a bucket that changes meanwhile: run again, the library equals the bucket."""

import itertools
import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.domain.ids import point_id
from core.domain.model_catalog import DEMO_WEIGHTS
from demo.scenes.sample_library import write_pictures
from tests.e2e.ingest.faults.test_kill import contents, kill_during, workers_alive
from tests.e2e.ingest.test_ingest_s3 import etags
from tests.integration.ingest.pipeline.test_ingest_s3 import picture
from tests.support.processes import kill_at
from tests.support.processes.commands import BUCKETLENS, run_main
from tests.support.servers.fault_proxy import FaultProxy
from tests.support.servers.s3_server import ENVIRONMENT, s3_client

SOME = [
    ("list", "after"),
    ("read", "after"),
    ("thumbnail", "after"),
    ("upsert", "before"),
    ("written", "after"),
    ("delete", "after"),
    ("captions written", "after"),
    ("end", "before"),
]
MOMENTS = [(point, moment) for point in kill_at.points("colours") for moment in ("before", "after")]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultProxy]:
    with FaultProxy(s3_endpoint) as proxy:
        yield proxy


class Killing:
    """A bucket that changes between the ingests of it that are killed."""

    def __init__(self, s3: Any, proxy: FaultProxy, folder: Path, bodies: list[bytes], models: str) -> None:
        self._s3, self._bodies, self._models = s3, bodies, models
        self._bucket = f"kill-{models}"
        self._chance = random.Random(7)
        self._data = folder / "data"
        self._arguments = ["ingest", f"s3://{self._bucket}/in", "--endpoint-url", proxy.endpoint]
        self._arguments += ["--data", str(self._data), "--json", *(["--model", "demo"] if models == "real" else [])]
        self._damaged: set[str] = set()
        self._fresh = itertools.count(len(bodies))
        s3.create_bucket(Bucket=self._bucket)
        for n in range(len(bodies)):
            self._put(n)

    def change(self, share: float) -> None:
        """Replace so many of the objects, delete one, and add one."""
        for n in self._chance.sample(range(1, len(self._bodies)), max(2, int(share * len(self._bodies)))):
            self._put(n)
        keys = self._s3.list_objects_v2(Bucket=self._bucket, Prefix="in/", MaxKeys=1000)["Contents"]
        self._s3.delete_object(Bucket=self._bucket, Key=self._chance.choice(keys)["Key"])
        self._put(next(self._fresh))

    def at(self, point: str, moment: str, passage: int) -> bool:
        """Was it killed there? Otherwise it came to its end without passing there so often."""
        run = self._run(point, moment, passage, timeout=600)
        assert run.returncode in (0, 3, -9), run.stderr
        return run.returncode == -9

    def _run(self, point: str, moment: str, passage: int, timeout: float) -> "subprocess.CompletedProcess[str]":
        told = [point, moment, str(passage), self._models, *self._arguments]
        return run_main("tests.support.processes.kill_at:main", *told, cwd=self._data.parent, timeout=timeout)

    def within(self, slowest: float) -> bool:
        """Was it killed so many seconds after its beginning, or sooner?"""
        return kill_during([*BUCKETLENS, *self._arguments], self._data, self._chance.uniform(0.1, slowest))

    def finish(self) -> None:
        run = self._run("end", "before", 1_000_000, timeout=1200)
        assert run.returncode in (0, 3), run.stderr
        report = json.loads(run.stdout)
        assert (report["problems"], report["kept"], report["pending_captions"]) == ([], 0, 0)
        records, vectors = contents(self._data)
        listed = etags(self._s3, self._bucket)
        assert {key: record.etag for key, record in records.items()} == listed
        failed = {key for key, record in records.items() if record.status == "failed"}
        assert failed == self._damaged & listed.keys() and vectors.keys() == listed.keys() - failed
        stacked = np.stack(list(vectors.values()))
        assert np.isfinite(stacked).all() and np.allclose(np.linalg.norm(stacked, axis=1), 1.0, atol=1e-5)
        assert {record.id for record in records.values()} == {
            point_id(each.source, each.key) for each in records.values()
        }
        assert not list(workers_alive())

    def _put(self, n: int) -> None:
        """A sound picture or, one time in fifty, a damaged one; no two have the same bytes."""
        key, body = f"in/{n:05d}.jpg", self._chance.choice(self._bodies)
        self._damaged.discard(key)
        if self._chance.random() < 0.02:
            self._damaged.add(key)
            body = body[:64]  # of half of it, half of the picture could be read
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body + self._chance.randbytes(8))


def test_killed_at_some_of_the_stages(s3_endpoint: str, proxy: FaultProxy, tmp_path: Path) -> None:
    bodies = [picture("red", 20 + n) for n in range(24)]
    killing = Killing(s3_client(s3_endpoint), proxy, tmp_path, bodies, "colours")
    for point, moment in SOME:
        killing.change(0.2)
        assert killing.at(point, moment, 1), f"{moment} {point} was never passed"
    killing.finish()


@pytest.mark.soak
@pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models")
def test_sixty_kills_at_random_and_at_every_stage(s3_endpoint: str, proxy: FaultProxy, tmp_path: Path) -> None:
    count = int(os.environ.get("BUCKETLENS_SOAK_PICTURES", "5000"))
    bodies = [path.read_bytes() for path in write_pictures(tmp_path / "pictures", count, size=128)]
    killing = Killing(s3_client(s3_endpoint), proxy, tmp_path, bodies, "real")
    named = [(point, moment, 1 + number % 3) for number, (point, moment) in enumerate(MOMENTS)]
    killed = 0
    while killed < 60:
        killing.change(0.02)
        if named and killed % 2:
            point, moment, passage = named.pop(0)
            killed += killing.at(point, moment, passage) or killing.at(point, moment, 1)
        else:
            killed += killing.within(8.0)
        if killed in (20, 40):
            killing.finish()
    assert len(named) <= len(MOMENTS) - 25
    killing.finish()
