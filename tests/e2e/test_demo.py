"""`bucketlens demo`: from nothing to a library that answers, and a second time without doing it again."""

import json
from pathlib import Path

import pytest

from core.adapters.qdrant_edge.index import EdgeIndex
from core.ports.vector_index import IndexInfo
from demo.scenes.sample_library import PLANTED
from tests.support.processes.commands import bucketlens

COUNT = 40
PLANTED_HERE = {f"demo-{number:05d}.jpg" for number in PLANTED if number <= COUNT}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    made = bucketlens("demo", "--count", str(COUNT), "--no-ui", cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder


def search(folder: Path, *arguments: str) -> dict[str, list[dict[str, str]]]:
    answer = bucketlens("search", *arguments, "--json", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, list[dict[str, str]]] = json.loads(answer.stdout)
    return found


def test_three_red_umbrellas_at_night_come_first(demo: Path) -> None:
    answer = search(demo, "three red umbrellas at night", "--limit", "1")
    assert {hit["uri"].rsplit("/", 1)[1] for hit in answer["hits"]} == PLANTED_HERE


def test_a_word_the_demo_has_never_seen_is_named(demo: Path) -> None:
    assert "the demo model does not know: dog" in search(demo, "a dog at night")["notices"]


def test_the_second_time_draws_and_indexes_nothing(demo: Path) -> None:
    pictures = sorted((demo / "data" / "demo-pictures").iterdir())
    before = [picture.stat().st_mtime_ns for picture in pictures]
    again = bucketlens("demo", "--count", str(COUNT), "--no-ui", cwd=demo)
    assert again.returncode == 0
    assert f"0 added, 0 updated, {COUNT} unchanged" in again.stdout
    assert [picture.stat().st_mtime_ns for picture in pictures] == before


def test_nothing_is_drawn_into_a_library_of_another_model(tmp_path: Path) -> None:
    EdgeIndex.create(tmp_path / "data" / "index", IndexInfo("clip-ViT-B-32", "another", 512)).close()
    refused = bucketlens("demo", "--count", "3", "--no-ui", cwd=tmp_path)
    assert refused.returncode == 1 and "built with the model clip-ViT-B-32" in refused.stderr
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["index"]


def test_its_searches_are_judged_by_what_was_drawn(demo: Path) -> None:
    judged = bucketlens("eval", "--json", cwd=demo)
    assert judged.returncode == 0, judged.stderr
    found = json.loads(judged.stdout)
    usual = next(row for row in found["text_to_image"] if row["name"].startswith("as set"))
    assert found["pictures"] == usual["questions"] == COUNT and usual["recall_at_10"] == 1.0
    assert "drawing" not in judged.stderr
