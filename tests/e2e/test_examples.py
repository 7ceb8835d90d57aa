"""The examples run as they are, on drawn pictures and with the models that are shipped."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.scenes.sample_library import write_pictures
from tests.support.processes.commands import ROOT, environment, started

EXAMPLES = ROOT / "examples"
TEXT = "a red car"


def run(example: str, *arguments: str | Path, cwd: Path, **more: str) -> str:
    command = [sys.executable, EXAMPLES / example, *arguments]
    ran = subprocess.run(
        command, cwd=cwd, env=environment() | more, capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, and with the library in ./data that the first example makes of them."""
    home = tmp_path_factory.mktemp("examples")
    list(write_pictures(home / "Pictures", 8, size=128))
    printed = run(
        "search_a_folder.py", "Pictures", TEXT, "--data", "data", "--model", "demo", "--captioner", "demo", cwd=home
    )
    (home / "printed").write_text(printed)
    return home


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with started("ui", "--data", "data", "--port", "0", cwd=home) as process:
        try:
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found
            yield found[0].rstrip("/")
        finally:
            process.kill()


def test_a_folder_is_indexed_and_searched(home: Path) -> None:
    printed = (home / "printed").read_text()
    assert "8 pictures can be found" in printed
    assert printed.count("file://") >= 10 and "like the first one" in printed


def test_the_api_is_called(home: Path, address: str) -> None:
    printed = run("call_the_http_api.py", address, TEXT, "--thumbnails", "found", cwd=home)
    assert printed.startswith("8 pictures, ") and printed.count("file://") == 5
    assert {path.read_bytes()[:2] for path in (home / "found").iterdir()} == {b"\xff\xd8"}


def test_an_error_of_the_api_is_told(home: Path, address: str) -> None:
    command = [sys.executable, EXAMPLES / "call_the_http_api.py", address, "a" * 100_000]
    ran = subprocess.run(command, cwd=home, env=os.environ, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 1 and ": " in ran.stderr and "Traceback" not in ran.stderr


def test_every_cell_of_the_notebook_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text("utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    monkeypatch.chdir(home)
    names: dict[str, object] = {}
    for cell in cells:
        exec(compile(cell, "notebook.ipynb", "exec"), names)
    assert len(names["found"]) == 8  # type: ignore[arg-type]


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text("utf-8"))
    assert all(cell.get("outputs", []) == [] for cell in notebook["cells"])
