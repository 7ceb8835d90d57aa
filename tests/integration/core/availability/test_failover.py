"""Twenty users search while the library's server is killed, swallowed up, slowed down or refused, and comes back."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.adapters.faiss_mirror.builder import build
from core.adapters.faiss_mirror.index import FaissMirror
from core.adapters.faiss_mirror.mirror_folder import MirrorFolder
from core.adapters.qdrant_server.client import connect
from core.adapters.qdrant_server.index import QdrantIndex
from core.availability.failover import Failover
from core.availability.resilient_search import ResilientSearch
from core.domain.filtering.filters import caption_words
from core.domain.query import Query, TextTerm
from core.domain.result import SearchResult
from core.ports.vector_index import IndexInfo, Point
from core.search.service import SearchService
from tests.support.fakes import ColourEncoder, InlineDecoder
from tests.support.made_up_images import record
from tests.support.servers.fault_proxy import FaultProxy
from tests.support.servers.qdrant_stub import QdrantStub, serving

FAULTS = {
    "killed": {"refuse": True},
    "black hole": {"hole": True},
    "slow": {"delay": 3.0},
    "unavailable": {"slow_down": 1.0},
    "cut off": {"cut": 5},
    "too many requests": {"status": 429},
}
INFO = IndexInfo("colours", "colours-1", ColourEncoder.dimension)
IMAGES = 12
DEADLINE_S = 1.0
QUERIES = [Query((TextTerm("red"),)), Query((TextTerm("blue dog"),), caption_words(must=["blue"])), Query()]


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with serving(QdrantStub()) as address, FaultProxy(address) as proxy:
        yield proxy


@pytest.fixture
def search(proxy: FaultProxy, tmp_path: Path) -> Iterator[ResilientSearch]:
    encoder = ColourEncoder()
    server = connect(proxy.endpoint, prefer_grpc=False, timeout_s=4, patience_s=0)
    index = QdrantIndex.create(server, "library", INFO)
    said = ["a red car" if n % 2 else "a blue dog" for n in range(IMAGES)]
    vectors = encoder.encode_texts(said).vectors
    index.upsert([Point(record(n + 1, said[n]), vectors[n], vectors[n]) for n in range(IMAGES)])
    build(index, MirrorFolder(tmp_path / "mirror"), "float32")
    mirror = FaissMirror(tmp_path / "mirror", threads=2)
    failover = Failover(lambda: index, lambda: mirror, lambda: True, DEADLINE_S)
    failover.warm()
    with closing(mirror), closing(failover), closing(index):
        yield ResilientSearch(failover, lambda index: SearchService(index, lambda: encoder, InlineDecoder))


@dataclass
class Users:
    """Each asks one question after the other until `stop`."""

    search: ResilientSearch
    thinks_s: float  # between two questions
    stop: threading.Event = field(default_factory=threading.Event)
    answers: list[tuple[float, SearchResult]] = field(default_factory=list)  # seconds that each took
    errors: list[BaseException] = field(default_factory=list)

    def run(self) -> None:
        n = 0
        while not self.stop.is_set():
            started = time.monotonic()
            try:
                result = self.search.search(QUERIES[n % len(QUERIES)])
                self.answers.append((time.monotonic() - started, result))
            except Exception as error:
                self.errors.append(error)
            n += 1
            self.stop.wait(self.thinks_s)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("count", "thinks_s", "seconds", "slowest"),
    [(5, 0.3, 2.0, 10.0), pytest.param(20, 1.0, 60.0, 2.0, marks=pytest.mark.soak)],
    ids=["short", "long"],
)
def test_no_search_fails_while_the_server_is_away(
    search: ResilientSearch, proxy: FaultProxy, fault: str, count: int, thinks_s: float, seconds: float, slowest: float
) -> None:
    users = Users(search, thinks_s)
    threads = [threading.Thread(target=users.run) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        proxy.set(**FAULTS[fault])
        time.sleep(seconds)
        during = users.answers[-count:]
        proxy.set()
        back = time.monotonic()
        while search.search(QUERIES[0]).degraded and time.monotonic() - back < 10:
            time.sleep(0.2)
        took = time.monotonic() - back
    finally:
        users.stop.set()
        for thread in threads:
            thread.join()
    assert not users.errors
    assert all(result.degraded and result.total in (IMAGES, IMAGES // 2) for _, result in during)
    assert all(result.hits for _, result in users.answers)
    assert max(waited for waited, _ in users.answers) < slowest
    assert took < 10
