"""The mirror of a million synthetic images in every storage, and what it gives back to quantised indexes."""

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast, get_args

import numpy as np
import pytest
import qdrant_edge as edge
from rich.console import Console
from rich.table import Table

from core.adapters.faiss_mirror.builder import build
from core.adapters.faiss_mirror.index import FaissMirror
from core.adapters.faiss_mirror.mirror_folder import MirrorFolder
from core.adapters.faiss_mirror.vectors import Storage
from core.availability.exact_rerank import OVERSAMPLING, RerankedIndex
from core.domain.filtering.filters import EVERYTHING, Filter, caption_words
from core.domain.image import ImageRecord, ListName
from core.domain.vectors import Matrix, Vector, unit
from core.ports.rank_lists import Probe, Shortlist
from core.ports.vector_index import IndexInfo, VectorIndex
from tests.support.index_queries import nearest
from tests.support.made_up_images import image_id, record

ROOT = Path(__file__).resolve().parents[2]
IMAGES = 1_000_000
QUANTISED = 100_000
DIMENSION = 512
CROWDS = 2_000  # of vectors that lie together
ASKED = 50
INFO = IndexInfo("synthetic", "synthetic", DIMENSION)
COLOURS = ["red", "blue", "green", "white", "black", "yellow", "grey", "pink", "brown", "orange"]
KINDS = ["car", "dog", "tree", "house", "boat", "bird", "horse", "flower", "star", "mountain"]
RED_CARS = caption_words(must=["red", "car"])
QUANTISATIONS = {
    "int8": edge.ScalarQuantizationConfig(edge.ScalarType.Int8, quantile=0.99),
    "turbo, 4 bits": edge.TurboQuantQuantizationConfig(bits=edge.TurboQuantBitSize.Bits4),
    "turbo, 1 bit": edge.TurboQuantQuantizationConfig(bits=edge.TurboQuantBitSize.Bits1),
    "binary": edge.BinaryQuantizationConfig(),
}


class Crowded:
    """A library that makes its images up when it is asked for them, so that what is timed is the mirror's own work."""

    backend = "synthetic"
    info = INFO

    def __init__(self, images: int) -> None:
        self._centres = np.random.default_rng(1).normal(size=(CROWDS, DIMENSION)).astype(np.float32)
        self._versions = np.ones(images, np.int64)

    def change(self, images: int) -> None:
        self._versions[:: len(self._versions) // images] += 1

    def stamp(self) -> None: ...

    def versions(self) -> Iterator[tuple[str, int]]:
        return ((image_id(n + 1), int(version)) for n, version in enumerate(self._versions))

    def fetch(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        return {one: record(n, f"a {COLOURS[n % 10]} {KINDS[n // 10 % 10]}") for one, n in self._numbered(ids)}

    def vectors(self, ids: Sequence[str], name: str = "image") -> dict[str, Vector]:
        if name != "image":
            return {}
        numbers = [n for _, n in self._numbered(ids)]
        dice = np.random.default_rng(numbers[0] + int(self._versions[numbers[0] - 1]))
        drawn = self._centres[[n % CROWDS for n in numbers]] + 0.7 * dice.normal(size=(len(numbers), DIMENSION))
        return dict(zip(ids, unit(drawn), strict=True))

    def _numbered(self, ids: Sequence[str]) -> list[tuple[str, int]]:
        return [(one, int(one[-12:], 16)) for one in ids]


def _median_ms(ask: Callable[[Vector], object], queries: Matrix) -> str:
    taken = []
    for query in queries:
        started = time.perf_counter()
        ask(query)
        taken.append(time.perf_counter() - started)
    return f"{statistics.median(taken) * 1000:.1f}"


def _queries(library: Crowded, count: int) -> Matrix:
    near = np.stack(list(library.vectors([image_id(n * 97 + 1) for n in range(count)]).values()))
    return unit(near + 0.3 / np.sqrt(DIMENSION) * np.random.default_rng(2).normal(size=near.shape))


_MEMORY = """
import sys
from pathlib import Path
import numpy as np
from core.adapters.faiss_mirror.index import FaissMirror
mirror = FaissMirror(Path(sys.argv[1]))
mirror.count()
for query in np.load(sys.argv[2]):
    nearest(mirror, query, limit=10)
told = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(told["RssAnon"].split()[0], told["RssFile"].split()[0])
"""


def _resident(folder: Path, queries: Matrix) -> tuple[str, str]:
    """Of a process of its own after its searches: what it holds itself, and what it shares with others."""
    np.save(folder / "queries.npy", queries)
    command = [sys.executable, "-c", _MEMORY, str(folder), str(folder / "queries.npy")]
    own, shared = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    return f"{int(own) / 1024:,.0f}", f"{int(shared) / 1024:,.0f}"


def _mirrored(folder: Path, storage: Storage, images: int, table: Table) -> None:
    library = Crowded(images)
    queries = _queries(library, ASKED)
    place = MirrorFolder(folder)
    started = time.perf_counter()
    build(cast(VectorIndex, library), place, storage)
    whole = time.perf_counter() - started
    changes = []
    for _ in range(2):  # the first copies segments, the second links them
        library.change(images // 100)
        started = time.perf_counter()
        build(cast(VectorIndex, library), place, storage)
        changes.append(time.perf_counter() - started)
    with closing(FaissMirror(folder)) as mirror:
        started = time.perf_counter()
        mirror.generation()
        opened = time.perf_counter() - started
        size = mirror.size_bytes() / 2**30
        own, shared = _resident(folder, queries)
        exact = _median_ms(lambda query: nearest(mirror, query, limit=10, exact=True), queries)
        usual = _median_ms(lambda query: nearest(mirror, query, limit=10), queries)
        some = _median_ms(lambda query: nearest(mirror, query, RED_CARS, limit=10, exact=True), queries)
        found = [len(_ids(mirror, query, exact=True) & _ids(mirror, query, exact=False)) for query in queries]
    table.add_row(
        storage,
        f"{whole:.0f}",
        " / ".join(f"{one:.1f}" for one in changes),
        f"{size:.2f}",
        f"{opened * 1000:.0f}",
        f"{own} + {shared}",
        exact,
        f"{usual} ({sum(found) / (10 * ASKED):.3f})",
        some,
    )


def _ids(mirror: FaissMirror, query: Vector, *, exact: bool) -> set[str]:
    return {hit.record.id for hit in nearest(mirror, query, limit=10, exact=exact)}


@pytest.mark.bench
def test_a_million_images_in_every_storage(tmp_path: Path) -> None:
    heads = (
        "storage",
        "build s",
        "1 % changed s, copied / linked",
        "GiB",
        "open ms",
        "MiB own + mapped",
        "exact top-10 ms",
        "usual top-10 ms (recall)",
        "1 % filter ms",
    )
    table = Table(*heads, title=f"mirror of {IMAGES:,} images, {DIMENSION} dimensions, image vectors and words")
    for storage in get_args(Storage):
        _mirrored(tmp_path / storage, storage, IMAGES, table)
        shutil.rmtree(tmp_path / storage)
    Console(width=160).print(table)


class Quantised:
    """An index of the embedded engine that compares quantised vectors alone."""

    def __init__(self, folder: Path, vectors: Matrix, kind: str) -> None:
        dense = edge.EdgeVectorParams(DIMENSION, edge.Distance.Dot, quantization_config=QUANTISATIONS[kind])
        config = edge.EdgeConfig(
            vectors={"image": dense},
            hnsw_config=edge.HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=1_000_000_000),
            optimizers=edge.EdgeOptimizersConfig(indexing_threshold=1, default_segment_number=1),
        )
        folder.mkdir()
        self._folder = folder
        self._shard = edge.EdgeShard.create(str(folder), config)
        for start in range(0, len(vectors), 500):
            part = range(start, min(start + 500, len(vectors)))
            points = [edge.Point(image_id(n + 1), {"image": vectors[n]}, {}) for n in part]
            self._shard.update(edge.UpdateOperation.upsert_points(points))
        self._shard.optimize()

    @property
    def quantised_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._folder.rglob("quantized.data*") if path.is_file())

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        coarse = edge.SearchParams(quantization=edge.QuantizationSearchParams(rescore=False))
        found: dict[ListName, Shortlist] = {}
        for probe in probes:
            query = edge.Query.Nearest(probe.vector, using="image")
            points = self._shard.query(edge.QueryRequest(limit=limit, query=query, params=coarse))
            found[probe.list] = Shortlist.cut([(str(point.id), point.score) for point in points], limit)
        return found

    def close(self) -> None:
        self._shard.close()


def _best(index: object, query: Vector, limit: int) -> set[str]:
    found = index.shortlists([Probe("image", query)], limit=limit)["image"].ranking  # type: ignore[attr-defined]
    return {one for one, _ in found[:10]}


@pytest.mark.bench
def test_recall_of_quantised_indexes_with_and_without_whole_vectors(tmp_path: Path) -> None:
    library = Crowded(QUANTISED)
    build(cast(VectorIndex, library), MirrorFolder(tmp_path / "mirror"), "float32")
    ids = [image_id(n + 1) for n in range(QUANTISED)]
    queries = _queries(library, ASKED)
    table = Table(title=f"recall@10 of {QUANTISED:,} images by candidates looked at; ms of a shortlist of 200")
    candidates = (10, 40, 200, 200 * OVERSAMPLING)
    for head in ("quantisation", "room", "alone", *map(str, candidates), "alone ms", "exact ms"):
        table.add_column(head)
    with closing(FaissMirror(tmp_path / "mirror")) as mirror:
        held = mirror.vectors(ids)
        vectors = np.stack([held[one] for one in ids])
        true = [_ids(mirror, query, exact=True) for query in queries]

        def recall(index: object, limit: int) -> str:
            shared = sum(len(best & _best(index, query, limit)) for best, query in zip(true, queries, strict=True))
            return f"{shared / (10 * ASKED):.3f}"

        for kind in QUANTISATIONS:
            with closing(Quantised(tmp_path / kind, vectors, kind)) as index:
                row = [f"{index.quantised_bytes / vectors.nbytes:.3f}", recall(index, 10)]
                for count in candidates:
                    sampled = RerankedIndex(index, mirror, 1)  # type: ignore[arg-type]
                    row.append(recall(sampled, count))
                whole = RerankedIndex(index, mirror)  # type: ignore[arg-type]
                alone = _median_ms(lambda query, index=index: _best(index, query, 200), queries)
                exact = _median_ms(lambda query, whole=whole: _best(whole, query, 200), queries)
            table.add_row(kind, *row, alone, exact)
    Console(width=120).print(table)
