"""The shape of the house: where packages resolve, what importing them costs, what the repository holds."""

import subprocess
import sys
from pathlib import Path

import pytest

import core

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "transformers", "sentence_transformers", "qdrant_edge", "streamlit", "boto3"}


def test_core_resolves_inside_the_repository() -> None:
    assert Path(core.__file__).parent == ROOT / "core"


@pytest.mark.parametrize(
    "module",
    ["core.search", "core.wiring", "core.cli", "ingest.cli", "search_ui.cli", "bucketlens"],
)
def test_importing_loads_no_heavy_vendor(module: str) -> None:
    code = f"import sys, {module}; print(' '.join({HEAVY!r} & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert loaded == []


def test_every_installed_version_is_pinned() -> None:
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert pins and all("==" in line for line in pins)


def test_no_file_is_larger_than_the_models_may_be() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in tracked.split("\0") if name]
    assert not [path for path in paths if path.is_file() and path.stat().st_size > 15_000_000]
