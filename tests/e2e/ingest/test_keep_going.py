"""`bucketlens ingest` that goes on: --every, --cron, --watch, with real processes and signals; --dry-run; metrics."""

import fcntl
import json
import os
import queue
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import INDEXED, UNCAPTIONED
from demo.scenes.sample_library import write_pictures
from tests.support.processes.commands import BUCKETLENS, bucketlens, environment, started
from tests.support.processes.warm_processes import WarmProcess

PATIENCE = 60.0
COLOURS = "tests.support.processes.keep_run:main"  # every real part but the models
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


class Running:
    """A `bucketlens ingest … --json` that goes on, and what it prints."""

    def __init__(self, process: WarmProcess, errors: Path) -> None:
        self.process = process
        self.errors = errors
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def report(self) -> dict[str, Any]:
        """The next run's."""
        try:
            found = json.loads(self._lines.get(timeout=PATIENCE))
        except queue.Empty:
            raise AssertionError(self.errors.read_text()) from None
        assert isinstance(found, dict)
        return found

    def until(self, name: str, count: int) -> None:
        """Reports up to where their counts of `name` add up to `count`."""
        while count > 0:
            count -= self.report()[name]
        assert count == 0

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=10)

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line)


@contextmanager
def going_on(folder: Path, *arguments: str) -> Iterator[Running]:
    level = {"BUCKETLENS_LOG_LEVEL": "info"}
    with (folder / "errors").open("a") as errors:
        with started(*arguments, "--json", cwd=folder, env=level, stderr=errors, main=COLOURS) as process:
            try:
                yield Running(process, folder / "errors")
            finally:
                process.kill()


def keys(folder: Path) -> list[str]:
    index = EdgeIndex.open(folder / "data" / "index")
    try:
        assert index.count(UNCAPTIONED) == 0
        return sorted(record.key for record in index.scroll(INDEXED))
    finally:
        index.close()


def status(folder: Path) -> dict[str, Any]:
    run = bucketlens("status", "--json", cwd=folder)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert isinstance(found, dict)
    return found


def once(folder: Path, *arguments: str) -> dict[str, Any]:
    """What one ingest that ends by itself says."""
    with started(*arguments, "--json", cwd=folder, env={"HOME": str(folder)}, main=COLOURS) as run:
        printed, errors = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, errors
    found = json.loads(printed)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return list(write_pictures(tmp_path_factory.mktemp("drawn") / "pictures", 40, size=128))


@pytest.fixture
def home(tmp_path: Path, drawn: list[Path]) -> Path:
    """A folder with three `pictures`."""
    (tmp_path / "pictures").mkdir()
    for path in drawn[:3]:
        shutil.copy(path, tmp_path / "pictures")
    return tmp_path


def test_every_runs_again_serves_metrics_and_ends_when_it_is_told(home: Path, drawn: list[Path]) -> None:
    with going_on(home, "pictures", "--every", "1s", "--metrics-port", "0") as ingest:
        assert ingest.report()["added"] == 3
        shutil.copy(drawn[3], home / "pictures")
        ingest.until("added", 1)
        found = re.search(r"http://\S+/metrics", ingest.errors.read_text())
        assert found is not None
        with urllib.request.urlopen(found[0], timeout=10) as answer:
            metrics = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#")
        assert metrics['bucketlens_images_total{outcome="added"}'] == "4.0"
        assert metrics['bucketlens_images_total{outcome="captioned"}'] == "4.0"
        assert float(metrics['bucketlens_runs_total{outcome="complete"}']) >= 2
        assert metrics["bucketlens_library_images"] == "4.0"
        assert metrics['bucketlens_stage_seconds_count{stage="read"}'] == "4.0"
        for stage in ("list", "decode", "encode", "upsert", "caption"):
            assert float(metrics[f'bucketlens_stage_seconds_count{{stage="{stage}"}}']) >= 1
        assert abs(float(metrics["bucketlens_last_complete_run_timestamp_seconds"]) - time.time()) < PATIENCE
        assert len(keys(home)) == 4  # the library is let go of between runs
        assert ingest.end() in (0, 128 + signal.SIGTERM)
    assert str(status(home)["last_complete_run"]).endswith("+00:00")


def test_idle_it_ends_with_zero_and_leaves_no_mark(home: Path) -> None:
    with going_on(home, "pictures", "--every", "1h") as ingest:
        assert ingest.report()["added"] == 3
        time.sleep(0.3)
        assert ingest.end() == 0
    assert not (home / "data" / "ingest.running").exists() and len(keys(home)) == 3
    assert "event=run_started kind=full" in ingest.errors.read_text()
    assert "event=run_ended kind=full outcome=complete added=3" in ingest.errors.read_text()


def test_cron_waits_for_its_time(home: Path) -> None:
    with going_on(home, "pictures", "--cron", "0 0 1 1 *", "--metrics-port", "0") as ingest:
        deadline = time.monotonic() + PATIENCE
        while "/metrics" not in ingest.errors.read_text():
            assert time.monotonic() < deadline and ingest.process.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)
        assert ingest.end() == 0
    assert not (home / "data").exists() and "event=run_started" not in ingest.errors.read_text()


@pytest.mark.soak
def test_cron_runs_at_its_time(home: Path, drawn: list[Path]) -> None:
    with going_on(home, "pictures", "--cron", "* * * * *") as ingest:
        for added in (3, 1):
            time.sleep(61 - time.time() % 60)  # past the next whole minute
            assert ingest.report()["added"] == added and time.time() % 60 < 40
            shutil.copy(drawn[3], home / "pictures")
        assert ingest.end() == 0
    assert len(keys(home)) == 4


def test_a_run_that_held_deletions_back_was_not_complete(home: Path, drawn: list[Path]) -> None:
    (home / "other").mkdir()
    shutil.copy(drawn[9], home / "other")
    for path in drawn:
        shutil.copy(path, home / "pictures")
    once(home, "pictures", "other")
    record = home / "data" / "last_run.json"
    long_ago = record.read_text().replace("202", "200", 2)
    record.write_text(long_ago)
    for path in drawn[:30]:
        (home / "pictures" / path.name).unlink()
    assert once(home, "pictures", "other")["kept"] == 30
    times = {name.rpartition("/")[2]: time for name, time in json.loads(record.read_text())["sources"].items()}
    assert times["pictures"].startswith("200") and not times["other"].startswith("200")
    once(home, "pictures", "other", "--confirm-deletes")
    assert min(json.loads(record.read_text())["sources"].values()) > "202"


def test_ended_in_the_middle_of_a_run_nothing_is_lost(home: Path, drawn: list[Path]) -> None:
    for path in drawn:
        shutil.copy(path, home / "pictures")
    with going_on(home, "pictures", "--every", "1h") as ingest:
        deadline = time.monotonic() + PATIENCE
        while not (home / "data" / "ingest.running").exists():
            assert time.monotonic() < deadline and ingest.process.poll() is None
            time.sleep(0.01)
        assert ingest.end() == 128 + signal.SIGTERM
        assert ingest.report()["interrupted"] is True
    assert (home / "data" / "ingest.running").exists()
    assert once(home, "pictures")["pending_captions"] == 0
    assert keys(home) == sorted(path.name for path in (home / "pictures").iterdir())
    assert not (home / "data" / "ingest.running").exists()


def test_a_library_in_use_is_tried_again_later(home: Path) -> None:
    (home / "data").mkdir()
    with (home / "data" / "ingest.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with going_on(home, "pictures", "--every", "1s") as ingest:
            assert "in use by another process" in ingest.report()["error"]
            deadline = time.monotonic() + 10
            while "event=back_off failures=1 until=" not in ingest.errors.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert ingest.end(signal.SIGINT) == 0


def test_watched_folders_are_followed_within_seconds(home: Path, drawn: list[Path]) -> None:
    pictures = home / "pictures"
    with going_on(home, "pictures", "--watch") as ingest:
        assert ingest.report()["added"] == 3
        shutil.copy(drawn[4], pictures / "new.jpg")
        assert ingest.report()["added"] == 1 and "new.jpg" in keys(home)
        (pictures / "new.jpg").rename(pictures / "renamed.jpg")
        renamed = ingest.report()
        assert (renamed["added"], renamed["reused"], renamed["deleted"]) == (1, 1, 1)
        (pictures / "renamed.jpg").unlink()
        assert ingest.report()["deleted"] == 1 and len(keys(home)) == 3
        shutil.copytree(drawn[0].parent, pictures / "sub", ignore=lambda _, names: sorted(names)[9:])
        ingest.until("added", 9)
        data = drawn[11].read_bytes()
        with (pictures / "slow.jpg").open("wb", buffering=0) as file:
            for start in range(0, len(data), len(data) // 3):
                file.write(data[start : start + len(data) // 3])
                time.sleep(0.8)  # longer than a file that was closed is left alone
        slow = ingest.report()
        assert (slow["added"], slow["updated"], slow["failed"]) == (1, 0, 0)
        shutil.rmtree(pictures / "sub")
        ingest.until("deleted", 9)
        assert ingest.end() == 0
    assert keys(home) == sorted(path.name for path in pictures.iterdir())
    assert "event=files_changed files=1" in ingest.errors.read_text()


@pytest.mark.skipif(
    not QUEUE.exists() or int(QUEUE.read_text()) > 100_000,
    reason="needs a queue of events that can run over",
)
def test_changes_that_the_system_forgot_to_tell_of_are_found(home: Path, drawn: list[Path]) -> None:
    pictures = home / "pictures"
    with going_on(home, "pictures", "--watch") as ingest:
        assert ingest.report()["added"] == 3
        ingest.process.send_signal(signal.SIGSTOP)
        for number in range(int(QUEUE.read_text())):
            (pictures / f"{number % 2}.txt").write_bytes(b"")
        shutil.copy(drawn[5], pictures)
        ingest.process.send_signal(signal.SIGCONT)
        ingest.until("added", 1)
        assert ingest.end() in (0, 128 + signal.SIGTERM)  # what was told late may have begun another run
    assert drawn[5].name in keys(home) and "event=watch_lost" in ingest.errors.read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ingest"], "bucketlens.toml"),
        (["ingest", ".", "--every", "15m", "--cron", "* * * * *"], "exclude each other"),
        (["ingest", ".", "--every", "soon"], "15m"),
        (["ingest", ".", "--dry-run", "--watch"], "--dry-run"),
        (["ingest", "nowhere", "--every", "15m"], "nowhere"),
    ],
)
def test_misuse_ends_with_two(tmp_path: Path, arguments: list[str], says: str) -> None:
    run = bucketlens(*arguments, cwd=tmp_path)
    assert run.returncode == 2 and says in run.stderr and "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_told_of(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = bucketlens("ingest", "pictures", "--metrics-port", port, cwd=home)
    assert run.returncode == 2 and port in run.stderr


def test_a_dry_run_makes_nothing_and_loads_no_model(home: Path) -> None:
    code = (
        "import atexit, sys, bucketlens.cli\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
        "bucketlens.cli.main()"
    )
    command = [*BUCKETLENS[:2], code, "ingest", "pictures", "--dry-run", "--model", "demo"]
    run = subprocess.run(command, cwd=home, env=environment(), capture_output=True, text=True, timeout=120)
    assert run.returncode == 0 and run.stderr.splitlines() == ["[]"]
    assert re.search(r"pictures +3 +0 +0 +0", run.stdout) and "demo-00001.jpg" in run.stdout
    assert [path.name for path in home.iterdir()] == ["pictures"]


def test_the_sources_of_the_file_are_ingested_and_a_dry_run_leaves_the_library_alone(
    home: Path, drawn: list[Path]
) -> None:
    (home / "other").mkdir()
    shutil.copy(drawn[7], home / "other")
    (home / "bucketlens.toml").write_text('sources = ["pictures", { path = "~/other" }]\n')
    assert once(home)["added"] == 4
    (home / "pictures" / drawn[0].name).unlink()

    def library() -> tuple[list[str], list[Path], bytes]:
        data = home / "data"
        kept = sorted(path for path in data.rglob("*") if (data / "index") not in path.parents)
        return keys(home), kept, (data / "last_run.json").read_bytes()

    before = library()
    first, second = once(home, "--dry-run")["sources"]
    assert (first["delete"], first["skip"], first["first"]["delete"]) == (1, 2, [drawn[0].name])
    assert (second["add"], second["skip"]) == (0, 1)
    assert library() == before


@pytest.mark.soak
def test_a_hundred_changes_are_followed_and_each_within_five_seconds(home: Path, drawn: list[Path]) -> None:
    chance = random.Random(3)
    pictures, slowest = home / "pictures", 0.0
    with going_on(home, "pictures", "--watch", "--every", "20s") as ingest:
        ingest.until("added", 3)
        for number in range(100):
            name = pictures / f"{number}.jpg"
            name.write_bytes(chance.choice(drawn).read_bytes() + bytes([number]))
            written = time.monotonic()
            while name.name not in keys_whatever(home):
                assert time.monotonic() - written < PATIENCE
                time.sleep(0.05)
            slowest = max(slowest, time.monotonic() - written)
            if number % 3 == 0:
                os.remove(name)
        time.sleep(3)
        assert ingest.end() in (0, 128 + signal.SIGTERM)
    assert slowest < 5.0
    assert keys(home) == sorted(path.name for path in pictures.iterdir())


def keys_whatever(folder: Path) -> set[str]:
    index = EdgeIndex.open(folder / "data" / "index", wait_s=PATIENCE)
    try:
        return {record.key for record in index.scroll(INDEXED)}
    finally:
        index.close()
