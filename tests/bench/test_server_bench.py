"""What distance to a Qdrant server costs, and what lists cost there. Skipped where no server is named."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TypeVar

import pytest
from qdrant_client import QdrantClient

from core.adapters.qdrant_server.client import Server
from core.adapters.qdrant_server.index import QdrantIndex
from core.domain.query import LikeTerm, Query, TextTerm
from core.ports.vector_index import IndexInfo, Point
from core.search.service import SearchService
from tests.support.benchmark import Row, in_turn, record, time_wall
from tests.support.fakes import ColourEncoder, InlineDecoder
from tests.support.made_up_images import DIMENSION, image_id, vector
from tests.support.made_up_images import record as made_up
from tests.support.servers import real_server

T = TypeVar("T")

PICTURES = int(os.environ.get("BENCH_SERVER_PICTURES", "20000"))
DISTANCE_S = 0.02
WORDS = ("dog", "cat", "car", "house", "tree", "boat", "bird")
COLOURS = ("red", "green", "blue", "yellow", "black")
QUESTIONS = {
    "words": (Query((TextTerm("a red dog"),)), "80 ms"),
    "like a picture": (Query((LikeTerm(image_id(7)),)), "80 ms"),
    "newest": (Query(), "40 ms"),
    "by name": (Query(sort="name"), "60 ms"),
    "newest, offset 10,000": (Query(offset=min(10_000, PICTURES - 20), fold=False), "60 ms"),
}

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(real_server.URL not in os.environ, reason=f"{real_server.URL} names no Qdrant server"),
]


class DistantServer(Server):
    """A server whose every answer takes so much longer, as if it were far away."""

    distance_s = 0.0

    def ask(self, call: Callable[[QdrantClient], T], *, writes: bool = False) -> T:
        time.sleep(self.distance_s)
        return super().ask(call, writes=writes)


@pytest.fixture(scope="module")
def server() -> Iterator[DistantServer]:
    with closing(real_server.server()) as near:
        yield DistantServer(near._client, near.address, 30.0)


@pytest.fixture(scope="module")
def service(server: DistantServer) -> Iterator[SearchService]:
    with real_server.own_name() as name:
        index = QdrantIndex.create(server, name, IndexInfo("colours", "colours-1", DIMENSION))
        for start in range(0, PICTURES, 1000):
            index.upsert([_make_point(n) for n in range(start, min(start + 1000, PICTURES))])
        yield SearchService(index, ColourEncoder, InlineDecoder)  # type: ignore[arg-type]


def _make_point(n: int) -> Point:
    caption = f"a {COLOURS[n % len(COLOURS)]} {WORDS[n % len(WORDS)]}" if n % 2 else None
    return Point(made_up(n, caption), vector(n), None if caption is None else vector(1_000_000 + n))


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_distance_costs(server: DistantServer, service: SearchService, name: str) -> None:
    query, limit = QUESTIONS[name]

    def ask(distance_s: float) -> Callable[[], float]:
        def timed() -> float:
            server.distance_s = distance_s
            try:
                return time_wall(lambda: service.search(query)) * 1000
            finally:
                server.distance_s = 0.0

        return timed

    service.search(query)
    service._index._columns.wait()  # type: ignore[attr-defined]
    far, near = in_turn(ask(DISTANCE_S), ask(0.0))
    added = tuple(one - other for one, other in zip(far, near, strict=True))
    work = f"{name}, {PICTURES:,} pictures"
    record(Row("Qdrant server", f"{work}: what 20 ms to the server add", "ms", added, limit=limit))
    record(Row("Qdrant server", work, "ms", near))
