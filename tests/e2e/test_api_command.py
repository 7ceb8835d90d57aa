"""`bucketlens ui` answers programs as `bucketlens search` answers people, and asks for the token that is set."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_docs import CURL
from tests.support.api_client import Served, ready
from tests.support.model_folders import make_tiny_blip_vqa
from tests.support.processes.commands import bucketlens, started
from tests.support.small_library import build

TOKEN = "for programs alone"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("programs"), 12).data


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Served]:
    """Asks for the token."""
    answerer = make_tiny_blip_vqa(data.parent / "answerer", seed=7)
    env = {"BUCKETLENS_API_TOKEN": TOKEN, "BUCKETLENS_ANSWERER": str(answerer)}
    with started("ui", "--data", data, "--port", "0", cwd=data, env=env) as process:
        try:
            address = re.search(r"http://(\S+)", process.stdout.readline())
            assert address
            server = Served(address[1], data / "no audit")
            ready(server)
            yield server
        finally:
            process.kill()


def test_the_same_answer_over_http_and_in_the_terminal(server: Served, data: Path, tmp_path: Path) -> None:
    words = ["a red car", "--avoid", "at night", "--key", "scene-*", "--no-fold", "--limit", "5"]
    terms = [{"text": "a red car"}, {"text": "at night", "weight": -1}]
    asked = {"terms": terms, "filter": {"key": "scene-*"}, "fold": False, "limit": 5}
    told = json.loads(bucketlens("search", *words, "--json", "--data", data, cwd=tmp_path).stdout)
    assert server.post("/api/search", {}).error["code"] == "unauthorized"
    assert server.post("/api/search", {}, Authorization="Bearer another").status == 401
    answer = server.post("/api/search", asked, Authorization=f"Bearer {TOKEN}").json
    assert len(answer["hits"]) == 5 and [hit["id"] for hit in answer["hits"]] == [hit["id"] for hit in told["hits"]]
    assert (answer["total"], answer["verdict"]) == (told["total"], told["verdict"])
    assert server.get("/").status == server.get("/_stcore/health").status == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on PATH")
def test_every_question_of_a_program_in_the_docs_is_answered(server: Served) -> None:
    assert CURL
    for line in CURL:
        asked = shlex.split(line.replace("localhost:8501", server.host))
        more = ["--fail", "--silent", "--show-error", "--header", f"Authorization: Bearer {TOKEN}"]
        told = subprocess.run([*asked, *more], capture_output=True, text=True, timeout=60, check=False)
        assert told.returncode == 0 and told.stdout, (line, told.stderr)
