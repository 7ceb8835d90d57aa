"""The shape of the house: where packages resolve, what importing them costs, what the repository holds."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import core

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "transformers", "sentence_transformers", "qdrant_edge", "streamlit", "boto3", "matplotlib"}


def test_core_resolves_inside_the_repository() -> None:
    assert Path(core.__file__).parent == ROOT / "core"


@pytest.mark.parametrize(
    "module",
    [
        "core",
        "core.library",
        "core.search.service",
        "core.bootstrap",
        "core.commands.status",
        "ingest.commands.ingest",
        "search_ui.commands.search",
        "bucketlens",
        "bucketlens.cli",
    ],
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


FORBIDDEN = [
    ("core/search/service.py", "torch"),
    ("core/domain/query.py", "streamlit"),
    ("core/__init__.py", "qdrant_edge"),
    ("core/adapters/__init__.py", "boto3"),
    ("core/search/service.py", "ingest.pipeline.plan"),
    ("core/domain/image.py", "core.adapters.local.thumbnails"),
    ("core/__init__.py", "core.adapters.local.thumbnails"),
    ("core/adapters/local/thumbnails.py", "core.bootstrap"),
    ("ingest/pipeline/plan.py", "qdrant_edge"),
    ("ingest/pipeline/plan.py", "core.rendering.contact_sheet"),
    ("ingest/telemetry/report.py", "core.adapters.local.thumbnails"),
    ("search_ui/page/gallery_items.py", "torch"),
    ("search_ui/page/gallery_items.py", "ingest.pipeline.plan"),
    ("core/rendering/contact_sheet.py", "core.adapters.local.thumbnails"),
    ("core/rendering/contact_sheet.py", "demo.scenes.sample_library"),
    ("demo/scenes/sample_library.py", "core.adapters.local.thumbnails"),
    ("demo/scenes/sample_library.py", "bucketlens.cli"),
    ("bucketlens/cli.py", "core.adapters.local.thumbnails"),
    ("bucketlens/cli.py", "torch"),
]


def test_every_forbidden_import_breaks_a_contract(tmp_path: Path) -> None:
    """Each is added to a copy of the sources, where the linter must name it."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("bucketlens", "core", "ingest", "search_ui", "demo"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("weights", "__pycache__"))
    lint = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    as_is = subprocess.run(lint, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert as_is.returncode == 0, as_is.stdout + as_is.stderr
    for file, module in FORBIDDEN:
        with (tmp_path / file).open("a") as source:
            source.write(f"\nimport {module}\n")
    broken = subprocess.run(lint, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert broken.returncode == 1
    links = {
        file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") + f" -> {module}"
        for file, module in FORBIDDEN
    }
    assert {link for link in links if f"{link} " not in broken.stdout} == set()
