"""`bucketlens caption` as a process: over folder and bucket, cut off by kill -9 and signals, refused while in use."""

import fcntl
import json
import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import INDEXED
from core.domain.model_catalog import DEMO_WEIGHTS
from demo.scenes.sample_library import write_pictures
from tests.e2e.ingest.faults.test_kill import pages
from tests.support.model_folders import make_tiny_blip
from tests.support.processes.commands import bucketlens, started
from tests.support.servers.fault_proxy import FaultProxy
from tests.support.servers.s3_server import ENVIRONMENT, s3_client

pytestmark = pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models")

COUNT = 24


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of demo pictures, one of which a person has captioned, indexed and captioned."""
    folder = tmp_path_factory.mktemp("made")
    paths = list(write_pictures(folder / "Pictures", COUNT, size=96))
    (folder / "mine.csv").write_text(f"{paths[0].name},my own words\n")
    run = bucketlens("ingest", "Pictures", "--captions", "mine.csv", "--model", "demo", cwd=folder)
    assert run.returncode == 0, run.stderr
    return folder


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Path:
    """A copy of the library for each test; the pictures stay where they were indexed."""
    shutil.copytree(made / "data", tmp_path / "data")
    return tmp_path


def captions(library: Path) -> dict[str, tuple[str | None, str | None, str | None]]:
    index = EdgeIndex.open(library / "data" / "index")
    try:
        return {r.key: (r.caption, r.caption_origin, r.captioner) for r in pages(index, INDEXED)}
    finally:
        index.close()


def redo(library: Path, *more: str | Path) -> dict[str, Any]:
    run = bucketlens("caption", "--redo", *more, "--json", cwd=library)
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    return report


def test_another_captioner_renews_all_captions_but_people_s(library: Path) -> None:
    (mine,) = (key for key, (_, origin, _) in captions(library).items() if origin == "human")
    folder = make_tiny_blip(library / "blip", seed=7)
    report = redo(library, "--captioner", folder, "--beams", "2")
    assert (report["captioned"], report["uncaptioned"], report["pending_captions"]) == (COUNT - 1, 0, 0)
    renewed = captions(library)
    assert renewed.pop(mine) == ("my own words", "human", None)
    (captioner,) = {captioner for _, _, captioner in renewed.values()}
    assert captioner is not None and captioner.endswith("-beams2")
    assert redo(library, "--caption-all")["captioned"] == COUNT
    assert captions(library)[mine][0] == "my own words"


def state(mark: Path) -> bytes:
    try:
        return mark.read_bytes()
    except FileNotFoundError:
        return b""


def killed_while_it_renews(library: Path, captioner: Path, *, batch: int, kills: int) -> int:
    """How many captions are renewed after a process was so often killed, each as soon as it put a batch on record."""
    chance, batches = random.Random(3), {"BUCKETLENS_BATCH_SIZE": str(batch)}
    mark = library / "data" / "redo.json"
    for _ in range(kills):
        seen = state(mark)
        with started("caption", "--redo", "--captioner", captioner, "--json", cwd=library, env=batches) as run:
            while run.poll() is None and state(mark) == seen:
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.02))
            run.kill()
        assert run.wait() == -signal.SIGKILL
    return sum(place["done"] for place in json.loads(state(mark))["sources"].values())


@pytest.mark.parametrize(
    ("batch", "kills"), [(3, 1), pytest.param(3, 2, marks=pytest.mark.soak), pytest.param(1, 5, marks=pytest.mark.soak)]
)
def test_killed_again_and_again_it_gets_to_its_end(library: Path, batch: int, kills: int) -> None:
    before, captioner = captions(library), make_tiny_blip(library / "blip", seed=7)
    done = killed_while_it_renews(library, captioner, batch=batch, kills=kills)
    assert batch * kills <= done < COUNT - 1
    assert redo(library, "--captioner", captioner)["captioned"] == COUNT - 1 - done
    after = captions(library)
    assert after.keys() == before.keys() and not (library / "data" / "redo.json").exists()
    assert sum(origin == "human" for _, origin, _ in after.values()) == 1
    assert len({captioner for _, origin, captioner in after.values() if origin != "human"}) == 1


def test_a_signal_ends_it_and_it_goes_on(library: Path) -> None:
    mark, more = library / "data" / "redo.json", {"BUCKETLENS_BATCH_SIZE": "1"}
    with started("caption", "--redo", "--json", cwd=library, env=more) as run:
        while run.poll() is None and not mark.exists():
            time.sleep(0.005)
        run.terminate()
        printed, _ = run.communicate(timeout=30)
    report = json.loads(printed)
    assert run.returncode == 143 and report["interrupted"] and 0 < report["captioned"] < COUNT - 1
    assert redo(library)["captioned"] == COUNT - 1 - report["captioned"]


def test_it_waits_for_nobody_and_makes_no_library(library: Path, tmp_path: Path) -> None:
    with (library / "data" / "ingest.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        run = bucketlens("caption", "--redo", cwd=library)
    assert run.returncode == 75 and "in use by another process" in run.stderr and run.stdout == ""
    run = bucketlens("caption", "--data", tmp_path / "none", cwd=tmp_path)
    assert run.returncode == 1 and "there is no library" in run.stderr and not (tmp_path / "none").exists()


def test_it_reads_buckets_and_tells_what_is_gone(
    tmp_path: Path, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    client = s3_client(s3_endpoint)
    client.create_bucket(Bucket="captioned")
    paths = list(write_pictures(tmp_path / "drawn", 6, size=96))
    for path in paths:
        client.put_object(Bucket="captioned", Key=f"in/{path.name}", Body=path.read_bytes())
    (tmp_path / "mine.tsv").write_text(
        f"s3://captioned/in/{paths[0].name}\tby its address\n{paths[1].name}\tby its name\n"
    )
    store = ("--endpoint-url", s3_endpoint)
    run = bucketlens("ingest", "s3://captioned/in", *store, "--captions", "mine.tsv", "--model", "demo", cwd=tmp_path)
    assert run.returncode == 0 and "2 images have new captions of people" in run.stdout, run.stderr
    client.delete_object(Bucket="captioned", Key=f"in/{paths[5].name}")
    client.put_object(Bucket="captioned", Key=f"in/{paths[4].name}", Body=paths[0].read_bytes())
    before = captions(tmp_path)
    run = bucketlens("caption", "--redo", "--beams", "2", *store, cwd=tmp_path)
    assert run.returncode == 3 and "2 captioned" in run.stdout, run.stderr
    assert f"in/{paths[5].name}: " in run.stderr and "another picture is there now" in run.stderr
    after = captions(tmp_path)
    for number in (0, 1, 4, 5):
        assert after[f"in/{paths[number].name}"] == before[f"in/{paths[number].name}"]
    for number in (2, 3):
        assert str(after[f"in/{paths[number].name}"][2]).endswith("-beams2")
    assert os.listdir(tmp_path / "data").count("redo.json") == 0


@pytest.mark.soak
def test_a_store_that_does_not_answer_holds_nothing_up(
    tmp_path: Path, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    client = s3_client(s3_endpoint)
    client.create_bucket(Bucket="silent")
    for path in write_pictures(tmp_path / "drawn", 4, size=96):
        client.put_object(Bucket="silent", Key=path.name, Body=path.read_bytes())
    run = bucketlens("ingest", "s3://silent", "--endpoint-url", s3_endpoint, "--model", "demo", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    with FaultProxy(s3_endpoint) as proxy:
        proxy.set(hole=True)
        arguments = ["caption", "--redo", "--endpoint-url", proxy.endpoint, "--json"]
        monkeypatch.setenv("BUCKETLENS_S3_READ_TIMEOUT", "2")  # a read under way is not cut off before it
        with started(*arguments, cwd=tmp_path) as stopped:
            while stopped.poll() is None and not proxy.requests:
                time.sleep(0.01)
            stopped.terminate()
            printed, _ = stopped.communicate(timeout=20)
        assert stopped.returncode == 143 and json.loads(printed)["interrupted"]

        monkeypatch.setenv("BUCKETLENS_S3_PATIENCE", "1")
        run = bucketlens(*arguments, cwd=tmp_path)
        report = json.loads(run.stdout)
        assert run.returncode == 1 and report["captioned"] == 0, run.stderr
        assert "the same command goes on with s3://silent/ where it stopped" in report["problems"][0]

        proxy.set()
        run = bucketlens(*arguments, cwd=tmp_path)
        assert run.returncode == 0 and json.loads(run.stdout)["captioned"] == 4, run.stderr
