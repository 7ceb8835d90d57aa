"""Searches through the HTTP API: beside the model's own time, of eight clients at once, and how much is found.

`BENCH_IMAGES` is how many pictures the library has (100,000; a million takes hours to make), `BENCH_LIBRARY` a folder
in which it is kept for the next run.
"""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest

from core.availability.recall import ExactIndex, recall_at
from core.bootstrap import Container
from core.domain.filtering.filters import EVERYTHING, Filter, caption_words
from core.domain.query import Query, TextTerm
from core.domain.vectors import unit
from core.ports.vector_index import IndexInfo, Point
from core.search.service import SearchService
from core.settings import load_settings
from tests.support.benchmark import RUNS, Row, record
from tests.support.fakes import InlineDecoder
from tests.support.made_up_images import record as make_record

ROOT = Path(__file__).resolve().parents[2]
IMAGES = int(os.environ.get("BENCH_IMAGES", "100000"))
ASKED = 60  # searches of one client in a run
CLIENTS = 8
COMPARED = 40  # searches that are compared with exact ones
ENCODED = 500  # texts at once
COLOURS = ["red", "blue", "green", "white", "black", "yellow", "gray", "pink", "brown", "orange"]
KINDS = ["car", "dog", "tree", "house", "boat", "bird", "horse", "flower", "star", "mountain"]
PLACES = ["in the snow", "on a meadow", "at night", "in the desert", "at sea"]
FILTERS: dict[str, dict[str, object]] = {"": {}, ", filtered": {"word": "car"}}
LIMIT_MS = "15 ms" if IMAGES <= 100_000 else "40 ms"

Parts = dict[str, list[float]]  # milliseconds of every search


def _captions() -> list[str]:
    return [f"a {colour} {kind} {place}" for colour in COLOURS for kind in KINDS for place in PLACES]


def build(data: Path, count: int = IMAGES) -> None:
    """Pictures crowd around what their captions say, as CLIP's do; all vectors are the demo model's size."""
    random_ = np.random.default_rng(3)
    told = _captions()
    with Container(load_settings(data=data, model="demo")) as container:
        encoder, index = container.encoder, container.create_index()
        assert index.info == IndexInfo(encoder.name, encoder.fingerprint, encoder.dimension)
        meant = encoder.encode_texts(told).vectors
        for start in range(0, count, ENCODED):
            of = random_.integers(0, len(told), ENCODED)
            noise = unit(random_.normal(size=(ENCODED, encoder.dimension)))
            images = unit(meant[of] + 2 * noise)
            points = []
            for n, (which, image) in enumerate(zip(of, images, strict=True), start):
                held = replace(make_record(n + 1, told[which]), key=f"folder/{n}.jpg")
                points.append(Point(held, image, meant[which]))
            index.upsert(points)
        index.optimize()


def texts(count: int) -> list[str]:
    """All different; half of them with words that no caption holds."""
    drawn = random.Random(7)
    made: dict[str, None] = {}
    while len(made) < count:
        colour, kind, place = drawn.choice(COLOURS), drawn.choice(KINDS), drawn.choice(PLACES)
        odd = f"{drawn.choice(['three', 'two', 'four'])} umbrellas beside a {colour} {kind} {place}"
        made[drawn.choice([f"{colour} {kind}s {place}", odd])] = None
    return list(made)


@contextmanager
def serve(data: Path) -> Iterator[str]:
    """Serve the library in a process of its own, and give its address once its model is there."""
    command = "import search_ui.commands.ui; search_ui.commands.ui.ui()"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "--data", str(data), "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "BUCKETLENS_API_RATE": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = re.search(r"http://(\S+)", process.stdout.readline())
        assert address
        connection = HTTPConnection(address[1], timeout=120)
        while _get(connection, "/healthz")["model"] != "ready":
            time.sleep(0.2)
        connection.close()
        yield address[1]
    finally:
        process.terminate()
        process.communicate()


def _get(connection: HTTPConnection, path: str) -> dict[str, str]:
    connection.request("GET", path)
    found: dict[str, str] = json.loads(connection.getresponse().read())
    return found


def ask(address: str, bodies: list[dict[str, object]]) -> Parts:
    """One client, one search after the other, over one connection."""
    connection = HTTPConnection(address, timeout=120)
    parts: Parts = {}
    for body in bodies:
        started = time.perf_counter()
        connection.request("POST", "/api/search", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        found = json.loads(answer.read())
        whole = (time.perf_counter() - started) * 1000
        assert answer.status == 200 and found["hits"], found
        for name, ms in ({"whole": whole} | found["timings_ms"]).items():
            parts.setdefault(name, []).append(ms)
    connection.close()
    return parts


def _bodies(filter: dict[str, object]) -> list[dict[str, object]]:
    return [{"terms": [{"text": text}], "filter": filter} for text in texts(RUNS * ASKED + CLIENTS * ASKED)]


def _measure_recall(data: Path, narrowed: Filter) -> float:
    """The mean recall@10 of whole searches, by the same searches over exact shortlists."""
    found = []
    with Container(load_settings(data=data)) as container:
        index = container.index
        service, exact = (
            SearchService(one, lambda: container.encoder, InlineDecoder, container.settings.ranking.weights)
            for one in (index, ExactIndex(index))
        )
        for text in texts(COMPARED):
            query = Query((TextTerm(text),), narrowed, limit=10)
            ours = [hit.record.id for hit in service.search(query).hits]
            theirs = [(hit.record.id, hit.match or 0.0) for hit in exact.search(replace(query, limit=20)).hits]
            found.append(recall_at(ours, theirs) or 0.0)
    return statistics.fmean(found)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get("BENCH_LIBRARY")
    data = Path(kept) if kept else tmp_path_factory.mktemp("api")
    if not (data / "index").is_dir():
        build(data)
    return data


@pytest.mark.bench
def test_search_over_http(library: Path) -> None:
    with serve(library) as address:
        for name, filter in FILTERS.items():
            bodies = _bodies(filter)
            ask(address, bodies[:5])
            runs = [ask(address, bodies[n * ASKED : (n + 1) * ASKED]) for n in range(RUNS)]
            beside = [statistics.median(np.subtract(parts["whole"], parts["encode"]).tolist()) for parts in runs]
            work = f"words{name}, {IMAGES:,} pictures, beside the model's time"
            record(Row("search over HTTP", work, "ms", tuple(beside), limit=LIMIT_MS))
        bodies = _bodies({})
        rates = []
        for _ in range(RUNS):
            shares = [bodies[n * ASKED : (n + 1) * ASKED] for n in range(CLIENTS)]
            began = time.perf_counter()
            with ThreadPoolExecutor(CLIENTS) as clients:
                list(clients.map(lambda share: ask(address, share), shares))
            rates.append(CLIENTS * ASKED / (time.perf_counter() - began))
        work = f"words, {IMAGES:,} pictures, {CLIENTS} clients"
        record(Row("search over HTTP", work, "1/s", tuple(rates), limit="84/s" if IMAGES <= 100_000 else ""))


@pytest.mark.bench
def test_recall_of_searches(library: Path) -> None:
    for name, narrowed in (("", EVERYTHING), (", filtered", caption_words(must=["car"]))):
        recall = _measure_recall(library, narrowed)
        work = f"recall@10 of words{name}, {IMAGES:,} pictures"
        record(Row("search over HTTP", work, "recall", (recall,), limit="0.97"))
