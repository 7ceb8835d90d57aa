"""Pages of an embedded library as far as they go: nothing twice, nothing left out, also where scores and times tie."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.query import MAX_LIMIT, Query, Sort, TextTerm, Weights
from core.domain.vectors import unit
from core.ports.vector_index import IndexInfo, Point
from core.search.service import SearchService
from tests.support.fakes import ColourEncoder, InlineDecoder
from tests.support.made_up_images import START, record

COUNT = 11_000
SAID = ["a red car", "a red car at night", "two blue cars", "a dog", None]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchService]:
    """Vectors that are there three times each, five captions, times to the minute of a day, one in eleven a copy."""
    random = np.random.default_rng(1)
    vectors = unit(random.normal(size=(COUNT // 3 + 1, ColourEncoder.dimension)))
    told = unit(random.normal(size=(len(SAID), ColourEncoder.dimension)))
    index = EdgeIndex.create(
        tmp_path_factory.mktemp("deep") / "index", IndexInfo("colours", "colours-1", ColourEncoder.dimension)
    )
    for start in range(0, COUNT, 1000):
        index.upsert(
            [
                Point(
                    record(
                        n + 1,
                        SAID[n % 5],
                        modified_at=START + timedelta(minutes=n % 1440),
                        key=f"{n % 100}.jpg",
                        content_hash=f"{n // 11 if n % 11 < 2 else n + COUNT:064x}",
                    ),
                    vectors[n // 3],
                    None if SAID[n % 5] is None else told[n % 5],
                )
                for n in range(start, min(start + 1000, COUNT))
            ]
        )
    yield SearchService(index, ColourEncoder, InlineDecoder)
    index.close()


@pytest.mark.parametrize(
    ("text", "weights", "sort", "fold"),
    [
        ("a red car", None, None, True),
        ("a red car", None, None, False),
        ("a red car", Weights(1, 0, 0), None, True),
        ("red cars at night", Weights(0, 0, 1), None, True),
        ("red cars at night", Weights(0, 0, 1), "modified", True),
        (None, None, "modified", True),
        (None, None, "modified", False),
        (None, None, "name", True),
    ],
)
def test_pages_join(
    service: SearchService, text: str | None, weights: Weights | None, sort: Sort | None, fold: bool
) -> None:
    terms = (TextTerm(text),) if text else ()
    seen: list[str] = []
    hashes: list[str | None] = []
    stands_for = 0
    size = 2500
    while len(seen) < MAX_LIMIT:
        result = service.search(Query(terms, limit=size, offset=len(seen), weights=weights, sort=sort, fold=fold))
        seen += [hit.record.id for hit in result.hits]
        hashes += [hit.record.content_hash for hit in result.hits]
        stands_for += sum(hit.copies for hit in result.hits)
        if len(result.hits) < size:
            break
    assert len(set(seen)) == len(seen) == (len(set(hashes)) if fold else min(result.total, MAX_LIMIT))
    assert len(seen) == MAX_LIMIT or stands_for == result.total
    small = service.search(Query(terms, limit=60, offset=290, weights=weights, sort=sort, fold=fold)).hits
    assert [hit.record.id for hit in small] == seen[290:350]
