"""Tars of a folder and of a bucket over real HTTP: what is listed, what is read, and how often the bucket is asked."""

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import webdataset

from core.adapters.shards.store import ShardStore, open_shards
from core.domain.image import ImageRef
from core.errors import ImageGone, ImageTooLarge, ImageUnavailable, SourceNotFound, StoreError
from core.ports.image_store import EXCLUDED, Nameable, Remote
from core.settings import load_settings
from ingest.pipeline.removal import is_inside
from tests.support.servers.fault_proxy import FaultProxy
from tests.support.servers.s3_server import ENVIRONMENT, s3_client
from tests.unit.core.adapters.test_shard_index import make_tar, many, sample

_numbers = count()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def s3(s3_endpoint: str) -> Any:
    return s3_client(s3_endpoint)


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultProxy]:
    with FaultProxy(s3_endpoint) as proxy:
        yield proxy


class Shards:
    """Tars in a folder or in a bucket, and the library's folder beside them."""

    def __init__(self, folder: Path, proxy: FaultProxy | None = None, s3: Any = None) -> None:
        self.folder = folder / "set"
        self.folder.mkdir()
        self.data = folder / "library"
        self.data.mkdir()
        self.proxy = proxy
        self.bucket = f"shards-{next(_numbers)}"
        self.place = str(self.folder)
        if proxy is not None:
            self.s3 = s3
            self.s3.create_bucket(Bucket=self.bucket)
            self.place = f"s3://{self.bucket}/set"

    def put(self, name: str, data: bytes) -> None:
        if self.proxy is None:
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_bytes(data)
        else:
            self.s3.put_object(Bucket=self.bucket, Key=f"set/{name}", Body=data)

    def remove(self, name: str) -> None:
        if self.proxy is None:
            (self.folder / name).unlink()
        else:
            self.s3.delete_object(Bucket=self.bucket, Key=f"set/{name}")

    def open(self, pattern: str = "", **settings: object) -> ShardStore:
        endpoint = {} if self.proxy is None else {"s3_endpoint_url": self.proxy.endpoint, "s3_patience": 1.0}
        return open_shards(f"shards:{self.place}/{pattern}", load_settings(data=self.data, **endpoint | settings))


@pytest.fixture
def local(tmp_path: Path) -> Shards:
    return Shards(tmp_path)


@pytest.fixture
def remote(tmp_path: Path, proxy: FaultProxy, s3: Any) -> Shards:
    return Shards(tmp_path, proxy, s3)


@pytest.fixture(params=["folder", "bucket"])
def shards(request: pytest.FixtureRequest) -> Shards:
    return request.getfixturevalue("local" if request.param == "folder" else "remote")


def listed(store: ShardStore) -> tuple[list[ImageRef], StoreError | None]:
    refs = []
    try:
        for ref in store.list():
            refs.append(ref)
    except StoreError as error:
        return refs, error
    return refs, None


def test_shards_by_webdatasets_own_writer_are_listed_and_read(shards: Shards) -> None:
    pictures = {f"{n:05d}": os.urandom(300 + n) for n in range(7)}
    with webdataset.ShardWriter(f"{shards.folder}/%03d.tar", maxcount=3, verbose=0) as writer:
        for key, data in pictures.items():
            writer.write({"__key__": key, "jpg": data, "txt": f"no. {key}", "json": {"caption": "other"}, "cls": 1})
    if shards.proxy is not None:
        for tar in shards.folder.iterdir():
            shards.put(tar.name, tar.read_bytes())
    shards.put("000_stats.json", b"{}")
    shards.put("000.parquet", b"PAR1")
    store = shards.open()
    refs, problem = listed(store)
    assert problem is None and store.ignored == {".cls files are no pictures": 7}
    assert [ref.key for ref in refs] == [f"{n // 3:03d}.tar/{n:05d}.jpg" for n in range(7)]
    assert refs[4].captions == ("other", "no. 00004") and refs[4].bytes == 304
    assert refs[4].uri == f"{store.source.rstrip('/')}/001.tar#00004.jpg"
    assert [store.read(ref) for ref in refs] == list(pictures.values())
    again = shards.open()
    assert [again.read(ref) for ref in refs] == list(pictures.values())  # without a listing, as the page does
    assert isinstance(store, Remote) is (shards.proxy is not None) and isinstance(store, Nameable)
    assert store.resolve_name("001.tar/00004.jpg") == (refs[4].key, refs[4].uri)
    pattern = shards.open("{000..002}.tar")
    assert [ref.key for ref in listed(pattern)[0]] == [ref.key for ref in refs]
    assert is_inside(pattern.source, store.source) and is_inside(shards.open("001.tar").source, store.source)


def test_what_is_wrong_with_a_shard_is_told_and_the_others_are_listed(shards: Shards) -> None:
    whole = make_tar(many(3))
    shards.put("0.tar", whole)
    shards.put("1.tar", whole[: len(whole) // 2])
    shards.put("3.tar", make_tar(many(1)))
    refs, problem = listed(shards.open("{0..3}.tar"))
    assert {ref.key.partition("/")[0] for ref in refs} == {"0.tar", "1.tar", "3.tar"} and len(refs) >= 5
    assert problem is not None and "2.tar is missing" in problem.reason and "1.tar is" in problem.reason
    shards.put("4.tar.gz", b"\x1f\x8b")
    refs, problem = listed(shards.open())
    assert problem is not None and "4.tar.gz is compressed" in problem.reason and "gunzip" in problem.reason


def test_an_unchanged_shard_is_gone_through_once_and_a_changed_one_again(shards: Shards) -> None:
    shards.put("0.tar", make_tar(many(2)))
    shards.put("1.tar", make_tar(many(3)))
    before, _ = listed(shards.open())
    first = {path.name: path.stat().st_mtime_ns for path in shards.data.rglob("*.gz")}
    assert listed(shards.open())[0] == before and len(first) == 2
    shards.put("1.tar", make_tar(sample(9, 2000)))
    shards.remove("0.tar")
    changed = shards.open()
    assert [ref.key for ref in listed(changed)[0]] == ["1.tar/000000009.jpg"]
    assert len(list(shards.data.rglob("*.gz"))) == 1
    with pytest.raises((ImageGone, ImageUnavailable)):
        changed.read(before[0])
    with pytest.raises(ImageUnavailable, match="changed"):
        changed.read(before[-1])


def test_an_index_that_is_damaged_is_made_again(local: Shards) -> None:
    local.put("0.tar", make_tar(many(3)))
    refs, _ = listed(local.open())
    (path,) = local.data.rglob("*.gz")
    whole = path.read_bytes()
    for data in (b"", whole[: len(whole) // 2], b"\x1f\x8b" + bytes(20), whole[:-9] + bytes(9)):
        path.write_bytes(data)
        assert listed(local.open())[0] == refs
        assert path.read_bytes() == whole


def test_nothing_is_kept_for_a_library_that_is_not_there(local: Shards) -> None:
    local.put("0.tar", make_tar(many(3)))
    local.data.rmdir()
    assert len(listed(local.open())[0]) == 3 and not local.data.exists()


def test_a_source_without_shards_is_told(shards: Shards) -> None:
    with pytest.raises(SourceNotFound, match=r"holds no \.tar"):
        list(shards.open().list())
    shards.put("1.jpg", b"x")
    with pytest.raises(SourceNotFound, match=r"holds no \.tar"):
        list(shards.open().list())


def test_tars_in_folders_below_and_hidden_ones(local: Shards) -> None:
    for name in ("b/1.tar", "0.tar", ".hidden.tar"):
        local.put(name, make_tar(many(1)))
    assert [ref.key for ref in listed(local.open())[0]] == ["0.tar/000000000.jpg", "b/1.tar/000000000.jpg"]
    assert listed(local.open("{0,b/1}.tar"))[1] is None


def test_a_picture_over_the_limit_of_bytes_is_not_read(local: Shards) -> None:
    local.put("0.tar", make_tar(sample(1, 5000)))
    store = local.open(decode_max_bytes=4096)
    (ref,) = listed(store)[0]
    with pytest.raises(ImageTooLarge):
        store.read(ref)


def test_a_name_of_any_bytes_is_listed_and_read(local: Shards) -> None:
    file = io.BytesIO(make_tar([("ä #%2.jpg", b"one"), ("q.jpg", b"two")]).replace(b"q.jpg", b"\xff.jpg"))
    local.put("ü %.tar", _with_sums(file.getvalue()))
    store = local.open()
    refs, problem = listed(store)
    assert problem is None and [store.read(ref) for ref in refs] == [b"one", b"two"]
    assert [ref.key for ref in refs] == ["ü %.tar/ä #%2.jpg", "ü %.tar/./%FF.jpg"]


def _with_sums(data: bytes) -> bytes:
    """Put the headers' sums right after bytes of a name were replaced."""
    blocks = [bytearray(data[at : at + 512]) for at in range(0, len(data), 512)]
    for block in blocks:
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
    return b"".join(blocks)


def test_a_second_run_reads_no_body_and_the_first_reads_few_ranges(remote: Shards) -> None:
    assert remote.proxy is not None
    for number in range(2):
        remote.put(f"{number}.tar", make_tar(many(200, 20_000)))  # 4.7 MB each
    store = remote.open()
    remote.proxy.requests.clear()
    refs, _ = listed(store)
    through = remote.proxy.requests["GET object"]
    assert len(refs) == 400 and through <= 2 * 8
    with ThreadPoolExecutor(16) as readers:
        assert all(len(data) == 20_000 for data in readers.map(store.read, refs))
    assert remote.proxy.requests["GET object"] - through == 2  # a block of 8 MiB holds a whole tar
    remote.proxy.requests.clear()
    assert listed(remote.open())[0] == refs
    assert remote.proxy.requests == {"GET list": 1}
    remote.proxy.requests.clear()
    assert len(listed(remote.open("{0..1}.tar"))[0]) == 400
    assert remote.proxy.requests["HEAD object"] == 2
    remote.proxy.requests.clear()
    assert len(remote.open().read(refs[7])) == 20_000
    assert remote.proxy.requests == {"GET object": 1}


def test_a_store_that_falls_silent_ends_the_listing_and_what_was_gone_through_is_kept(remote: Shards) -> None:
    assert remote.proxy is not None
    remote.put("0.tar", make_tar(many(3)))
    listed(remote.open())
    remote.put("1.tar", make_tar(many(2)))
    remote.proxy.set(cut=100, only="1.tar")
    refs, problem = listed(remote.open(s3_read_timeout=0.5))
    assert len(refs) == 3 and problem is not None
    remote.proxy.set()
    assert len(listed(remote.open())[0]) == 5


def test_patterns_leave_out_pictures_and_whole_tars(local: Shards) -> None:
    for number in range(3):
        local.put(f"{number}.tar", make_tar([("a/1.jpg", b"1"), ("b/2.gif", b"2")]))
    store = open_shards(f"shards:{local.folder}", load_settings(data=local.data), ["*.gif", "/1.tar/"])
    assert [ref.key for ref in listed(store)[0]] == ["0.tar/a/1.jpg", "2.tar/a/1.jpg"]
    assert store.ignored == {EXCLUDED: 4}
