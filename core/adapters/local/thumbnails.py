"""Thumbnails as files, two levels of folders deep. They can be made again from the pictures, so nothing is synced."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from core.domain.ids import POINT_ID
from core.errors import disk_fault

_UNFINISHED = ".part"
_SAMPLE = 4000  # thumbnails that are measured for an estimate, at least: about 2 % off
_STRIDE = 32


def _list_files(folder: str) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:  # an ingest may be at work
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _list_files(entry.path)
            else:
                yield entry


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return 0


class ThumbnailFiles:
    """A ThumbnailStore in `folder`, for one writer and any number of readers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, image_id: str, jpeg: bytes) -> None:
        """Whole or not at all. Raises LibraryError (DiskFull), and ValueError for what is no id."""
        path = self._path(image_id)
        if path is None:
            raise ValueError(f"not the id of an image: {image_id!r}")
        unfinished = path.with_suffix(_UNFINISHED)
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(jpeg)
            os.replace(unfinished, path)
        except OSError as error:
            raise disk_fault(self._folder, error) from error

    def get(self, image_id: str) -> bytes | None:
        """None too where it cannot be read: it can be made again."""
        path = self._path(image_id)
        with suppress(OSError):
            return None if path is None else path.read_bytes()
        return None

    def delete(self, image_ids: Iterable[str]) -> None:
        """Raises LibraryError."""
        for path in filter(None, map(self._path, image_ids)):
            try:
                path.unlink(missing_ok=True)
                path.with_suffix(_UNFINISHED).unlink(missing_ok=True)
            except OSError as error:
                raise disk_fault(self._folder, error) from error

    def ids(self) -> Iterator[str]:
        """Every id that has a thumbnail, or the beginning of one; possibly twice."""
        for path in self._folder.glob("*/*/*"):
            if path.suffix in (".jpg", _UNFINISHED) and POINT_ID.fullmatch(path.stem):
                yield path.stem

    def estimate_bytes(self) -> int:
        """Estimate the bytes of all thumbnails. Ids spread evenly: of many, a sample of their folders is measured."""
        try:
            with os.scandir(self._folder) as entries:
                folders = sorted(entry.path for entry in entries if entry.is_dir())
        except OSError:
            return 0
        total = files = measured = 0
        for path in (path for start in range(_STRIDE) for path in folders[start::_STRIDE]):
            found = [_size(each) for each in _list_files(path)]
            total, files, measured = total + sum(found), files + len(found), measured + 1
            if files >= _SAMPLE:
                break
        return total * len(folders) // max(1, measured)

    def _path(self, image_id: str) -> Path | None:
        """None for what is no id: ids come from addresses that anybody can type."""
        if not POINT_ID.fullmatch(image_id):
            return None
        return self._folder / image_id[:2] / image_id[2:4] / f"{image_id}.jpg"
