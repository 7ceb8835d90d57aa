"""A library of an earlier version, its words weighed by the engine, is brought up, whatever cuts that short."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as edge

from core.adapters.qdrant_edge import word_migration
from core.adapters.qdrant_edge.files import FORMAT
from core.adapters.qdrant_edge.index import EdgeIndex
from core.adapters.qdrant_edge.migrations import FIELDS
from core.domain.filtering.conditions import Between, Match, Missing, Named, Near
from core.domain.filtering.filters import Filter, caption_words
from core.errors import DiskFull, LibraryBusy
from core.ports.rank_lists import Probe
from core.ports.vector_index import IndexInfo, Point
from core.text import analysis
from core.text.analysis import query_weights, term_id
from core.text.bm25 import document_weights
from core.text.word_lists import WORD_FIELDS
from tests.support.fakes import MemoryIndex
from tests.support.index_queries import best_words
from tests.support.made_up_images import DIMENSION, failed_point, image_id, point

INFO = IndexInfo("colours", "colours-1", DIMENSION)
QUESTIONS = ("dog", "red dogs in the snow", "a cat and a dog", "umbrella", "leaves")


def points(count: int) -> list[Point]:
    said = ["red", "dog", "cat", "snow", "umbrella", "house", "leaves", "beach"]
    made = []
    for n in range(1, count + 1):
        dice = random.Random(n)
        captions = tuple(f"a {' '.join(dice.sample(said, 3))} {n}" for _ in range(dice.choice([0, 1, 1, 5])))
        forms = analysis.analyse(*captions)
        changes: dict[str, Any] = {"captions": captions, "words": forms, "caption_origin": "human"} if captions else {}
        made.append(failed_point(n) if n % 11 == 0 else point(n, captions[0] if captions else None, **changes))
    return made


def make_old(folder: Path, count: int, *, optimized: bool = False) -> list[Point]:
    """As version 0.1 wrote it: "words" with the modifier, other words in it, and nothing said of versions."""
    written = points(count)
    index = EdgeIndex.create(folder, INFO)
    index.upsert(written)
    index.close()
    shard = edge.EdgeShard.load(str(next(folder.glob("shard-*"))))
    shard.update(edge.UpdateOperation.delete_vector_name("terms"))
    shard.update(edge.UpdateOperation.create_sparse_vector("words", edge.Modifier.Idf))
    for one in written:
        if one.record.words:
            forms = [f"{word}e" for word in one.record.words]
            vector = edge.SparseVector([term_id(form) for form in forms], [1.0] * len(forms))
            shard.update(edge.UpdateOperation.set_payload([one.record.id], {"words": forms}))
            shard.update(edge.UpdateOperation.update_vectors([edge.PointVectors(one.record.id, {"words": vector})]))
    if optimized:
        shard.optimize()
    shard.flush()
    shard.close()
    manifest = json.loads((folder / "manifest.json").read_text())
    old = {name: value for name, value in manifest.items() if name not in ("analyser", "scoring")} | {"format": 2}
    (folder / "manifest.json").write_text(json.dumps(old))
    return written


def make_format_4(folder: Path, count: int, *, optimized: bool = False) -> list[Point]:
    """As version 4 wrote it: captions alone have words, and the names of files and folders tell nothing."""
    folders = ["beach trips", "DCIM/100CANON", "snow 2019"]
    written = [
        replace(one, record=replace(one.record, key=f"{folders[n % 3]}/IMG_{n}.jpg").with_words())
        for n, one in enumerate(points(count))
    ]
    index = EdgeIndex.create(folder, INFO)
    index.upsert(written)
    index.close()
    shard = edge.EdgeShard.load(str(next(folder.glob("shard-*"))))
    for field in [field for field, (since, _) in FIELDS.items() if since == 5]:
        shard.update(edge.UpdateOperation.delete_field_index(field))
    ids = [one.record.id for one in written]
    shard.update(edge.UpdateOperation.delete_payload(ids, [*WORD_FIELDS.values()][1:]))
    for one in written:
        weights = document_weights(*one.record.searchable_texts)
        update = (
            edge.UpdateOperation.update_vectors(
                [edge.PointVectors(one.record.id, {"terms": edge.SparseVector([*weights], [*weights.values()])})]
            )
            if weights
            else edge.UpdateOperation.delete_vectors([one.record.id], ["terms"])
        )
        shard.update(update)
    if optimized:
        shard.optimize()
    shard.flush()
    shard.close()
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 4, "scoring": 2}))
    return written


def is_as_new(folder: Path, written: list[Point]) -> None:
    brute = MemoryIndex(INFO)
    brute.upsert(written)
    index = EdgeIndex.open(folder)
    try:
        assert index.scroll() == brute.scroll()
        for name, field in WORD_FIELDS.items():
            assert index.facet(field, limit=50) == brute.facet(field, limit=50)
            for question in QUESTIONS:
                probe = Probe(name, terms=query_weights(question))
                assert index.ranking(probe, limit=50) == brute.ranking(probe, limit=50)
        for question in QUESTIONS:
            found = best_words(index, query_weights(question), limit=50)
            wanted = best_words(brute, query_weights(question), limit=50)
            assert [(hit.record.id, hit.score) for hit in found] == [(hit.record.id, hit.score) for hit in wanted]
        assert index.count(caption_words(must=["dogs"])) == brute.count(caption_words(must=["dogs"]))
    finally:
        index.close()
    told = json.loads((folder / "manifest.json").read_text())
    assert told["format"] == FORMAT and not (folder / "upgrade.json").exists()
    config = json.loads(next(folder.glob("shard-*/edge_config.json")).read_text())
    assert config["sparse_vectors"].keys() == {"terms"}


@pytest.mark.parametrize("optimized", [False, True])
def test_it_answers_like_a_new_one(tmp_path: Path, optimized: bool, caplog: pytest.LogCaptureFixture) -> None:
    written = make_old(tmp_path / "index", 120, optimized=optimized)
    before = {i: v for i, v in EdgeIndex.open(tmp_path / "index").versions()}
    is_as_new(tmp_path / "index", written)
    assert sum("up to this version" in line for line in caplog.messages) == 1
    is_as_new(tmp_path / "index", written)
    assert sum("up to this version" in line for line in caplog.messages) == 1
    assert before.keys() == {one.record.id for one in written}


@pytest.mark.parametrize("version", ["analyser", "scoring"])
def test_other_words_or_weights_are_noticed(tmp_path: Path, version: str) -> None:
    written = make_old(tmp_path / "index", 60)
    is_as_new(tmp_path / "index", written)
    shard = edge.EdgeShard.load(str(next((tmp_path / "index").glob("shard-*"))))
    shard.update(edge.UpdateOperation.set_payload([image_id(n) for n in range(1, 61)], {"words": ["stale"]}))
    stale = [
        edge.PointVectors(image_id(n), {"terms": edge.SparseVector([term_id("stale")], [1.0])}) for n in range(1, 61)
    ]
    shard.update(edge.UpdateOperation.update_vectors(stale))
    shard.flush()
    shard.close()
    manifest = json.loads((tmp_path / "index" / "manifest.json").read_text())
    (tmp_path / "index" / "manifest.json").write_text(json.dumps(manifest | {version: 99}))
    is_as_new(tmp_path / "index", written)
    index = EdgeIndex.open(tmp_path / "index")
    assert best_words(index, {"stale": 1.0}, limit=5) == []
    index.close()


def test_cut_short_after_any_page_it_goes_on_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = make_old(tmp_path / "index", 60)
    monkeypatch.setattr(word_migration, "_PAGE", 4)
    monkeypatch.setattr(word_migration, "_FLUSH", 1)
    page, told = word_migration._migrate_page, []

    def cut(shard: Any, found: list[Any]) -> None:
        told.append([str(one.id) for one in found])
        if len(told) % 4 == 0:
            raise OSError(5, "cut")
        page(shard, found)

    monkeypatch.setattr(word_migration, "_migrate_page", cut)
    cuts = 0
    for _ in range(20):
        index = EdgeIndex.open(tmp_path / "index")
        try:
            index.count()
            break
        except Exception:
            cuts += 1
        finally:
            index.close()
    assert cuts == 4 and len(told) == 15 + cuts
    is_as_new(tmp_path / "index", written)


def test_a_nearly_full_disk_refuses_it_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = make_old(tmp_path / "index", 30)
    with monkeypatch.context() as patched:
        patched.setattr(word_migration, "_POINT_BYTES", 2**60)
        index = EdgeIndex.open(tmp_path / "index")
        with pytest.raises(DiskFull):
            index.count()
        index.close()
    is_as_new(tmp_path / "index", written)


def test_who_waits_for_it_is_told(tmp_path: Path) -> None:
    make_old(tmp_path / "index", 600)
    with _upgrading(tmp_path / "index", pause=0.3) as child:
        try:
            while not (tmp_path / "index" / "upgrade.json").exists():
                assert child.poll() is None
                time.sleep(0.01)
            index = EdgeIndex.open(tmp_path / "index", wait_s=0.1)
            with pytest.raises(LibraryBusy, match="of 600 brought up to this version"):
                index.count()
            index.close()
        finally:
            child.kill()


def test_names_find_pictures_of_a_library_that_knew_captions_alone(tmp_path: Path) -> None:
    written = make_format_4(tmp_path / "index", 90)
    is_as_new(tmp_path / "index", written)
    index = EdgeIndex.open(tmp_path / "index")
    found = index.ranking(Probe("name", terms=query_weights("on the beach")), limit=90)
    assert len(found) == 30 and index.count(Filter(all=(Match("name_words", ("2019",)),))) == 30
    index.close()


@pytest.mark.parametrize("seed", range(2))
def test_killed_anywhere_it_is_brought_up_by_the_next(tmp_path: Path, seed: int) -> None:
    _kill_until_done(tmp_path / "index", random.Random(seed), 300, (make_old, make_format_4)[seed])


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_killed_anywhere_often(tmp_path: Path, seed: int) -> None:
    _kill_until_done(tmp_path / "index", random.Random(seed), 3000, (make_old, make_format_4)[seed % 2])


def _kill_until_done(folder: Path, dice: random.Random, count: int, make: Callable[..., list[Point]]) -> None:
    written = make(folder, count, optimized=dice.random() < 0.5)
    for _ in range(4):
        with _upgrading(folder, pause=0.002) as child:
            assert child.stdout is not None and child.stdout.readline() == b"ready\n"
            time.sleep(dice.uniform(0, 0.3))
            child.kill()
    is_as_new(folder, written)


def _upgrading(folder: Path, pause: float) -> "subprocess.Popen[bytes]":
    """A process that brings the library up, slowly, in small pages."""
    program = f"""
import sys, time
from pathlib import Path
from core.adapters.qdrant_edge import word_migration
from core.adapters.qdrant_edge.index import EdgeIndex
word_migration._PAGE, word_migration._FLUSH = 16, 2
page = word_migration._migrate_page
def slowly(shard, found):
    time.sleep({pause})
    page(shard, found)
word_migration._migrate_page = slowly
print("ready", flush=True)
EdgeIndex.open(Path({str(folder)!r})).count()
"""
    root = Path(__file__).parents[5]
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def test_a_library_without_what_pictures_say_of_themselves_can_be_asked_for_it(tmp_path: Path) -> None:
    """As format 3 was: no indexes of cameras and the like. Its words are of this version, and stay."""
    index = EdgeIndex.create(tmp_path, INFO)
    index.upsert(points(20))
    versions = dict(index.versions())
    index.close()
    shard = edge.EdgeShard.load(str(next(tmp_path.glob("shard-*"))))
    added = [field for field, (since, _) in FIELDS.items() if since == 4]
    for field in added:
        shard.update(edge.UpdateOperation.delete_field_index(field))
    shard.flush()
    shard.close()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"format": 3}))
    index = EdgeIndex.open(tmp_path)
    assert dict(index.versions()) == versions
    index.upsert([point(21, camera="Canon EOS R5", latitude=48.1, longitude=11.6, rating=4, keywords=("the",))])
    asked = [Named("camera", "canon"), Near(48.1, 11.6, 10), Between("rating", 4), Named("keywords", "the")]
    assert [index.count(Filter(all=(one,))) for one in asked] == [1, 1, 1, 1]
    assert index.count(Filter(all=(Missing("camera"), Missing("incomplete"), Missing("people")))) == 20
    assert index.facet("camera") == [("Canon EOS R5", 1)]
    index.close()
    shard = edge.EdgeShard.load(str(next(tmp_path.glob("shard-*"))))
    assert added and not set(added) - shard.info().payload_schema.keys()
    shard.close()
    assert json.loads((tmp_path / "manifest.json").read_text())["format"] == FORMAT
