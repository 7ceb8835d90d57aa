"""How often a search asks a server."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

from qdrant_client import QdrantClient

from core.adapters.qdrant_server.client import Server
from core.adapters.qdrant_server.index import QdrantIndex
from core.domain.query import Query, TextTerm, Weights
from core.domain.text_lines import TextLine
from core.ports.vector_index import IndexInfo, Point
from core.search.service import SearchService
from tests.support.fakes import ColourEncoder, InlineDecoder
from tests.support.made_up_images import DIMENSION, record, vector

FEWER = Weights(1, 0.05, 0.5, 0, 0, 0)


class CountingServer(Server):
    asked = 0

    def ask(self, call: Callable[[QdrantClient], Any], *, writes: bool = False) -> Any:
        self.asked += 1
        return super().ask(call, writes=writes)


def test_further_lists_of_words_take_no_further_round_trips() -> None:
    line = TextLine("RED DOG", (0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0), 0.9)
    made = [
        record(
            n, "a red dog" if n % 2 else None, text_lines=(line,) * (n % 3 == 0), places=("Red Hill",) * (n % 5 == 0)
        )
        for n in range(1, 41)
    ]
    with closing(QdrantClient(":memory:")) as client:
        server = CountingServer(client, "in memory")
        index = QdrantIndex.create(server, "library", IndexInfo("colours", "colours-1", DIMENSION))
        index.upsert([Point(one.with_words(), vector(n), vector(n)) for n, one in enumerate(made)])
        service = SearchService(index, ColourEncoder, InlineDecoder)  # type: ignore[arg-type]

        def count(weights: Weights, text: str) -> int:
            before = server.asked
            assert service.search(Query((TextTerm(text),), weights=weights)).hits
            return server.asked - before

        for weights in (FEWER, Weights()):
            count(weights, "red dog")  # what words are worth is known from here on
        assert count(Weights(), "red dog") == count(FEWER, "red dog") <= 9
        # a new word is counted once for every list that has words at all
        assert count(Weights(), "hill") <= count(FEWER, "mouse") + 3
