"""Filters as they are sent to a server: nothing stands bare under `must_not`, whatever is repeated or contradicted."""

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from qdrant_client import QdrantClient, models

from core.adapters.qdrant_server.client import Server
from core.adapters.qdrant_server.index import QdrantIndex
from core.domain.filtering.conditions import (
    Between,
    KeyGlob,
    KeyPrefix,
    Match,
    Missing,
    Named,
    Near,
    Phrase,
    Simple,
    WithinBox,
)
from core.domain.filtering.filters import Condition, Filter
from core.domain.image import to_payload
from core.ports.vector_index import IndexInfo, Point, VectorIndex
from tests.contract.conftest import BACKENDS
from tests.support.index_queries import best_words, nearest
from tests.support.made_up_images import START, record, vector

COUNT = 40
CAPTIONS = [None, "a red dog", "a blue car at night", "dogs", "a red car", ""]
SIMPLE: list[Simple] = [
    Match("words", ("red",)),
    Match("words", ("dog", "red")),
    Match("words", ("car",)),
    Match("status", ("indexed",)),
    Match("caption_origin", ("human",)),
    Missing("words"),
    Missing("content_hash"),
    Between("width", low=2000),
    KeyPrefix("2024/"),
    KeyGlob("*1.jpg"),
    Phrase("red dog"),
    Named("camera", "canon"),
    Match("camera", ("Canon EOS R5",)),
    Near(48.1, 11.6, 5000),
    WithinBox(48.05, 11, 48.15, 12),
    Missing("rating"),
]


def repeated(random: random.Random, depth: int = 0) -> Filter:
    """Of few conditions, so that most stand in it more than once."""
    few = random.sample(SIMPLE, 3)

    def part(most: int) -> tuple[Condition, ...]:
        return tuple(
            repeated(random, depth + 1) if depth < 3 and random.random() < 0.3 else random.choice(few)
            for _ in range(random.randint(0, most))
        )

    return Filter(part(2), part(3), part(3))


FILTERS = [repeated(random.Random(seed)) for seed in range(500)]


def points() -> list[Point]:
    chosen = random.Random(1)
    made = []
    for n in range(1, COUNT + 1):
        known = record(
            n,
            chosen.choice(CAPTIONS),
            key=f"{chosen.choice([2023, 2024])}/{n}.jpg",
            width=chosen.choice([640, 4000]),
            content_hash=chosen.choice([None, "aa"]),
            caption_origin=chosen.choice([None, "human"]),
            camera=chosen.choice([None, "Canon EOS R5", "Nikon D750"]),
            rating=chosen.choice([None, 0, 5]),
            **chosen.choice([{}, {"latitude": 48.1, "longitude": 11.6}, {"latitude": 48.2, "longitude": 11.6}]),
            modified_at=START + timedelta(seconds=n),
        )
        made.append(Point(known, vector(n)))
    return made


@pytest.fixture(scope="module", params=[name for name in BACKENDS if name != "memory"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorIndex]:
    with closing(BACKENDS[request.param](tmp_path_factory.mktemp("filters"))) as index:
        index.upsert(points())
        yield index


def test_500_filters_with_repeated_conditions_find_what_brute_force_finds(filled: VectorIndex) -> None:
    held = {point.record.id: to_payload(point.record) for point in points()}
    found_any = 0
    for number, filter in enumerate(FILTERS):
        wanted = {point_id for point_id, payload in held.items() if filter.matches(payload)}
        assert {each.id for each in filled.scroll(filter)} == wanted
        if number % 5 == 0:
            assert filled.count(filter) == len(wanted)
        found_any += 0 < len(wanted) < COUNT
    assert found_any > 100  # else they would try little


class RecordingClient(QdrantClient):
    """qdrant-client's own memory, which keeps every filter that it is given."""

    sent: list[models.Filter]

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.sent = []

    def _keep(self, *given: Any) -> None:
        self.sent += [each for each in given if isinstance(each, models.Filter)]

    def count(self, *args: Any, **named: Any) -> Any:
        self._keep(*args, *named.values())
        return super().count(*args, **named)

    def scroll(self, *args: Any, **named: Any) -> Any:
        self._keep(*args, *named.values())
        return super().scroll(*args, **named)

    def facet(self, *args: Any, **named: Any) -> Any:
        self._keep(*args, *named.values())
        return super().facet(*args, **named)

    def query_batch_points(self, name: str, requests: Any, **named: Any) -> Any:
        self._keep(*(request.filter for request in requests))
        return super().query_batch_points(name, requests, **named)


def test_no_condition_is_sent_bare_under_must_not() -> None:
    client = RecordingClient()
    with closing(QdrantIndex.create(Server(client, "in memory"), "library", IndexInfo("c", "c-1", 16))) as index:
        index.upsert(points())
        for filter in FILTERS:
            index.scroll(filter)
        for filter in FILTERS[:50]:
            _ask_everything(index, filter)
    excluding = 0
    for filter in client.sent:
        for within in _filters_in(filter):
            excluded = within.must_not or []
            excluding += bool(excluded)
            assert all(isinstance(each, models.Filter) for each in excluded), filter
            assert not [each for each in excluded if each in [*(within.must or []), *(within.should or [])]]
    assert len(client.sent) > len(FILTERS) + 8 * 50 and excluding > len(FILTERS)


def _ask_everything(index: VectorIndex, filter: Filter) -> None:
    index.count(filter)
    index.facet("words", filter)
    index.copies(["aa"], filter)
    nearest(index, vector(1), filter, limit=3)
    best_words(index, {"dog": 1.0}, filter, limit=3)
    for by in ("modified", "taken", "name"):
        index.ordered(by, filter, limit=3)  # type: ignore[arg-type]


def _filters_in(part: Any) -> Iterator[models.Filter]:
    if isinstance(part, models.Filter):
        yield part
    if isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from _filters_in(getattr(part, name))
    if isinstance(part, list):
        for each in part:
            yield from _filters_in(each)
