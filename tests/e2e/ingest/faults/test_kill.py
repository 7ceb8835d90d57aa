"""kill -9 at any moment, run again: every listed file is exactly once indexed or failed, and nothing else is there."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.adapters.local.thumbnails import ThumbnailFiles
from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import FAILED, INDEXED, UNCAPTIONED
from core.domain.image import ImageRecord
from core.domain.vectors import Vector
from tests.support.processes import library_run
from tests.support.processes.commands import BUCKETLENS, bucketlens, environment


def kill_during(command: list[str], data: Path, seconds: float) -> bool:
    """Start an ingest and kill it `seconds` after it took its lock. False: it had ended before."""
    before = touched(data)
    with subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as run:
        while run.poll() is None and touched(data) == before:
            time.sleep(0.005)
        try:
            run.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.kill(run.pid, signal.SIGKILL)
            run.wait()
            return True
    return False


def touched(data: Path) -> int:
    """When a run last began, as its mark says; 0 where none has, or where it ended well."""
    try:
        return (data / "ingest.running").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def workers_alive() -> Iterator[bytes]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        if b"core.adapters.decoding.worker" in command and parent == "1":
            yield command


def contents(data: Path) -> tuple[dict[str, ImageRecord], dict[str, Vector]]:
    """Records and vectors by key; asserts that there is nothing twice and nothing left over."""
    index = EdgeIndex.open(data / "index")
    try:
        records = [*pages(index, INDEXED), *pages(index, FAILED)]
        assert len(records) == index.count() == len({record.key for record in records})
        assert index.count(UNCAPTIONED) == 0
        ids = [record.id for record in records]
        vectors = index.vectors(ids)
        captions = index.vectors(ids, "caption")
    finally:
        index.close()
    indexed = {record.id for record in records if record.status == "indexed"}
    assert set(vectors) == set(captions) == indexed
    kept = list(ThumbnailFiles(data / "thumbnails").ids())
    assert len(kept) == len(set(kept)) and set(kept) == indexed
    assert not (data / "ingest.running").exists() and not list(data.rglob("*.part"))
    return {record.key: record for record in records}, {
        record.key: vectors[record.id] for record in records if record.id in vectors
    }


def pages(index: EdgeIndex, filter: object) -> list[ImageRecord]:
    found: list[ImageRecord] = []
    while page := index.scroll(filter, after=found[-1].id if found else None):
        found += page
    return found


def test_killed_and_run_again_the_library_equals_the_folder(tmp_path: Path) -> None:
    chance = random.Random(5)
    folder, data, clean = tmp_path / "pictures", tmp_path / "data", tmp_path / "clean"
    folder.mkdir()
    for number in range(60):
        colour = tuple(chance.randrange(256) for _ in range(3))
        Image.new("RGB", (40 + number, 30), colour).save(folder / f"{number:02d}.png")
    for number in range(4):
        (folder / f"bad {number}.png").write_bytes(b"\x89PNG\r\n\x1a\nno" + bytes(number))
    command = [sys.executable, library_run.__file__, str(folder), str(data)]
    killed = 0
    for turn in range(6):
        killed += kill_during(command, data, chance.uniform(0.0, 0.45))
        (folder / f"{turn:02d}.png").unlink()
        (folder / f"{turn + 10:02d}.png").rename(folder / f"moved {turn}.png")
    assert killed >= 3
    report = library_run.main(folder, data)
    assert not report.problems and not report.kept
    assert library_run.main(folder, clean).added == 54
    records, vectors = contents(data)
    expected, expected_vectors = contents(clean)
    assert set(records) == set(expected) == {path.name for path in folder.iterdir()}
    for key, record in records.items():
        other = expected[key]
        assert (record.status, record.etag, record.caption, record.words) == (
            other.status,
            other.etag,
            other.caption,
            other.words,
        )
    assert all(np.allclose(vectors[key], expected_vectors[key], atol=1e-6) for key in expected_vectors)
    assert report.added + report.skipped + report.updated >= 54
    assert not list(workers_alive())


@pytest.mark.soak
def test_twenty_kills_of_the_real_command_over_two_thousand_pictures(tmp_path: Path) -> None:
    from demo.scenes.sample_library import write_pictures

    chance = random.Random(11)
    folder, data = tmp_path / "pictures", tmp_path / "data"
    for _ in write_pictures(folder, 2000, size=128):
        pass
    arguments = ["ingest", str(folder), "--data", str(data), "--model", "demo", "--json"]
    moments = []
    for _ in range(20):
        moments.append(chance.uniform(0.5, 12.0))
        kill_during([*BUCKETLENS, *arguments], data, moments[-1])
    done = bucketlens(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    records, _ = contents(data)
    assert set(records) == {path.name for path in folder.iterdir()}
    assert all(record.status == "indexed" for record in records.values())
    assert (report["deleted"], report["failed"], report["pending_captions"]) == (0, 0, 0)
    assert not list(workers_alive())
