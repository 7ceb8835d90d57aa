"""The embedded index as it grows: writing, building, memory, disk, recall and time of a search; and imports.

`BENCH_INDEX_SIZES` are the numbers of pictures, by default 10,000 and 100,000; a million takes half an hour and 6 GB.
"""

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import pytest
import qdrant_edge as edge

from core.adapters.qdrant_edge.files import size_on_disk
from core.adapters.qdrant_edge.index import EdgeIndex
from core.bootstrap import Container
from core.domain.filtering.filters import INDEXED, Filter, caption_words
from core.domain.vectors import Matrix, Vector, unit
from core.ports.rank_lists import Probe
from core.ports.vector_index import IndexInfo, Point
from core.search.ranker import SHORTLIST
from core.settings import load_settings
from ingest.pipeline.run_context import OPTIMIZE_EVERY
from tests.support.benchmark import RUNS, Row, in_turn, record, time_cpu
from tests.support.index_queries import nearest
from tests.support.made_up_images import image_id
from tests.support.made_up_images import record as image_record

SIZES = [int(size) for size in os.environ.get("BENCH_INDEX_SIZES", "10000,100000").split(",")]
IMPORTED = int(os.environ.get("BENCH_IMPORTED_ROWS", "20000"))
CAPTIONS = int(os.environ.get("BENCH_IMPORTED_CAPTIONS", "500"))  # different ones that recur
FEW = 4096  # rows of an import that stand for its start: so many have a library measured
DEMO_DIMENSION = 256
IMPORTS = "import, CPU"
PLOT = Path(__file__).resolve().parents[2] / "docs" / "images" / "index-growth.png"
DIMENSION = 512
INFO = IndexInfo("synthetic", "synthetic", DIMENSION)
COLOURS = ["red", "blue", "green", "white", "black", "yellow", "grey", "pink", "brown", "orange"]
KINDS = ["car", "dog", "tree", "house", "boat", "bird", "horse", "flower", "star", "mountain"]
PLACES = ["snow", "meadow", "night", "desert", "sea"]
FILTERS: dict[str, Filter] = {
    "no filter": INDEXED,
    "one in two passes": INDEXED & caption_words(any_of=COLOURS[:5]),
    "one in ten": INDEXED & caption_words(must=["car"]),
    "one in 125": INDEXED & caption_words(must=["red", "car"], none_of=PLACES[:1]),
}


@dataclass(slots=True)
class Growth:
    """What an index of so many images took. CPU in seconds, sizes in bytes; `recall` and `wall_ms` by filter."""

    images: int
    write_cpu: float = 0.0
    build_cpu: float = 0.0
    peak_memory: int = 0
    peak_disk: int = 0
    disk: int = 0
    first_search_s: float = 0.0
    recall: dict[str, float] = field(default_factory=dict)
    wall_ms: dict[str, tuple[float, ...]] = field(default_factory=dict)
    numpy_ms: tuple[float, ...] = ()


def _caption(n: int) -> str:
    return f"a {COLOURS[n % 10]} {KINDS[n // 10 % 10]} in the {PLACES[n // 100 % 5]}"


def _make_vectors(count: int, dice: np.random.Generator, centres: Matrix) -> Matrix:
    """Pictures crowd around their kinds, as embeddings do: noise as long as what they share."""
    chosen = centres[dice.integers(0, len(centres), count)]
    return unit(chosen + unit(dice.normal(size=(count, DIMENSION)).astype(np.float32)))


def _make_points(start: int, vectors: Matrix) -> list[Point]:
    made = []
    for n, vector in enumerate(vectors, start):
        held = image_record(n + 1, _caption(n))
        made.append(Point(replace(held, uri=f"file:///pictures/folder/{n}.jpg"), vector))
    return made


@contextmanager
def _watch(folder: Path, growth: Growth) -> Iterator[None]:
    """Note the most of memory that a child of this process has for itself, and of the disk."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.2):
            for child in _find_children():
                growth.peak_memory = max(growth.peak_memory, _own_memory(child))
            growth.peak_disk = max(growth.peak_disk, size_on_disk(folder))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _find_children() -> list[str]:
    tasks = Path("/proc/self/task").iterdir()
    return [
        child for task in tasks if (task / "children").exists() for child in (task / "children").read_text().split()
    ]


def _own_memory(process: str) -> int:
    """RssAnon: without pages of mapped files, which the kernel takes back when others need the room."""
    try:
        lines = Path("/proc", process, "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


def _grow(folder: Path, growth: Growth, dice: np.random.Generator, centres: Matrix) -> Matrix:
    """Write as an ingest does, with a look at the approximate index now and then; return the vectors."""
    index = EdgeIndex.create(folder, INFO)
    parts = []
    for start in range(0, growth.images, 1000):
        vectors = _make_vectors(min(1000, growth.images - start), dice, centres)
        parts.append(vectors.astype(np.float16))
        points = _make_points(start, vectors)
        began = process_time()
        index.upsert(points)
        growth.write_cpu += process_time() - began
        if (start + 1000) % OPTIMIZE_EVERY == 0 or start + 1000 >= growth.images:
            _build(index, folder, growth)
    index.close()
    growth.disk = size_on_disk(folder)
    return np.concatenate(parts)


def _build(index: EdgeIndex, folder: Path, growth: Growth) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with _watch(folder, growth):
        index.optimize()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    growth.build_cpu += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _ask(folder: Path, growth: Growth, queries: Matrix, vectors: Matrix) -> None:
    _forget(folder)
    index = EdgeIndex.open(folder)
    began = perf_counter()
    nearest(index, queries[0], limit=10)
    growth.first_search_s = perf_counter() - began
    for name, filter in FILTERS.items():
        shared, seconds = 0, []
        for query in queries:
            wanted = {hit.record.id for hit in nearest(index, query, filter, limit=10, exact=True)}
            began = perf_counter()
            found = index.shortlists([Probe("image", query)], filter, limit=SHORTLIST)["image"]
            seconds.append((perf_counter() - began) * 1000)
            shared += len(wanted & {image_id for image_id, _ in found.ranking[:10]})
        growth.recall[name] = shared / (10 * len(queries))
        growth.wall_ms[name] = tuple(seconds)
    index.close()
    wide = vectors.astype(np.float32)
    growth.numpy_ms = tuple(_time_ms(partial(_scan, wide, query)) for query in queries[:9])


def _forget(folder: Path) -> None:
    """Have the system forget the files, as after a start of the machine. Those that are mapped it keeps."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _scan(vectors: Matrix, query: Vector) -> object:
    return np.argpartition(-(vectors @ query), SHORTLIST)


def _time_ms(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return (perf_counter() - began) * 1000


@pytest.mark.bench
def test_the_embedded_index_as_it_grows(tmp_path: Path) -> None:
    dice = np.random.default_rng(3)
    centres = unit(dice.normal(size=(200, DIMENSION)))
    queries = unit(centres[:30] + unit(dice.normal(size=(30, DIMENSION))))
    grown = []
    for size in SIZES:
        growth = Growth(size)
        vectors = _grow(tmp_path / str(size), growth, dice, centres)
        _ask(tmp_path / str(size), growth, queries, vectors)
        grown.append(growth)
        _record(growth)
    _plot(grown)


def _record(growth: Growth) -> None:
    size, raw = f"{growth.images:,} pictures", growth.images * DIMENSION * 4
    record(Row("index", f"CPU to build the approximate index, {size}", "s", (growth.build_cpu,)))
    record(Row("index", f"own memory to build it, {size}", "MB", (growth.peak_memory / 1e6,), limit="1,500 MB"))
    record(
        Row("index", f"disk at rest, {size}", "GB", (growth.disk / 1e9,), "vectors alone", (raw / 1e9,), limit="0.4 ×")
    )
    record(Row("index", f"disk at most while building, {size}", "GB", (growth.peak_disk / 1e9,), limit="6 GB"))
    record(Row("index", f"first search, nothing of it in memory, {size}", "s", (growth.first_search_s,), limit="2 s"))
    for name, recall in growth.recall.items():
        wall = growth.wall_ms[name]
        record(Row("index", f"recall@10, {name}, {size}", "recall", (recall,), limit="0.97"))
        peer = ("exact, by numpy", growth.numpy_ms) if name == "no filter" else ("", ())
        record(Row("index", f"200 nearest, {name}, {size}", "ms", wall, *peer, limit="40 ms"))


def _plot(grown: list[Growth]) -> None:
    """Draw time, memory and disk by the number of pictures, for docs/performance.md."""
    figure_of = pytest.importorskip("matplotlib.figure").Figure
    figure = figure_of(figsize=(10, 3.2), layout="constrained")
    sizes = [growth.images for growth in grown]
    panels: list[tuple[str, dict[str, list[float]]]] = [
        (
            "time",
            {
                "building, s of CPU": [growth.build_cpu for growth in grown],
                "200 nearest, ms": [median(growth.wall_ms["no filter"]) for growth in grown],
            },
        ),
        ("memory of its own, MB", {"building": [growth.peak_memory / 1e6 for growth in grown]}),
        (
            "disk, GB",
            {
                "at rest": [growth.disk / 1e9 for growth in grown],
                "at most, while building": [growth.peak_disk / 1e9 for growth in grown],
                "vectors alone": [growth.images * DIMENSION * 4 / 1e9 for growth in grown],
            },
        ),
    ]
    for axes, (title, lines) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for name, values in lines.items():
            axes.plot(sizes, [value or float("nan") for value in values], marker="o", label=name)
        axes.set(xscale="log", xlabel="pictures", title=title)
        if any(any(values) for values in lines.values()):  # few pictures are not built
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=110)


@pytest.mark.bench
@pytest.mark.parametrize("kind", ["without captions", "with captions that recur", "with a caption of its own each"])
def test_import_of_vectors(kind: str, tmp_path: Path) -> None:
    """Rows a second of CPU, beside points of two fields that are written straight into the engine.

    What an import of few rows takes is left out: loading models, and preparing and measuring the library, once.
    """
    vectors = unit(np.random.default_rng(5).normal(size=(IMPORTED, DEMO_DIMENSION))).astype(np.float32)
    distinct = {"without captions": 0, "with captions that recur": CAPTIONS}.get(kind, IMPORTED)
    for count in (IMPORTED, FEW):
        _write_files(tmp_path / str(count), vectors[:count], distinct)
    turns = iter(range(100))

    def ours() -> float:
        run = tmp_path / f"run-{next(turns)}"
        taken = [_time_import(tmp_path / str(count), run / str(count)) for count in (IMPORTED, FEW)]
        return (IMPORTED - FEW) / (taken[0] - taken[1])

    plain = in_turn(ours, lambda: _write_plainly(tmp_path / f"plain-{next(turns)}", vectors))
    record(Row(IMPORTS, f"vectors {kind}, rows", "1/s", plain[0], "plain upserts", plain[1], limit="6,000/s"))


@pytest.mark.bench
def test_captions_by_the_model_alone(tmp_path: Path) -> None:
    """What no import of different captions can be faster than, on one core."""
    captions = sorted((_make_caption(n, IMPORTED) for n in range(2048)), key=len)
    with Container(load_settings(data=tmp_path, model="demo")) as container:
        encoder = container.encoder
        encoder.encode_texts(captions[:64])
        rates = tuple(len(captions) / time_cpu(lambda: encoder.encode_texts(captions)) for _ in range(max(3, RUNS)))
    record(Row(IMPORTS, "different captions that the demo model encodes", "1/s", rates))


def _make_caption(n: int, distinct: int) -> str:
    n %= distinct
    rest, tail = divmod(n, 500)
    said = f"a {COLOURS[tail % 10]} {KINDS[tail // 10 % 10]} in the {PLACES[tail // 100]}"
    return f"{said} with a {COLOURS[rest % 10]} {KINDS[rest // 10 % 10]}" if rest else said


def _write_files(folder: Path, vectors: Matrix, distinct: int) -> None:
    folder.mkdir()
    np.save(folder / "batch.npy", vectors)
    names = [{"name": f"trips/{n // 500}/IMG_{n:06}.jpg"} for n in range(len(vectors))]
    if distinct:
        names = [name | {"caption": _make_caption(n, distinct)} for n, name in enumerate(names)]
    (folder / "batch.jsonl").write_text("\n".join(map(json.dumps, names)))


def _time_import(folder: Path, library: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "bucketlens", "import", str(folder), "--model", "demo", "--data", str(library)]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _write_plainly(folder: Path, vectors: Matrix) -> float:
    """Write points of two fields, and return how many a second."""
    folder.mkdir()
    config = edge.EdgeConfig(vectors={"image": edge.EdgeVectorParams(size=DEMO_DIMENSION, distance=edge.Distance.Dot)})
    shard = edge.EdgeShard.create(str(folder), config)
    plain = [edge.Point(image_id(n), {"image": vector.tolist()}, {}) for n, vector in enumerate(vectors, 1)]

    def write() -> None:
        for start in range(0, len(plain), 256):
            shard.update(edge.UpdateOperation.upsert_points(plain[start : start + 256]))
        shard.flush()

    seconds = time_cpu(write)
    shard.close()
    return len(plain) / seconds
