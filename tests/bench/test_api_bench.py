"""A search of 100,000 images through the HTTP API, as it is written and with its approximate index, part by part."""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from core.bootstrap import Container
from core.domain.vectors import unit
from core.ports.vector_index import IndexInfo, Point
from core.settings import load_settings
from tests.support.made_up_images import record

ROOT = Path(__file__).resolve().parents[2]
IMAGES = 100_000
ASKED = 200
COLOURS = ["red", "blue", "green", "white", "black", "yellow", "gray", "pink", "brown", "orange"]
KINDS = ["car", "dog", "tree", "house", "boat", "bird", "horse", "flower", "star", "mountain"]
PLACES = ["in the snow", "on a meadow", "at night", "in the desert", "at sea"]
ENCODED = 500  # texts at once

Parts = dict[str, list[float]]  # milliseconds of every search


def _captions() -> list[str]:
    return [f"a {colour} {kind} {place}" for colour in COLOURS for kind in KINDS for place in PLACES]


def build(data: Path) -> None:
    """Pictures crowd around what their captions say, as CLIP's do; all vectors are the demo model's size."""
    random_ = np.random.default_rng(3)
    told = _captions()
    with Container(load_settings(data=data, model="demo")) as container:
        encoder, index = container.encoder, container.create_index()
        assert index.info == IndexInfo(encoder.name, encoder.fingerprint, encoder.dimension)
        meant = encoder.encode_texts(told).vectors
        for start in range(0, IMAGES, ENCODED):
            of = random_.integers(0, len(told), ENCODED)
            noise = unit(random_.normal(size=(ENCODED, encoder.dimension)))
            images = unit(meant[of] + 2 * noise)
            points = []
            for n, (which, image) in enumerate(zip(of, images, strict=True), start):
                held = replace(record(n + 1, told[which]), key=f"folder/{n}.jpg")
                points.append(Point(held, image, meant[which]))
            index.upsert(points)


def optimize(data: Path) -> None:
    with Container(load_settings(data=data)) as container:
        container.index.optimize()


def texts(count: int) -> list[str]:
    """All different; half of them with words that no caption holds."""
    drawn = random.Random(7)
    made: dict[str, None] = {}
    while len(made) < count:
        colour, kind, place = drawn.choice(COLOURS), drawn.choice(KINDS), drawn.choice(PLACES)
        odd = f"{drawn.choice(['three', 'two', 'four'])} umbrellas beside a {colour} {kind} {place}"
        made[drawn.choice([f"{colour} {kind}s {place}", odd])] = None
    return list(made)


def ask(data: Path, bodies: list[dict[str, object]]) -> Parts:
    """One client, one search after the other, over one connection; the first three are left out."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import search_ui.commands.ui; search_ui.commands.ui.ui()",
            "--data",
            str(data),
            "--port",
            "0",
        ],
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
        parts: Parts = {}
        for n, body in enumerate(bodies):
            started = time.perf_counter()
            connection.request("POST", "/api/search", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            found = json.loads(answer.read())
            whole = (time.perf_counter() - started) * 1000
            assert answer.status == 200 and found["hits"], found
            timings = found["timings_ms"]
            told = {"whole, over HTTP": whole} | timings | {"beside the search": whole - timings["total"]}
            for name, ms in told.items() if n >= 3 else ():
                parts.setdefault(name, []).append(ms)
        connection.close()
        return parts
    finally:
        process.terminate()
        process.communicate()


def _get(connection: HTTPConnection, path: str) -> dict[str, str]:
    connection.request("GET", path)
    found: dict[str, str] = json.loads(connection.getresponse().read())
    return found


def measure(data: Path, title: str) -> None:
    plain = [{"terms": [{"text": text}]} for text in texts(ASKED)]
    kinds = {
        "words": plain,
        "words and a caption word": [{**body, "filter": {"word": "car"}} for body in plain],
    }
    for kind, bodies in kinds.items():
        table = Table("ms", "median", "p95", "least", title=f"{title}: {kind}")
        for name, ms in ask(data, bodies).items():
            table.add_row(name, *(f"{value:.1f}" for value in (statistics.median(ms), np.quantile(ms, 0.95), min(ms))))
        Console(width=100).print(table)


@pytest.mark.bench
def test_search_over_http(tmp_path: Path) -> None:
    build(tmp_path)
    measure(tmp_path, f"{IMAGES:,} images, every vector compared")
    optimize(tmp_path)
    measure(tmp_path, f"{IMAGES:,} images, approximate index")
