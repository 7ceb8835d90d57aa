"""Lists, facets, counts and `status` of an embedded library of made-up pictures: 200,000, or BENCH_IMAGES.

The library is written through the index, with vectors of four numbers: lists do not look at them. BENCH_LIBRARY names
a folder that keeps it for the next run.
"""

import os
import random
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.adapters.qdrant_edge.index import EdgeIndex
from core.adapters.qdrant_edge.kept_columns.refresh import refresh
from core.domain.filtering.filters import INDEXED, holding_word
from core.domain.image import ImageRecord
from core.domain.query import Query, Sort
from core.ports.vector_index import IndexInfo, Point
from core.search.facets import FacetField, facet
from core.search.sorting import list_page
from tests.support.benchmark import RUNS, Row, record, time_cpu, time_wall

IMAGES = int(os.environ.get("BENCH_IMAGES", "200000"))
LIMIT = "60 ms" if IMAGES <= 200_000 else "150 ms"
INFO = IndexInfo("made-up", "made-up-1", 4)
START = datetime(2020, 1, 1, tzinfo=UTC)
GROUP = f"lists of {IMAGES:,} pictures"
_WORDS = [f"word{n}" for n in range(20_000)]
_BATCH = 2560
_FACETS: tuple[FacetField, ...] = ("word", "source", "taken", "orientation", "camera")


def _record(n: int, draw: random.Random) -> ImageRecord:
    taken = START + timedelta(seconds=draw.randrange(6 * 365 * 86_400))
    captioned = n % 4 > 0
    return ImageRecord(
        id=str(uuid.UUID(int=draw.getrandbits(128))),
        source=f"file:///pictures/{n % 3}",
        key=f"2024/{n % 500}/IMG_{draw.randrange(10**6)}.jpg",
        uri="file:///pictures",
        etag="1",
        bytes=1000,
        modified_at=taken,
        indexed_at=taken,
        status="indexed" if n % 50 else "failed",
        encoder="made-up-1",
        content_hash=f"{draw.getrandbits(256):064x}",
        width=640,
        height=480 if n % 3 else 800,
        taken_at=taken if n % 5 else None,
        caption="told by its words" if captioned else None,
        caption_origin="generated" if captioned else None,
        captioner="made-up" if captioned else None,
        words=tuple(draw.sample(_WORDS, 8)) if captioned else (),
        camera=f"Canon {n % 20}",
        name_words=("img", "2024"),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder, made once."""
    kept = os.environ.get("BENCH_LIBRARY")
    folder = Path(kept) / str(IMAGES) if kept else tmp_path_factory.mktemp("library")
    if not EdgeIndex.exists(folder / "index"):
        draw, vector = random.Random(1), np.array([1, 0, 0, 0], np.float32)
        index = EdgeIndex.create(folder / "index", INFO)
        for start in range(0, IMAGES, _BATCH):
            records = [_record(n, draw) for n in range(start, min(IMAGES, start + _BATCH))]
            index.upsert([Point(one, vector if one.status == "indexed" else None) for one in records])
        record(Row(GROUP, "columns made of a whole library, CPU", "s", (time_cpu(lambda: refresh(index._shard, 30)),)))
        index.close()
    return folder


@pytest.fixture(scope="module")
def index(data: Path) -> Iterator[EdgeIndex]:
    opened = EdgeIndex.open(data / "index")
    yield opened
    opened.close()


def _measure(work: str, ask: Callable[[], object], limit: str = LIMIT) -> None:
    """Record the first answer of the process apart from those that follow."""
    first = 1000 * time_wall(ask)
    record(Row(GROUP, work, "ms", tuple(1000 * time_wall(ask) for _ in range(max(3, RUNS))), limit=limit))
    record(Row(GROUP, f"{work}, first in a process", "ms", (first,)))


@pytest.mark.bench
@pytest.mark.parametrize("by", ["name", "modified", "taken"])
@pytest.mark.parametrize("offset", [0, 10_000])
def test_ordered_pages(index: EdgeIndex, by: Sort, offset: int) -> None:
    query = Query((), limit=60, offset=offset, sort=by)
    _measure(f"by {by}, offset {offset:,}", lambda: list_page(index, query, INDEXED))


@pytest.mark.bench
@pytest.mark.parametrize("field", _FACETS)
def test_facets(index: EdgeIndex, field: FacetField) -> None:
    _measure(f"facet {field}", lambda: facet(index, field, INDEXED))


@pytest.mark.bench
def test_counts(index: EdgeIndex) -> None:
    words = iter(_WORDS)
    _measure("count of a word, never asked before", lambda: index.count(INDEXED & holding_word(next(words))))


@pytest.mark.bench
def test_status_in_a_process_of_its_own(data: Path) -> None:
    command = [sys.executable, "-m", "bucketlens", "status", "--json", "--data", str(data)]

    def run() -> float:
        before = os.times()
        subprocess.run(command, check=True, capture_output=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    run()
    record(Row(GROUP, "status, CPU", "s", tuple(run() for _ in range(max(3, RUNS))), limit="0.6 s"))
