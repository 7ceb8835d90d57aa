"""Imports of vectors beside points as plain as they can be, and beside the time that the model takes for captions.

Rows a second of CPU, and not of the clock. What an import of few rows takes is left out: loading models, preparing the
library, and measuring it, which is done once. Captions are repeated by `BENCH_IMPORTED_CAPTIONS` different ones.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import qdrant_edge as edge

from core.bootstrap import Container
from core.domain.vectors import Matrix, unit
from core.settings import load_settings
from tests.support.benchmark import RUNS, Row, in_turn, record, time_cpu
from tests.support.made_up_images import image_id

pytestmark = pytest.mark.bench

ROWS = int(os.environ.get("BENCH_IMPORTED_ROWS", "20000"))
CAPTIONS = int(os.environ.get("BENCH_IMPORTED_CAPTIONS", "500"))
FEW = 4096  # rows that stand for the start: so many have a library measured
DIMENSION = 256
LIMIT = "6,000/s"
GROUP = "import, CPU"
COLOURS = ["red", "blue", "green", "white", "black", "yellow", "grey", "pink", "brown", "orange"]
KINDS = ["car", "dog", "tree", "house", "boat", "bird", "horse", "flower", "star", "mountain"]
PLACES = ["snow", "meadow", "night", "desert", "sea"]


@pytest.mark.parametrize("kind", ["without captions", "with captions that recur", "with a caption of its own each"])
def test_import_of_vectors(kind: str, tmp_path: Path) -> None:
    """Beside points of two fields, made before the clock starts and written straight into the engine."""
    vectors = unit(np.random.default_rng(5).normal(size=(ROWS, DIMENSION))).astype(np.float32)
    distinct = {"without captions": 0, "with captions that recur": CAPTIONS}.get(kind, ROWS)
    for count in (ROWS, FEW):
        _write_files(tmp_path / str(count), vectors[:count], distinct)
    turns = iter(range(100))

    def ours() -> float:
        run = tmp_path / f"run-{next(turns)}"
        taken = [_time_import(tmp_path / str(count), run / str(count)) for count in (ROWS, FEW)]
        return (ROWS - FEW) / (taken[0] - taken[1])

    plain = in_turn(ours, lambda: _write_plainly(tmp_path / f"plain-{next(turns)}", vectors))
    record(Row(GROUP, f"vectors {kind}, rows", "1/s", plain[0], "plain upserts", plain[1], limit=LIMIT))


def test_captions_by_the_model_alone(tmp_path: Path) -> None:
    """What no import of different captions can be faster than, on one core."""
    captions = sorted((_make_caption(n, ROWS) for n in range(2048)), key=len)
    with Container(load_settings(data=tmp_path, model="demo")) as container:
        encoder = container.encoder
        encoder.encode_texts(captions[:64])
        rates = tuple(len(captions) / time_cpu(lambda: encoder.encode_texts(captions)) for _ in range(max(3, RUNS)))
    record(Row(GROUP, "different captions that the demo model encodes", "1/s", rates))


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
    config = edge.EdgeConfig(vectors={"image": edge.EdgeVectorParams(size=DIMENSION, distance=edge.Distance.Dot)})
    shard = edge.EdgeShard.create(str(folder), config)
    plain = [edge.Point(image_id(n), {"image": vector.tolist()}, {}) for n, vector in enumerate(vectors, 1)]

    def write() -> None:
        for start in range(0, len(plain), 256):
            shard.update(edge.UpdateOperation.upsert_points(plain[start : start + 256]))
        shard.flush()

    seconds = time_cpu(write)
    shard.close()
    return len(plain) / seconds
