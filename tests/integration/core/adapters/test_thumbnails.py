"""Thumbnails on a real disk."""

import errno
import os
import random
import uuid
from pathlib import Path

import pytest

from core.adapters.local import thumbnails
from core.adapters.local.thumbnails import ThumbnailFiles
from core.errors import DiskFull, LibraryError

ONE = "0a1b2c3d-0000-5000-8000-000000000001"
TWO = "0a1b2c3d-0000-5000-8000-000000000002"


def test_put_get_replace_delete(tmp_path: Path) -> None:
    thumbnails = ThumbnailFiles(tmp_path / "thumbnails")
    assert thumbnails.get(ONE) is None and list(thumbnails.ids()) == []
    thumbnails.put(ONE, b"first")
    thumbnails.put(TWO, b"other")
    thumbnails.put(ONE, b"second")
    assert (thumbnails.get(ONE), thumbnails.get(TWO)) == (b"second", b"other")
    assert sorted(thumbnails.ids()) == [ONE, TWO]
    thumbnails.delete([ONE, "0a1b2c3d-0000-5000-8000-00000000000f"])
    assert thumbnails.get(ONE) is None and list(thumbnails.ids()) == [TWO]


@pytest.mark.parametrize(
    "image_id", ["", "../../etc/passwd", "0A1B2C3D-0000-5000-8000-000000000001", ONE + "/x", ONE + "\n"]
)
def test_what_is_no_id_reaches_no_file(tmp_path: Path, image_id: str) -> None:
    thumbnails = ThumbnailFiles(tmp_path)
    assert thumbnails.get(image_id) is None
    thumbnails.delete([image_id])
    with pytest.raises(ValueError, match="not the id"):
        thumbnails.put(image_id, b"x")
    assert list(tmp_path.rglob("*")) == []


def test_an_unfinished_thumbnail_is_never_read_but_can_be_cleared_away(tmp_path: Path) -> None:
    thumbnails = ThumbnailFiles(tmp_path)
    thumbnails.put(ONE, b"whole")
    (path,) = tmp_path.glob("*/*/*")
    path.rename(path.with_suffix(".part"))
    assert thumbnails.get(ONE) is None and list(thumbnails.ids()) == [ONE]
    thumbnails.delete([ONE])
    assert list(thumbnails.ids()) == []


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFull):
        ThumbnailFiles(tmp_path).put(ONE, b"x")


def test_a_folder_that_cannot_be_used_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / ONE[:2]).mkdir()
    (tmp_path / ONE[:2] / ONE[2:4]).write_bytes(b"a file where a folder belongs")
    thumbnails = ThumbnailFiles(tmp_path)
    assert thumbnails.get(ONE) is None
    with pytest.raises(LibraryError, match="check the folder and its rights"):
        thumbnails.put(ONE, b"x")
    with pytest.raises(LibraryError, match="check the folder and its rights"):
        thumbnails.delete([ONE])


def test_the_bytes_of_thumbnails_are_counted_or_estimated_of_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ThumbnailFiles(tmp_path / "thumbnails")
    assert store.estimate_bytes() == 0
    (tmp_path / "thumbnails").write_bytes(b"a file where a folder belongs")
    assert store.estimate_bytes() == 0
    (tmp_path / "thumbnails").unlink()
    draw = random.Random(1)
    sizes = [draw.randrange(50, 150) for _ in range(600)]
    for size in sizes:
        store.put(str(uuid.UUID(int=draw.getrandbits(128))), b"x" * size)
    assert store.estimate_bytes() == sum(sizes)
    monkeypatch.setattr(thumbnails, "_SAMPLE", 200)
    assert store.estimate_bytes() == pytest.approx(sum(sizes), rel=0.3)
