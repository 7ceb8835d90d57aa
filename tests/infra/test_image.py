"""The image as its Dockerfile describes it. No engine builds it here: its lines are read, and linted by hadolint."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.compose_file import ROOT, config, env_file, tool, words

DOCKERFILE = ROOT / "infra" / "Dockerfile"
TEXT = DOCKERFILE.read_text()
LINES = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", TEXT, flags=re.M)).splitlines()


def lint(path: Path) -> "subprocess.CompletedProcess[str]":
    command = [tool("hadolint"), "--config", str(ROOT / ".hadolint.yaml"), str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def stage(name: str) -> list[str]:
    """The instructions of a stage and of those that it is made from."""
    (start,) = (n for n, line in enumerate(LINES) if re.fullmatch(rf"FROM \S+ AS {name}", line))
    own: list[str] = []
    for line in LINES[start + 1 :]:
        if line.startswith("FROM "):
            break
        own.append(line)
    base = LINES[start].split()[1]
    return own if base.startswith("python:") else stage(base) + own


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    made: dict[str, Any] = config(env_file(tmp_path_factory.mktemp("compose")), "*")["services"]
    return made


def test_hadolint_finds_nothing() -> None:
    told = lint(DOCKERFILE)
    assert (told.returncode, told.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    planted = tmp_path / "Dockerfile"
    planted.write_text(re.sub(r"^FROM python:\S+", "FROM python:latest", TEXT, flags=re.M))
    assert "DL3007" in lint(planted).stdout


def test_it_is_made_from_one_python_of_an_exact_version() -> None:
    bases = {line.split()[1] for line in LINES if line.startswith("FROM ")} - {
        line.split()[3] for line in LINES if line.startswith("FROM ")
    }
    assert bases == {"python:${PYTHON}"}
    assert re.search(r"^ARG PYTHON=\d+\.\d+\.\d+-slim-\w+$", TEXT, re.M)


def test_torch_comes_first_and_by_its_exact_pin() -> None:
    installs = [line for line in stage("built") if "pip install" in line]
    assert "grep '^torch==' constraints.txt" in installs[0]
    assert all("--constraint constraints.txt" in line for line in installs) and len(installs) == 2


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_it_runs_as_nobody_special(target: str) -> None:
    users = [line.split()[1] for line in stage(target) if line.startswith("USER ")]
    assert users == ["10001:10001"]
    assert not any("pip install" in line for line in stage(target)), "what builds it stays behind"


def test_the_targets_are_those_of_compose(services: dict[str, Any]) -> None:
    built = {service["build"]["target"] for service in services.values() if "build" in service}
    assert built == {"cpu", "cuda"}
    for service in services.values():
        if "build" in service:
            assert service["build"]["context"] == str(ROOT) and service["build"]["dockerfile"] == "infra/Dockerfile"
            assert service["user"] == "10001:10001"
            assert all(f"ARG {name}=" in TEXT for name in service["build"]["args"])


def test_without_compose_it_is_the_page_with_the_same_health_check(services: dict[str, Any]) -> None:
    runtime = stage("cpu")
    (check,) = (line for line in runtime if line.startswith("HEALTHCHECK "))
    assert json.loads(check.split(" CMD ")[1]) == words(services["ui"]["healthcheck"]["test"])[1:]
    assert 'ENTRYPOINT ["bucketlens"]' in runtime and 'CMD ["ui", "--host", "0.0.0.0"]' in runtime


def test_every_folder_that_a_volume_is_mounted_over_belongs_to_its_user(services: dict[str, Any]) -> None:
    (made,) = (line for line in stage("cpu") if "install --directory" in line)
    targets = {
        volume["target"]
        for service in services.values()
        if "build" in service
        for volume in service.get("volumes", ())
        if volume["type"] == "volume"
    }
    assert targets <= set(made.split())


def test_it_is_built_from_what_the_ignore_file_lets_through() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        name for line in LINES if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    }
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()
