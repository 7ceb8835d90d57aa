"""What looking for text costs an ingest of pictures without any: the same pictures, with and without it, in turns."""

import json
import os
import resource
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from core.domain.model_catalog import DEMO_WEIGHTS
from demo.scenes.sample_library import write_pictures
from tests.support.processes.commands import BUCKETLENS, environment

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models"),
]

COUNT = int(os.environ.get("BUCKETLENS_BENCH_PICTURES", "1000"))
ROUNDS = int(os.environ.get("BUCKETLENS_BENCH_ROUNDS", "3"))


def ingest(pictures: Path, data: Path, option: str) -> tuple[float, float, dict[str, Any]]:
    """Ingest into a new library; return the seconds of CPU and of the clock, and the report."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    arguments = ["ingest", str(pictures), "--data", str(data), "--model", "demo", "--captioner", "demo", "--json"]
    run = subprocess.run([*BUCKETLENS, *arguments, option], env=environment(), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, seconds, json.loads(run.stdout)


def test_cost_of_looking_for_text(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    for _ in write_pictures(pictures, COUNT):
        pass
    table = Table(title=f"an ingest of {COUNT:,} drawn scenes, which show no text")
    for heading in ("round", "CPU without, s", "with, s", "ratio", "clock without, s", "with, s", "read", "found"):
        table.add_column(heading, justify="right")
    ratios = []
    for number in range(ROUNDS):
        without, plain, _ = ingest(pictures, tmp_path / f"without-{number}", "--no-text")
        looked, clock, report = ingest(pictures, tmp_path / f"with-{number}", "--text")
        ratios.append(looked / without)
        cells = (f"{without:.1f}", f"{looked:.1f}", f"{looked / without:.3f}", f"{plain:.1f}", f"{clock:.1f}")
        table.add_row(str(number + 1), *cells, str(report["text_read"]), str(report["text_found"]))
    table.caption = f"median ratio {median(ratios):.3f}"
    Console(width=140).print(table)
