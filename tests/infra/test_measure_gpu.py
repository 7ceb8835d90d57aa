"""The script for a GPU runs without one too, at tiny sizes."""

import json
from pathlib import Path

import pytest

from tests.bench import measure_gpu


def test_every_piece_of_work_is_measured_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measure_gpu.main(["--small", "--seconds", "0.01", "--json", str(tmp_path / "gpu.json")])
    kept = json.loads((tmp_path / "gpu.json").read_text())
    works = [result["work"] for result in kept["results"]]
    for wanted in ("decode on the CPU", "encode, ViT-tiny", "decode on the CPU and encode", "caption, 16 tokens"):
        assert any(work.startswith(wanted) for work in works), works
    assert all(result["pictures_per_second"] > 0 and not result["note"] for result in kept["results"])
    assert {"device", "cores", "torch"} <= set(kept["machine"])
    told = capsys.readouterr().out
    assert all(work in told for work in works)


def test_what_the_time_does_not_suffice_for_or_what_fails_is_told(tmp_path: Path) -> None:
    measure_gpu.main(["--small", "--seconds", "1", "--limit", "0", "--json", str(tmp_path / "gpu.json")])
    kept = json.loads((tmp_path / "gpu.json").read_text())
    assert {result["note"] for result in kept["results"]} == {"left out: the time was over"}

    def fail() -> None:
        raise RuntimeError("no memory\nmore")

    bench = measure_gpu.Bench(measure_gpu.torch.device("cpu"), seconds=0.01, limit=60)
    bench.measure("failing", 1, fail)
    assert bench.results[0].note == "no memory" and bench.results[0].pictures_per_second == 0
