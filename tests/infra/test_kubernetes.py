"""The manifests for Kubernetes against rules of our own: closed, limited, probed, and at one with compose.yaml."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.compose_file import ROOT, config, env_file, variables, words
from tests.support.servers.real_server import _STRICT

FOLDER = ROOT / "infra" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
DOCUMENTS = [
    document for name in KUSTOMIZATION["resources"] for document in yaml.safe_load_all((FOLDER / name).read_text())
]
WORKLOADS = {
    document["metadata"]["name"]: document
    for document in DOCUMENTS
    if document["kind"] in ("Deployment", "StatefulSet")
}
QDRANT = yaml.safe_load((ROOT / "infra" / "qdrant.yaml").read_text())


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = WORKLOADS[name]["spec"]["template"]["spec"]
    return spec


def container(name: str) -> dict[str, Any]:
    (only,) = pod(name)["containers"]
    made: dict[str, Any] = only
    return made


def named(kind: str) -> dict[str, Any]:
    return {document["metadata"]["name"]: document for document in DOCUMENTS if document["kind"] == kind}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    made: dict[str, Any] = config(env_file(tmp_path_factory.mktemp("compose")), "*")["services"]
    return made


def test_every_manifest_is_applied() -> None:
    assert {path.name for path in FOLDER.glob("*.yaml")} == {*KUSTOMIZATION["resources"], "kustomization.yaml"}
    assert sorted(WORKLOADS) == ["ingest", "qdrant", "ui"]
    assert all(document["apiVersion"] and document["metadata"]["name"] for document in DOCUMENTS)


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_container_is_closed(name: str) -> None:
    whole, own = pod(name)["securityContext"], container(name)["securityContext"]
    assert whole["runAsNonRoot"] and whole["runAsUser"] > 0 and whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["readOnlyRootFilesystem"] and own["capabilities"] == {"drop": ["ALL"]}
    assert own["allowPrivilegeEscalation"] is False
    assert pod(name)["automountServiceAccountToken"] is False
    (space,) = named("Namespace").values()
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_container_is_limited_and_probed(name: str) -> None:
    made = container(name)
    for kind in ("requests", "limits"):
        assert made["resources"][kind].keys() == {"cpu", "memory"}
    ports = {port["name"] for port in made["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert made[probe]["httpGet"]["port"] in ports


@pytest.mark.parametrize("name", WORKLOADS)
def test_secrets_are_named_and_never_written_down(name: str) -> None:
    assert not named("Secret")
    for variable in container(name)["env"]:
        if any(word in variable["name"] for word in ("KEY", "TOKEN", "SECRET", "PASSWORD")):
            assert variable["valueFrom"]["secretKeyRef"]["name"] == "bucketlens-keys" and "value" not in variable
    keys = {
        variable["name"]: variable["valueFrom"]["secretKeyRef"]["key"]
        for variable in container(name)["env"]
        if "valueFrom" in variable
    }
    assert ("qdrant" in keys.values()) == (name != "ui"), "the page has the key that reads"


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_volume_is_declared_and_everything_else_is_read_only(name: str) -> None:
    templates = {claim["metadata"]["name"] for claim in WORKLOADS[name]["spec"].get("volumeClaimTemplates", ())}
    volumes = {volume["name"]: volume for volume in pod(name)["volumes"]}
    assert {mount["name"] for mount in container(name)["volumeMounts"]} == volumes.keys() | templates
    claims = [volume["persistentVolumeClaim"] for volume in volumes.values() if "persistentVolumeClaim" in volume]
    claimed = {claim["claimName"] for claim in claims}
    assert claimed <= named("PersistentVolumeClaim").keys()
    assert "/tmp" in {mount["mountPath"] for mount in container(name)["volumeMounts"]}


@pytest.mark.parametrize("name", ["qdrant", "ui"])
def test_every_service_leads_to_the_ports_of_its_pods(name: str) -> None:
    service = named("Service")[name]["spec"]
    labels = WORKLOADS[name]["spec"]["template"]["metadata"]["labels"]
    assert (
        service["selector"].items() <= labels.items() and WORKLOADS[name]["spec"]["selector"]["matchLabels"] == labels
    )
    assert {port["port"] for port in service["ports"]} <= {port["containerPort"] for port in container(name)["ports"]}


def test_the_database_answers_to_page_and_ingest_alone() -> None:
    policy = named("NetworkPolicy")["qdrant"]["spec"]
    assert policy["podSelector"]["matchLabels"] == WORKLOADS["qdrant"]["spec"]["selector"]["matchLabels"]
    (rule,) = policy["ingress"]
    (who,) = rule["from"][0]["podSelector"]["matchExpressions"]
    assert (who["operator"], who["values"]) == ("In", ["ui", "ingest"])


@pytest.mark.parametrize("name", ["ui", "ingest"])
def test_commands_users_and_settings_are_those_of_compose(name: str, services: dict[str, Any]) -> None:
    command = words(services[name]["command"])
    assert container(name)["args"] == command[: command.index("--allow-host") if "--allow-host" in command else None]
    security = pod(name)["securityContext"]
    assert f"{security['runAsUser']}:{security['runAsGroup']}" == services[name]["user"]
    settings = named("ConfigMap")["bucketlens-settings"]["data"]
    held = services[name]["environment"]
    assert settings.keys() | {variable["name"] for variable in container(name)["env"]} <= held.keys()
    assert settings["BUCKETLENS_QDRANT_URL"] == held["BUCKETLENS_QDRANT_URL"] == "http://qdrant:6333"
    assert settings.keys() - {"BUCKETLENS_DATA", "BUCKETLENS_QDRANT_URL", "HF_HUB_OFFLINE"} <= variables().keys()


def test_the_database_is_the_same_as_in_compose(services: dict[str, Any]) -> None:
    assert container("qdrant")["image"] == services["qdrant"]["image"]
    held = {variable["name"]: variable.get("value") for variable in container("qdrant")["env"]}
    assert set(held) >= {name for name in services["qdrant"]["environment"]}
    assert held["QDRANT__TELEMETRY_DISABLED"] == "true" and QDRANT["telemetry_disabled"] is True
    assert held["QDRANT__SERVICE__ENABLE_CORS"] == "false" and QDRANT["service"]["enable_cors"] is False
    strict = "QDRANT__STORAGE__COLLECTION__STRICT_MODE__"
    assert {name.removeprefix(strict).lower(): value for name, value in held.items() if name.startswith(strict)} == {
        name: str(value).lower() for name, value in QDRANT["storage"]["collection"]["strict_mode"].items()
    }


def test_the_database_is_as_strict_as_the_one_that_the_contract_is_put_to(tmp_path: Path) -> None:
    assert QDRANT["storage"]["collection"]["strict_mode"] == _STRICT.model_dump(exclude_none=True)
