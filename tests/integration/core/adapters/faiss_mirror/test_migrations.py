"""A copy of an earlier version answers till it is made anew; one that is taken in is made anew of its own captions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.adapters.columns import builder as tables
from core.adapters.faiss_mirror.archive.transfer import export, import_file
from core.adapters.faiss_mirror.builder import build
from core.adapters.faiss_mirror.index import FaissMirror
from core.adapters.faiss_mirror.manifest import read_manifest
from core.adapters.faiss_mirror.mirror_folder import MirrorFolder
from core.adapters.faiss_mirror.postings import Words, write_words
from core.domain.filtering.conditions import Between, Match, Missing, Named, Near, Phrase
from core.domain.filtering.filters import Filter
from core.domain.query import Query, TextTerm, Weights
from core.ports.vector_index import IndexInfo
from core.search.service import SearchService
from core.text.analysis import lemmatize, query_weights, term_hash, term_id
from core.text.bm25 import document_weights, list_dimension, record_weights
from core.text.word_lists import WORD_FIELDS
from tests.integration.core.adapters.qdrant_edge.test_migrations import QUESTIONS, points
from tests.support.fakes import ColourEncoder, InlineDecoder, MemoryIndex, MemoryThumbnails
from tests.support.index_queries import best_words
from tests.support.made_up_images import DIMENSION, point

INFO = IndexInfo("colours", "colours-1", DIMENSION)


@pytest.fixture
def library() -> MemoryIndex:
    index = MemoryIndex(INFO)
    index.upsert(points(60))
    return index


@pytest.fixture
def old(library: MemoryIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MirrorFolder:
    """As version 0.1 wrote it: dimensions of 32 bits, no pairs, other words, and nothing said of versions."""
    stale = MemoryIndex(INFO)
    for made in points(60):
        stale.upsert([made])
    for payload in stale._payloads.values():
        payload["words"] = [*payload["words"][1:], "stale"] if payload["words"] else []
    with monkeypatch.context() as patched:
        patched.setattr(
            "core.adapters.faiss_mirror.postings.record_weights",
            lambda said: {term_hash(word): 1.0 for text in said["words"] for word in lemmatize(text)},
        )
        manifest = build(stale, MirrorFolder(tmp_path / "mirror"), "float32", rows=20)
    generation = tmp_path / "mirror" / manifest.name
    (generation / "manifest.json").write_bytes(replace(manifest, analyser=1, scoring=1).encode())
    (tmp_path / "mirror" / "verified.json").unlink()
    return MirrorFolder(tmp_path / "mirror")


def is_as_new(mirror: FaissMirror, brute: MemoryIndex) -> None:
    assert mirror.scroll() == brute.scroll()
    assert mirror.facet("words", limit=50) == brute.facet("words", limit=50)
    for question in QUESTIONS:
        found = best_words(mirror, query_weights(question), limit=50)
        wanted = best_words(brute, query_weights(question), limit=50)
        assert [(hit.record.id, hit.score) for hit in found] == [(hit.record.id, hit.score) for hit in wanted]


def test_it_answers_till_the_next_is_made_which_takes_nothing_over(old: MirrorFolder, library: MemoryIndex) -> None:
    mirror = FaissMirror(old.folder)
    found = {hit.record.id for hit in best_words(mirror, {"dog": 1.0}, limit=99)}
    assert found == {hit.record.id for hit in best_words(library, {"dog": 1.0}, limit=99)}
    before = mirror.summary().name
    build(library, old, "float32", rows=20)
    assert mirror.summary().name != before
    is_as_new(mirror, library)
    assert build(library, old, "float32", rows=20).name == mirror.summary().name
    mirror.close()


def test_one_that_is_taken_in_is_made_anew(old: MirrorFolder, library: MemoryIndex, tmp_path: Path) -> None:
    export(old, tmp_path / "packed", None)
    elsewhere = MirrorFolder(tmp_path / "elsewhere")
    import_file(tmp_path / "packed", elsewhere, MemoryThumbnails())
    mirror = FaissMirror(elsewhere.folder)
    is_as_new(mirror, library)
    generation = elsewhere.candidates()[0]
    manifest, _ = read_manifest(generation)
    assert not manifest.outdated and manifest.imported
    assert {path.name for path in generation.iterdir()} == {"manifest.json", *(one.name for one in manifest.segments)}
    mirror.close()


def test_long_captions_of_many_rows_keep_their_weights(tmp_path: Path) -> None:
    texts = [(f"word{n} and word{n + 1} beside word{n % 7}", "a red dog") if n % 3 else () for n in range(200)]
    write_words(tmp_path, [{"words": said, "name": (f"beach {n}",)} for n, said in enumerate(texts)])
    held = Words(tmp_path)
    everything = np.ones(200, bool)
    for n, said in enumerate(texts):
        for term, weight in record_weights({"words": said, "name": (f"beach {n}",)}).items():
            rows, scores = held.scores({term: 1.0}, everything)
            assert dict(zip(rows.tolist(), scores.tolist(), strict=True))[n] == weight
    assert held.count(list_dimension(term_id("beach"), "name"), everything) == 200
    assert held.count(term_id("beach"), everything) == 0
    write_words(tmp_path, [{}, {}])
    assert Words(tmp_path).count(term_id("dog"), np.ones(2, bool)) == 0


SINCE = {"camera", "lens", "rating", "incomplete", "latitude", "longitude", "keywords", "people", "pair", "file_texts"}


def test_a_mirror_of_before_files_spoke_holds_nothing_of_what_they_say(tmp_path: Path) -> None:
    source = MemoryIndex(INFO)
    source.upsert([point(n, "a red car", camera="Canon", rating=3) for n in range(1, 4)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "RECORD", {name: kind for name, kind in tables.RECORD.items() if name not in SINCE})
        build(source, MirrorFolder(tmp_path), "float32")
    mirror = FaissMirror(tmp_path, threads=1)
    lacking = [Named("camera", "canon"), Match("keywords", ("a",)), Between("rating", 0), Near(0, 0, 1000)]
    assert [mirror.count(Filter(all=(one,))) for one in lacking] == [0, 0, 0, 0]
    for name in SINCE - {"file_texts"}:
        assert mirror.count(Filter(all=(Missing(name),))) == 3  # type: ignore[arg-type]
    assert mirror.count(Filter(all=(Phrase("red car"),))) == 3
    assert mirror.facet("camera") == mirror.facet("people") == []
    assert mirror.scroll()[0].camera is None
    mirror.close()


def test_a_mirror_of_before_names_had_words_answers_by_captions_till_it_is_made_anew(tmp_path: Path) -> None:
    """As scoring 2 was: one list of words, and no fields of the others."""
    source = MemoryIndex(INFO)
    source.upsert([point(n, "a red car", key=f"beach/{n}.jpg") for n in range(1, 4)])
    since = {*list(WORD_FIELDS.values())[1:], "text_lines", "text_reader", "places", "city", "country"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "RECORD", {name: kind for name, kind in tables.RECORD.items() if name not in since})
        patch.setattr(
            "core.adapters.faiss_mirror.postings.record_weights", lambda said: document_weights(*said["words"])
        )
        manifest = build(source, MirrorFolder(tmp_path), "float32")
    (tmp_path / manifest.name / "manifest.json").write_bytes(replace(manifest, scoring=2).encode())
    (tmp_path / "verified.json").unlink()
    mirror = FaissMirror(tmp_path, threads=1)
    service = SearchService(mirror, ColourEncoder, InlineDecoder)
    found = service.search(Query((TextTerm("a red beach"),), weights=Weights.only(words=0.5, text=0.5, name=0.3)))
    assert found.total == 3 and {hit.matched for hit in found.hits} == {("red",)}
    assert found.hits[0].to_dict()["why"]["name"] == [] and found.hits[0].record.name_words == ()
    assert mirror.facet("name_words") == [] and mirror.count(Filter(all=(Missing("place_words"),))) == 3
    build(source, MirrorFolder(tmp_path), "float32")
    assert {hit.matched for hit in service.search(Query((TextTerm("a red beach"),))).hits} == {("red", "beach")}
    mirror.close()
