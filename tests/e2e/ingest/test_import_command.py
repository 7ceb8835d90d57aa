"""`bucketlens import` as people run it, with the demo model: killed, continued, and with the wrong model."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.bootstrap import Container
from core.domain.filtering.filters import INDEXED
from core.domain.model_catalog import DEMO_WEIGHTS, find
from core.settings import load_settings
from tests.integration.ingest.jobs.test_import import write_clip_retrieval
from tests.support.index_queries import nearest
from tests.support.processes.commands import bucketlens, started

pytestmark = pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models")


def batches(folder: Path, count: int, rows: int) -> list[str]:
    """Files of `rows` vectors beside their names."""
    card = find("demo", "encoder")
    assert card is not None and card.dimension is not None
    chance = np.random.default_rng(7)
    for n in range(count):
        np.save(folder / f"batch_{n}.npy", chance.normal(size=(rows, card.dimension)).astype(np.float16))
        names = (f"photos/{n * rows + i}.jpg\n" for i in range(rows))
        (folder / f"batch_{n}.txt").write_text("".join(names))
    return [f"batch_{n}.npy" for n in range(count)]


def killed_at(folder: Path, files: list[str], batch: int) -> None:
    """An import that is killed when it asks for the names of this batch."""
    names = folder / f"batch_{batch}.txt"
    text = names.read_text()
    names.unlink()
    os.mkfifo(names)
    with started("import", *files, "--model", "demo", cwd=folder) as process:
        reader = os.open(names, os.O_WRONLY)  # waits for who reads it
        process.kill()
    os.close(reader)
    names.unlink()
    names.write_text(text)


def report_of(run: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    report = json.loads(run.stdout.splitlines()[-1])
    assert isinstance(report, dict)
    return report


def check(folder: Path, files: list[str], rows: int) -> None:
    """Every row is one point with its own vector."""
    with Container(load_settings(data=folder / "data")) as container:
        index = container.index
        assert index.count(INDEXED) == index.count() == len(files) * rows
        for n, file in enumerate(files):
            vectors = np.load(folder / file).astype(np.float32)
            row = (7 * n) % rows
            hit = nearest(index, vectors[row] / np.linalg.norm(vectors[row]), limit=1, exact=True)[0]
            assert hit.record.key == f"photos/{n * rows + row}.jpg" and hit.score == pytest.approx(1, abs=1e-5)


def stopped_and_continued(folder: Path, count: int, rows: int) -> None:
    files = batches(folder, count, rows)
    killed_at(folder, files, 9)
    with Container(load_settings(data=folder / "data")) as container:
        assert container.index.count() == 9 * rows
    run = bucketlens("import", *files, "--model", "demo", "--json", cwd=folder)
    assert run.returncode == 0, run.stderr
    report = report_of(run)
    assert (report["skipped"], report["added"], report["failed"]) == (9 * rows, (count - 9) * rows, 0)
    check(folder, files, rows)


def test_an_import_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    stopped_and_continued(tmp_path, 11, 20)


@pytest.mark.soak
def test_40000_rows_in_batches_of_500_stopped_at_batch_9(tmp_path: Path) -> None:
    stopped_and_continued(tmp_path, 80, 500)


def test_vectors_of_another_model_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (file,) = batches(tmp_path, 1, 3)
    np.save(tmp_path / "short.npy", np.ones((3, 8), np.float32))
    (tmp_path / "short.txt").write_text("a\nb\nc\n")
    run = bucketlens("import", "short.npy", file, "--model", "demo", "--json", cwd=tmp_path)
    report = report_of(run)
    assert (run.returncode, report["added"]) == (1, 3)
    assert "short.npy" in report["problems"][0] and "`model`" in report["problems"][0]
    run = bucketlens("import", file, "--model", "clip-ViT-B-32", cwd=tmp_path)
    assert run.returncode == 1 and "demo" in run.stderr and "Traceback" not in run.stderr
    run = bucketlens("import", file, "--model", "demo", "--source", "nowhere", cwd=tmp_path)
    assert run.returncode == 2 and "nowhere" in run.stderr


def test_a_folder_of_clip_retrieval_and_a_file_that_is_refused(tmp_path: Path) -> None:
    card = find("demo", "encoder")
    assert card is not None and card.dimension is not None
    folder = tmp_path / "embeddings"
    chance = np.random.default_rng(7)
    for n in range(3):
        write_clip_retrieval(folder, n, 3, chance.normal(size=(2, card.dimension)), [f"{n}/a.jpg", f"{n}/b.jpg"])
    np.save(folder / "img_emb" / "img_emb_1.npy", np.ones((2, card.dimension), np.int8))
    run = bucketlens("import", "embeddings", "--model", "demo", "--json", cwd=tmp_path)
    report = report_of(run)
    assert (run.returncode, report["added"], report["failed"], len(report["problems"])) == (1, 4, 0, 1), run.stderr
    assert "img_emb_1.npy holds int8: quantised" in report["problems"][0]
    found = json.loads(bucketlens("search", "--must", "boat", "--json", cwd=tmp_path).stdout)["hits"]
    assert sorted(hit["key"] for hit in found) == ["0/a.jpg", "0/b.jpg", "2/a.jpg", "2/b.jpg"]
    assert {hit["uri"] for hit in found if hit["key"] == "2/b.jpg"} == {"http://e.org/2/b.jpg"}
    run = bucketlens("import", "embeddings", "--names", "x.txt", "--model", "demo", cwd=tmp_path)
    assert run.returncode == 2 and "--names goes with one FILE" in run.stderr
