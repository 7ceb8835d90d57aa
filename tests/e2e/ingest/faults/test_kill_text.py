"""kill -9 while text in pictures is read and written: run again, every picture has been read, and none twice."""

import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import INDEXED, UNREAD
from tests.e2e.ingest.faults.test_kill import pages, workers_alive
from tests.support.processes.commands import run_main

COUNT = 11  # a batch of eight, and three more


def write_page(path: Path, width: int) -> None:
    drawn = Image.new("RGB", (width, 200), "orange")
    for line in range(3):
        ImageDraw.Draw(drawn).text(
            (20, 10 + 60 * line), "Lines of text", fill="black", font=ImageFont.load_default(size=40)
        )
    drawn.save(path)


def run(folder: Path, point: str, moment: str, passage: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    told = [point, moment, str(passage), "colours", *arguments, "--data", str(folder / "data"), "--json"]
    return run_main("tests.support.processes.kill_at:main", *told, cwd=folder, timeout=300)


@pytest.mark.parametrize(
    "kills",
    [
        [("texts written", "before", 2), ("text read", "after", 2)],
        pytest.param(
            [("text read", "before", 3), ("texts written", "after", 1), ("texts written", "before", 1)],
            marks=pytest.mark.soak,
        ),
    ],
)
def test_killed_in_the_pass_and_run_again_every_page_is_read(tmp_path: Path, kills: list[tuple[str, str, int]]) -> None:
    (tmp_path / "pictures").mkdir()
    for n in range(COUNT):
        write_page(tmp_path / "pictures" / f"{n:02d}.png", 400 + n)
    ingest = ("ingest", str(tmp_path / "pictures"), "--text")
    left = []
    for point, moment, passage in kills:
        killed = run(tmp_path, point, moment, passage, *ingest)
        assert killed.returncode == -9, killed.stderr
        left.append(_count_unread(tmp_path / "data"))
    done = run(tmp_path, "end", "before", 1_000_000, *ingest)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["added"], report["pending_text"], report["text_failed"]) == (0, 0, 0)
    assert report["text_read"] == left[-1] <= left[0], "what was written is not read again"
    index = EdgeIndex.open(tmp_path / "data" / "index")
    records = pages(index, INDEXED)
    index.close()
    assert len(records) == len({record.id for record in records}) == COUNT
    assert all([line.text for line in record.text_lines] == ["Painted orange 2024"] for record in records)
    assert not list(workers_alive())


def _count_unread(data: Path) -> int:
    index = EdgeIndex.open(data / "index")
    try:
        return index.count(UNREAD)
    finally:
        index.close()
