"""What an embedded library does when its files, its disk or its making are cut short."""

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as edge

from core.adapters.local import free_space
from core.adapters.qdrant_edge import index as qdrant_edge
from core.adapters.qdrant_edge.engine_errors import translate_errors
from core.adapters.qdrant_edge.files import FORMAT
from core.adapters.qdrant_edge.index import EdgeIndex
from core.adapters.qdrant_edge.shard import shared_shard
from core.domain.filtering.filters import EVERYTHING, oriented
from core.errors import DiskFull, LibraryBusy, LibraryDamaged, LibraryError, LibraryMissing, ModelMismatch
from core.ports.vector_index import CaptionUpdate, IndexInfo
from tests.support.index_queries import nearest
from tests.support.made_up_images import image_id, point, record, vector

ROOT = Path(__file__).resolve().parent.parent.parent.parent.parent.parent
INFO = IndexInfo("colours", "colours-1", 16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve images, closed in good order."""
    index = EdgeIndex.create(tmp_path / "index", INFO)
    index.upsert([point(n, "a red car") for n in range(1, 13)])
    index.close()
    return tmp_path / "index"


def _remove(folder: Path) -> None:
    """At once, though the engine may be writing into it."""
    gone = folder.rename(folder.with_name(f"{folder.name}.gone"))
    shutil.rmtree(gone, ignore_errors=True)


def _shard(folder: Path) -> Path:
    return folder / str(json.loads((folder / "manifest.json").read_text())["shard"])


def test_an_emptied_id_tracker_is_noticed(folder: Path) -> None:
    """Once the write-ahead log, from which the engine heals it, has moved on."""
    for log in _shard(folder).glob("wal/*"):
        log.unlink()
    trackers = list(_shard(folder).glob("segments/*/*id_tracker*mappings*"))
    assert trackers
    for tracker in trackers:
        tracker.write_bytes(b"")
    index = EdgeIndex.open(folder)
    with pytest.raises(LibraryDamaged, match=r"holds 0 images where 12 were written.*ingest again"):
        index.count()
    with pytest.raises(LibraryDamaged):
        index.upsert([point(99)])
    index.close()


def test_an_older_copy_of_the_shard_is_noticed(folder: Path) -> None:
    shutil.copytree(_shard(folder), folder / "older")
    index = EdgeIndex.open(folder)
    index.delete([image_id(n) for n in range(1, 5)])
    assert index.count() == 8
    index.close()
    shard = _shard(folder)
    shutil.rmtree(shard)
    (folder / "older").rename(shard)
    with pytest.raises(LibraryDamaged, match="holds 12 images where 8 were written"):
        EdgeIndex.open(folder).count()


@pytest.mark.parametrize(("at_least", "whole"), [(8, True), (12, True), (13, False)])
def test_after_a_killed_writer_at_least_the_certain_images_must_be_there(
    folder: Path, at_least: int, whole: bool
) -> None:
    tally = json.loads((folder / "tally.json").read_text())
    assert (tally["points"], tally["exact"]) == (12, True)
    (folder / "tally.json").write_text(json.dumps(tally | {"points": at_least, "exact": False}))
    index = EdgeIndex.open(folder)
    if whole:
        assert index.count() == 12
    else:
        with pytest.raises(LibraryDamaged, match="holds 12 images where 13 were written"):
            index.count()
    index.close()


@pytest.mark.parametrize("name", ["manifest.json", "tally.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}', b"\xff\xfe"])
def test_a_damaged_record_beside_the_shard_is_noticed(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(LibraryDamaged, match=name):
        EdgeIndex.open(folder).count()


def test_a_missing_shard_or_library_is_told_of(folder: Path) -> None:
    shutil.rmtree(_shard(folder))
    with pytest.raises(LibraryDamaged, match="is gone"):
        EdgeIndex.open(folder).count()
    with pytest.raises(LibraryMissing):
        EdgeIndex.open(folder / "nothing")


def test_a_library_of_a_later_version_is_left_alone(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": FORMAT + 1}))
    with pytest.raises(LibraryError, match="newer BucketLens"):
        EdgeIndex.open(folder)


def test_a_library_removed_while_it_is_open_is_missed(folder: Path) -> None:
    index = EdgeIndex.open(folder)
    assert index.count() == 12
    _remove(folder)
    index.close()
    assert not folder.exists()
    index = EdgeIndex.create(folder, INFO)
    assert index.count() == 0
    index.close()


def _replace(folder: Path, info: IndexInfo) -> None:
    """Another library of three images takes the place of this one."""
    other = folder.with_name("other")
    index = EdgeIndex.create(other, info)
    index.upsert([point(n) for n in range(1, 4)])
    index.close()
    _remove(folder)
    other.rename(folder)


@pytest.mark.parametrize("let_go", [False, True], ids=["while it is held", "after it was let go"])
def test_a_writer_whose_library_is_replaced_does_not_harm_the_new_one(folder: Path, let_go: bool) -> None:
    index = EdgeIndex.open(folder)
    index.upsert([point(99)])
    _replace(folder, INFO)
    if let_go:
        shared_shard(folder).let_go()
    with pytest.raises(LibraryError, match="replaced while it was open"):
        index.upsert([point(100)])
    index.close()
    index = EdgeIndex.open(folder)
    assert index.count() == 3
    index.close()


def test_a_library_made_anew_with_another_model_is_not_asked_with_vectors_of_the_old(folder: Path) -> None:
    index = EdgeIndex.open(folder)
    assert index.count() == 12
    _replace(folder, IndexInfo("shapes", "shapes-1", 16))
    shared_shard(folder).let_go()
    for ask in (lambda: nearest(index, vector(1), limit=1), lambda: index.upsert([point(1)])):
        with pytest.raises(LibraryError, match="made anew with another model"):
            ask()
    index.close()


def test_what_a_killed_writer_left_half_written_does_not_pile_up(folder: Path) -> None:
    (folder / ".tally.json.partial").write_bytes(b"{")
    index = EdgeIndex.open(folder)
    index.upsert([point(99)])
    index.close()
    assert not list(folder.glob(".*"))


def test_a_new_library_is_on_disk_whole_before_its_manifest_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    EdgeIndex.create(tmp_path / "index", INFO).close()
    shard = _shard(tmp_path / "index")
    before = synced[: synced.index(str(tmp_path / "index" / ".manifest.json.partial"))]
    assert {str(path) for path in (shard, *shard.rglob("*"))} <= set(before)


@pytest.mark.parametrize("step", ["write_tally", "sync_folder", "write_manifest"])
def test_a_creation_cut_short_leaves_nothing_and_the_next_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def cut(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(qdrant_edge, step, cut)
        with pytest.raises(KeyboardInterrupt):
            EdgeIndex.create(tmp_path / "index", INFO)
    assert not EdgeIndex.exists(tmp_path / "index")
    index = EdgeIndex.create(tmp_path / "index", INFO)
    assert EdgeIndex.exists(tmp_path / "index")
    assert index.count() == 0
    assert len(list((tmp_path / "index").glob("shard-*"))) == 1
    index.close()


def test_creating_again_opens_what_is_there_for_the_same_model_only(folder: Path) -> None:
    index = EdgeIndex.create(folder, INFO)
    assert index.count() == 12
    with pytest.raises(ModelMismatch, match="colours"):
        EdgeIndex.create(folder, IndexInfo("other", "other-1", 16))
    index.close()


_Usage = namedtuple("_Usage", "total used free")


def test_nothing_is_written_to_a_disk_that_is_nearly_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = EdgeIndex.open(folder)
    with monkeypatch.context() as patch:
        patch.setattr(free_space.shutil, "disk_usage", lambda _: _Usage(2**30, 2**30 - 2**26, 2**26))
        for write in (
            lambda: index.upsert([point(50)]),
            lambda: index.delete([image_id(1)]),
            lambda: index.set_captions([CaptionUpdate(image_id(1), "x", "human", None, None, None)]),
        ):
            with pytest.raises(DiskFull, match="64 MiB free"):
                write()
        assert index.count() == 12
    index.upsert([point(50)])
    assert index.count() == 13
    index.close()


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(vector(1)[:8], id="length"),
        pytest.param(vector(1) * 2, id="no unit"),
        pytest.param(vector(1) * float("nan"), id="nan"),
    ],
)
def test_a_vector_that_does_not_belong_is_refused_whole(folder: Path, bad: Any) -> None:
    index = EdgeIndex.open(folder)
    with pytest.raises(ValueError, match="vector"):
        index.upsert([point(40), qdrant_edge.Point(record(41), bad)])
    with pytest.raises(ValueError, match="vector"):
        nearest(index, bad, limit=3)
    with pytest.raises(ValueError, match="vector"):
        index.set_captions([CaptionUpdate(image_id(1), "a dog", "generated", "demo", 0.1, bad)])
    assert index.count(EVERYTHING) == 12
    index.close()


class PanicException(BaseException):
    """Named as the engine names its own."""


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (Exception("Service runtime error: anything"), LibraryDamaged),
        (Exception("failed to open WAL: Kind(WouldBlock)"), LibraryBusy),
        (Exception("No space left on device (os error 28)"), DiskFull),
        (PanicException("index out of bounds"), LibraryDamaged),
        (OSError(28, "No space left on device"), DiskFull),
        (PermissionError(13, "Permission denied"), LibraryError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (ValueError("a caller's fault"), ValueError),
    ],
)
def test_what_the_engine_raises_has_our_name(raised: BaseException, expected: type[BaseException]) -> None:
    with pytest.raises(expected) as caught, translate_errors(Path("library")):
        raise raised
    assert type(caught.value) is expected


def _after(folder: Path, file: Path, content: bytes, scratch: Path) -> str:
    """What a process says of a copy of the library in which one file has this content."""
    subprocess.run(["cp", "-r", "--sparse=always", str(folder), str(scratch)], check=True)
    (scratch / file).write_bytes(content)
    line = [sys.executable, "-m", "tests.support.processes.edge_process", "look", str(scratch)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    shutil.rmtree(scratch)
    return done.stdout.strip() or f"exit {done.returncode}: {done.stderr[-300:]}"


def _fates(folder: Path, files: list[Path], scratch: Path) -> dict[str, str]:
    fates = {}
    for file in files:
        content = (folder / file).read_bytes()
        for kind, damage in (("emptied", b""), ("halved", content[: len(content) // 2]), ("noise", b"\xa5" * 64)):
            fates[f"{file.name} {kind}"] = _after(folder, file, damage, scratch)
    return fates


def test_a_damaged_configuration_ends_in_a_library_error(folder: Path, tmp_path: Path) -> None:
    files = [
        path.relative_to(folder) for path in folder.rglob("*") if path.name in ("segment.json", "edge_config.json")
    ]
    fates = _fates(folder, files[:1], tmp_path / "copy")
    assert all(fate.startswith(("LibraryDamaged", "ok 12 12 12 12 2")) for fate in fates.values()), fates


@pytest.mark.soak
def test_damage_to_any_file_is_noticed_or_harmless(folder: Path, tmp_path: Path) -> None:
    files = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]
    fates = _fates(folder, files, tmp_path / "copy")
    assert all(fate.startswith(("LibraryDamaged", "ok 12 12 12 12 2")) for fate in fates.values()), fates


def test_a_library_of_an_earlier_version_is_brought_up_to_date(folder: Path) -> None:
    """As format 1 was: no aspects, and no indexes of keys, sizes and times taken."""
    shard = edge.EdgeShard.load(str(_shard(folder)))
    for field in ("key", "width", "height", "aspect", "taken_at"):
        shard.update(edge.UpdateOperation.delete_field_index(field))
    ids = [image_id(n) for n in range(1, 13)]
    shard.update(edge.UpdateOperation.delete_payload(ids, ["aspect"]))
    shard.flush()
    shard.close()
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 1}))

    index = EdgeIndex.open(folder)
    assert index.count(oriented("landscape")) == 12 and index.count(oriented("portrait")) == 0
    assert len(index.ordered("taken", limit=20)) == 12
    assert index.fetch(ids[:1]) == {ids[0]: record(1, "a red car")}
    index.close()
    assert json.loads((folder / "manifest.json").read_text())["format"] == FORMAT

    shard = edge.EdgeShard.load(str(_shard(folder)))
    shard.update(edge.UpdateOperation.delete_field_index("aspect"))
    shard.flush()
    shard.close()
    with pytest.raises(LibraryDamaged, match="aspect"):
        EdgeIndex.open(folder).count()
