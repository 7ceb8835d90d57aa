"""`bucketlens ui` answers programs as `bucketlens search` answers people, and asks for the token that is set."""

import json
import re
from pathlib import Path

from tests.e2e.commands import bucketlens, started
from tests.integration.api_client import Served, ready
from tests.ui.small_library import build

TOKEN = "for programs alone"


def test_the_same_answer_over_http_and_in_the_terminal(tmp_path: Path) -> None:
    data = build(tmp_path, 12).data
    words = ["a red car", "--avoid", "at night", "--key", "scene-*", "--no-fold", "--limit", "5"]
    terms = [{"text": "a red car"}, {"text": "at night", "weight": -1}]
    asked = {"terms": terms, "filter": {"key": "scene-*"}, "fold": False, "limit": 5}
    told = json.loads(bucketlens("search", *words, "--json", "--data", data, cwd=tmp_path).stdout)
    with started("ui", "--data", data, "--port", "0", cwd=tmp_path, env={"BUCKETLENS_API_TOKEN": TOKEN}) as process:
        try:
            address = re.search(r"http://(\S+)", process.stdout.readline())
            assert address
            server = Served(address[1], tmp_path / "no audit")
            ready(server)
            assert server.post("/api/search", {}).error["code"] == "unauthorized"
            assert server.post("/api/search", {}, Authorization="Bearer another").status == 401
            answer = server.post("/api/search", asked, Authorization=f"Bearer {TOKEN}").json
            assert len(answer["hits"]) == 5 and [hit["id"] for hit in answer["hits"]] == [
                hit["id"] for hit in told["hits"]
            ]
            assert (answer["total"], answer["verdict"]) == (told["total"], told["verdict"])
            assert server.get("/").status == server.get("/_stcore/health").status == 200
        finally:
            process.kill()
