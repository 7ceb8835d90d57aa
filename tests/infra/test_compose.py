"""The service as compose.yaml describes it: taken by Docker Compose, closed, limited, healthy before it is used."""

import re
from pathlib import Path
from typing import Any

import pytest

from core.settings.names import RENAMED, environment_name
from tests.support.compose_file import COMPOSE, EXAMPLE, READ_KEY, ROOT, WRITE_KEY, compose, config, env_file, set_in
from tests.support.pages import read_order

CLUSTER = ROOT / "infra" / "compose.cluster.yaml"
ALERTS = ROOT / "infra" / "alerts.yml"
SERVICES = [
    "qdrant", "ui", "ingest", "ingest-gpu", "models", "sample",
    "s3", "s3-folders", "s3-sample", "prometheus", "grafana",
]  # fmt: skip
ONCE = {"models", "sample", "s3-folders", "s3-sample"}
MAY_WRITE = {"qdrant", "ingest", "ingest-gpu"}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return env_file(tmp_path_factory.mktemp("compose"))


@pytest.fixture(scope="module")
def everything(env: Path) -> dict[str, Any]:
    return config(env, "*")


def test_what_is_checked_is_all_there_is(everything: dict[str, Any]) -> None:
    assert sorted(everything["services"]) == sorted(SERVICES)


def test_the_example_starts_database_page_ingest_and_sample_pictures(env: Path) -> None:
    assert sorted(config(env)["services"]) == ["ingest", "qdrant", "sample", "ui"]


@pytest.mark.parametrize(
    ("profiles", "further"),
    [
        ("gpu,sample", {"ingest-gpu", "sample"}),
        ("cpu,s3", {"ingest", "s3", "s3-folders", "s3-sample"}),
        ("cpu,monitoring", {"ingest", "prometheus", "grafana"}),
    ],
)
def test_profiles_add_what_they_are_named_for(profiles: str, further: set[str], tmp_path: Path) -> None:
    started = config(env_file(tmp_path, COMPOSE_PROFILES=profiles))["services"]
    assert set(started) == {"qdrant", "ui"} | further


@pytest.mark.parametrize("missing", ["QDRANT_API_KEY", "QDRANT_READ_API_KEY"])
def test_a_key_that_is_missing_is_named_with_a_way_out(missing: str, tmp_path: Path) -> None:
    told = compose(env_file(tmp_path, **{missing: ""}), "config")
    assert told.returncode != 0
    assert missing in told.stderr and ".env.example" in told.stderr


def test_what_the_specification_does_not_know_is_refused(env: Path, tmp_path: Path) -> None:
    changed = tmp_path / "compose.yaml"
    changed.write_text(COMPOSE.read_text().replace("    healthcheck:", "    helthcheck:", 1))
    told = compose(env, "config", files=[changed])
    assert told.returncode != 0 and "helthcheck" in told.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_closed_and_limited(name: str, everything: dict[str, Any]) -> None:
    service = everything["services"][name]
    assert service["read_only"] and service["init"]
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"] and not service.get("privileged")
    assert int(service["user"].split(":")[0]) > 0
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    limits = service["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) <= 2, "more cores than a machine has are refused"
    assert int(limits["memory"]) > 0 and int(limits["pids"]) > 0
    assert all(re.search(r"size=\d+[mg]", mount) for mount in service["tmpfs"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_of_one_version(name: str, everything: dict[str, Any]) -> None:
    service = everything["services"][name]
    if "build" in service:
        assert service["image"] == f"bucketlens:{service['build']['target']}"
        assert service["pull_policy"] == "build"
    else:
        assert re.search(r":v?\d+\.\d+\.\d+(-[a-z]+)?$", service["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_goes_on_has_a_health_check_and_starts_again(name: str, everything: dict[str, Any]) -> None:
    service = everything["services"][name]
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    assert ("healthcheck" in service) == (name not in ONCE)
    if name not in ONCE:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["healthcheck"].keys() >= {"interval", "timeout", "retries", "start_period"}


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_container_needs_is_there_before_it(name: str, everything: dict[str, Any]) -> None:
    for needed, how in everything["services"][name].get("depends_on", {}).items():
        assert how["condition"] == ("service_completed_successfully" if needed in ONCE else "service_healthy")


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_but_database_and_ingest_has_the_key_that_writes(name: str, everything: dict[str, Any]) -> None:
    held = set_in(everything["services"][name]).values()
    assert (WRITE_KEY in held) == (name in MAY_WRITE)
    assert (READ_KEY in held) == (name in {"qdrant", "ui", "prometheus"})


def test_only_the_page_can_be_published_beyond_this_machine(everything: dict[str, Any], tmp_path: Path) -> None:
    published = {name: service["ports"] for name, service in everything["services"].items() if "ports" in service}
    assert published.keys() == {"ui", "grafana"}
    assert all(port["host_ip"] == "127.0.0.1" for ports in published.values() for port in ports)
    opened = config(env_file(tmp_path, PAGE_ADDRESS="0.0.0.0", PAGE_PORT="80"), "*")["services"]
    assert (opened["ui"]["ports"][0]["host_ip"], opened["ui"]["ports"][0]["published"]) == ("0.0.0.0", "80")
    assert opened["grafana"]["ports"][0]["host_ip"] == "127.0.0.1"


@pytest.mark.parametrize("name", ["qdrant", "s3", "prometheus"])
def test_what_nobody_outside_needs_is_on_a_network_that_leads_nowhere(name: str, everything: dict[str, Any]) -> None:
    assert list(everything["services"][name]["networks"]) == ["inside"]
    assert everything["networks"]["inside"]["internal"]


@pytest.mark.parametrize("name", ["ui", "ingest", "ingest-gpu"])
def test_models_are_never_fetched_while_it_runs(name: str, everything: dict[str, Any]) -> None:
    service = everything["services"][name]
    assert set_in(service)["HF_HUB_OFFLINE"] == "1"
    assert {volume["target"]: volume.get("read_only", False) for volume in service["volumes"]} == {
        "/data": False, "/models": True, "/pictures": True,
    }  # fmt: skip


def test_models_are_fetched_into_the_volume_that_is_read(everything: dict[str, Any]) -> None:
    service = everything["services"]["models"]
    assert set_in(service)["HF_HUB_OFFLINE"] == "0"
    assert [(volume["source"], volume["target"]) for volume in service["volumes"]] == [("models", "/models")]


def test_page_and_ingest_see_the_same_library_models_and_pictures(everything: dict[str, Any]) -> None:
    page, ingest, gpu = (everything["services"][name] for name in ("ui", "ingest", "ingest-gpu"))
    assert page["volumes"] == ingest["volumes"] == gpu["volumes"]
    for service in (ingest, gpu):
        differing = set_in(page).items() ^ set_in(service).items()
        assert {name for name, _ in differing} == {"BUCKETLENS_QDRANT_API_KEY", "BUCKETLENS_QDRANT_READ_API_KEY"}


def test_pictures_of_this_machine_are_mounted_and_never_drawn_into(tmp_path: Path) -> None:
    services = config(env_file(tmp_path, PICTURES="/home/ann/Pictures"))["services"]
    for name in ("ui", "ingest"):
        (mounted,) = (volume for volume in services[name]["volumes"] if volume["target"] == "/pictures")
        assert (mounted["type"], mounted["source"], mounted["read_only"]) == ("bind", "/home/ann/Pictures", True)
    assert [volume["source"] for volume in services["sample"]["volumes"]] == ["sample"]


def test_the_gpu_is_asked_for_by_its_ingest_alone(everything: dict[str, Any]) -> None:
    asked = {
        name for name, service in everything["services"].items() if "reservations" in service["deploy"]["resources"]
    }
    assert asked == {"ingest-gpu"}
    assert everything["services"]["ingest-gpu"]["build"]["target"] == "cuda"


def test_every_file_that_is_mounted_is_here(everything: dict[str, Any]) -> None:
    mounts = [volume for service in everything["services"].values() for volume in service.get("volumes", ())]
    bound = [volume for volume in mounts if volume["type"] == "bind"]
    assert len(bound) >= 5
    for volume in bound:
        assert Path(volume["source"]).is_relative_to(ROOT) and Path(volume["source"]).exists()
        assert volume["read_only"]
    assert {volume["source"] for volume in mounts if volume["type"] == "volume"} == set(everything["volumes"])


def test_a_cluster_is_three_nodes_that_hold_every_shard_twice(env: Path) -> None:
    services = config(env, "*", files=[COMPOSE, CLUSTER])["services"]
    nodes = [services[name] for name in ("qdrant", "qdrant-2", "qdrant-3")]
    storage = {volume["source"] for node in nodes for volume in node["volumes"] if volume["type"] == "volume"}
    assert len(storage) == 6, "every node has volumes of its own"
    for node in nodes:
        held = set_in(node)
        assert held["QDRANT__CLUSTER__ENABLED"] == "true"
        assert held["QDRANT__STORAGE__COLLECTION__REPLICATION_FACTOR"] == "2"
        assert held["QDRANT__SERVICE__API_KEY"] == WRITE_KEY
        assert node["read_only"] and node["cap_drop"] == ["ALL"] and "healthcheck" in node and "ports" not in node
        assert list(node["networks"]) == ["inside"]
    first, *others = (node["command"] for node in nodes)
    assert all(command[command.index("--bootstrap") + 1] == first[first.index("--uri") + 1] for command in others)
    assert len({command[command.index("--uri") + 1] for command in (first, *others)}) == 3
    for name in ("ui", "ingest"):
        assert services[name]["depends_on"].keys() >= {"qdrant", "qdrant-2", "qdrant-3"}


def test_nothing_is_asked_of_env_that_the_example_does_not_explain() -> None:
    asked = set()
    for path in (COMPOSE, CLUSTER):
        asked |= set(re.findall(r"(?<!\$)\$\{([A-Z_0-9]+)", path.read_text()))
        asked |= set(re.findall(r"^ +([A-Z_0-9]+):$", path.read_text(), re.M))
    named = set(re.findall(r"^#?([A-Z_0-9]+)=", EXAMPLE.read_text(), re.M))
    assert len(asked) > 40
    assert asked - named == {environment_name(old) for old in RENAMED}
    assert named - asked == {"COMPOSE_PROFILES"}, "explained, and used by nothing"


def test_every_command_that_is_told_of_is_one(everything: dict[str, Any], env: Path) -> None:
    pages = [page for page in read_order() if "docker compose " in page.read_text()]
    assert len(pages) >= 2
    told = {path: path.read_text() for path in (*pages, COMPOSE, CLUSTER, EXAMPLE, ALERTS)}
    found = [
        (path, line.split())
        for path, text in told.items()
        for line in re.findall(r"docker compose ((?:[\w./-]+ ?)+)", text)
    ]
    assert {path for path, _ in found} == told.keys()
    for path, line in found:
        while line[0] == "--file":
            assert (ROOT / line[1]).is_file(), path
            line = line[2:]
        known = compose(env, line[0], "--help").stdout
        assert f"docker compose {line[0]} " in known, (path, line)
        options = [word for word in line[1:] if word.startswith("--")]
        assert all(re.search(rf"{option}\b", known) for option in options), (path, line)
        named = [word for word in line[1:] if not word.startswith("--")]
        assert not named or named[0] in everything["services"], (path, line)
