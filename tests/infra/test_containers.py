"""Commands and health checks of the containers, each as a plain process with the environment that compose gives it.

Folders of a container lie in one of the test's. What a container cannot be made without is not here: its file system,
its user, its network.
"""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from demo.scenes.sample_library import write_pictures
from tests.support.compose_file import READ_KEY, ROOT, WRITE_KEY, config, env_file, set_in, words
from tests.support.processes.commands import BUCKETLENS
from tests.support.servers.qdrant_stub import QdrantStub, serving

TOKEN = "a-token-of-the-page"
PICTURES = 6


class Container:
    """One service of compose.yaml whose folders lie below `folder`, and whose port is another one."""

    def __init__(self, service: dict[str, Any], folder: Path, port: int, database: str = "") -> None:
        self._service, self._folder, self._port, self._database = service, folder, port, database
        for name in ("data", "models", "pictures", "tmp"):
            (folder / name).mkdir(exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """Of image and compose; without a database the library is in the folder."""
        (line,) = re.findall(r"^ENV (BUCKETLENS_DATA=.*)$", (ROOT / "infra" / "Dockerfile").read_text(), re.M)
        image = dict(pair.split("=") for pair in line.split())
        held = {name: self._here(value) for name, value in (image | set_in(self._service)).items()}
        if not self._database:
            held = {name: value for name, value in held.items() if not name.startswith("BUCKETLENS_QDRANT_")}
        return held | {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[str]"]:
        command = [*BUCKETLENS, *map(self._here, words(self._service["command"]))]
        with subprocess.Popen(
            command, cwd=self._folder / "tmp", env=self.environment, text=True, stdout=subprocess.PIPE
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def healthy(self) -> bool:
        _, program, *arguments = words(self._service["healthcheck"]["test"])
        program = {"python": sys.executable}.get(program, program)
        check = subprocess.run(
            [program, *map(self._here, arguments)], env=self.environment, capture_output=True, timeout=30, check=False
        )
        return check.returncode == 0

    def becomes_healthy(self, process: "subprocess.Popen[str]") -> bool:
        deadline = time.monotonic() + 120  # as start_period says
        while time.monotonic() < deadline and process.poll() is None:
            if self.healthy():
                return True
            time.sleep(0.2)
        return False

    def found(self, text: str, token: str) -> dict[str, Any]:
        """What a search finds, once the model is loaded."""
        body = json.dumps({"terms": [{"text": text}]}).encode()
        deadline = time.monotonic() + 120
        status, answer = 503, ""
        while status == 503 and time.monotonic() < deadline:
            time.sleep(0.2)
            status, answer = self.asked(
                "/api/search", body, **{"Authorization": token, "Content-Type": "application/json"}
            )
        assert status == 200
        told: dict[str, Any] = json.loads(answer)
        return told

    def asked(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    def _here(self, text: str) -> str:
        text = text.replace("http://qdrant:6333", self._database)
        text = re.sub(r"(?<![\w./])/(data|models|pictures|tmp)\b", rf"{self._folder}/\1", text)
        return re.sub(r"\b(8501|9108|6333)\b", str(self._port), text)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def ended(process: "subprocess.Popen[str]") -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=60)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    env = env_file(tmp_path_factory.mktemp("compose"), BUCKETLENS_API_TOKEN=TOKEN, PAGE_NAME="pictures.example")
    made: dict[str, Any] = config(env, "*")["services"]
    return made


def test_the_page_is_healthy_once_it_answers_and_keeps_its_numbers_to_who_has_the_token(
    services: dict[str, Any], tmp_path: Path
) -> None:
    page = Container(services["ui"], tmp_path, free_port())
    assert not page.healthy()
    with page.running() as process:
        assert page.becomes_healthy(process)
        assert page.asked("/metrics")[0] == 401
        names = {"localhost": 200, "pictures.example": 200, "ui:8501": 200, "elsewhere.example": 400}
        assert {name: page.asked("/healthz", Host=name)[0] for name in names} == names
        token = set_in(services["prometheus"])["PAGE_TOKEN"]
        status, numbers = page.asked("/metrics", Authorization=f"Bearer {token}")
        assert status == 200 and "bucketlens_api_requests_total" in numbers
        assert ended(process) == 0
    assert not list((tmp_path / "models").iterdir()) and not list((tmp_path / "pictures").iterdir())


def test_ingest_does_its_first_run_at_once_and_is_healthy(services: dict[str, Any], tmp_path: Path) -> None:
    ingest = Container(services["ingest"], tmp_path, free_port())
    drawn = sorted(write_pictures(tmp_path / "pictures", PICTURES, size=128))
    with ingest.running() as process:
        assert process.stdout is not None
        assert f"{PICTURES} added, " in process.stdout.readline()
        assert ingest.healthy()
        assert f"bucketlens_library_images {PICTURES}.0" in ingest.asked("/metrics")[1]
        assert ended(process) == 0
    assert sorted((tmp_path / "pictures").iterdir()) == drawn and not list((tmp_path / "models").iterdir())


@pytest.mark.soak
def test_pictures_that_one_container_ingests_another_one_finds(services: dict[str, Any], tmp_path: Path) -> None:
    """Over the database, for which a stub stands; each container with the key that it is given."""
    with serving(QdrantStub({WRITE_KEY: True, READ_KEY: False})) as database:
        ingest = Container(services["ingest"], tmp_path, free_port(), database)
        drawn = {path.name for path in write_pictures(tmp_path / "pictures", PICTURES, size=128)}
        with ingest.running() as process:
            assert process.stdout is not None
            assert f"{PICTURES} added, " in process.stdout.readline()
            assert ended(process) == 0
        page = Container(services["ui"], tmp_path, free_port(), database)
        with page.running() as process:
            assert page.becomes_healthy(process)
            found = page.found("a red car", f"Bearer {TOKEN}")
            assert found["backend"] == "server" and {hit["key"] for hit in found["hits"]} == drawn
            assert ended(process) == 0


def test_models_are_fetched_by_the_command_for_it(services: dict[str, Any], tmp_path: Path) -> None:
    fetch = Container(services["models"], tmp_path, free_port())
    with fetch.running() as process:
        told, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert [line.partition(" is here: ")[0] for line in told.splitlines()] == ["encoder demo", "captioner demo"]
    fetch = Container(
        services["models"] | {"environment": {"BUCKETLENS_CAPTIONER": "no-such-model"}}, tmp_path, free_port()
    )
    with fetch.running() as process:
        process.communicate(timeout=120)
    assert process.returncode == 2


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (401, False)])
def test_the_database_is_healthy_when_it_says_that_it_is_ready(
    status: int, healthy: bool, services: dict[str, Any], tmp_path: Path
) -> None:
    asked = []

    class Database(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Database) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert Container(services["qdrant"], tmp_path, server.server_port).healthy() == healthy
        server.shutdown()
    assert asked == ["/readyz"]


def test_the_database_is_not_healthy_where_nothing_listens(services: dict[str, Any], tmp_path: Path) -> None:
    assert not Container(services["qdrant"], tmp_path, free_port()).healthy()


def shell(service: dict[str, Any], program: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """The shell's part of a container's command; `program`, which it ends in, only prints its arguments."""
    shown = folder / "shown"
    shown.write_text('#!/bin/sh\necho "$0 $@"\n')
    shown.chmod(0o755)
    (script,) = words(service["command"])
    script = script.replace(f"exec {program}", f"exec {shown}").replace(">/tmp/", f">{folder}/")
    command = [*service["entrypoint"], script]
    return subprocess.run(command, env=set_in(service), capture_output=True, text=True, timeout=30, check=False)


def test_prometheus_finds_its_tokens_in_files_that_it_alone_can_read(services: dict[str, Any], tmp_path: Path) -> None:
    told = shell(services["prometheus"], "/bin/prometheus", tmp_path)
    assert told.returncode == 0, told.stderr
    assert "--config.file=/etc/prometheus/prometheus.yml" in told.stdout
    for name, token in (
        ("page-token", TOKEN),
        ("qdrant-token", set_in(services["ui"])["BUCKETLENS_QDRANT_READ_API_KEY"]),
    ):
        assert (tmp_path / name).read_text() == token
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_grafana_does_not_start_with_the_password_that_everybody_knows(tmp_path: Path) -> None:
    for password, code in (("", 1), ("a-password", 0)):
        services = config(env_file(tmp_path, GRAFANA_PASSWORD=password), "monitoring")["services"]
        told = shell(services["grafana"], "/run.sh", tmp_path)
        assert told.returncode == code
        assert ("GRAFANA_PASSWORD is missing" in told.stderr) == bool(code)
