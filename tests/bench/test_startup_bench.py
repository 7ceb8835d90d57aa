"""What a command costs that does little: seconds of CPU of a fresh process."""

from pathlib import Path

import pytest

from tests.bench.test_ingest_bench import make_pictures, run_command
from tests.support.benchmark import RUNS, Row, record
from tests.support.model_folders import make_vit_b_32

pytestmark = pytest.mark.bench

PICTURES = 40


def test_help_and_a_cold_search(tmp_path: Path) -> None:
    """`search` with a text tower of the real size, which an ingest has kept, and random weights."""
    model, pictures, data = make_vit_b_32(tmp_path / "model"), tmp_path / "pictures", tmp_path / "data"
    make_pictures(pictures, (640, 480), PICTURES)
    run_command("bucketlens", "ingest", pictures, "--data", data, "--model", model, "--no-captions")
    _measure("--help", "0.3 s", "--help")
    _measure("status of a small library", "0.6 s", "status", "--data", data)
    _measure("search TEXT with ViT-B/32", "1.6 s", "search", "a red car", "--data", data)


def _measure(work: str, limit: str, *arguments: object) -> None:
    run_command("bucketlens", *arguments)
    taken = tuple(run_command("bucketlens", *arguments).cpu for _ in range(max(3, RUNS)))
    record(Row("start, CPU of the process", work, "s", taken, limit=limit))
