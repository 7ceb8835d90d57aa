"""A photo owner's folder through the command line: every photograph is found once, and nothing else is a failure."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bucketlens.cli import commands
from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.image import ImageRecord
from core.domain.model_catalog import DEMO_WEIGHTS
from tests.support.files.photo_folder import BESIDE, LONG, PAIRS, PHOTOGRAPHS, XMP, write_photo_folder
from tests.support.files.raw_writer import SIZE

pytestmark = pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models")

HIDDEN_OR_RUBBISH = 22  # of BESIDE: what is left out silently, not counted


def ingest(folder: Path, *arguments: str, code: int = 0) -> Result:
    given = ["ingest", str(folder / "pictures"), "--data", str(folder / "data"), "--no-captions", *arguments]
    result = CliRunner().invoke(commands, given)
    assert result.exit_code == code, (result.output, result.exception)
    return result


def report(folder: Path, *arguments: str) -> dict[str, Any]:
    found = json.loads(ingest(folder, "--json", *arguments).stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def records(folder: Path) -> dict[str, ImageRecord]:
    index = EdgeIndex.open(folder / "data" / "index")
    try:
        return {record.key: record for record in index.scroll()}
    finally:
        index.close()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder, the library that was made of it, and what the command said."""
    folder = tmp_path_factory.mktemp("owner")
    write_photo_folder(folder / "pictures")
    return folder, report(folder, "--model", "demo")


def test_every_photograph_is_found_once_and_nothing_fails(first: tuple[Path, dict[str, Any]]) -> None:
    folder, said = first
    found = records(folder)
    assert sorted(found) == sorted(PHOTOGRAPHS)
    assert {record.status for record in found.values()} == {"indexed"}
    assert (said["added"], said["failed"], said["excluded"], said["problems"]) == (len(PHOTOGRAPHS), 0, 0, [])
    assert said["ignored"] == len(BESIDE) - HIDDEN_OR_RUBBISH  # and no sidecar that belongs to a picture


def test_raw_and_jpeg_know_each_other(first: tuple[Path, dict[str, Any]]) -> None:
    found = records(first[0])
    pairs = {key: record.pair for key, record in found.items() if record.pair}
    assert pairs == PAIRS | {other: raw for raw, other in PAIRS.items()}


def test_what_lies_beside_a_picture_is_told_of_it(first: tuple[Path, dict[str, Any]]) -> None:
    found = records(first[0])
    takeout = "Takeout/Google Photos/Photos from 2019/"
    for key in ("IMG_1.jpg", "IMG_1(1).jpg", "IMG_1-edited.jpg", "IMG_2.jpg", f"{LONG[:47]}.jpg"):
        record = found[takeout + key]
        assert (record.caption, record.people) == ("Grandmother in the garden", ("Rosa Maier",))
        assert (record.latitude, record.longitude, record.taken_from) == (48.1, 11.6, "Takeout photoTakenTime")
    for key in ("Camera/IMG_1.CR2", "Camera/IMG_1.JPG", "Camera/IMG_3.JPG"):
        assert (found[key].keywords, found[key].rating) == (("lighthouse",), 4)
    assert found["Camera/IMG_2.jpg"].keywords == ()
    raw = found["Camera/IMG_2.DNG"]
    assert (raw.width, raw.height, raw.taken_from) == (*SIZE, "EXIF DateTimeOriginal")


def test_later_runs_read_what_has_changed_alone(first: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    shutil.copytree(first[0], tmp_path, dirs_exist_ok=True, copy_function=shutil.copy2)
    moved = ["--confirm-deletes"]  # a copy of the folder is another source
    report(tmp_path, *moved)
    again = report(tmp_path)
    assert (again["skipped"], again["updated"], again["failed"]) == (len(PHOTOGRAPHS), 0, 0)
    (tmp_path / "pictures/Camera/IMG_1.xmp").write_text(XMP.replace("lighthouse", "harbour"))
    assert report(tmp_path)["updated"] == 2  # its RAW and its JPEG, and no other
    checked = report(tmp_path, "--recheck")
    assert (checked["rechecked"], checked["updated"], checked["failed"]) == (len(PHOTOGRAPHS), 0, 0)
    lines = ingest(tmp_path, "--recheck").stdout
    assert f"{len(PHOTOGRAPHS)} rechecked" in lines


def test_patterns_are_told_in_summary_and_dry_run(first: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    shutil.copytree(first[0] / "pictures", tmp_path / "pictures")
    report(tmp_path, "--model", "demo")
    given = ["--exclude", "Takeout/", "--exclude", "*.insp"]
    dry = ingest(tmp_path, "--dry-run", *given).stdout
    assert "excluded by your patterns" in dry and "Camera/IMG_4.insp" in dry
    assert len(records(tmp_path)) == len(PHOTOGRAPHS)
    summary = ingest(tmp_path, *given).stdout
    assert "6 excluded by your patterns" in summary and "6 deleted" in summary


def test_settings_exclude_for_all_sources_and_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_photo_folder(tmp_path / "pictures")
    Path("bucketlens.toml").write_text(
        'exclude = ["*.insp"]\n[[sources]]\npath = "pictures"\nexclude = ["Takeout/"]\n[[sources]]\npath = "other"\n'
        'exclude = ["*"]\n'
    )
    dry = json.loads(ingest(tmp_path, "--dry-run", "--json", "--exclude", "*.CR2").stdout)
    (plan,) = dry["sources"]
    assert (plan["excluded"], plan["add"]) == (7, len(PHOTOGRAPHS) - 7)


@pytest.mark.parametrize(("pattern", "advice"), [("#recycle", r"write \#recycle"), ("a[", r"write \[")])
def test_a_bad_pattern_is_told_before_anything_is_done(tmp_path: Path, pattern: str, advice: str) -> None:
    (tmp_path / "pictures").mkdir()
    result = CliRunner().invoke(commands, ["ingest", str(tmp_path / "pictures"), "--exclude", pattern])
    assert result.exit_code == 2 or result.exception is not None
    assert advice in result.output + str(result.exception)
