"""Building the approximate index beside an embedded library that goes on answering."""

import errno
import hashlib
import os
import random
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdrant_edge as edge

from core.adapters.qdrant_edge import optimizer
from core.adapters.qdrant_edge.approximate import parameters
from core.adapters.qdrant_edge.approximate.segment_files import VECTOR_FILES, count_unindexed, is_final
from core.adapters.qdrant_edge.files import read_manifest
from core.adapters.qdrant_edge.index import EdgeIndex
from core.adapters.qdrant_edge.migrations import FIELDS
from core.domain.filtering.filters import caption_words
from core.domain.vectors import unit
from core.errors import DiskFull
from core.ports.vector_index import IndexInfo, Point
from tests.support.fakes import MemoryIndex
from tests.support.index_queries import nearest, newest
from tests.support.made_up_images import failed_point, image_id, point, record, vector

INFO = IndexInfo("colours", "colours-1", 16)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A library of forty images, large enough to be worth it."""
    monkeypatch.setattr(optimizer, "WORTHWHILE", 10)
    made = EdgeIndex.create(tmp_path / "index", INFO)
    made.upsert([point(n, "a red car" if n % 2 else "two dogs") for n in range(1, 41)])
    yield made
    made.close()


def _answers(index: EdgeIndex) -> Any:
    return (
        index.scroll(),
        nearest(index, vector(7), limit=20),
        nearest(index, vector(8), caption_words(must=["dog"]), limit=20, using="caption"),
        index.facet("words"),
        newest(index, limit=5),
    )


def _shards(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("shard-*")]


def test_the_library_turns_to_the_built_copy_and_answers_the_same(index: EdgeIndex, tmp_path: Path) -> None:
    before, shard = _answers(index), read_manifest(tmp_path / "index").shard
    index.optimize()
    assert _answers(index) == before
    assert _shards(tmp_path / "index") == [read_manifest(tmp_path / "index").shard] != [shard]
    index.upsert([point(41)])
    index.close()
    again = EdgeIndex.open(tmp_path / "index")
    assert again.count() == 41
    again.close()


def test_a_copy_that_was_overtaken_by_a_write_is_dropped(
    index: EdgeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_while_others_write(*_: Any) -> bool:
        index.delete([image_id(1)])
        index.upsert([point(50)])
        index.close()
        return True

    shard = read_manifest(tmp_path / "index").shard
    monkeypatch.setattr(optimizer, "_build", build_while_others_write)
    index.optimize()
    again = EdgeIndex.open(tmp_path / "index")
    assert again.count() == 40
    assert set(again.fetch([image_id(1), image_id(50)])) == {image_id(50)}
    assert _shards(tmp_path / "index") == [shard]
    again.close()


def test_a_failed_build_leaves_the_library_as_it_was(
    index: EdgeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(folder: Path, copy: Path, builder: int) -> bool:
        shutil.rmtree(copy / "segments")
        return build(folder, copy, builder)

    build = optimizer._build
    before, shard = _answers(index), read_manifest(tmp_path / "index").shard
    monkeypatch.setattr(optimizer, "_build", spoil)
    index.optimize()
    assert _answers(index) == before
    assert _shards(tmp_path / "index") == [shard]


def test_what_the_disk_refuses_meanwhile_has_our_name(
    index: EdgeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = _answers(index)
    with monkeypatch.context() as patch:
        patch.setattr(optimizer.shutil, "disk_usage", refuse)
        with pytest.raises(DiskFull):
            index.optimize()
    assert _answers(index) == before


@pytest.mark.parametrize("step", ["copy_file", "_build", "_switch_shard", "write_manifest"])
def test_killed_at_any_step_one_whole_shard_remains(
    index: EdgeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def cut(*_: Any) -> None:
        raise KeyboardInterrupt

    before = _answers(index)
    with monkeypatch.context() as patch:
        patch.setattr(optimizer, step, cut)
        patch.setattr(optimizer.shutil, "rmtree", lambda *_, **__: None)  # a killed process tidies nothing
        with pytest.raises(KeyboardInterrupt):
            index.optimize()
    assert _answers(index) == before
    assert len(_shards(tmp_path / "index")) == 2
    index.optimize()
    assert _answers(index) == before
    assert len(_shards(tmp_path / "index")) == 1


_Usage = namedtuple("_Usage", "total used free")


def test_it_is_left_alone_when_the_disk_is_short_or_it_does_not_pay(
    index: EdgeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = read_manifest(tmp_path / "index").shard
    with monkeypatch.context() as patch:
        patch.setattr(optimizer.shutil, "disk_usage", lambda _: _Usage(2**30, 2**30 - 2**26, 2**26))
        index.optimize()
    monkeypatch.setattr(optimizer, "WORTHWHILE", 41)
    index.optimize()
    assert _shards(tmp_path / "index") == [shard]


def test_room_is_looked_for_to_put_segments_together(
    index: EdgeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = _shard(tmp_path / "index")
    alone = optimizer._estimate_room(shard)
    monkeypatch.setattr(parameters, "SEGMENTS", 1)
    assert optimizer._estimate_room(shard) > alone > 0


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs for a few images, made in this process."""

    def build(folder: Path, copy: Path, builder: int) -> bool:
        optimizer.build(folder, copy)
        return True

    monkeypatch.setattr(parameters, "INDEXED_KB", 1)
    monkeypatch.setattr(optimizer, "_build", build)
    monkeypatch.setattr(os, "nice", lambda _: 0)


def _shard(folder: Path) -> Path:
    return folder / read_manifest(folder).shard


def _final_files(shard: Path) -> dict[str, tuple[int, str]]:
    """Those that never change, with inode and hash."""
    files = {path.relative_to(shard): path for path in shard.rglob("*") if path.is_file()}
    return {
        str(name): (path.stat().st_ino, hashlib.sha256(path.read_bytes()).hexdigest())
        for name, path in files.items()
        if is_final(name, shard)
    }


@pytest.mark.usefixtures("small_segments")
def test_what_was_built_is_linked_and_stays_as_it_was(index: EdgeIndex, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index.optimize()
    built = _final_files(_shard(folder))
    assert {Path(name).name for name in built} >= {"matrix.dat", "links_compressed.bin"}
    index.delete([image_id(n) for n in range(1, 4)])
    index.upsert([point(n, "a blue boat") for n in (5, *range(41, 61))])
    assert _final_files(_shard(folder)) == built
    before = _answers(index)
    index.optimize()
    after = _final_files(_shard(folder))
    assert {name: after[name] for name in built} == built and len(after) == 2 * len(built)
    assert _answers(index) == before


@pytest.mark.usefixtures("small_segments")
def test_what_came_since_is_counted_alone(index: EdgeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are sparse vectors, and what was deleted stays in its segment: neither hides what is new."""
    folder = tmp_path / "index"
    index.optimize()
    assert count_unindexed(_shard(folder)) == 0
    shard = _shard(folder)
    index.upsert([point(n, "two cats on a mat") for n in range(1, 10)])
    index.optimize()
    assert (count_unindexed(shard), _shard(folder)) == (9, shard)
    index.upsert([point(n, "a red car") for n in range(1, 31)])
    index.optimize()
    assert _shard(folder) != shard and count_unindexed(_shard(folder)) == 0


@pytest.mark.usefixtures("small_segments")
def test_files_that_failed_are_no_reason_to_build(index: EdgeIndex, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index.optimize()
    shard = _shard(folder)
    index.upsert([failed_point(n) for n in range(100, 160)])
    index.upsert([point(n) for n in (41, 42, 100)])
    index.optimize()
    assert (count_unindexed(shard), _shard(folder)) == (3, shard)


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("rounds", [pytest.param(3, id="few"), pytest.param(40, id="many", marks=pytest.mark.soak)])
def test_a_library_that_grows_by_segments_is_what_was_written(index: EdgeIndex, tmp_path: Path, rounds: int) -> None:
    """More segments than are kept: the engine puts some together."""
    dice, brute = random.Random(rounds), MemoryIndex(INFO)
    brute.upsert([point(n, "a red car" if n % 2 else "two dogs") for n in range(1, 41)])
    last = 40
    for _ in range(rounds):
        new = [point(n, "a green tree") for n in range(last + 1, last + 21)]
        last += 20
        again = [point(n, f"{dice.choice(['one', 'two'])} dogs") for n in dice.sample(range(1, last), 15)]
        gone = [image_id(n) for n in dice.sample(range(1, last), 5)]
        for each in (index, brute):
            each.upsert(new)
            each.upsert(again)
            each.delete(gone)
        index.optimize()
    assert index.scroll() == brute.scroll()
    assert index.facet("words", limit=50) == brute.facet("words", limit=50)
    for seed in range(5):
        found, wanted = (nearest(each, vector(seed), limit=10, exact=True) for each in (index, brute))
        assert [hit.record.id for hit in found] == [hit.record.id for hit in wanted]
    assert len(list(_shard(tmp_path / "index").glob("segments/*"))) <= parameters.SEGMENTS + 2


@pytest.mark.usefixtures("small_segments")
def test_indexes_with_graphs_of_their_own_are_replaced(index: EdgeIndex, tmp_path: Path) -> None:
    """As libraries of earlier versions have them."""
    index.close()
    folder = tmp_path / "index"
    shard = edge.EdgeShard.load(str(_shard(folder)))
    for field, (_, schema) in FIELDS.items():
        shard.update(edge.UpdateOperation.delete_field_index(field))
        shard.update(edge.UpdateOperation.create_field_index(field, schema))
    shard.flush()
    assert not any(parameters.is_lean(one) for one in shard.info().payload_schema.values())
    shard.close()
    again = EdgeIndex.open(folder)
    before = _answers(again)
    again.optimize()
    assert _answers(again) == before
    again.close()
    shard = edge.EdgeShard.load(str(_shard(folder)))
    schema = shard.info().payload_schema
    assert schema.keys() == FIELDS.keys() and all(parameters.is_lean(one) for one in schema.values())
    shard.close()


WIDE = IndexInfo("wide", "wide-1", 192)


def _wide_points(first: int, last: int) -> list[Point]:
    dice = np.random.default_rng(first)
    vectors = unit(dice.normal(size=(last + 1 - first, WIDE.dimension)))
    return [Point(record(n, "a red car"), one) for n, one in enumerate(vectors, first)]


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("size", [pytest.param(2, id="new"), pytest.param(4, id="of an earlier version")])
def test_wide_vectors_take_two_bytes_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Libraries that were made when each took four go on with these."""
    monkeypatch.setattr(optimizer, "WORTHWHILE", 10)
    folder, brute = tmp_path / "index", MemoryIndex(WIDE)
    with monkeypatch.context() as patch:
        patch.setattr(parameters, "_WIDE", WIDE.dimension if size == 2 else 10_000)
        index = EdgeIndex.create(folder, WIDE)
    built: dict[str, Any] = {}
    for batch in (_wide_points(1, 40), _wide_points(41, 90)):
        for each in (index, brute):
            each.upsert(batch)
        index.optimize()
        now = _final_files(_shard(folder))
        assert {name: now[name] for name in built} == built and len(now) > len(built)
        built = now
    stored = [path for path in _shard(folder).glob("segments/*/vector_storage-image/*") if path.name in VECTOR_FILES]
    assert sum(path.stat().st_size for path in stored) == pytest.approx(90 * WIDE.dimension * size, rel=0.05)
    tolerance = 2e-5 if size == 2 else 1e-6
    query = unit(np.random.default_rng(5).normal(size=WIDE.dimension))
    for exact in (True, False):
        found, wanted = (nearest(each, query, limit=20, exact=exact) for each in (index, brute))
        assert [hit.record.id for hit in found] == [hit.record.id for hit in wanted]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted], abs=tolerance)
    ids = [hit.record.id for hit in wanted]
    read, written = (np.stack([each.vectors(ids)[one] for one in ids]) for each in (index, brute))
    assert np.abs(read - written).max() <= tolerance
    index.close()
