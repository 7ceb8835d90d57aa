"""Columns of a server's library follow it, whoever writes."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from core.adapters.qdrant_server import columns
from core.adapters.qdrant_server.client import Server
from core.adapters.qdrant_server.index import QdrantIndex
from core.domain.filtering.conditions import KeyGlob, Match, Phrase
from core.domain.filtering.filters import EVERYTHING, INDEXED, Filter
from core.ports.vector_index import CaptionUpdate, IndexInfo, VectorIndex
from tests.support.fakes import MemoryIndex
from tests.support.made_up_images import DIMENSION, START, failed_point, image_id, point, vector
from tests.support.servers.counting_client import CountingClient

INFO = IndexInfo("colours", "colours-1", DIMENSION)
FILTERS = [
    EVERYTHING,
    INDEXED,
    Filter(all=(Match("words", ("dog",)),)),
    Filter(all=(KeyGlob("1*"),)),
    Filter(all=(Phrase("red dog"),)),
    Filter(none=(Match("camera", ("Nikon D5",)),)),
]


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Library:
    """A library that this process reads and another one writes, and what it is to hold."""

    client: CountingClient
    mine: QdrantIndex
    other: QdrantIndex
    expected: MemoryIndex
    clock: Clock

    @property
    def both(self) -> tuple[VectorIndex, VectorIndex]:
        return self.other, self.expected

    def compare(self) -> None:
        for filter in FILTERS:
            for reverse in (False, True):
                found = self.mine.ordered("name", filter, limit=7, offset=3, reverse=reverse)
                assert found == self.expected.ordered("name", filter, limit=7, offset=3, reverse=reverse)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setattr(columns, "NEWEST", 8)
    monkeypatch.setattr(columns, "_PAGE", 10)
    monkeypatch.setattr(columns, "_TABLE", 20)
    clock = Clock()
    with closing(CountingClient()) as client:
        mine = QdrantIndex.create(Server(client, "in memory"), "library", INFO)
        mine._columns._clock = clock
        other = QdrantIndex.open(Server(client, "in memory"), "library")
        made = Library(client, mine, other, MemoryIndex(INFO), clock)
        for index in made.both:
            index.upsert([point(n, "a red dog" if n % 2 else None, taken_at=START) for n in range(40)])
            index.upsert([failed_point(n) for n in range(40, 50)])
        made.compare()
        mine._columns.wait()
        yield made


def test_columns_answer_in_two_round_trips(library: Library) -> None:
    with library.client.counting() as trips:
        assert len(library.mine.ordered("name", INDEXED, limit=5)) == 5
    assert trips.describe() == ["count, scroll", "retrieve"]
    library.compare()


def test_what_another_process_writes_is_seen_by_the_next_question(library: Library) -> None:
    for index in library.both:
        index.upsert([point(n, "a blue dog", key=f"0-{n}.jpg") for n in (60, 61, 3)])
    library.compare()
    for index in library.both:
        index.set_captions([CaptionUpdate(image_id(1), "a red dog and a cat", "human", None, None, vector(1))])
    library.compare()
    assert library.mine._columns.current() is not None


def test_the_details_of_a_far_page_are_of_the_library_that_it_was_read_from(library: Library) -> None:
    total = len(library.mine.ordered("name", INDEXED, limit=100))
    library.other.upsert([point(60)])
    ids = library.mine.ordered_ids("name", INDEXED, limit=100)
    assert len(ids) == library.mine.details((), INDEXED, count=True).total == total + 1


def test_what_another_process_deletes_is_seen_by_the_next_question(library: Library) -> None:
    for index in library.both:
        index.delete([image_id(n) for n in range(5)])
    library.compare()
    library.mine._columns.wait()
    assert library.mine._columns.current() is not None
    library.compare()


def test_more_writes_than_are_looked_at_are_seen_too(library: Library) -> None:
    for index in library.both:
        index.upsert([point(n, key=f"later/{n}.jpg") for n in range(70, 100)])
        index.delete([image_id(n) for n in range(10)])
    library.compare()
    library.mine._columns.wait()
    assert library.mine._columns.current() is not None
    library.compare()


def test_a_write_that_arrives_behind_later_ones_is_found_in_time(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = library.other._reader().retrieve([image_id(5)], payload=["version"])
    (before,) = ((one.payload or {})["version"] for one in late)
    monkeypatch.setattr("core.adapters.index_base.point_codec.new_version", lambda: before + 1)
    changed = point(5, "a cat", key="zzz.jpg", modified_at=START + timedelta(days=1))
    for index in library.both:
        index.upsert([changed])
    monkeypatch.undo()
    for index in library.both:
        index.upsert([replace(point(6), record=replace(point(6).record, key="zz.jpg"))])
    assert library.mine._columns.current() is not None
    library.clock.now += 61
    library.mine._columns.current()
    library.mine._columns.wait()
    library.compare()
