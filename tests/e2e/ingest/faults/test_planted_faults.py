"""A codec that crashes, hangs or swells under the real command: each costs its own file, with its reason on record."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import FAILED, INDEXED
from tests.e2e.ingest.faults.test_kill import workers_alive
from tests.support.processes import keep_run
from tests.support.processes.commands import ROOT, environment

# Found by every Python that is started with its folder in PYTHONPATH, the decode workers among them.
PLANT = """
import core.imaging.decoder

decode = core.imaging.decoder._decode

def faulty(data, *rest):
    if b"crash" in data:
        import ctypes
        ctypes.string_at(0)
    if b"hang" in data:
        while True:
            pass
    if b"swell" in data:
        return bytes(4 * 2**30)
    return decode(data, *rest)

core.imaging.decoder._decode = faulty
"""
REASONS = {
    "crash": "the decoder died of it (signal 11)",
    "hang": "decoding took over {} s and was stopped; raise `decode_seconds` and run again with `retry_failed`",
    "swell": "decoding it takes more memory than one image may use; raise `decode_memory` and run again with "
    "`retry_failed`",
}


def ingest(folder: Path, faults: list[str], seconds: float) -> tuple[dict[str, Any], dict[str, str | None]]:
    """The report of an ingest of sound pictures and one file of each fault, and the reasons of those that failed."""
    pictures, plant = folder / "pictures", folder / "plant"
    pictures.mkdir()
    plant.mkdir()
    (plant / "sitecustomize.py").write_text(PLANT)
    for number in range(20):
        Image.new("RGB", (40 + number, 30), (number, 200, 9)).save(pictures / f"{number:02d}.png")
    for fault in faults:
        sound = (pictures / "10.png").read_bytes()
        (pictures / f"10 {fault}.png").write_bytes(sound + fault.encode())
    environ = environment() | {
        "PYTHONPATH": os.pathsep.join([str(plant), str(ROOT)]),
        "BUCKETLENS_DECODE_SECONDS": str(seconds),
    }
    command = [sys.executable, keep_run.__file__, str(pictures), "--json"]
    run = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
    assert run.returncode == 3, run.stderr
    index = EdgeIndex.open(folder / "data" / "index")
    try:
        assert index.count(INDEXED) == 20
        failed = {record.key: record.error for record in index.scroll(FAILED)}
    finally:
        index.close()
    assert not list(workers_alive())
    return json.loads(run.stdout), failed


def test_each_fault_costs_its_file_alone(tmp_path: Path) -> None:
    report, failed = ingest(tmp_path, list(REASONS), seconds=2)
    assert (report["added"], report["failed"], report["captioned"]) == (20, 3, 20)
    assert failed == {f"10 {fault}.png": reason.format(2) for fault, reason in REASONS.items()}


@pytest.mark.soak
@pytest.mark.parametrize("fault", REASONS)
def test_each_fault_costs_less_than_half_a_minute_with_the_limits_as_they_are(fault: str, tmp_path: Path) -> None:
    started = time.monotonic()
    _, failed = ingest(tmp_path, [fault], seconds=20)
    assert failed == {f"10 {fault}.png": REASONS[fault].format(20)}
    assert time.monotonic() - started < 30
