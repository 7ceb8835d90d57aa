"""A mirror's generations: made of what changed, published whole, told from damaged ones."""

import json
import logging
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from core.adapters.columns import builder as tables
from core.adapters.faiss_mirror import builder as mirror_build
from core.adapters.faiss_mirror.builder import build
from core.adapters.faiss_mirror.compaction import SegmentLoad, choose_rewritten
from core.adapters.faiss_mirror.index import FaissMirror
from core.adapters.faiss_mirror.mirror_folder import MirrorFolder
from core.adapters.faiss_mirror.vectors import SegmentVectors, Storage, write_vectors
from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import EVERYTHING, INDEXED, Filter, caption_words, oriented
from core.domain.vectors import unit
from core.errors import DiskFull, LibraryBusy, MirrorDamaged, MirrorMissing
from core.ports.vector_index import IndexInfo
from core.text.analysis import query_weights
from tests.support.fakes import MemoryIndex
from tests.support.index_queries import best_words, nearest
from tests.support.made_up_images import DIMENSION, image_id, point, vector
from tests.support.mirrored_index import MirroredIndex

ROOT = Path(__file__).resolve().parents[5]
INFO = IndexInfo("colours", "colours-1", DIMENSION)
ROWS = 8


@pytest.fixture
def library() -> MemoryIndex:
    index = MemoryIndex(INFO)
    index.upsert([point(n, "a red car" if n % 3 else None) for n in range(1, 31)])
    return index


@pytest.fixture
def folder(tmp_path: Path) -> MirrorFolder:
    return MirrorFolder(tmp_path / "mirror")


def _build(library: MemoryIndex, folder: MirrorFolder, storage: Storage = "float32") -> str:
    return build(library, folder, storage, rows=ROWS).name


def _equal(library: MemoryIndex, folder: MirrorFolder) -> bool:
    mirror = FaissMirror(folder.folder, threads=1)
    asked = query_weights("red car")
    same = (
        mirror.scroll() == library.scroll()
        and mirror.facet("words") == library.facet("words")
        and [hit.record for hit in nearest(mirror, vector(3), limit=99)]
        == [hit.record for hit in nearest(library, vector(3), limit=99)]
        and [hit.record.id for hit in best_words(mirror, asked, limit=99)]
        == [hit.record.id for hit in best_words(library, asked, limit=99)]
    )
    mirror.close()
    return same


def test_a_mirror_follows_every_change_and_keeps_two_generations(library: MemoryIndex, folder: MirrorFolder) -> None:
    names = []
    for change in (
        lambda: None,
        lambda: library.upsert([point(5, "a blue dog"), point(77)]),
        lambda: library.delete([image_id(n) for n in range(1, 9)]),
        lambda: library.delete([image_id(77)]),
        lambda: library.delete([one.id for one in library.scroll()]),
        lambda: library.upsert([point(3, "a red car")]),
    ):
        change()
        names.append(_build(library, folder))
        assert _equal(library, folder)
        assert [path.name for path in folder.candidates()] == names[-2:][::-1]
    assert len(set(names)) == len(names)


def test_an_equal_mirror_is_left_as_it_is_and_known_to_be_fresh(library: MemoryIndex, folder: MirrorFolder) -> None:
    first = _build(library, folder)
    mirror = FaissMirror(folder.folder, threads=1)
    before = mirror.generation().as_of
    assert _build(library, folder) == first
    assert mirror.generation().as_of > before


def test_an_open_mirror_answers_from_the_next_generation(library: MemoryIndex, folder: MirrorFolder) -> None:
    _build(library, folder)
    mirror = FaissMirror(folder.folder, threads=1)
    assert mirror.count() == 30
    for n in range(3):  # the files of the first are removed meanwhile
        library.delete([image_id(n + 1)])
        _build(library, folder)
        assert mirror.count() == 29 - n == len(nearest(mirror, vector(3), limit=99))


def test_what_did_not_change_is_not_read_again(library: MemoryIndex, folder: MirrorFolder) -> None:
    _build(library, folder)
    asked: list[str] = []
    fetch = library.fetch
    library.fetch = lambda ids: asked.extend(ids) or fetch(ids)  # type: ignore[method-assign,func-returns-value]
    library.upsert([point(5, "a blue dog")])
    _build(library, folder)
    assert asked == [image_id(5)]


def test_the_two_generations_share_no_file(library: MemoryIndex, folder: MirrorFolder) -> None:
    for n in range(4):
        library.upsert([point(100 + n)])
        _build(library, folder)
    newer, older = ({path.stat().st_ino for path in one.rglob("*") if path.is_file()} for one in folder.candidates())
    assert newer and older and not newer & older


def test_segments_that_live_on_are_linked_and_not_copied_for_ever(library: MemoryIndex, folder: MirrorFolder) -> None:
    _build(library, folder)
    first = folder.candidates()[0]
    inodes = {path.stat().st_ino for path in first.rglob("*.faiss")}
    for n in range(2):
        library.upsert([point(100 + n)])
        _build(library, folder)
    assert inodes <= {path.stat().st_ino for path in folder.candidates()[0].rglob("*.faiss")}


def test_another_model_or_storage_is_built_anew(library: MemoryIndex, folder: MirrorFolder) -> None:
    _build(library, folder)
    other = MemoryIndex(IndexInfo("colours", "colours-2", DIMENSION))
    other.upsert([point(1)])
    _build(other, folder)
    mirror = FaissMirror(folder.folder, threads=1)
    assert (mirror.info.fingerprint, mirror.count()) == ("colours-2", 1)
    _build(other, folder, "float16")
    assert mirror.generation().manifest.storage == "float16"


def test_made_anew_no_file_holds_what_was_deleted(library: MemoryIndex, folder: MirrorFolder) -> None:
    library.upsert([point(50, "a secret zebra")])
    _build(library, folder)
    library.upsert([point(51)])
    _build(library, folder)
    library.delete([image_id(50)])
    _build(library, folder)
    assert any(b"zebra" in path.read_bytes() for path in folder.folder.rglob("*") if path.is_file())
    build(library, folder, "float32", rows=ROWS, anew=True)
    assert not any(b"zebra" in path.read_bytes() for path in folder.folder.rglob("*") if path.is_file())
    assert _equal(library, folder) and len(folder.candidates()) == 1


def test_a_copy_that_an_earlier_version_wrote_can_be_read_and_built_upon(
    library: MemoryIndex, folder: MirrorFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(tables, "RECORD", {name: kind for name, kind in tables.RECORD.items() if name != "framing"})
        earlier.setattr(tables, "_with_orders", pa.RecordBatch.from_pydict)
        _build(library, folder)
    assert _equal(library, folder)
    long = point(31, "a red car", width=4000, framing="tiles")
    library.upsert([long])
    _build(library, folder)
    assert _equal(library, folder)
    mirror = FaissMirror(folder.folder, threads=1)
    assert mirror.fetch([long.record.id])[long.record.id].framing == "tiles"
    mirror.close()


def test_two_builds_at_once_wait_for_each_other(library: MemoryIndex, folder: MirrorFolder) -> None:
    with folder.building(0), pytest.raises(LibraryBusy):
        build(library, folder, "float32", wait_s=0.05)


def test_a_build_that_is_stopped_leaves_what_was_there(library: MemoryIndex, folder: MirrorFolder) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    first = _build(library, folder)
    library.upsert([point(50)])
    with pytest.raises(KeyboardInterrupt):
        build(library, folder, "float32", going=stop)
    assert [path.name for path in folder.candidates()] == [first]
    assert not list(folder.folder.glob(".building*"))


def test_a_full_disk_is_told_before_anything_is_written(
    library: MemoryIndex, folder: MirrorFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, growth: int = 0) -> None:
        raise DiskFull(path, 1, growth)

    first = _build(library, folder)
    monkeypatch.setattr(mirror_build, "check_free_space", full)
    library.upsert([point(50)])
    with pytest.raises(DiskFull):
        _build(library, folder)
    assert FaissMirror(folder.folder, threads=1).generation().manifest.name == first


def test_no_mirror_is_told_with_how_to_make_one(folder: MirrorFolder) -> None:
    with pytest.raises(MirrorMissing, match="build the mirror"):
        FaissMirror(folder.folder, threads=1).count()


def _mutations(generation: Path, other: Path, dice: random.Random) -> Iterator[tuple[str, Callable[[], object]]]:
    """Of every file of a generation: cut, flipped, emptied, removed, swapped with another or an older one."""
    files = sorted(path for path in generation.rglob("*") if path.is_file())
    for path in files:
        size = path.stat().st_size
        name = str(path.relative_to(generation))

        def flip(path: Path = path, size: int = size) -> None:
            with path.open("r+b") as file:
                file.seek(at := dice.randrange(size))
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1 << dice.randrange(8)]))

        def cut(path: Path = path, size: int = size) -> None:
            with path.open("r+b") as file:
                file.truncate(dice.randrange(size))

        def swap(path: Path = path) -> None:
            path.write_bytes(dice.choice([one for one in files if one.read_bytes() != path.read_bytes()]).read_bytes())

        yield f"{name} flipped", flip
        yield f"{name} cut", cut
        yield f"{name} emptied", lambda path=path: path.write_bytes(b"")  # type: ignore[misc]
        yield f"{name} removed", path.unlink
        yield f"{name} swapped", swap
        if (other / name).exists() and (other / name).read_bytes() != path.read_bytes():
            yield f"{name} of another", lambda path=path, name=name: path.write_bytes((other / name).read_bytes())  # type: ignore[misc]


def _other_model(generation: Path) -> None:
    manifest = generation / "manifest.json"
    told = json.loads(manifest.read_text())
    told["info"]["fingerprint"] = "another"
    manifest.write_text(json.dumps(told))


@pytest.mark.parametrize("most", [25, pytest.param(10_000, marks=pytest.mark.soak)])
def test_a_damaged_generation_is_passed_over_for_the_one_before(
    library: MemoryIndex, folder: MirrorFolder, tmp_path: Path, most: int, caplog: pytest.LogCaptureFixture
) -> None:
    dice = random.Random(20)
    older = MemoryIndex(INFO)
    for n in range(3):
        older.upsert([point(n, "a red car") for n in range(1, 31)] if not n else [point(100 + n, "a green tree")])
        _build(older, folder)
    expected = FaissMirror(folder.folder, threads=1).scroll()
    older.upsert([point(5, "a blue dog")])
    _build(older, folder)
    caplog.set_level(logging.CRITICAL)
    newest, before = folder.candidates()
    mutations = [("another model", lambda: _other_model(newest)), *_mutations(newest, before, dice)]
    kept = tmp_path / "kept"
    shutil.copytree(folder.folder, kept)
    for name, mutate in [mutations[0], *dice.sample(mutations[1:], min(most, len(mutations) - 1))]:
        mutate()
        mirror = FaissMirror(folder.folder, threads=1)
        assert mirror.scroll() == expected, name
        assert mirror.health and newest.name in mirror.health, name
        mirror.close()
        shutil.rmtree(folder.folder)
        shutil.copytree(kept, folder.folder)


def test_a_generation_is_built_upon_only_where_it_is_sound(library: MemoryIndex, folder: MirrorFolder) -> None:
    _build(library, folder)
    library.upsert([point(50)])
    _build(library, folder)
    for path in folder.candidates()[0].rglob("image.faiss"):
        path.write_bytes(b"not what was written")
    library.upsert([point(51)])
    _build(library, folder)
    assert _equal(library, folder)


def test_both_generations_damaged_is_an_error_that_says_so(library: MemoryIndex, folder: MirrorFolder) -> None:
    _build(library, folder)
    next(folder.candidates()[0].rglob("columns.arrow")).write_bytes(b"")
    with pytest.raises(MirrorDamaged, match="build the mirror"):
        FaissMirror(folder.folder, threads=1).count()


@pytest.mark.parametrize("every", [70, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_at_any_step_there_is_one_readable_generation(every: int) -> None:
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as place:
        command = [sys.executable, "-m", "tests.support.processes.mirror_kills", place, str(every)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3000)
    tried, wrong = done.stdout.split(maxsplit=1)
    assert (int(tried) > 300 // every, wrong.strip()) == (True, "[]"), done.stderr


@pytest.mark.parametrize("storage", ["float32", "float16", "ivf"])
def test_every_storage_gives_the_exact_best_of_what_passes(tmp_path: Path, storage: Storage) -> None:
    random_ = np.random.default_rng(7)
    vectors = unit(random_.normal(size=(12_000, 16)))
    write_vectors(tmp_path / "image.faiss", vectors, storage)
    kept = SegmentVectors(tmp_path / "image.faiss", np.arange(0, 24_000, 2, dtype=np.int32))
    passing = random_.random(24_000) < 0.1
    rows, scores = kept.best(vectors[0], passing, 10, exact=True)
    told = np.where(passing[::2], vectors @ vectors[0], -2)
    np.testing.assert_allclose(scores, np.sort(told)[::-1][:10], atol=1e-4 if storage == "float32" else 1e-3)
    assert (passing[rows]).all()
    held, again = kept.of(np.array([0, 1, 2, 23_999]))
    assert held.tolist() == [0, 2]
    np.testing.assert_allclose(again, vectors[:2], atol=1e-3)
    if storage == "ivf":
        few = kept.best(vectors[0], np.ones(24_000, bool), 10, exact=False)[1]
        assert few[0] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("filter", [EVERYTHING, INDEXED & caption_words(must=["red"]), oriented("landscape")])
def test_half_the_room_costs_a_thousandth_of_a_score(tmp_path: Path, filter: Filter) -> None:
    index = MirroredIndex(tmp_path, INFO, "float16")
    index.upsert([point(n, "a red car" if n % 3 else None) for n in range(1, 31)])
    expected = index.library
    assert index.scroll(filter) == expected.scroll(filter)
    for name in ("image", "caption"):
        mine = {hit.record.id: hit.score for hit in nearest(index, vector(3), filter, limit=99, using=name)}
        told = {hit.record.id: hit.score for hit in nearest(expected, vector(3), filter, limit=99, using=name)}
        assert mine == pytest.approx(told, abs=1e-3)
    index.close()


def test_small_and_worn_segments_are_written_anew_when_that_pays() -> None:
    full = [SegmentLoad(f"full {n}", 1000, 1000) for n in range(3)]
    small = [SegmentLoad(f"small {n}", 10, 10) for n in range(8)]
    assert choose_rewritten([*full, *small[:7]], 1000) == set()
    assert choose_rewritten([*full, *small], 1000) == {one.name for one in small}
    assert choose_rewritten([*full, SegmentLoad("worn", 1000, 499)], 1000) == {"worn"}
    assert choose_rewritten([*full, SegmentLoad("touched", 1000, 501)], 1000) == set()


def test_a_filter_of_content_hashes_reaches_every_segment(library: MemoryIndex, folder: MirrorFolder) -> None:
    _build(library, folder)
    mirror = FaissMirror(folder.folder, threads=1)
    hashes = [f"{n:064x}" for n in (1, 20, 999)]
    assert mirror.copies(hashes) == library.copies(hashes) == {hashes[0]: 1, hashes[1]: 1}
    some = Filter(all=(Match("content_hash", tuple(hashes)),))
    assert mirror.count(some) == 2 and mirror.count(EVERYTHING) == 30
