"""How many round trips to a server a question takes: requests that wait for one another."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.adapters.qdrant_server.client import Server
from core.adapters.qdrant_server.index import QdrantIndex
from core.commands.status import _count_all, _count_sources
from core.domain.filtering.conditions import Match, Named
from core.domain.filtering.filters import Filter
from core.domain.query import ImageTerm, LikeTerm, Query, TextTerm, Weights
from core.domain.text_lines import TextLine
from core.ports.vector_index import IndexInfo, Point
from core.search.facets import FACETS
from core.search.request import build_query
from core.search.service import SearchService
from tests.support.fakes import ColourEncoder, InlineDecoder
from tests.support.made_up_images import DIMENSION, image_id, record, vector
from tests.support.servers.counting_client import CountingClient, RoundTrips

SEARCH, LIST = 3, 2  # round trips at most
PICTURES = 300  # more than a shortlist holds

Ask = Callable[[SearchService], Any]


def picture() -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (16, 16), (220, 30, 30)).save(kept, "PNG")
    return kept.getvalue()


def made_up(n: int) -> Point:
    line = TextLine("RED DOG", (0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0), 0.9)
    made = record(
        n,
        "a red dog" if n % 2 else None,
        text_lines=(line,) * (n % 3 == 0),
        places=("Red Hill",) * (n % 5 == 0),
        camera=("Nikon D5", "Canon R6")[n % 2],
        content_hash=f"{n - (n % 7 == 0):064x}",
    )
    return Point(made.with_words(), vector(n), vector(1000 + n) if made.caption else None)


@pytest.fixture(scope="module")
def client() -> Iterator[CountingClient]:
    with closing(CountingClient()) as client:
        index = QdrantIndex.create(Server(client, "in memory"), "library", IndexInfo("colours", "colours-1", DIMENSION))
        index.upsert([made_up(n) for n in range(1, PICTURES + 1)])
        yield client


@pytest.fixture(scope="module")
def service(client: CountingClient) -> SearchService:
    index = QdrantIndex.open(Server(client, "in memory"), "library")
    bank = np.stack([vector(5000 + n) for n in range(40)])
    service = SearchService(index, ColourEncoder, InlineDecoder, bank=lambda _: bank)  # type: ignore[arg-type]
    index._frequencies._clock = lambda: 1.0  # words stay known, however slow the machine is
    service.search(Query(sort="name"))
    index._columns.wait()
    return service


def trips(client: CountingClient, service: SearchService, ask: Ask) -> RoundTrips:
    """Of a question that was asked before: calibration and word counts are known."""
    ask(service)
    with client.counting() as counted:
        assert ask(service)
    return counted


NIKON = Filter(all=(Match("camera", ("Nikon D5",)),))
WORDS = (TextTerm("red dog"),)
SEARCHES: dict[str, Query] = {
    "words": Query(WORDS),
    "words, unfolded": Query(WORDS, fold=False),
    "words, filtered": Query(WORDS, NIKON),
    "words, camera named": Query(WORDS, Filter(all=(Named("camera", "*D5"),))),
    "words, later page": Query(WORDS, offset=40),
    "words, strong": Query(WORDS, min_strength=0.5),
    "words, newest": Query(WORDS, sort="modified"),
    "words alone": Query(WORDS, weights=Weights.only(words=1)),
    "picture": Query((ImageTerm(picture()),)),
    "like": Query((LikeTerm(image_id(3)),)),
    "like, with words": Query((LikeTerm(image_id(3)), TextTerm("red dog"))),
    "diverse": Query(WORDS, diversity=0.5),
    "read as operators": build_query((TextTerm("red dog camera:Nikon*"),)),
}
LISTS: dict[str, Ask] = {
    "newest": lambda service: service.search(Query()).hits,
    "newest, unfolded": lambda service: service.search(Query(fold=False)).hits,
    "oldest": lambda service: service.search(Query(sort="modified", reverse=True)).hits,
    "taken": lambda service: service.search(Query(sort="taken")).hits,
    "by name": lambda service: service.search(Query(sort="name")).hits,
    "filtered": lambda service: service.search(Query((), NIKON)).hits,
    "camera named": lambda service: service.search(Query((), Filter(all=(Named("camera", "*D5"),)))).hits,
    "deep": lambda service: service.search(Query(offset=60)).hits,
    "facets": lambda service: service.facets(Query(), FACETS),
    "status": lambda service: service._index.gather([_count_all, _count_sources]),
    "facets of a search": lambda service: service.facets(Query(WORDS, NIKON), FACETS),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_takes_three_round_trips_at_most(client: CountingClient, service: SearchService, name: str) -> None:
    asked = trips(client, service, lambda service: service.search(SEARCHES[name]).hits)
    assert asked.depth <= SEARCH, asked.describe()


@pytest.mark.parametrize("name", ["words", "words, filtered", "words, camera named", "read as operators"])
def test_words_that_were_not_counted_yet_take_no_fourth(
    client: CountingClient, service: SearchService, name: str
) -> None:
    service._index._frequencies.clear()  # type: ignore[attr-defined]
    with client.counting() as asked:
        assert service.search(SEARCHES[name]).hits
    assert asked.depth <= SEARCH, asked.describe()
    assert asked.width <= 32


@pytest.mark.parametrize("name", LISTS)
def test_a_list_takes_two_round_trips_at_most(client: CountingClient, service: SearchService, name: str) -> None:
    asked = trips(client, service, LISTS[name])
    assert asked.depth <= LIST, asked.describe()


def test_further_lists_of_words_take_no_further_round_trips(client: CountingClient, service: SearchService) -> None:
    fewer = Query(WORDS, weights=Weights(1, 0.05, 0.5, 0, 0, 0))
    asked = [
        trips(client, service, lambda service, query=query: service.search(query).hits)
        for query in (fewer, Query(WORDS))
    ]  # type: ignore[misc]
    assert asked[0].describe() == asked[1].describe()


def test_a_request_that_hangs_does_not_hold_up_the_end_of_the_process(client: CountingClient) -> None:
    server = Server(client, "in memory")
    assert server.gather([lambda: 1, lambda: threading.current_thread().daemon]) == [1, True]
