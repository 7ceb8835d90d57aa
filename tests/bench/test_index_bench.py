"""100,000 synthetic images in the embedded index, beside a scan with numpy and qdrant-client's local mode."""

import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.conditions import During, KeyGlob
from core.domain.filtering.filters import INDEXED, Filter, caption_words, oriented
from core.domain.query import Weights
from core.domain.vectors import Matrix, unit
from core.ports.rank_lists import Probe
from core.ports.vector_index import IndexInfo, Point
from core.search.ranker import Question, RankedMatches
from core.text.analysis import query_weights
from tests.support.index_queries import nearest, newest
from tests.support.made_up_images import record

IMAGES = 100_000
LOCAL_IMAGES = 5_000  # local mode writes some 800 a second
DIMENSION = 512
COLOURS = ["red", "blue", "green", "white", "black", "yellow", "grey", "pink", "brown", "orange"]
KINDS = ["car", "dog", "tree", "house", "boat", "bird", "horse", "flower", "star", "mountain"]
PLACES = ["snow", "meadow", "night", "desert", "sea"]
CARS = INDEXED & caption_words(must=["car"])
LATE = INDEXED & oriented("landscape") & Filter(all=(During("modified_at", datetime(2026, 1, 1, tzinfo=UTC)),))
RED_CARS = INDEXED & caption_words(must=["red", "car"], none_of=["night"])


def _caption(n: int) -> str:
    return f"a {COLOURS[n % 10]} {KINDS[n // 10 % 10]} in the {PLACES[n // 100 % 5]}"


def _points(images: Matrix, start: int, stop: int) -> list[Point]:
    made = []
    for n in range(start, stop):
        held = record(n + 1, _caption(n))
        made.append(Point(replace(held, uri=f"file:///pictures/folder/{n}.jpg"), images[n], images[n - 1]))
    return made


def _median_ms(question: Callable[[int], object], times: int = 50) -> float:
    question(0)
    seconds = []
    for n in range(times):
        started = time.perf_counter()
        question(n)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) * 1000


def _once_ms(question: Callable[[], object]) -> float:
    started = time.perf_counter()
    question()
    return (time.perf_counter() - started) * 1000


@contextmanager
def _timed(rows: dict[str, str], name: str, show: Callable[[float], str] = "{:.2f} s".format) -> Iterator[None]:
    started = time.perf_counter()
    yield
    rows[name] = show(time.perf_counter() - started)


def _edge(folder: Path, images: Matrix, queries: Matrix, rows: dict[str, str]) -> None:
    index = EdgeIndex.create(folder, IndexInfo("synthetic", "synthetic", DIMENSION))
    with _timed(rows, "write", lambda s: f"{IMAGES / s:,.0f} images/s"):
        for start in range(0, IMAGES, 500):
            index.upsert(_points(images, start, start + 500))
    with _timed(rows, "close"):
        index.close()
    rows["on disk"] = f"{index.size_bytes() / 2**20:,.0f} MiB"
    _questions(folder, queries, rows)


def _optimized(folder: Path, queries: Matrix, rows: dict[str, str]) -> None:
    index = EdgeIndex.open(folder)
    with _timed(rows, "optimize"):
        index.optimize()
    rows["on disk"] = f"{index.size_bytes() / 2**20:,.0f} MiB"
    _recall(index, queries, rows)
    index.close()
    _questions(folder, queries, rows)


def _recall(index: EdgeIndex, queries: Matrix, rows: dict[str, str]) -> None:
    for name, filter in (("no words", INDEXED), ("one word", CARS)):
        shared = 0
        for query in queries:
            true = {hit.record.id for hit in nearest(index, query, filter, limit=10, exact=True)}
            shared += len(true & {hit.record.id for hit in nearest(index, query, filter, limit=10)})
        rows[f"recall@10, {name}"] = f"{shared / (10 * len(queries)):.3f}"


def _questions(folder: Path, queries: Matrix, rows: dict[str, str]) -> None:
    index = EdgeIndex.open(folder)
    with _timed(rows, "open and count"):
        index.count()

    def ask(filter: Filter, exact: bool = False) -> float:
        return _median_ms(lambda n: nearest(index, queries[n % len(queries)], filter, limit=10, exact=exact))

    rows["top 10, no words"] = f"{ask(INDEXED):.1f} ms"
    rows["top 10, one word"] = f"{ask(CARS):.1f} ms"
    rows["top 10, three words"] = f"{ask(RED_CARS):.1f} ms"
    rows["top 10, no words, exact"] = f"{ask(INDEXED, exact=True):.1f} ms"

    def fuse(filter: Filter, offset: int = 0) -> "Callable[[int], object]":
        def search(n: int) -> object:
            vector = queries[n % len(queries)]
            spoken = Probe("words", terms=query_weights("a red car in the snow"))
            probes = Probe("image", vector), Probe("caption", vector), spoken
            question = Question(probes, filter, Weights(), ("red", "car", "snow"))
            return RankedMatches(index, question).page(limit=10, offset=offset), index.count(filter)

        return search

    rows["fused 10 and count, no words"] = f"{_median_ms(fuse(INDEXED), 20):.1f} ms"
    rows["fused 10 and count, one word"] = f"{_median_ms(fuse(CARS), 20):.1f} ms"
    rows["fused, from rank 9,000 on"] = f"{_median_ms(fuse(INDEXED, 9000), 3):.1f} ms"
    patterned = INDEXED & Filter(all=(KeyGlob("*7.jpg"),))
    rows["count, by a pattern, at first"] = f"{_once_ms(lambda: index.count(patterned)):.1f} ms"
    rows["count, by a pattern, again"] = f"{_median_ms(lambda _: index.count(patterned), 5):.1f} ms"
    rows["count, landscape since 2026"] = f"{_median_ms(lambda _: index.count(LATE)):.1f} ms"
    rows["by name, 20"] = f"{_median_ms(lambda _: index.ordered('name', INDEXED, limit=20), 2):.1f} ms"
    rows["count, one word"] = f"{_median_ms(lambda _: index.count(CARS)):.1f} ms"
    rows["newest 20"] = f"{_median_ms(lambda _: newest(index, INDEXED, limit=20)):.1f} ms"
    rows["facet of words"] = f"{_median_ms(lambda _: index.facet('words', INDEXED), 5):.1f} ms"
    rows["scroll 1,000"] = f"{_median_ms(lambda _: index.scroll(limit=1000), 5):.1f} ms"
    index.close()


def _numpy(images: Matrix, queries: Matrix, rows: dict[str, str]) -> None:
    cars = np.array([KINDS[n // 10 % 10] == "car" for n in range(len(images))])

    def scan(n: int, passing: "np.ndarray | slice") -> object:
        scores = images[passing] @ queries[n % len(queries)]
        return np.argsort(-scores[np.argpartition(-scores, 10)[:10]])

    rows["top 10, no words"] = f"{_median_ms(lambda n: scan(n, slice(None))):.1f} ms"
    rows["top 10, one word"] = f"{_median_ms(lambda n: scan(n, cars)):.1f} ms"


def _local_mode(folder: Path, images: Matrix, queries: Matrix, rows: dict[str, str]) -> None:
    models = pytest.importorskip("qdrant_client.models")
    client = pytest.importorskip("qdrant_client").QdrantClient(path=str(folder))
    size = models.VectorParams(size=DIMENSION, distance=models.Distance.DOT)
    client.create_collection("images", vectors_config={"image": size})
    with _timed(rows, "write", lambda s: f"{LOCAL_IMAGES / s:,.0f} images/s"):
        for start in range(0, LOCAL_IMAGES, 500):
            batch = [
                models.PointStruct(
                    id=point.record.id, vector={"image": point.image}, payload={"words": point.record.words}
                )
                for point in _points(images, start, start + 500)
            ]
            client.upsert("images", batch)
    cars = models.Filter(must=[models.FieldCondition(key="words", match=models.MatchValue(value="car"))])

    def ask(filter: "models.Filter | None") -> float:
        return _median_ms(
            lambda n: client.query_points(
                "images", query=queries[n % len(queries)], using="image", query_filter=filter, limit=10
            ),
            10,
        )

    rows["top 10, no words"] = f"{ask(None):.1f} ms"
    rows["top 10, one word"] = f"{ask(cars):.1f} ms"
    client.close()
    with _timed(rows, "open and count"):
        client = pytest.importorskip("qdrant_client").QdrantClient(path=str(folder))
        client.count("images")
    client.close()


@pytest.mark.bench
def test_embedded_index(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    # Pictures crowd around their kinds, as embeddings do: 200 directions and noise of the same length.
    centres = unit(random.normal(size=(200, DIMENSION)))
    noise = unit(random.normal(size=(IMAGES, DIMENSION)))
    images = unit(centres[random.integers(0, 200, IMAGES)] + noise)
    queries = unit(centres[:50] + unit(random.normal(size=(50, DIMENSION))))
    edge: dict[str, str] = {}
    numpy: dict[str, str] = {}
    local: dict[str, str] = {}
    optimized: dict[str, str] = {}
    _edge(tmp_path / "edge", images, queries, edge)
    _numpy(images, queries, numpy)
    _local_mode(tmp_path / "local", images[:LOCAL_IMAGES], queries, local)
    _show({f"edge, {IMAGES:,}": edge, f"numpy, {IMAGES:,}": numpy, f"local mode, {LOCAL_IMAGES:,}": local})
    _optimized(tmp_path / "edge", queries, optimized)
    _show({f"edge, optimized, {IMAGES:,}": optimized})
    shutil.rmtree(tmp_path)


def _show(columns: dict[str, dict[str, str]]) -> None:
    table = Table("", *columns, title=f"Embedded index, {DIMENSION} dimensions, medians")
    first, *others = columns.values()
    for row, value in first.items():
        table.add_row(row, value, *(column.get(row, "") for column in others))
    Console(width=120).print(table)
