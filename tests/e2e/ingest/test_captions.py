"""Captions of people, with the real command: over real photographs, from bucketlens.toml, and refused."""

import json
from pathlib import Path

import polars as pl
import pytest

from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import INDEXED, caption_words
from core.domain.model_catalog import DEMO_WEIGHTS
from core.text.analysis import analyse
from demo.scenes.sample_library import write_pictures
from tests.e2e.ingest.faults.test_kill import pages
from tests.support.processes.commands import SAMPLES, bucketlens
from tests.support.servers.web_server import WebServer, picture

PHOTOS = SAMPLES / "photos"

pytestmark = pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models")


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs the sample photographs")
def test_each_word_of_400_captions_finds_its_photograph(tmp_path: Path) -> None:
    coco, data = PHOTOS / "captions.json", tmp_path / "data"
    ingest = ("ingest", PHOTOS / "images", "--captions", coco, "--data", data, "--model", "demo", "--json")
    run = bucketlens(*ingest, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout.splitlines()[-1])
    assert (report["added"], report["human_captions"], report["captioned"], report["failed"]) == (80, 80, 0, 0)
    assert report["captions_unmatched"] == report["captions_ambiguous"] == 0

    content = json.loads(coco.read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    told = [(names[each["image_id"]], " ".join(each["caption"].split())) for each in content["annotations"]]
    asked = [(key, word) for key, caption in told for word in caption.split() if analyse(word)]
    index = EdgeIndex.open(data / "index")
    texts = {record.key: record.texts for record in pages(index, INDEXED)}
    holding = {
        word: {record.key for record in pages(index, INDEXED & caption_words(must=[word]))}
        for word in {word for _, word in asked}
    }
    index.close()
    assert len(told) == 400 and len(asked) > 1500
    assert [(key, caption) for key, caption in told if caption not in texts[key]] == []
    assert [(key, word) for key, word in asked if key not in holding[word]] == []

    key, caption = told[0]
    must = [part for word in caption.split() if analyse(word) for part in ("--must", word)]
    found = json.loads(bucketlens("search", *must, "--data", data, "--json", cwd=tmp_path).stdout)
    assert [hit["captions"] for hit in found["hits"] if hit["key"] == key] == [list(texts[key])]


def test_a_source_of_bucketlens_toml_has_its_captions(tmp_path: Path) -> None:
    first, _ = write_pictures(tmp_path / "Pictures", 2, size=96)
    (tmp_path / "Pictures" / "words.tsv").write_text(f"{first.name}#0\ta quokka\n{first.name}#1\tit smiles\n")
    (tmp_path / "bucketlens.toml").write_text(
        'model = "demo"\nsources = [{ path = "Pictures", captions = ["Pictures/words.tsv"] }]\n'
    )
    for human, captioned in ((1, 1), (0, 0)):
        run = bucketlens("ingest", "--json", cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        report = json.loads(run.stdout.splitlines()[-1])
        assert (report["human_captions"], report["captioned"]) == (human, captioned)
    (hit,) = json.loads(bucketlens("search", "--must", "smile", "--json", cwd=tmp_path).stdout)["hits"]
    assert (hit["key"], hit["caption"], hit["captions"]) == (first.name, "a quokka", ["a quokka", "it smiles"])


def test_a_broken_caption_file_stops_everything_before_it_begins(tmp_path: Path) -> None:
    list(write_pictures(tmp_path / "Pictures", 1, size=96))
    (tmp_path / "captions.csv").write_bytes(b"image,caption\n1.jpg,caf\xe9\n")
    for more in ((), ("--dry-run",)):
        run = bucketlens("ingest", "Pictures", "--captions", "captions.csv", *more, cwd=tmp_path)
        assert run.returncode == 2 and run.stdout == ""
        assert "caption file captions.csv, line 2: byte 10 is not UTF-8" in run.stderr
    assert not (tmp_path / "data").exists()


def test_a_list_of_polars_and_a_csv_with_a_bad_row(tmp_path: Path) -> None:
    """One run reads a list as WIT's with categories, and captions as Flickr30k's with one broken row."""
    with WebServer() as web:
        addresses = [web.show(f"/w/{n},_x.png", picture(colour)) for n, colour in enumerate(("red", "blue"))]
        captions = pl.Series(["a boat", "a quokka"], dtype=pl.Categorical)
        columns = {
            "page_url": [f"{web.url}/page"] * 2,
            "image_url": addresses,
            "caption_reference_description": captions,
        }
        pl.DataFrame(columns).write_parquet(tmp_path / "wit.parquet")
        rows = [f"{n % 2},_x.png| {n}| ant number {n}" for n in range(20)] + ["1,_x.png| 4   A dog runs ."]
        (tmp_path / "results.csv").write_text("\r".join(["image_name| comment_number| comment", *rows]))
        arguments = ("list:wit.parquet", "--allow-private", "--captions", "results.csv", "--model", "demo", "--json")
        run = bucketlens("ingest", *arguments, cwd=tmp_path)
        report = json.loads(run.stdout.splitlines()[-1])
        assert (run.returncode, report["added"], report["failed"], report["human_captions"]) == (0, 2, 0, 2), run.stderr
        told = "1 of 21 rows cannot be read and were left out: line 22: it has 2 of 3 columns"
        assert [notice for notice in report["notices"] if told in notice]
        assert not web.asked["/page"]
    (hit,) = json.loads(bucketlens("search", "--must", "19", "--json", cwd=tmp_path).stdout)["hits"]
    assert (hit["key"], len(hit["captions"])) == (addresses[1], 10)
