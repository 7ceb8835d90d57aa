""".env.example explains every setting, and what it says of them is true."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings, load_settings, setting_fields
from tests.support.compose_file import EXAMPLE, config, env_file, given, set_in, variables

PREFIX = "BUCKETLENS_"
FIELDS = {name.environment: field for name, field in setting_fields(Settings).items()}
EXPLAINED = {name: value for name, value in variables().items() if name.startswith(PREFIX)}
OPTIONAL = {name: value for name, value in EXPLAINED.items() if name not in given()}


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    services = config(env_file(tmp_path_factory.mktemp("compose")), "*")["services"]
    return [services["ui"], services["ingest"]]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings from elsewhere."""
    monkeypatch.chdir(tmp_path)
    for name in FIELDS:
        monkeypatch.delenv(name, raising=False)


def test_every_variable_of_bucketlens_is_a_setting() -> None:
    assert EXPLAINED.keys() - FIELDS.keys() == set()


def test_every_setting_is_explained_or_made_by_compose(containers: list[dict[str, Any]]) -> None:
    made = {name for service in containers for name in set_in(service)}
    assert FIELDS.keys() - EXPLAINED.keys() - made == set()


def test_every_setting_that_is_explained_reaches_a_container(containers: list[dict[str, Any]]) -> None:
    passed = {name for service in containers for name in service["environment"]}
    assert EXPLAINED.keys() - passed == set()


@pytest.mark.parametrize("name", OPTIONAL)
def test_what_is_optional_shows_its_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not OPTIONAL[name]:
        assert FIELDS[name].default is None
        return
    defaults = load_settings()
    monkeypatch.setenv(name, OPTIONAL[name])
    assert load_settings() == defaults


def test_the_settings_of_a_first_start_are_valid(
    containers: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in set_in(containers[1]).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.model, settings.captioner, settings.data) == ("demo", "demo", Path("/data"))
    assert [source.path for source in settings.sources] == json.loads(given()["BUCKETLENS_SOURCES"]) == ["/pictures"]


def test_everything_is_told_before_it_is_set() -> None:
    """Every variable follows a comment in words, with at most other variables between."""
    told = False
    for line in EXAMPLE.read_text().splitlines():
        variable = re.match(r"#?[A-Z][A-Z0-9_]*=", line)
        if variable:
            assert told, line
        told = bool(variable and told) or (line.startswith("# ") and not line.startswith("# ---"))
