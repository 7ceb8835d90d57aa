"""`bucketlens copy` between the embedded index and a server; the server is the stub."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import bucketlens.cli
from core.adapters.local.thumbnails import ThumbnailFiles
from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import FAILED
from core.domain.vectors import unit
from core.errors import LibraryBusy, LibraryMissing, UsageError
from core.ports.vector_index import IndexInfo, VectorIndex
from ingest.jobs.library_copy import copy, find_differences
from ingest.jobs.run_lock import RunLock
from tests.support.fakes import MemoryIndex
from tests.support.made_up_images import failed_point, image_id, point
from tests.support.servers.qdrant_stub import QdrantStub, serving

INFO = IndexInfo("colours", "colours-1", 16)


@pytest.fixture
def stub() -> QdrantStub:
    return QdrantStub()


@pytest.fixture
def url(stub: QdrantStub) -> Iterator[str]:
    with serving(stub) as address:
        yield address


def build(data: Path, count: int) -> None:
    """Every third picture is captioned, every fifth failed; each has a thumbnail."""
    index = EdgeIndex.create(data / "index", INFO)
    every = [failed_point(n) if n % 5 == 0 else point(n, f"red car {n}" if n % 3 == 0 else None) for n in range(count)]
    for start in range(0, count, 5000):
        index.upsert(every[start : start + 5000])
    index.close()
    ThumbnailFiles(data / "thumbnails").put(image_id(1), b"jpeg")


def run(*arguments: object) -> dict[str, Any]:
    ran = CliRunner().invoke(bucketlens.cli.commands, ["copy", *map(str, arguments), "--json"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)  # type: ignore[no-any-return]


def held(data: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every record and every vector of an embedded library."""
    index: VectorIndex = EdgeIndex.open(data / "index")
    records, vectors = {}, {}
    page = index.scroll()
    while page:
        records |= {record.id: record for record in page}
        ids = [record.id for record in page]
        for name in ("image", "caption"):
            vectors |= {(name, i): vector.tobytes() for i, vector in index.vectors(ids, name).items()}
        page = index.scroll(after=page[-1].id)
    index.close()
    return records, vectors


def test_vectors_that_one_index_rounds_are_the_same(tmp_path: Path) -> None:
    info, draw = IndexInfo("wide", "wide-1", 256), np.random.default_rng(1)
    source: VectorIndex = MemoryIndex(info)
    target: VectorIndex = EdgeIndex.create(tmp_path / "index", info)  # keeps two bytes a number

    def write(count: int) -> None:
        source.upsert([replace(point(n), image=unit(draw.normal(size=256))) for n in range(count)])

    write(20)
    *_, copied = copy(source, target)
    assert copied.written == 20 and find_differences(source, target, copied) == []
    write(1)
    *_, copied = copy(source, target)
    assert (copied.written, copied.same) == (1, 19)
    write(1)
    assert find_differences(source, target, copied) == ["file:///pictures/0.jpg differs"]
    target.close()


def there_and_back(tmp_path: Path, url: str, count: int) -> None:
    data, back = tmp_path / "data", tmp_path / "back"
    build(data, count)
    told = run("--from", data, "--to", url, "--data", tmp_path / "beside")
    assert (told["written"], told["same"], told["others"], told["thumbnails"]) == (count, 0, 0, 1)
    assert run("--from", data, "--to", url, "--data", tmp_path / "beside")["written"] == 0
    told = run("--from", url, "--to", back, "--data", tmp_path / "beside")
    assert (told["written"], told["problems"]) == (count, [])
    assert held(back) == held(data)
    assert ThumbnailFiles(back / "thumbnails").get(image_id(1)) == b"jpeg"
    index = EdgeIndex.open(back / "index")
    assert index.count(FAILED) == len(range(0, count, 5))
    index.close()


def test_to_a_server_and_back_everything_is_the_same(tmp_path: Path, url: str) -> None:
    there_and_back(tmp_path, url, 60)


@pytest.mark.soak
def test_fifty_thousand_to_a_server_and_back_are_the_same(tmp_path: Path, url: str) -> None:
    there_and_back(tmp_path, url, 50_000)


def test_a_copy_that_died_half_way_goes_on(tmp_path: Path, stub: QdrantStub, url: str) -> None:
    build(tmp_path / "data", 700)

    def die(what: str) -> None:
        with suppress(ValueError):  # there is no collection yet
            if what == "PUT /points" and stub.client.count("bucketlens").count:  # the lease is written there too
                raise ConnectionError

    stub.before = die
    options = ["copy", "--from", str(tmp_path / "data"), "--to", url, "--data", str(tmp_path / "data")]
    ran = CliRunner().invoke(bucketlens.cli.commands, options, env={"BUCKETLENS_QDRANT_PATIENCE": "0"})
    assert ran.exit_code != 0
    there = stub.client.count("bucketlens").count
    assert 0 < there < 700
    stub.before = lambda _: None
    stub.client.delete_collection("bucketlens-lease")  # else it is waited for: the process that holds it lives on
    told = run(*options[1:])
    assert (told["same"], told["written"], told["problems"]) == (there, 700 - there, [])
    run("--from", url, "--to", tmp_path / "back", "--data", tmp_path / "data")
    assert held(tmp_path / "back") == held(tmp_path / "data")


def test_from_folder_to_folder(tmp_path: Path) -> None:
    build(tmp_path / "data", 50)
    assert run("--from", tmp_path / "data", "--to", tmp_path / "other")["thumbnails"] == 1
    assert held(tmp_path / "other") == held(tmp_path / "data")


def test_what_cannot_be_copied_says_so(tmp_path: Path) -> None:
    def error(*arguments: object) -> BaseException | None:
        return CliRunner().invoke(bucketlens.cli.commands, ["copy", *map(str, arguments)]).exception

    assert isinstance(error("--from", tmp_path / "no", "--to", tmp_path / "where"), LibraryMissing)
    assert not (tmp_path / "where").exists()
    build(tmp_path / "data", 5)
    assert isinstance(error("--from", tmp_path / "data", "--to", tmp_path / "." / "data"), UsageError)
    with RunLock(tmp_path / "data"):
        assert isinstance(error("--from", tmp_path / "data", "--to", tmp_path / "where"), LibraryBusy)
