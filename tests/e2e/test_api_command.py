"""`bucketlens ui` answers programs as `bucketlens search` answers people, and asks for the token that is set."""

import json
import re
import subprocess
from pathlib import Path

from tests.e2e.commands import BUCKETLENS, bucketlens, environment
from tests.integration.api_client import Served, ready
from tests.ui.small_library import build

TOKEN = "for programs alone"
SETTINGS = {"BUCKETLENS_API_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}


def test_the_same_answer_over_http_and_in_the_terminal(tmp_path: Path) -> None:
    data = build(tmp_path, 12).data
    searches = [
        (["a red car"], {"terms": [{"text": "a red car"}]}),
        (["a red car", "--min-strength", "0.3"], {"terms": [{"text": "a red car"}], "min_strength": 0.3}),
        (["--orientation", "portrait"], {"filter": {"orientation": "portrait"}}),
    ]
    printed = [bucketlens("search", *words, "--json", "--data", data, cwd=tmp_path).stdout for words, _ in searches]
    command = [*BUCKETLENS, "ui", "--data", str(data), "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment() | SETTINGS, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            address = re.search(r"http://(\S+)", process.stdout.readline())
            assert address
            server = Served(address[1], tmp_path / "no audit")
            ready(server)
            assert server.post("/api/search", {}).error["code"] == "unauthorized"
            assert server.post("/api/search", {}, Authorization="Bearer another").status == 401
            for text, (_, asked) in zip(printed, searches, strict=True):
                answer = server.post("/api/search", asked, Authorization=f"Bearer {TOKEN}").json
                told = json.loads(text)
                assert told["hits"] and [hit["id"] for hit in answer["hits"]] == [hit["id"] for hit in told["hits"]]
                assert (answer["total"], answer["verdict"]) == (told["total"], told["verdict"])
            assert server.get("/").status == server.get("/_stcore/health").status == 200
        finally:
            process.terminate()
