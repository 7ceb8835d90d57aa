"""The mirror through the command line: made by an ingest, it answers while the library cannot."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.adapters.local.library_lock import LibraryLock
from demo.scenes.sample_library import write_pictures
from tests.support.processes.commands import bucketlens

WORDS = ("search", "red", "--limit", "3", "--data", "data")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawn pictures, ingested with the demo models."""
    home = tmp_path_factory.mktemp("mirrored")
    list(write_pictures(home / "pictures", 12, size=128))
    done = bucketlens("ingest", "pictures", "--model", "demo", "--data", "data", cwd=home)
    assert done.returncode == 0, done.stderr
    return home


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Another process has the library open, and does not let go."""
    lock = LibraryLock(folder)
    lock.acquire(5)
    try:
        yield
    finally:
        lock.release()


def test_an_ingest_leaves_a_copy_that_status_tells_of(home: Path) -> None:
    told = json.loads(bucketlens("status", "--data", "data", "--json", cwd=home).stdout)["mirror"]
    assert (told["points"], told["storage"], told["problem"]) == (12, "float32", None)
    assert "mirror of 12 entries as of 20" in bucketlens("status", "--data", "data", cwd=home).stdout
    again = bucketlens("ingest", "pictures", "--data", "data", cwd=home)
    assert again.returncode == 0
    assert (
        json.loads(bucketlens("mirror", "status", "--data", "data", "--json", cwd=home).stdout)["name"] == told["name"]
    )


def test_while_another_process_keeps_the_library_the_copy_answers(home: Path) -> None:
    usual = json.loads(bucketlens(*WORDS, "--json", cwd=home).stdout)
    with held(home / "data" / "index"):
        kept = bucketlens(*WORDS, "--json", cwd=home)
        plain = bucketlens(*WORDS, cwd=home)
    found = json.loads(kept.stdout)
    assert (kept.returncode, found["degraded"], found["backend"]) == (0, True, "mirror")
    assert found["as_of"] and not usual["degraded"]
    assert [hit["id"] for hit in found["hits"]] == [hit["id"] for hit in usual["hits"]]
    assert [hit["match"] for hit in found["hits"]] == pytest.approx([hit["match"] for hit in usual["hits"]], abs=1e-4)
    assert "in use by another process" in plain.stderr and "the answer of its mirror" in plain.stderr


def test_offline_the_copy_alone_is_asked_and_no_library_is_needed(home: Path, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(home / "data")
    found = json.loads(bucketlens(*WORDS, "--offline", "--json", cwd=tmp_path).stdout)
    assert found["backend"] == "mirror" and len(found["hits"]) == 3
    browsed = json.loads(bucketlens("search", "--offline", "--json", "--data", "data", cwd=tmp_path).stdout)
    assert browsed["total"] == 12


def test_a_copy_travels_in_one_file_to_where_there_is_no_library(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.tar"
    packed = json.loads(
        bucketlens("mirror", "export", file, "--thumbnails", "--data", "data", "--json", cwd=home).stdout
    )
    assert (packed["points"], packed["thumbnails"], packed["bytes"]) == (12, 12, file.stat().st_size)
    again = bucketlens("mirror", "export", file, "--data", "data", cwd=home)
    assert again.returncode == 2 and "--force" in again.stderr
    assert bucketlens("mirror", "export", file, "--data", "data", "--thumbnails", "--force", cwd=home).returncode == 0
    beside = bucketlens("mirror", "import", file, "--data", "data", cwd=home)
    assert beside.returncode == 2 and "a library of its own" in beside.stderr
    (tmp_path / "cut.tar").write_bytes(file.read_bytes()[:-20_000])
    cut = bucketlens("mirror", "import", tmp_path / "cut.tar", "--data", "laptop", cwd=tmp_path)
    assert cut.returncode == 2 and "carry it over again" in cut.stderr and not (tmp_path / "laptop").exists()
    taken = bucketlens("mirror", "import", file, "--data", "laptop", cwd=tmp_path)
    assert taken.returncode == 0 and "12 entries and 12 thumbnails" in taken.stdout
    _answers_alike(home, tmp_path)


def _answers_alike(home: Path, laptop: Path) -> None:
    """Searches, facets and duplicates of the library at home, and of what was taken in; a sheet of thumbnails too."""
    for command in (WORDS[:-2], ("facets",), ("duplicates",)):
        theirs = json.loads(bucketlens(*command, "--data", "data", "--json", cwd=home).stdout)
        ours = json.loads(bucketlens(*command, "--offline", "--data", "laptop", "--json", cwd=laptop).stdout)
        if command[0] == "search":
            assert ours["backend"] == "mirror"
            theirs, ours = ([hit["id"] for hit in one["hits"]] for one in (theirs, ours))
        assert ours == theirs
    sheets = [
        ("--data", "data", "--sheet", laptop / "theirs.png", home),
        ("--offline", "--data", "laptop", "--sheet", laptop / "ours.png", laptop),
    ]
    for *options, cwd in sheets:
        assert bucketlens(*WORDS[:-2], *options, cwd=Path(cwd)).returncode == 0
    assert (laptop / "ours.png").read_bytes() == (laptop / "theirs.png").read_bytes()


def test_a_damaged_copy_is_told_and_made_anew(home: Path, tmp_path: Path) -> None:
    vectors = next((home / "data" / "mirror").rglob("image.faiss"))
    whole = vectors.read_bytes()
    vectors.write_bytes(whole[:-1])
    verified = bucketlens("mirror", "verify", "--data", "data", cwd=home)
    assert verified.returncode == 1 and "image.faiss is not what was written" in verified.stdout
    assert "cannot be used" in bucketlens("status", "--data", "data", cwd=home).stdout
    refused = bucketlens(*WORDS, "--offline", cwd=home)
    assert refused.returncode == 1 and "bucketlens mirror build" in refused.stderr
    assert bucketlens("mirror", "build", "--data", "data", cwd=home).returncode == 0
    assert json.loads(bucketlens(*WORDS, "--offline", "--json", cwd=home).stdout)["total"] == 12


def test_without_a_copy_the_way_to_one_is_told(tmp_path: Path) -> None:
    missing = bucketlens("search", "--offline", "--data", "data", cwd=tmp_path)
    assert missing.returncode == 1 and "bucketlens mirror build" in missing.stderr
