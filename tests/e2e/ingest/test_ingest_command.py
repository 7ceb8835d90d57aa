"""`bucketlens ingest` as people and programs run it, with the demo models."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from core.domain.model_catalog import DEMO_WEIGHTS
from tests.support.processes.commands import BUCKETLENS, bucketlens, environment, started

pytestmark = pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models")

SCRIPTED = ["added", "updated", "skipped", "deleted", "failed", "captioned", "seconds", "images_per_second"]


def draw(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        Image.new("RGB", (120, 90 + number), (20 * number, 90, 200)).save(folder / f"{number}.jpg")


def last_line(run: "subprocess.CompletedProcess[str]") -> dict[str, object]:
    report = json.loads(run.stdout.splitlines()[-1])
    assert isinstance(report, dict)
    return report


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A folder with `pictures` and the library `data` made of them, and what the command said."""
    folder = tmp_path_factory.mktemp("library")
    draw(folder / "pictures", 6)
    (folder / "pictures" / "notes.txt").write_text("no picture")
    (folder / "pictures" / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    run = bucketlens("ingest", "pictures", "--model", "demo", "--json", cwd=folder)
    assert run.returncode == 3, run.stderr  # one file failed
    assert len(run.stdout.splitlines()) == 1
    return folder, last_line(run)


@pytest.fixture
def library(first: tuple[Path, dict[str, object]], tmp_path: Path) -> Path:
    """A copy of that folder for one test. The source is the same one."""
    shutil.copytree(first[0] / "data", tmp_path / "data")
    return tmp_path


def test_the_first_run(first: tuple[Path, dict[str, object]]) -> None:
    report = first[1]
    assert list(report)[: len(SCRIPTED)] == SCRIPTED
    assert (report["added"], report["captioned"], report["failed"], report["ignored"]) == (6, 6, 1, 1)
    assert any("demo" in str(notice) for notice in report["notices"])  # type: ignore[attr-defined]
    assert sorted(path.name for path in (first[0] / "data").iterdir()) == [
        "index",
        "ingest.lock",
        "last_run.json",
        "mirror",
        "thumbnails",
    ]


def test_a_run_without_work_does_not_even_import_the_model_libraries(
    first: tuple[Path, dict[str, object]], library: Path
) -> None:
    code = (
        "import atexit, sys, bucketlens.cli\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'streamlit', 'timezonefinder', 'scipy'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
        "bucketlens.cli.main()"
    )
    command = [sys.executable, "-c", code, "ingest", str(first[0] / "pictures"), "--data", "data", "--model", "demo"]
    run = subprocess.run(command, cwd=library, env=environment(), capture_output=True, text=True, timeout=120)
    assert run.returncode == 0 and run.stderr.splitlines()[-1] == "[]"
    assert run.stdout.startswith("0 added, 0 updated, 7 unchanged, 0 deleted, 0 failed, 0 captioned in ")


def test_misuse_ends_with_two_and_makes_nothing(tmp_path: Path) -> None:
    for arguments in (["ingest"], ["ingest", "nowhere"], ["ingest", ".", "--colour"], ["ingest", "ftp://host/a"]):
        run = bucketlens(*arguments, cwd=tmp_path)
        assert run.returncode == 2 and run.stderr and not run.stdout
        assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_second_ingest_at_the_same_time_is_told_to_try_later(library: Path) -> None:
    draw(library / "more", 1)
    with (library / "data" / "ingest.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        run = bucketlens("ingest", "more", cwd=library)
    assert run.returncode == 75 and "in use by another process" in run.stderr


def test_a_folder_that_cannot_be_written_is_told_as_such(library: Path) -> None:
    (library / "data" / "ingest.lock").unlink()
    (library / "data" / "ingest.lock").mkdir()
    draw(library / "more", 1)
    run = bucketlens("ingest", "more", cwd=library)
    assert run.returncode == 1 and "check the folder and its rights" in run.stderr and "Traceback" not in run.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(library: Path, number: signal.Signals) -> None:
    draw(library / "more", 12)
    with started("ingest", "more", "--json", cwd=library) as run:
        while not (library / "data" / "ingest.running").exists():
            assert run.poll() is None
        run.send_signal(number)
        output, _ = run.communicate(timeout=60)
    assert run.returncode == 128 + number
    assert json.loads(output.splitlines()[-1])["interrupted"] is True
    assert (library / "data" / "ingest.running").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_model_is_had_ends_it_at_once_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    draw(tmp_path / "pictures", 1)
    command = [*BUCKETLENS, "ingest", "pictures", "--model", "clip-ViT-L-14", "--json"]
    with socket.create_server(("127.0.0.1", 0)) as hub:  # takes the question for the model and never answers
        here = f"http://127.0.0.1:{hub.getsockname()[1]}"
        changes = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": here, "HF_HUB_CACHE": str(tmp_path / "cache"), "NO_PROXY": "*"}
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment() | changes, stdout=subprocess.PIPE, text=True
        ) as run:
            hub.settimeout(60)
            asked = hub.accept()[0]
            os.kill(run.pid, number)
            output = run.communicate(timeout=60)[0]
            asked.close()
    assert run.returncode == 128 + number
    assert json.loads(output.splitlines()[-1])["interrupted"] is True
    assert not (tmp_path / "data").exists()


def test_a_model_that_cannot_be_had_leaves_nothing(tmp_path: Path) -> None:
    draw(tmp_path / "pictures", 1)
    run = bucketlens("ingest", "pictures", "--model", "nowhere", cwd=tmp_path)
    assert run.returncode == 1 and "Three ways out" in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]
    run = bucketlens("status", cwd=tmp_path)
    assert run.returncode == 1 and "there is no library in data" in run.stderr


def test_a_model_that_does_not_fit_leaves_no_mark(library: Path) -> None:
    draw(library / "more", 1)
    shutil.copytree(DEMO_WEIGHTS / "clip", library / "other")
    with (library / "other" / "config.json").open("a") as file:
        file.write("\n")
    run = bucketlens("ingest", "more", "--model", "other", cwd=library)
    assert run.returncode == 1 and "this library was built with the model demo" in run.stderr
    assert not (library / "data" / "ingest.running").exists()
