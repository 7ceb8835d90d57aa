"""What only a real Qdrant server can show: its transports, keys, aliases, strict mode, restarts and numbers.

Skipped where BUCKETLENS_TEST_QDRANT_URL names none; tests.support.servers.real_server says what else can be set.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from qdrant_client import models

from core.adapters.qdrant_edge.index import EdgeIndex
from core.adapters.qdrant_server.collection import Layout
from core.adapters.qdrant_server.index import QdrantIndex
from core.adapters.qdrant_server.library import ServerLibrary
from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import EVERYTHING, FAILED, INDEXED, Filter
from core.domain.vectors import unit
from core.errors import LibraryError, LibraryReadOnly, LibraryRefused, LibraryUnreachable
from core.ports.rank_lists import Probe
from core.ports.vector_index import IndexInfo, Point, VectorIndex
from ingest.jobs import library_copy
from tests.support.fakes import MemoryIndex
from tests.support.index_queries import nearest, newest
from tests.support.made_up_images import failed_point, image_id, point, record, vector
from tests.support.servers import real_server

INFO = IndexInfo("colours", "colours-1", 16)
OTHER = IndexInfo("others", "others-1", 16)

T = TypeVar("T")

pytestmark = pytest.mark.skipif(
    real_server.URL not in os.environ, reason=f"{real_server.URL} names no Qdrant server to test with"
)


def needs(variable: str, what: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(variable not in os.environ, reason=f"{variable} does not say {what}")


@pytest.fixture
def name() -> Iterator[str]:
    with real_server.own_name() as name:
        yield name


def library(name: str, info: IndexInfo = INFO, layout: Layout | None = None, **options: object) -> QdrantIndex:
    return QdrantIndex.create(real_server.server(**options), name, info, layout)  # type: ignore[arg-type]


def some(count: int) -> list[Point]:
    """Every third picture is captioned, every fifth failed."""
    return [failed_point(n) if n % 5 == 0 else point(n, f"red car {n}" if n % 3 == 0 else None) for n in range(count)]


def batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def told(index: VectorIndex) -> object:
    """A little of everything that can be asked."""
    probes = [Probe("image", vector(1)), Probe("caption", vector(1003))]
    return (
        index.scroll(limit=100),
        [(hit.record.id, round(hit.score or 0, 5)) for hit in nearest(index, vector(2), INDEXED, limit=10, exact=True)],
        {name: [i for i, _ in found.ranking] for name, found in index.shortlists(probes, INDEXED, limit=10).items()},
        index.facet("words", INDEXED, limit=5),
        newest(index, Filter(all=(Match("words", ("red",)),)), limit=7),
        (index.count(), index.count(FAILED)),
        {i: v.tobytes() for i, v in index.vectors([image_id(n) for n in range(20)]).items()},
    )


def test_both_transports_answer_as_brute_force_does(name: str) -> None:
    points, brute = some(60), MemoryIndex(INFO)
    brute.upsert(points)
    with closing(library(name)) as over_grpc, closing(library(name, prefer_grpc=False)) as over_rest:
        over_grpc.upsert(points[:30])
        over_rest.upsert(points[30:])
        assert told(over_grpc) == told(over_rest) == told(brute)


def test_strict_mode_refuses_what_we_never_ask_and_nothing_that_we_do(name: str) -> None:
    with closing(library(name)) as index:
        real_server.make_strict(index)
        index.upsert(some(60))
        unindexed = models.Filter(must=[models.FieldCondition(key="bytes", range=models.Range(gte=1))])
        with pytest.raises(LibraryError, match="bytes"):
            index._ask(lambda client, name: client.scroll(name, unindexed, limit=10))
        brute = MemoryIndex(INFO)
        brute.upsert(some(60))
        assert told(index) == told(brute)


def test_what_is_large_is_quantised_and_what_is_exact_stays_so(name: str) -> None:
    with closing(library(name, layout=Layout("large"))) as index:
        index.upsert(some(300))
        brute = MemoryIndex(INFO)
        brute.upsert(some(300))
        config = index._ask(lambda client, name: client.get_collection(name)).config
        assert config.quantization_config is not None and config.params.vectors["image"].on_disk  # type: ignore[index]
        assert [hit.record for hit in nearest(index, vector(7), limit=20, exact=True)] == [
            hit.record for hit in nearest(brute, vector(7), limit=20, exact=True)
        ]
        found = index.shortlists([Probe("image", vector(7))], EVERYTHING, limit=10)["image"].ranking
        for image, score in found:
            assert score == pytest.approx(float(brute.vectors([image])[image] @ vector(7)), abs=1e-5)


@needs(real_server.API_KEY, "which key the server takes")
def test_a_key_that_the_server_does_not_know_is_refused(name: str) -> None:
    for prefer_grpc in (True, False):
        with closing(real_server.server(key="not-a-key", prefer_grpc=prefer_grpc)) as stranger:
            with pytest.raises(LibraryRefused, match="qdrant_api_key") as refused:
                QdrantIndex.open(stranger, name)
            assert not isinstance(refused.value, LibraryReadOnly)


@needs(real_server.READ_API_KEY, "which key may only read")
def test_a_key_that_may_only_read_reads_everything_and_writes_nothing(name: str) -> None:
    with closing(library(name)) as index:
        index.upsert(some(30))
        expected = told(index)
        for prefer_grpc in (True, False):
            reader = real_server.server(key=os.environ[real_server.READ_API_KEY], prefer_grpc=prefer_grpc)
            with closing(QdrantIndex.open(reader, name)) as read_only:
                assert told(read_only) == expected
                with pytest.raises(LibraryReadOnly, match="may write"):
                    read_only.upsert([point(900)])
                with pytest.raises(LibraryReadOnly):
                    read_only.delete([image_id(1)])
        assert told(index) == expected


def test_an_alias_moves_under_load_and_nobody_sees_two_models_or_none(name: str) -> None:
    index_versions = ServerLibrary(real_server.server, name, Layout())
    index_versions.create(INFO)
    first, second = index_versions.current(), index_versions.beside(OTHER)
    for version, seed in ((first, 0), (second, 500)):
        with closing(index_versions.open(version)) as index:
            index.upsert([Point(record(n), vector(seed + n)) for n in range(50)])
    right = {
        info.model: [n for n, _ in _best(np.stack([vector(seed + n) for n in range(50)]))]
        for info, seed in ((INFO, 0), (OTHER, 500))
    }
    stop, wrong, asked = threading.Event(), [], [0] * 8

    def search(number: int) -> None:
        while not stop.is_set():
            try:
                with closing(index_versions.open()) as index:
                    found = [int(hit.record.key[:-4]) for hit in nearest(index, vector(3), limit=10, exact=True)]
                    if found != right[index.info.model]:
                        wrong.append((index.info.model, found))
            except LibraryError as error:
                wrong.append(error)
            asked[number] += 1

    threads = [threading.Thread(target=search, args=(n,)) for n in range(len(asked))]
    for thread in threads:
        thread.start()
    for _ in range(10):
        index_versions.use(second if index_versions.current() == first else first)
        assert index_versions.previous() != index_versions.current()
        stop.wait(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == [] and min(asked) > 0
    assert index_versions.all().keys() == {first, second}


def _best(vectors: np.ndarray) -> list[tuple[int, float]]:
    """(N, D): the ten nearest to vector(3), best first."""
    scores = vectors @ vector(3)
    return [(int(n), float(scores[n])) for n in np.argsort(-scores)[:10]]


@needs(real_server.RESTART, "how the server is restarted")
def test_a_server_that_is_restarted_in_the_middle_of_an_upsert_loses_nothing(name: str) -> None:
    points = some(6000)
    with closing(library(name, patience_s=120.0)) as index:
        written = threading.Semaphore(0)
        restarted = threading.Thread(target=lambda: (written.acquire(), real_server.restart()))
        restarted.start()
        for n, batch in enumerate(batched(points, 200)):
            index.upsert(batch)
            if n == 4:
                written.release()
        restarted.join()
        assert index.count() == len(points)
        brute = MemoryIndex(INFO)
        brute.upsert(points)
        assert library_copy.find_differences(brute, index, _all_of(brute)) == []


@needs(real_server.RESTART, "how the server is restarted")
def test_who_reads_is_told_that_the_server_is_away_and_answered_when_it_is_back(name: str) -> None:
    with closing(library(name, patience_s=0.0)) as index:
        index.upsert(some(10))
        restarted = threading.Thread(target=real_server.restart)
        restarted.start()
        faults = set()
        while restarted.is_alive():
            try:
                assert index.count() == 10
            except LibraryError as error:
                faults.add(type(error))
        restarted.join()
        assert faults <= {LibraryUnreachable}
        for _ in range(600):
            try:
                assert index.count() == 10
                return
            except LibraryUnreachable:
                threading.Event().wait(0.1)
        raise AssertionError("the server has not answered for a minute after its restart")


def _all_of(index: VectorIndex) -> library_copy.CopyProgress:
    """As if everything had been copied, and is to be compared."""
    ids = [record.id for record in index.scroll(limit=10**6)]
    return library_copy.CopyProgress(len(ids), written=len(ids), sample=ids)


@pytest.mark.soak
def test_a_hundred_thousand_are_written_found_and_taken_back_whole(name: str, tmp_path: Path) -> None:
    info, count = IndexInfo("wide", "wide-1", 512), 100_000
    dice = np.random.default_rng(1)
    centres = unit(dice.normal(size=(500, 512)))
    with closing(library(name, info)) as index:
        for numbers in batched(range(count), 1000):
            rows = unit(centres[[n % 500 for n in numbers]] + dice.normal(scale=0.02, size=(len(numbers), 512)))
            index.upsert(
                [Point(record(n, "a red car" if n % 7 == 0 else None), rows[i]) for i, n in enumerate(numbers)]
            )
        assert index.count() == count
        assert index.count(Filter(all=(Match("words", ("car",)),))) == len(range(0, count, 7))
        recall = []
        for row in unit(centres[:50] + dice.normal(scale=0.02, size=(50, 512))):
            near = {i for i, _ in index.shortlists([Probe("image", row)], INDEXED, limit=10)["image"].ranking}
            exact = {hit.record.id for hit in nearest(index, row, INDEXED, limit=10, exact=True)}
            recall.append(len(near & exact) / 10)
        assert np.mean(recall) > 0.9
        with closing(EdgeIndex.create(tmp_path / "index", info)) as back:
            for copied in library_copy.copy(index, back):  # noqa: B007
                pass
            assert (copied.written, library_copy.find_differences(index, back, copied)) == (count, [])
