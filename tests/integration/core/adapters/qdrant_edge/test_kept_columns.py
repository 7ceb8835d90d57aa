"""Kept columns answer what the engine answers, whoever wrote in between and whatever became of their files."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as edge

from core.adapters.columns.schema import COMPARED
from core.adapters.qdrant_edge import read_cache, shard
from core.adapters.qdrant_edge.files import read_manifest, read_tally, write_tally
from core.adapters.qdrant_edge.index import EdgeIndex
from core.adapters.qdrant_edge.kept_columns import files, library_columns, refresh, summary
from core.adapters.qdrant_edge.kept_columns.journal import Journal
from core.adapters.stores.folder import FolderStore
from core.domain.filtering.conditions import Match, Missing, Phrase
from core.domain.filtering.filters import CAPTIONED, EVERYTHING, FAILED, INDEXED, Filter, holding_word
from core.domain.ids import point_id
from core.domain.image import ImageRecord, ImageRef
from core.domain.query import Sort
from core.errors import LibraryDamaged
from core.ports.vector_index import CaptionUpdate, IndexInfo, Point
from tests.support.fakes import MemoryIndex
from tests.support.made_up_images import START, failed_point, image_id, point, vector

INFO = IndexInfo("colours", "colours-1", 16)
SORTS: tuple[Sort, ...] = ("name", "modified", "taken")
FILTERS = (EVERYTHING, INDEXED, FAILED, CAPTIONED, holding_word("car"), Filter(all=(Phrase("red car"),)))
CAPTIONS = ("a red car", "two blue cars", "the car is red", "a dog", None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a library that saves its columns however small it is."""
    monkeypatch.setattr(library_columns, "SMALL", 0)
    monkeypatch.setattr(refresh, "SMALL", 0)
    monkeypatch.setattr(shard, "SMALL", 0)
    monkeypatch.setattr(library_columns, "_FEW", 0)
    monkeypatch.setattr(read_cache, "_OFTEN", 0)
    return tmp_path / "index"


@pytest.fixture
def index(folder: Path) -> Iterator[EdgeIndex]:
    made = EdgeIndex.create(folder, INFO)
    yield made
    made.close()


def _answers(index: Any, filters: Sequence[Filter] = FILTERS) -> list[Any]:
    """Everything that columns may answer."""
    hashes = [f"{n:064x}" for n in range(1, 30)]
    found: list[Any] = [index.fields([image_id(n) for n in range(40)], COMPARED)]
    for filter in filters:
        found += [index.count(filter), index.copies(hashes, filter)]
        found += [index.facet(field, filter) for field in ("words", "source", "camera", "keywords", "content_hash")]
        for by in SORTS:
            for offset, reverse in ((0, False), (3, True)):
                page = index.ordered(by, filter, limit=7, offset=offset, reverse=reverse)
                found.append([record.id for record in page])
    every = [image_id(n) for n in range(40)]
    found.append(index.hashes(every))
    for words in ([("car", "cars")], [("red", "blue"), ("car",), ("beach",)]):
        told = index.texts(every, words).items()
        found.append({one: texts for one, texts in told if all({*texts.words}.intersection(forms) for forms in words)})
    return found


def _made(n: int, draw: random.Random) -> Any:
    if draw.random() < 0.1:
        return failed_point(n)
    return point(
        n,
        draw.choice(CAPTIONS),
        key=draw.choice(("IMG_{}.jpg", "a/img_{}.JPG", "b/0{}.png", "same.jpg")).format(n),
        source=draw.choice(("file:///pictures", "s3://bucket")),
        taken_at=draw.choice((None, START)),
        camera=draw.choice((None, "Canon", "Nikon")),
        keywords=draw.choice(((), ("beach",), ("beach", "sea"))),
        etag=draw.choice(("one", "another")),
        pair=draw.choice((None, "IMG.dng")),
        framing=draw.choice((None, "tiles")),
        content_hash=f"{draw.randrange(1, 20):064x}",
    )


def _write(index: Any, oracle: MemoryIndex, draw: random.Random) -> None:
    """One of what writers do."""
    ids = [image_id(draw.randrange(1, 25)) for _ in range(4)]
    match draw.randrange(5):
        case 4:
            ref = ImageRef("file:///pictures", "a.jpg", "file:///pictures/a.jpg", draw.choice(("one", "new")), 5, START)
            for one in (index, oracle):
                one.set_refs([(image_id, ref) for image_id in dict.fromkeys(ids)])
        case 0:
            for one in (index, oracle):
                one.delete(ids)
        case 1:
            updates = [CaptionUpdate(one, "a red car", "human", None, None, vector(3)) for one in dict.fromkeys(ids)]
            for one in (index, oracle):
                one.set_captions(updates)
        case _:
            points = [_made(n, draw) for n in draw.sample(range(1, 25), 5)]
            for one in (index, oracle):
                one.upsert(points)


@pytest.mark.parametrize("seed", range(4))
def test_columns_answer_as_all_records_do_after_any_writes(
    index: EdgeIndex, folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between writes the library is closed, killed in effect, let go, or rebuilt at will."""
    from core.adapters.columns import kept

    draw, oracle = random.Random(seed), MemoryIndex(INFO)
    monkeypatch.setattr(kept, "_MANY", 6)  # so that tables merge
    for _ in range(12):
        for _ in range(draw.randrange(1, 4)):
            _write(index, oracle, draw)
        match draw.randrange(5):
            case 0:
                index.close()
                index = EdgeIndex.open(folder)
            case 1:
                index._shard.let_go(yielding=True)
            case 2:
                index.optimize()
            case 3:
                index._shard.let_go(yielding=True)  # to a process that did not list anything yet
                index._shard.columns = library_columns.LibraryColumns(folder)
        assert _answers(index) == _answers(oracle)
        assert index._shard.columns.is_open
    index.close()
    assert {f: summary.read_count(folder, f) for f in (INDEXED, FAILED)} == {
        f: oracle.count(f) for f in (INDEXED, FAILED)
    }
    index = EdgeIndex.open(folder)
    assert dict(index.facet("source", INDEXED)) == dict(oracle.facet("source", INDEXED))
    assert dict(index.facet("source")) == dict(oracle.facet("source"))
    for source in ("file:///pictures", "s3://bucket", "file:///else"):
        assert index.count(of := Filter(all=(Match("source", (source,)),))) == oracle.count(of)
    ids = [image_id(n) for n in range(40)]
    assert index.fields(ids, COMPARED) == oracle.fields(ids, COMPARED)
    assert index.count(holding_word("car")) == oracle.count(holding_word("car"))
    assert index.stamp() == read_tally(folder).stamp
    assert not index._shard.is_loaded  # told without the engine
    assert _answers(index) == _answers(oracle)
    index.close()


def _library(index: EdgeIndex) -> MemoryIndex:
    oracle, draw = MemoryIndex(INFO), random.Random(7)
    points = [_made(n, draw) for n in range(1, 25)]
    for one in (index, oracle):
        one.upsert(points)
    index.optimize()
    return oracle


def _columns_files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.glob(f"columns-*{suffix}"))


@pytest.mark.parametrize(
    "damage", ["flip", "cut", "gone", "no journal", "cut journal", "manifest", "counts", "old format"]
)
def test_damaged_columns_are_never_trusted_and_made_anew(index: EdgeIndex, folder: Path, damage: str) -> None:
    oracle = _library(index)
    index.upsert([point(30, "a red car")])
    oracle.upsert([point(30, "a red car")])
    index.close()
    (table, *_), (journal,) = _columns_files(folder, ".arrow"), _columns_files(folder, ".journal")
    match damage:
        case "flip":
            data = bytearray(table.read_bytes())
            data[len(data) // 2] ^= 0xFF
            table.write_bytes(data)
        case "cut":
            table.write_bytes(table.read_bytes()[:-100])
        case "gone":
            table.unlink()
        case "no journal":
            journal.unlink()
        case "cut journal":
            os.truncate(journal, 5)
        case "manifest":
            (folder / "columns.json").write_text("{")
        case "counts":
            told = json.loads((folder / "columns.json").read_text())
            told["counts"] = {name: count + 1 for name, count in told["counts"].items()}
            (folder / "columns.json").write_text(json.dumps(told))
        case "old format":
            found = files.read_columns_manifest(folder)
            assert found is not None
            with pytest.MonkeyPatch.context() as earlier:
                earlier.setattr(files, "FORMAT", 99)
                files.write_columns_manifest(folder, found)
    index = EdgeIndex.open(folder)
    assert _answers(index) == _answers(oracle)
    index.optimize()
    assert _answers(index) == _answers(oracle) and index._shard.columns.is_open
    index.close()


def test_a_table_that_was_copied_is_read_whole_once_and_used(index: EdgeIndex, folder: Path) -> None:
    oracle = _library(index)
    index.close()
    for table in _columns_files(folder, ".arrow"):
        os.utime(table, (1, 1))
    index = EdgeIndex.open(folder)
    assert _answers(index) == _answers(oracle) and index._shard.columns.is_open
    index.close()


def test_writes_that_the_journal_does_not_know_are_noticed(index: EdgeIndex, folder: Path) -> None:
    """As an earlier version of the program writes, which knows no journal."""
    oracle = _library(index)
    index.close()
    with pytest.MonkeyPatch.context() as earlier:
        for name in ("note", "mark", "sync", "attach", "save"):
            earlier.setattr(library_columns.LibraryColumns, name, lambda *_: None)
        index = EdgeIndex.open(folder)
        index.delete([image_id(3)])
        index.close()
    oracle.delete([image_id(3)])
    assert summary.read_count(folder, INDEXED) is None
    index = EdgeIndex.open(folder)
    assert _answers(index) == _answers(oracle)
    index.close()


def test_after_another_boot_an_unsettled_journal_is_not_trusted(
    index: EdgeIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = _library(index)
    index.close()
    (journal,) = _columns_files(folder, ".journal")
    Journal(journal).note([image_id(1)])
    tally = read_tally(folder)
    write_tally(folder, type(tally)(tally.points, False, tally.stamp))
    monkeypatch.setattr("core.adapters.qdrant_edge.kept_columns.journal._boot", lambda: b"another boot".ljust(16))
    index = EdgeIndex.open(folder)
    assert index.count(Filter(none=(Missing("words"),))) == oracle.count(Filter(none=(Missing("words"),)))
    assert not index._shard.columns.is_open
    index.close()


_WRITER = """
import os, signal, sys
from pathlib import Path
from core.adapters.qdrant_edge.index import EdgeIndex
from tests.support.made_up_images import image_id, point
index = EdgeIndex.open(Path(sys.argv[1]))
index.upsert([point(n, "a blue car", key=f"new/{n}.jpg") for n in range(20, 40)])
index.delete([image_id(2)])
if sys.argv[2] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
index.close()
"""


@pytest.mark.parametrize("end", ["close", "kill"])
def test_what_another_process_wrote_is_found_however_that_ended(index: EdgeIndex, folder: Path, end: str) -> None:
    oracle = _library(index)
    assert _answers(index) == _answers(oracle)
    done = subprocess.run([sys.executable, "-c", _WRITER, str(folder), end], check=False, capture_output=True)
    assert done.returncode == (-signal.SIGKILL if end == "kill" else 0), done.stderr
    oracle.upsert([point(n, "a blue car", key=f"new/{n}.jpg") for n in range(20, 40)])
    oracle.delete([image_id(2)])
    assert _answers(index) == _answers(oracle) and index._shard.columns.is_open


def test_an_old_library_gets_columns_in_the_background(
    index: EdgeIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = _library(index)
    index.close()
    (folder / "columns.json").unlink()
    monkeypatch.setattr(refresh, "_PAUSE_S", 0.0)
    index = EdgeIndex.open(folder)
    assert index.facet("words") == oracle.facet("words")
    thread = index._shard.refreshing._thread
    assert thread is not None
    thread.join()
    assert index._shard.columns.is_open and _answers(index) == _answers(oracle)
    assert (folder / "columns.json").is_file()
    index.close()


def test_a_refresh_does_not_keep_a_library_that_another_process_wants(
    index: EdgeIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever lets the library go waits for the refresh, so the refresh must not wait for that in turn."""
    oracle = _library(index)
    index.upsert([point(30, "a red car")])
    oracle.upsert([point(30, "a red car")])
    shared, settle = index._shard, index._shard._settle
    letting_go = threading.Thread(target=shared.let_go)

    def settle_and_let_go(loaded: Any) -> Any:
        monkeypatch.undo()
        monkeypatch.setattr(library_columns, "SMALL", 0)
        tally = settle(loaded)
        letting_go.start()
        with shared._changed:
            shared._changed.wait_for(lambda: shared._draining, 10)
        return tally

    monkeypatch.setattr(shared, "_settle", settle_and_let_go)
    refresh.refresh(shared, 1.0)
    letting_go.join()
    assert summary.read_count(folder, EVERYTHING) == 25
    assert _answers(index) == _answers(oracle)


def test_nobody_waits_for_columns_while_the_shard_is_switched(
    index: EdgeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = _library(index)
    index.upsert([point(30, "a red car")])
    oracle.upsert([point(30, "a red car")])
    with monkeypatch.context() as patch:
        patch.setattr(library_columns.LibraryColumns, "save", lambda *_: pytest.fail("columns are saved"))
        with index._shard.suspend(10.0):
            pass
    assert _answers(index) == _answers(oracle)


def test_few_pictures_that_were_written_often_are_read_alone(
    index: EdgeIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = _library(index)
    for caption in ("a red car", "two dogs", "a tree", "a boat"):
        for one in (index, oracle):
            one.upsert([point(n, caption) for n in range(1, 6)])
    monkeypatch.setattr(library_columns.LibraryColumns, "seed", lambda *_: pytest.fail("all points are read"))
    refresh.refresh(index._shard, 10.0)
    assert index._shard.columns.is_open and _answers(index) == _answers(oracle)


def test_payloads_that_are_no_columns_cost_time_alone(index: EdgeIndex, folder: Path) -> None:
    _library(index)
    with index._writing() as loaded:
        loaded.update(edge.UpdateOperation.set_payload([image_id(1)], {"width": "wide", "taken_at": "one day"}))
    index._shard.columns.discard()
    index.optimize()
    assert not index._shard.columns.is_open and index.facet("source")
    index.upsert([point(1)])
    index.optimize()
    assert index.facet("source") and index._shard.columns.is_open


def test_counts_are_not_told_of_a_shard_that_is_gone(index: EdgeIndex, folder: Path) -> None:
    _library(index)
    index.close()
    assert EdgeIndex.open(folder).count() == 24
    shutil.rmtree(folder / read_manifest(folder).shard)
    index = EdgeIndex.open(folder)
    with pytest.raises(LibraryDamaged):
        index.count()
    index.close()


_STATUS = """
import sys
from pathlib import Path
import qdrant_edge
from core.commands.status import status
def refuse(*_):
    raise AssertionError("the engine was loaded")
qdrant_edge.EdgeShard = type("EdgeShard", (), {"load": refuse})
status.main(["--data", sys.argv[1], "--json"], standalone_mode=False)
print(sorted({"pyarrow", "faiss", "torch"} & sys.modules.keys()), file=sys.stderr)
"""


def test_status_loads_neither_the_engine_nor_arrays(index: EdgeIndex, folder: Path) -> None:
    _library(index)
    index.close()
    done = subprocess.run([sys.executable, "-c", _STATUS, str(folder.parent)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["images"] + told["failed"] == 24 and len(told["sources"]) == 2
    assert done.stderr.splitlines()[-1] == "[]"


_INGEST = """
import sys
import qdrant_edge
from ingest.commands.ingest import ingest
def refuse(*_):
    raise AssertionError("the engine was loaded")
qdrant_edge.EdgeShard = type("EdgeShard", (), {"load": refuse})
for options in ([], ["--dry-run"]):
    ingest.main([sys.argv[1], "--data", sys.argv[2], "--no-captions", "--json", *options], standalone_mode=False)
print(sorted({"pandas", "faiss", "torch"} & sys.modules.keys()), file=sys.stderr)
"""


def test_an_ingest_that_finds_nothing_new_does_not_load_the_engine(
    index: EdgeIndex, folder: Path, tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    (pictures / "below").mkdir(parents=True)
    for name in ("a.jpg", "below/b.PNG", "below/c d.jpg"):
        (pictures / name).write_bytes(name.encode())
    for ref in FolderStore(pictures, max_bytes=100).list():
        listed = (ref.source, ref.key, ref.uri, ref.etag, ref.bytes, ref.modified_at)
        index.upsert([Point(ImageRecord(point_id(ref.source, ref.key), *listed, START, "failed", "colours-1"), None)])
    index.close()
    done = subprocess.run(
        [sys.executable, "-c", _INGEST, str(pictures), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "BUCKETLENS_MIRROR_ENABLED": "false"},
    )
    assert done.returncode == 0, done.stderr
    run, dry = (json.loads(each) for each in done.stdout.splitlines())
    assert run["skipped"] == dry["sources"][0]["skip"] == 3
    assert not any(run[kind] for kind in ("added", "updated", "deleted", "failed"))
    assert done.stderr.splitlines()[-1] == "[]"
