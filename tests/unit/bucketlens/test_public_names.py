"""The names that programs import from `bucketlens`."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import bucketlens
import core

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", bucketlens.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(bucketlens, name).__name__ == name
    assert name in dir(bucketlens)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Libary"):
        bucketlens.Libary  # type: ignore[attr-defined]  # noqa: B018


def test_importing_the_package_loads_nothing_that_takes_time() -> None:
    code = "import sys, bucketlens; print(sorted({'numpy', 'PIL', 'click', 'rich'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("package", ["bucketlens", "core"])
def test_what_the_names_are_from_says_that_it_is_typed(package: str) -> None:
    assert files(package).joinpath("py.typed").is_file()


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "bucketlens", "mirror", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert "verify" in done.stdout


def test_the_import_of_before_still_works_and_says_what_to_write_instead() -> None:
    with pytest.warns(DeprecationWarning, match="write `from bucketlens import Library`"):
        from core import Library
    assert Library is bucketlens.Library
    with pytest.raises(AttributeError, match="Libary"):
        core.Libary  # noqa: B018
