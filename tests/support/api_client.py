"""A served library, and what a program sends it."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from search_ui.api.docs import openapi_document
from search_ui.api.routes import router
from search_ui.api.schemas import HitAnswer, SearchAnswer
from tests.support.processes.commands import ROOT, started

DOCUMENT = openapi_document(router, token=False)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        found = self.json["error"]
        assert set(found) == {"code", "field", "message", "what_to_do"} and found["message"] and found["what_to_do"]
        return found


@dataclass(frozen=True)
class Served:
    host: str
    audit: Path

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def post(self, path: str, given: object, **headers: str) -> Answer:
        body = given if isinstance(given, bytes) else json.dumps(given).encode()
        return self.send("POST", path, body, **({"Content_Type": "application/json"} | headers))

    def search(self, **given: object) -> Any:
        """The answer, which is as the OpenAPI document says, with nothing that it does not tell of."""
        answer = self.post("/api/search", given)
        assert answer.status == 200, answer.body
        found = answer.json
        schema_of("SearchAnswer").validate(found)
        assert set(found) == set(SearchAnswer.model_fields)
        assert all(set(hit) <= set(HitAnswer.model_fields) for hit in found["hits"])
        return found

    def opened(self) -> list[str]:
        """What the server opened and connected to so far."""
        return [" ".join(json.loads(line)) for line in self.audit.read_text().splitlines()]


def schema_of(name: str) -> Draft202012Validator:
    """What the document says of an answer."""
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]})


@contextmanager
def served(data: Path, audit: Path, **settings: str) -> Iterator[Served]:
    """A server of its own process; its model is being loaded."""
    env = {f"BUCKETLENS_{name.upper()}": value for name, value in settings.items()} | {"BUCKETLENS_AUDIT": str(audit)}
    options = ["ui", "--data", data, "--port", "0"]
    with started(*options, cwd=ROOT, env=env, main="tests.support.processes.audited_ui:main") as process:
        try:
            address = re.search(r"http://(\S+)", line := process.stdout.readline())
            assert address, (line, process.communicate(10))
            yield Served(address[1], audit)
            process.terminate()
            _, errors = process.communicate(timeout=20)
            assert "Traceback" not in errors, errors
        finally:
            process.kill()


def ready(server: Served) -> None:
    """Waits for its model."""
    deadline = time.monotonic() + 90
    while server.get("/healthz").json["model"] != "ready":
        assert time.monotonic() < deadline, "the model was not loaded in time"
        time.sleep(0.1)
