"""Several processes and threads at one embedded library."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.adapters.qdrant_edge.index import EdgeIndex
from core.errors import LibraryBusy
from core.ports.vector_index import IndexInfo
from tests.support.index_queries import nearest
from tests.support.made_up_images import image_id, point, vector

ROOT = Path(__file__).resolve().parent.parent.parent.parent.parent.parent
INFO = IndexInfo("colours", "colours-1", 16)
PATIENCE_S = 30.0  # a loaded machine must not fail a test that is not about time


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    EdgeIndex.create(tmp_path / "index", INFO).close()
    return tmp_path / "index"


@contextmanager
def other_process(command: str, folder: Path, *numbers: int) -> Iterator["subprocess.Popen[str]"]:
    line = [sys.executable, "-m", "tests.support.processes.edge_process", command, str(folder), *map(str, numbers)]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _line(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def _read_while_writing(folder: Path, batches: int, wait_s: float) -> set[int]:
    """The different numbers of images that a reader saw while another process wrote `batches` of 10."""
    index = EdgeIndex.open(folder, wait_s=wait_s)
    seen = []
    with other_process("write", folder, 1, batches, 10, 20) as writer:
        while writer.poll() is None:
            seen.append(index.count())
            assert min(5, seen[-1]) <= len(nearest(index, vector(1), limit=5)) <= 5
        assert writer.returncode == 0
    assert seen == sorted(seen)
    assert all(count % 10 == 0 for count in seen)
    assert index.count() == batches * 10
    index.close()
    return set(seen)


def test_a_reader_is_answered_while_another_process_writes(folder: Path) -> None:
    assert len(_read_while_writing(folder, 60, PATIENCE_S)) > 2


@pytest.mark.soak
def test_a_reader_never_waits_two_seconds(folder: Path) -> None:
    assert len(_read_while_writing(folder, 1500, 2.0)) > 10


def test_the_library_is_had_from_an_idle_holder(folder: Path) -> None:
    with other_process("hold", folder) as holder:
        assert _line(holder) == 0
        index = EdgeIndex.open(folder, wait_s=PATIENCE_S)
        index.upsert([point(1)])
        assert index.count() == 1
        index.close()


def test_a_holder_that_does_not_answer_is_reported_as_busy(folder: Path) -> None:
    index = EdgeIndex.open(folder, wait_s=0.2, write_wait_s=0.3)
    with other_process("hold", folder) as holder:
        _line(holder)
        os.kill(holder.pid, signal.SIGSTOP)
        with pytest.raises(LibraryBusy, match="in use by another process"):
            index.count()
        with pytest.raises(LibraryBusy):
            index.upsert([point(1)])
    assert index.count() == 0
    index.close()


def test_a_killed_holder_keeps_nothing_locked_though_its_forked_child_lives(folder: Path) -> None:
    with other_process("fork", folder) as holder:
        child = _line(holder)
        try:
            holder.kill()
            holder.wait()
            index = EdgeIndex.open(folder, wait_s=PATIENCE_S)
            assert index.count() == 0
            index.close()
        finally:
            os.kill(child, signal.SIGKILL)


def _kill_and_look(folder: Path, times: int) -> None:
    chance = random.Random(7)
    held = 0
    for _ in range(times):
        with other_process("write", folder, held + 1, 10_000, 7, 0) as writer:
            acknowledged = 0
            for _ in range(chance.randint(1, 12)):
                acknowledged = _line(writer)
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
        index = EdgeIndex.open(folder, wait_s=PATIENCE_S)
        ids = [image_id(n) for n in range(1, held + acknowledged + 1)]
        assert set(index.fetch(ids)) == set(ids)
        assert set(index.vectors(ids)) == set(index.vectors(ids, "caption")) == set(ids)
        found = index.count()
        assert found >= held + acknowledged
        assert (found - held) % 7 == 0
        assert dict(index.facet("words")) == {"red": found, "car": found}
        held = found
        index.close()


def test_what_was_acknowledged_outlives_a_killed_writer(folder: Path) -> None:
    _kill_and_look(folder, 3)


@pytest.mark.soak
def test_what_was_acknowledged_outlives_twenty_killed_writers(folder: Path) -> None:
    _kill_and_look(folder, 20)


def test_threads_and_indexes_of_one_process_share_the_library(folder: Path) -> None:
    indexes = [EdgeIndex.open(folder, wait_s=PATIENCE_S, write_wait_s=PATIENCE_S) for _ in range(3)]

    def work(n: int) -> int:
        index = indexes[2 if n == 4 else n % 2]
        index.upsert([point(10 * n + k) for k in range(10)])
        if n == 4:  # nobody else uses this one
            index.close()
            indexes[2] = EdgeIndex.open(folder, wait_s=PATIENCE_S, write_wait_s=PATIENCE_S)
        return len(nearest(indexes[1], vector(n), limit=3)) + indexes[1].count()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(1, 5))) + list(pool.map(work, [5, 7, 9, 11]))
    assert all(answer >= 13 for answer in answers)
    assert indexes[1].count() == 80
    for index in indexes:
        index.close()


def test_a_closed_index_is_not_used_again(folder: Path) -> None:
    index = EdgeIndex.open(folder)
    index.close()
    index.close()
    with pytest.raises(RuntimeError, match="closed"):
        index.count()
