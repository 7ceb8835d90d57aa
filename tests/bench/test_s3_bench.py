"""Reading and listing a bucket, by the store of BucketLens and by boto3 alone, from the same server.

The CPU is that of the client's process. The server of the first rows answers faster than either asks.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from core.adapters.stores.s3 import S3Store
from core.domain.image import ImageRef
from core.settings import load_settings
from tests.support.benchmark import Row, in_turn, record, time_cpu, time_wall
from tests.support.servers import real_store
from tests.support.servers.fast_s3 import ETAG, FastS3, fast_s3
from tests.support.servers.s3_server import ENVIRONMENT

pytestmark = pytest.mark.bench

COUNT = int(os.environ.get("BUCKETLENS_BENCH_OBJECTS", "1500"))
LISTED = int(os.environ.get("BUCKETLENS_BENCH_LISTED", "1000"))
READERS = 16
GATEWAY = Path(__file__).resolve().parents[1] / "support" / "servers" / "ceph-gateway"
GROUP = "S3"
Read = Callable[[str], bytes]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def open_store(endpoint: str, bucket: str = "bucket") -> S3Store:
    return S3Store(f"s3://{bucket}", load_settings(s3_endpoint_url=endpoint, s3_readers=READERS))


def make_client(endpoint: str) -> Any:
    session = boto3.Session()  # not the default one, which keeps the credentials of another server
    return session.client("s3", endpoint_url=endpoint, config=Config(max_pool_connections=READERS))


def read_by_boto3(endpoint: str, bucket: str) -> Read:
    client = make_client(endpoint)
    return lambda key: bytes(client.get_object(Bucket=bucket, Key=key)["Body"].read())


def compare(work: str, keys: Sequence[str], ours: Read, theirs: Read, *, rate: bool) -> None:
    """Record the CPU of an object and, with `rate`, the objects of a second, read by 16 threads."""
    with ThreadPoolExecutor(READERS) as pool:

        def read_all(read: Read) -> None:
            for _ in pool.map(read, keys):
                pass

        def milliseconds(read: Read) -> Callable[[], float]:
            return lambda: 1000 * time_cpu(lambda: read_all(read)) / len(keys)

        cpu = in_turn(milliseconds(ours), milliseconds(theirs))
        record(Row(GROUP, f"{work}, CPU an object", "ms", cpu[0], "boto3 alone", cpu[1], "4 ×"))
        if rate:

            def objects(read: Read) -> Callable[[], float]:
                return lambda: len(keys) / time_wall(lambda: read_all(read))

            speed = in_turn(objects(ours), objects(theirs))
            record(Row(GROUP, f"{work}, objects", "1/s", speed[0], "boto3 alone", speed[1], "4 ×"))


@pytest.mark.parametrize("size", [200_000, 23_000])
def test_objects_from_a_server_that_is_never_the_limit(size: int) -> None:
    with fast_s3(size, COUNT) as server:
        ours = _reader(open_store(server.endpoint), _refs(server, size))
        theirs = read_by_boto3(server.endpoint, "bucket")
        assert len(ours(server.keys[0])) == len(theirs(server.keys[0])) == size
        compare(f"read {size // 1000} KB, {READERS} readers", server.keys, ours, theirs, rate=True)


def test_a_listing() -> None:
    with fast_s3(1000, LISTED) as server:
        store, client = open_store(server.endpoint), make_client(server.endpoint)
        assert sum(1 for _ in store.list()) == LISTED
        assert len(client.list_objects_v2(Bucket="bucket")["Contents"]) == LISTED
        ours, theirs = in_turn(
            lambda: 1e6 * time_cpu(lambda: list(store.list())) / LISTED,
            lambda: 1e6 * time_cpu(lambda: client.list_objects_v2(Bucket="bucket")) / LISTED,
        )
        record(Row(GROUP, "list and choose what is a picture, CPU a key", "µs", ours, "boto3's listing alone", theirs))


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if shutil.which("radosgw") is None:
        pytest.skip("Ceph's gateway is not installed")
    started = subprocess.run([GATEWAY, "start", tmp_path / "ceph", "7490"], capture_output=True, text=True, check=True)
    try:
        for line in started.stdout.splitlines():
            for word in line.removeprefix("export ").split():
                name, found, value = word.partition("=")
                if found and name.startswith("AWS_"):
                    monkeypatch.setenv(name, value)
        yield "http://127.0.0.1:7490"
    finally:
        subprocess.run([GATEWAY, "stop", tmp_path / "ceph"], check=True)


def test_objects_from_ceph(gateway: str) -> None:
    client = real_store.client(gateway)
    with real_store.own_bucket(client) as bucket:
        for n in range(COUNT // 5):
            client.put_object(Bucket=bucket, Key=f"{n:05d}.jpg", Body=bytes(23_000))
        store = open_store(gateway, bucket)
        refs = {ref.key: ref for ref in store.list()}
        ours, theirs = _reader(store, refs), read_by_boto3(gateway, bucket)
        compare(f"read 23 KB of Ceph's gateway, {READERS} readers", list(refs), ours, theirs, rate=False)


def _refs(server: FastS3, size: int) -> dict[str, ImageRef]:
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return {key: ImageRef("s3://bucket/", key, f"s3://bucket/{key}", ETAG, size, moment) for key in server.keys}


def _reader(store: S3Store, refs: dict[str, ImageRef]) -> Read:
    return lambda key: store.read(refs[key])
