"""`bucketlens ingest s3://…` as a process with the demo models, through a proxy that counts what it asks for."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.domain.model_catalog import DEMO_WEIGHTS
from demo.scenes.sample_library import write_pictures
from tests.e2e.ingest.faults.test_kill import contents, kill_during
from tests.support.processes.commands import BUCKETLENS, bucketlens
from tests.support.servers.fault_proxy import FaultProxy
from tests.support.servers.s3_server import ENVIRONMENT, s3_client

pytestmark = pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models")

COUNT = 40


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return list(write_pictures(tmp_path_factory.mktemp("pictures"), COUNT + 10, size=128))


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultProxy]:
    with FaultProxy(s3_endpoint) as proxy:
        yield proxy


@pytest.fixture
def s3(s3_endpoint: str) -> Any:
    return s3_client(s3_endpoint)


def fill(s3: Any, bucket: str, pictures: list[Path]) -> None:
    s3.create_bucket(Bucket=bucket)
    for path in pictures:
        s3.put_object(Bucket=bucket, Key=f"in/{path.name}", Body=path.read_bytes())


def etags(s3: Any, bucket: str) -> dict[str, str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="in/")
    return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", ())}


def audit(s3: Any, bucket: str, data: Path) -> None:
    """Every object is there once, under its ETag, with finite unit vectors; nothing else is."""
    records, vectors = contents(data)
    assert {key: record.etag for key, record in records.items()} == etags(s3, bucket)
    assert all(record.status == "indexed" for record in records.values())
    stacked = np.stack(list(vectors.values()))
    assert np.isfinite(stacked).all() and np.allclose(np.linalg.norm(stacked, axis=1), 1.0, atol=1e-5)


def ingest(folder: Path, source: str, proxy: FaultProxy, *more: str) -> dict[str, Any]:
    arguments = ["ingest", source, "--endpoint-url", proxy.endpoint, "--model", "demo", "--json", *more]
    run = bucketlens(*arguments, cwd=folder)
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    return report


def test_the_library_follows_the_bucket(s3: Any, proxy: FaultProxy, pictures: list[Path], tmp_path: Path) -> None:
    fill(s3, "follows", pictures[:COUNT])
    s3.put_object(Bucket="follows", Key="in/", Body=b"")
    report = ingest(tmp_path, "s3://follows/in", proxy)
    s3.delete_object(Bucket="follows", Key="in/")
    assert (report["added"], report["captioned"], report["failed"]) == (COUNT, COUNT, 0)
    assert proxy.requests == {"GET list": 1, "GET object": COUNT}
    audit(s3, "follows", tmp_path / "data")

    proxy.forget()
    assert ingest(tmp_path, "s3://follows/in/", proxy)["skipped"] == COUNT
    assert proxy.requests == {"GET list": 1}

    changed, removed, added = pictures[0], pictures[1], pictures[COUNT]
    s3.put_object(Bucket="follows", Key=f"in/{changed.name}", Body=pictures[COUNT + 1].read_bytes())
    s3.delete_object(Bucket="follows", Key=f"in/{removed.name}")
    s3.put_object(Bucket="follows", Key=f"in/{added.name}", Body=added.read_bytes())
    proxy.forget()
    report = ingest(tmp_path, "s3://follows/in", proxy)
    assert (report["added"], report["updated"], report["deleted"]) == (1, 1, 1)
    assert proxy.requests == {"GET list": 1, "GET object": 2}
    audit(s3, "follows", tmp_path / "data")
    answer = bucketlens("search", "red", "--json", "--limit", "1", cwd=tmp_path)
    assert json.loads(answer.stdout)["hits"][0]["uri"].startswith("s3://follows/in/demo-")


@pytest.mark.soak
def test_ten_thousand_objects_are_read_once(s3: Any, proxy: FaultProxy, pictures: list[Path], tmp_path: Path) -> None:
    count = 10_000
    s3.create_bucket(Bucket="many")
    bodies = [path.read_bytes() for path in pictures]
    for n in range(count):
        s3.put_object(Bucket="many", Key=f"in/{n:05d}.jpg", Body=bodies[n % len(bodies)] + b"%d" % n)
    first = ingest(tmp_path, "s3://many/in", proxy, "--no-captions")
    assert (first["added"], first["failed"]) == (count, 0)
    assert proxy.requests == {"GET list": count // 1000, "GET object": count}
    proxy.forget()
    second = ingest(tmp_path, "s3://many/in", proxy, "--no-captions")
    assert second["skipped"] == count
    assert proxy.requests == {"GET list": count // 1000}
    sys.stdout.write(f"first run {first['seconds']:.1f} s, second {second['seconds']:.2f} s\n")


@pytest.mark.soak
def test_killed_in_the_middle_and_run_again(s3: Any, proxy: FaultProxy, pictures: list[Path], tmp_path: Path) -> None:
    fill(s3, "killed", pictures[:COUNT])
    ingest(tmp_path, "s3://killed/in", proxy)
    kill_and_finish(s3, proxy, pictures, tmp_path, bucket="killed", kills=3, slowest=3.0)


def kill_and_finish(
    s3: Any, proxy: FaultProxy, pictures: list[Path], folder: Path, *, bucket: str, kills: int, slowest: float
) -> None:
    """Change the bucket and kill the ingest of the change, several times; then let one end."""
    chance = random.Random(7)
    command = [*BUCKETLENS, "ingest", f"s3://{bucket}/in", "--endpoint-url", proxy.endpoint, "--model", "demo"]
    command += ["--data", str(folder / "data")]
    proxy.set(delay=0.1)
    killed = 0
    for turn in range(kills):
        for n in range(turn, len(pictures) - 10, 4):
            body = pictures[(n + turn + 1) % len(pictures)].read_bytes()
            s3.put_object(Bucket=bucket, Key=f"in/{pictures[n].name}", Body=body)
        s3.delete_object(Bucket=bucket, Key=f"in/{pictures[turn].name}")
        killed += kill_during(command, folder / "data", chance.uniform(0.3, slowest))
    assert killed >= kills // 2
    proxy.set()
    report = ingest(folder, f"s3://{bucket}/in", proxy)
    assert report["problems"] == [] and report["failed"] == 0
    audit(s3, bucket, folder / "data")


def test_what_cannot_be_listed_is_told_and_nothing_is_deleted(
    s3: Any, proxy: FaultProxy, pictures: list[Path], tmp_path: Path
) -> None:
    fill(s3, "vanishes", pictures[:4])
    ingest(tmp_path, "s3://vanishes/in", proxy)
    for entry in etags(s3, "vanishes"):
        s3.delete_object(Bucket="vanishes", Key=entry)
    report = ingest(tmp_path, "s3://vanishes/in", proxy, "--confirm-deletes")
    assert (report["deleted"], report["kept"]) == (0, 4) and "lists no image at all" in report["notices"][0]
    s3.delete_bucket(Bucket="vanishes")
    run = bucketlens("ingest", "s3://vanishes/in", "--endpoint-url", proxy.endpoint, "--confirm-deletes", cwd=tmp_path)
    assert run.returncode == 1 and "there is no bucket vanishes" in run.stderr and "nothing was deleted" in run.stderr
    assert "Traceback" not in run.stderr
    assert len(contents(tmp_path / "data")[0]) == 4


def test_misuse_is_told_before_anything_is_made(tmp_path: Path) -> None:
    for arguments in (["s3://"], ["s3://bucket", "--endpoint-url", "localhost"], ["s3://b", "--profile"]):
        run = bucketlens("ingest", *arguments, cwd=tmp_path)
        assert run.returncode == 2 and run.stderr and "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


LISTING = """
import sys
sys.path.insert(0, sys.argv[1])
from core.adapters.stores.s3 import S3Store
from core.domain.ids import point_id
from core.settings import load_settings
from ingest.pipeline.plan import IdSet

def memory(name):
    return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1]) << 10

ids, before = IdSet(), memory("VmRSS")
for ref in S3Store("s3://bucket", load_settings(s3_endpoint_url=sys.argv[2])).list():
    ids.add(point_id(ref.source, ref.key))
print(len(ids), memory("VmHWM") - before)
"""


@pytest.mark.soak
def test_a_million_keys_are_listed_in_little_memory() -> None:
    from tests.support.processes.commands import ROOT, environment
    from tests.support.servers.s3_stub import Answer, Asked, s3_stub

    entry = (
        "<Contents><Key>photos/{0:012d}.jpg</Key><LastModified>2026-03-01T12:00:00.000Z</LastModified>"
        "<ETag>&quot;{0:032x}&quot;</ETag><Size>1000</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )

    def answer(asked: Asked) -> Answer:
        start = int(asked.query.get("continuation-token", "0"))
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{start + 1000}</NextContinuationToken>"
        entries = "".join(entry.format(n) for n in range(start, start + 1000))
        return Answer(body=f"<ListBucketResult>{more if start < 999_000 else ''}{entries}</ListBucketResult>".encode())

    with s3_stub(answer) as endpoint:
        command = [sys.executable, "-c", LISTING, str(ROOT), endpoint]
        run = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=1800)
    assert run.returncode == 0, run.stderr
    count, grown = map(int, run.stdout.split())
    assert count == 1_000_000 and grown < 400 * 2**20
