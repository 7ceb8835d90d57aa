"""`bucketlens forget` over a real library: what is told, what goes, what stays, and what keeps it from going."""

import fcntl
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result

import bucketlens.cli
from core.adapters.local.run_log import LastRunFile
from core.adapters.local.thumbnails import ThumbnailFiles
from core.adapters.qdrant_edge.index import EdgeIndex
from core.bootstrap import Container
from core.domain.ids import point_id
from core.errors import LibraryBusy, LibraryMissing, UsageError
from core.ports.vector_index import IndexInfo, Point
from core.settings import load_settings
from ingest.jobs.run_lock import RunLock
from tests.support.made_up_images import DIMENSION, record, vector

BUCKET = "s3://old bucket/in/"
Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of 1,205 images of a bucket, one of which failed, and of two of a folder that is gone."""
    monkeypatch.chdir(tmp_path)
    index = EdgeIndex.create(tmp_path / "data" / "index", IndexInfo("m", "colours-1", DIMENSION))
    thumbnails = ThumbnailFiles(tmp_path / "data" / "thumbnails")
    folder = "file://" + quote(str(tmp_path / "gone"))
    points = []
    for source, count in ((BUCKET, 1205), (folder, 2)):
        for n in range(count):
            name = point_id(source, f"{n}.jpg")
            failed = source == BUCKET and n == 7
            made = record(n, id=name, source=source, key=f"{n}.jpg", **({"status": "failed"} if failed else {}))
            points.append(Point(made, None if failed else vector(n)))
            if n < 3:
                thumbnails.put(name, b"jpeg")
    index.upsert(points)
    index.close()
    LastRunFile(tmp_path / "data" / "last_run.json").write(datetime(2026, 3, 1, tzinfo=UTC), [BUCKET, folder])
    return tmp_path / "data"


def forget(*arguments: str) -> Result:
    return CliRunner().invoke(bucketlens.cli.commands, ["forget", *arguments])


def sources(data: Path) -> dict[str, int]:
    index = EdgeIndex.open(data / "index")
    try:
        return dict(index.facet("source"))
    finally:
        index.close()


def test_without_yes_it_tells_and_removes_nothing(data: Path) -> None:
    before = sources(data)
    told = forget("s3://old bucket/in")
    assert isinstance(told.exception, UsageError) and "--yes" in str(told.exception)
    assert "1,204 pictures, and 1 that failed" in told.stdout and "… 1,195 more" in told.stdout
    assert len(told.stdout.splitlines()) == 12 and sources(data) == before
    found = json.loads(forget(BUCKET, "--json").stdout)
    assert (found["images"], found["failed"], found["removed"], found["done"]) == (1204, 1, 0, False)


def test_with_yes_the_source_goes_whole_and_the_others_stay(data: Path) -> None:
    done = forget("s3://old bucket/in", "--yes")
    assert done.exit_code == 0 and "removed 1,205 of 1,205" in done.stdout
    assert list(sources(data).values()) == [2] and len(list(ThumbnailFiles(data / "thumbnails").ids())) == 2
    assert BUCKET not in LastRunFile(data / "last_run.json").sources() and not (data / "ingest.running").exists()
    (other,) = LastRunFile(data / "last_run.json").sources()
    found = json.loads(forget("gone", "--yes", "--json").stdout)  # a folder that is gone, by its path
    assert (found["source"], found["images"], found["removed"], found["done"]) == (other, 2, 2, True)
    assert sources(data) == {} and LastRunFile(data / "last_run.json").latest() is None


def test_what_is_forgotten_is_in_no_copy_any_more(data: Path) -> None:
    with Container(load_settings(data=data)) as container:
        container.mirrors.build(container.index)
    assert any(b"old bucket" in path.read_bytes() for path in (data / "mirror").rglob("*.arrow"))
    assert forget(BUCKET, "--yes", "--data", str(data)).exit_code == 0
    files = [path for path in (data / "mirror").rglob("*") if path.is_file()]
    assert files and not any(b"old bucket" in path.read_bytes() for path in files)


def test_a_source_can_be_named_as_status_lists_it(data: Path) -> None:
    name = next(source for source in sources(data) if source.startswith("file:"))
    assert forget(name, "--yes").exit_code == 0 and list(sources(data)) == [BUCKET]


def test_what_is_not_in_the_library_is_told_with_what_is(data: Path) -> None:
    for name in ("s3://old bucket", "elsewhere", "ftp://old"):
        told = forget(name, "--yes")
        assert isinstance(told.exception, UsageError) and BUCKET in str(told.exception)
    assert len(sources(data)) == 2


def test_it_waits_for_nobody_and_leaves_the_mark_of_a_run_that_was_cut_off(data: Path) -> None:
    with (data / "ingest.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        told = forget(BUCKET, "--yes")
        assert isinstance(told.exception, LibraryBusy) and told.exception.exit_code == 75
    assert len(sources(data)) == 2
    with RunLock(data):
        pass
    assert forget(BUCKET, "--yes").exit_code == 0 and (data / "ingest.running").exists()


def test_without_a_library_there_is_nothing_to_forget(tmp_path: Path) -> None:
    told = forget("somewhere", "--data", str(tmp_path))
    assert isinstance(told.exception, LibraryMissing)


def test_a_source_that_will_be_read_again_is_told_of(data: Path, tmp_path: Path) -> None:
    (tmp_path / "bucketlens.toml").write_text('sources = ["s3://old bucket/in"]\n')
    assert "the next ingest reads it again" in forget(BUCKET, "--yes").stdout
