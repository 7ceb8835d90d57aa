"""A library on a Qdrant server, as the commands and settings mean it; the server is the stub."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import bucketlens.cli
from core.adapters.qdrant_server.client import connect
from core.adapters.qdrant_server.collection import Layout
from core.adapters.qdrant_server.index import QdrantIndex
from core.bootstrap import Container
from core.commands.hints import render_message
from core.errors import (
    BucketLensError,
    InvalidSetting,
    LibraryMissing,
    LibraryReadOnly,
    LibraryRefused,
    LibraryUnreachable,
    ServerLibraryMissing,
)
from core.ports.vector_index import IndexInfo
from core.settings import load_settings
from tests.support.made_up_images import failed_point, point
from tests.support.servers.qdrant_stub import QdrantStub, serving

INFO = IndexInfo("colours", "colours-1", 16)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stub() -> QdrantStub:
    return QdrantStub()


@pytest.fixture
def url(stub: QdrantStub) -> Iterator[str]:
    with serving(stub) as address:
        yield address


def library(url: str, key: str | None = None, layout: Layout | None = None, info: IndexInfo = INFO) -> QdrantIndex:
    server = connect(url, api_key=key, prefer_grpc=False, patience_s=0)
    return QdrantIndex.create(server, "bucketlens", info, layout)


def run(*arguments: str) -> tuple[int, str, BaseException | None]:
    ran = CliRunner().invoke(bucketlens.cli.commands, list(arguments))
    return ran.exit_code, ran.stdout, ran.exception if isinstance(ran.exception, BucketLensError) else None


def test_the_address_alone_leads_every_command_to_the_server(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library(url).upsert([point(1, "a dog"), point(2), failed_point(3)])
    code, told, _ = run("status", "--json", "--qdrant-url", url)
    status = json.loads(told)
    assert (code, status["images"], status["failed"], status["backend"]) == (0, 2, 1, "server")
    assert f"index server {url}" in run("status", "--qdrant-url", url)[1]
    monkeypatch.setenv("BUCKETLENS_QDRANT_URL", url)
    assert json.loads(run("failures", "--json")[1])["failures"][0]["reason"] == "not an image"
    assert [hit["id"] for hit in json.loads(run("search", "--must", "dog", "--json")[1])["hits"]] == [
        point(1).record.id
    ]
    monkeypatch.delenv("BUCKETLENS_QDRANT_URL")
    Path("bucketlens.toml").write_text(f'[qdrant]\nurl = "{url}"\n')
    code, _, _ = run("forget", "file:///pictures", "--yes", "--data", "elsewhere")
    assert (code, json.loads(run("status", "--json")[1])["images"]) == (0, 0)


def test_a_server_without_the_library_says_how_to_make_one(url: str) -> None:
    _, _, error = run("status", "--qdrant-url", url)
    assert isinstance(error, ServerLibraryMissing) and isinstance(error, LibraryMissing)
    assert "bucketlens ingest FOLDER --qdrant-url " + url in render_message(error)


def test_a_server_that_is_not_there_is_waited_for_briefly_by_who_reads() -> None:
    _, _, error = run("status", "--qdrant-url", "http://127.0.0.1:1")
    assert isinstance(error, LibraryUnreachable) and error.exit_code == 69


@pytest.mark.parametrize("wrong", ["localhost:6333", "ftp://host", "http://", "http://me:pw@host", "http://host:none"])
def test_an_address_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidSetting, match="qdrant_url"):
        load_settings(qdrant_url=wrong)


def test_keys_are_for_what_they_allow() -> None:
    stub = QdrantStub({"may-write": True, "may-read": False})
    with serving(stub) as url:
        library(url, "may-write").upsert([point(1)])
        keys = {"qdrant_url": url, "qdrant_grpc": False, "index_wait": 0}
        with pytest.raises(LibraryRefused, match="qdrant_api_key") as refused:
            _ = Container(load_settings(**keys, qdrant_api_key="no such")).index
        assert not isinstance(refused.value, LibraryReadOnly) and "no such" not in str(refused.value)
        with Container(load_settings(**keys, qdrant_read_api_key="may-read", qdrant_api_key="no such")) as reader:
            assert reader.index.count() == 1
        with Container(load_settings(**keys, qdrant_read_api_key="may-read")) as reader:
            reader.write()
            with pytest.raises(LibraryReadOnly, match="may write"):
                reader.index.upsert([point(2)])
        with Container(load_settings(**keys, qdrant_read_api_key="may-read", qdrant_api_key="may-write")) as both:
            assert both.index.count() == 1
            both.write()
            both.index.upsert([point(2)])
            assert both.index.count() == 2


def test_a_new_library_is_laid_out_as_the_settings_say(stub: QdrantStub, url: str) -> None:
    library(url)
    assert "quantization_config" not in stub.created[0] and not stub.created[0]["vectors"]["image"]["on_disk"]
    large = Layout("large", shards=6, replicas=2, write_consistency=2)
    info = IndexInfo("other", "colours-2", 16)
    QdrantIndex.create(connect(url, prefer_grpc=False), "another", info, large)
    created = stub.created[1]
    assert created["vectors"]["caption"]["on_disk"] and created["quantization_config"]["scalar"]["type"] == "int8"
    assert (created["shard_number"], created["replication_factor"], created["write_consistency_factor"]) == (6, 2, 2)
    assert created["metadata"]["bucketlens"]["model"] == "other"
    assert created["metadata"]["bucketlens"]["collection"].startswith("another-")


def test_who_writes_waits_for_the_server_and_stops_waiting_when_told(url: str) -> None:
    library(url)
    stop = threading.Event()
    with Container(load_settings(qdrant_url=url, qdrant_grpc=False, qdrant_patience=60)) as container:
        container.write(until=stop)
        index = container.index
        index.upsert([point(1)])
    away = connect("http://127.0.0.1:1", prefer_grpc=False, patience_s=60, stop=stop)
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(LibraryUnreachable):
        QdrantIndex.open(away, "bucketlens")
    away.close()
