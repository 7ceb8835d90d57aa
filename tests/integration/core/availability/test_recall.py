"""Recall where it is measured: by the page, over its metrics, in the library's folder, and in `bucketlens status`."""

import json
import re
import time
from itertools import cycle
from pathlib import Path

import pytest

from core.adapters.local.recall_log import RecallFile
from core.bootstrap import Container
from core.settings import load_settings
from tests.support.api_client import Served, ready, served
from tests.support.processes.commands import bucketlens
from tests.support.small_library import SmallLibrary, build

COUNT = 24


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    made = build(tmp_path_factory.mktemp("measured"), COUNT)
    with Container(load_settings(data=made.data)) as container:
        container.mirrors.build(container.index)
    return made


def _number(server: Served, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", server.get("/metrics").body.decode(), re.M)
    assert found
    return float(found[1])


def test_searches_that_the_library_answers_are_compared_with_its_copy(library: SmallLibrary, tmp_path: Path) -> None:
    with served(library.data, tmp_path / "opened", recall_share="1", api_rate="0") as server:
        ready(server)
        assert _number(server, "bucketlens_recall_searches") == 0
        assert _number(server, "bucketlens_recall_at_10") != _number(server, "bucketlens_recall_at_10")
        deadline = time.monotonic() + 60
        term = {"text": "red"}
        asked = cycle([{"terms": [term]}, {"terms": [{"like": library.id_of(9)}, term]}])
        while _number(server, "bucketlens_recall_searches") < 3:
            assert time.monotonic() < deadline
            server.search(filter={"none": [{"word": "night"}]}, **next(asked))
            time.sleep(0.1)
        assert _number(server, "bucketlens_recall_at_10") == 1.0
    held = json.loads((library.data / "recall.json").read_bytes())
    assert len(held["samples"]) >= 3 and set(held["samples"]) == {1.0}
    told = bucketlens("status", "--data", library.data, cwd=tmp_path).stdout
    assert re.search(r"recall@10 1\.000 in the last \d+ searches of the page that were compared$", told, re.M)


def test_status_warns_where_it_is_low_and_passes_over_another_models(library: SmallLibrary, tmp_path: Path) -> None:
    with Container(load_settings(data=library.data)) as container:
        fingerprint = container.index.info.fingerprint
        container.files.recall_log.write(fingerprint, [0.9] * 30)
    status = bucketlens("status", "--data", library.data, cwd=tmp_path).stdout
    assert "recall@10 0.900 in the last 30" in status and "under 0.95" in status
    told = json.loads(bucketlens("status", "--data", library.data, "--json", cwd=tmp_path).stdout)["recall"]
    assert (told["mean"], told["count"], told["warning"], told["low"]) == (pytest.approx(0.9), 30, 0.95, True)
    RecallFile(library.data / "recall.json").write("another", [0.9] * 30)
    assert "recall" not in bucketlens("status", "--data", library.data, cwd=tmp_path).stdout


@pytest.mark.parametrize("held", [b"", b"[]", b'{"samples": [2], "fingerprint": "f"}', b'{"samples": ["x"]}', b"\xff"])
def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path, held: bytes) -> None:
    (tmp_path / "recall.json").write_bytes(held)
    kept = RecallFile(tmp_path / "recall.json")
    assert kept.read() == ("", ())
    kept.write("f", [0.5, 1.0])
    assert kept.read() == ("f", (0.5, 1.0))
