"""Building the approximate index beside an embedded library that goes on answering."""

import errno
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from core.adapters.qdrant_edge import optimizer
from core.adapters.qdrant_edge.files import read_manifest
from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import caption_words
from core.errors import DiskFull
from core.ports.vector_index import IndexInfo
from tests.support.index_queries import nearest, newest
from tests.support.made_up_images import image_id, point, vector

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
