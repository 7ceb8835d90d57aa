"""A mirror in one file, to be carried to where there is no network: a tar of plain files, in this order.

    travel.json               what this is, and when the mirror was equal to its library
    mirror/manifest.json      what the mirror holds; then its files, with sizes and digests as told there
    thumbnails/<id>.jpg       in ascending order of id, where they were wanted
    seal                      the SHA-256 of every byte before it

Nothing of a file is believed before its end has been read. A file that was cut short has no seal, and one that was
changed has another.
"""

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO, cast

from core.adapters.faiss_mirror.manifest import MANIFEST, NAME_ORDER, FileEntry, Manifest, decode_manifest
from core.domain.ids import POINT_ID
from core.errors import ArchiveRefused, BucketLensError
from core.errors.hints import Advice, ExportMirror

FORMAT = 1
MAX_THUMBNAIL = 8 * 2**20
_HEAD = "travel.json"
_MIRROR = "mirror/"
_THUMBNAILS = "thumbnails/"
_SEAL = "seal"
_MAX_TOLD = 64 * 2**20  # of a manifest; a million pictures have some 50 kB
_SEGMENT = re.compile(r"segment-[0-9a-f]{12}")
_FILE = re.compile(r"segment-[0-9a-f]{12}/[a-z_]{1,40}\.[a-z]{1,10}|live-segment-[0-9a-f]{12}\.npy|name_order\.npy")
_PIECE = 2**20
_CUT = Advice(
    "it may have been cut short or damaged on its way: carry it over again, or make it anew where it was made"
)


class ArchiveWriter:
    """Writes such a file, from its head to its seal. Raises OSError."""

    def __init__(self, file: BinaryIO, as_of: datetime, manifest: Manifest) -> None:
        self._written = _HashingFile(file)
        self._tar = tarfile.open(fileobj=cast(IO[bytes], self._written), mode="w", format=tarfile.GNU_FORMAT)
        head = {"kind": "bucketlens-mirror", "format": FORMAT, "as_of": as_of.isoformat()}
        self._add(_HEAD, json.dumps(head).encode())
        self._add(_MIRROR + MANIFEST, manifest.encode())

    def add_file(self, name: str, path: Path) -> FileEntry:
        """A file of the mirror; how it was when it was read."""
        with path.open("rb") as file:
            read = _HashingFile(file)
            info = tarfile.TarInfo(_MIRROR + name)
            info.size = path.stat().st_size
            self._tar.addfile(info, cast(IO[bytes], read))
            _forget(self._tar)
        return FileEntry(info.size, read.digest)

    def add_thumbnail(self, image_id: str, jpeg: bytes) -> None:
        self._add(f"{_THUMBNAILS}{image_id}.jpg", jpeg)

    def seal(self) -> None:
        self._add(_SEAL, self._written.digest.encode())
        self._tar.close()

    def _add(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._tar.addfile(info, io.BytesIO(data))
        _forget(self._tar)


@dataclass(frozen=True, slots=True)
class ArchiveSummary:
    """What such a file holds."""

    manifest: Manifest
    as_of: datetime
    thumbnails: int


def check(path: Path) -> ArchiveSummary:
    """Reads it from end to end. Raises ArchiveRefused unless it is whole and holds nothing but what belongs there.

    The digests of the mirror's own files are left to who unpacks them.
    """
    with _open_tar(path) as tar:
        packed, ends = _ArchiveChecker(path).run(tar)
    with path.open("rb") as file:
        digest, left = hashlib.sha256(), ends
        while left and (piece := file.read(min(_PIECE, left))):
            digest.update(piece)
            left -= len(piece)
        file.seek(tarfile.BLOCKSIZE, os.SEEK_CUR)
        sealed, behind = file.read(tarfile.BLOCKSIZE), file.read(2 * tarfile.RECORDSIZE)
        size = file.seek(0, os.SEEK_END)
    if sealed.rstrip(b"\0") != digest.hexdigest().encode():
        raise ArchiveRefused(path, "is not what was written", _CUT)
    if behind.strip(b"\0") or size != _whole_size(ends):
        raise ArchiveRefused(path, "does not end where it should", _CUT)
    return packed


def _whole_size(ends: int) -> int:
    """Bytes of a file whose seal begins there: with that, two empty blocks and what fills the last record."""
    return -(-(ends + 4 * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


def unpack(path: Path, file: Callable[[str, BinaryIO], None], thumbnail: Callable[[str, bytes], None]) -> None:
    """Hands out what is in a file that `check` let pass. Raises ArchiveRefused, OSError."""
    with _open_tar(path) as tar:
        for info in _members(tar):
            found = tar.extractfile(info)
            assert found is not None
            if info.name.startswith(_MIRROR) and info.name != _MIRROR + MANIFEST:
                file(info.name.removeprefix(_MIRROR), cast(BinaryIO, found))
            elif info.name.startswith(_THUMBNAILS):
                thumbnail(_thumbnail_id(info.name), found.read())


class _ArchiveChecker:
    """Member by member in the order that there is: what comes next is known."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def run(self, tar: tarfile.TarFile) -> tuple[ArchiveSummary, int]:
        """What it holds, and where its seal begins."""
        members = _members(tar)
        as_of = self._head(self._read(tar, members, _HEAD))
        manifest = self._manifest(self._read(tar, members, _MIRROR + MANIFEST))
        missing = dict(manifest.files)
        thumbnails, last = 0, ""
        for info in members:
            if info.name == _SEAL and not missing:
                return ArchiveSummary(manifest, as_of, thumbnails), info.offset
            name = info.name.removeprefix(_MIRROR)
            if info.name.startswith(_MIRROR) and name in missing:
                if missing.pop(name).size != info.size:
                    raise self._refused(f"holds {name} with another size than was written")
                continue
            image_id = _thumbnail_id(info.name)
            if missing or not image_id > last or info.size > MAX_THUMBNAIL:
                raise self._refused(f"holds {info.name!r}, which does not belong there")
            thumbnails, last = thumbnails + 1, image_id
        raise self._refused("has no end")

    def _read(self, tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], name: str) -> bytes:
        info = next(members, None)
        if info is None or info.name != name or info.size > _MAX_TOLD:
            raise ArchiveRefused(self._path, "holds no mirror of a library", ExportMirror())
        found = tar.extractfile(info)
        assert found is not None
        return found.read()

    def _head(self, raw: bytes) -> datetime:
        try:
            told = json.loads(raw)
            if told["kind"] != "bucketlens-mirror":
                raise ValueError(told["kind"])
            if told["format"] > FORMAT:
                raise ArchiveRefused(
                    self._path, "was made by a newer BucketLens", Advice("update BucketLens to take it in")
                )
            return datetime.fromisoformat(told["as_of"]).astimezone(UTC)
        except (ValueError, KeyError, TypeError) as error:
            raise self._refused("does not tell what it holds") from error

    def _manifest(self, raw: bytes) -> Manifest:
        try:
            manifest = decode_manifest(raw, self._path)
        except BucketLensError as error:
            raise self._refused(f"does not tell what it holds ({error})") from error
        try:
            _check_names(manifest)
        except (ValueError, TypeError, AttributeError) as error:
            raise self._refused(f"tells of files that a mirror does not have ({error})") from error
        return manifest

    def _refused(self, problem: str) -> ArchiveRefused:
        return ArchiveRefused(self._path, problem, _CUT)


def _check_names(manifest: Manifest) -> None:
    """Raises ValueError, TypeError: names of a manifest become paths."""
    segments = [entry.name for entry in manifest.segments]
    if len(set(segments)) < len(segments) or not all(map(_SEGMENT.fullmatch, segments)):
        raise ValueError(f"segments {segments}")
    masks = {entry.mask for entry in manifest.segments} - {None}
    for name, entry in manifest.files.items():
        known = name == NAME_ORDER or name in masks or name.split("/")[0] in segments
        if not (known and _FILE.fullmatch(name)) or entry.size < 0 or len(entry.sha256) != 64:
            raise ValueError(name)
    if not masks <= manifest.files.keys():
        raise ValueError(f"{len(masks)} segments with deleted pictures")


def _thumbnail_id(name: str) -> str:
    """Empty for what is not the name of a thumbnail."""
    image_id = name.removeprefix(_THUMBNAILS).removesuffix(".jpg")
    return image_id if POINT_ID.fullmatch(image_id) and name == f"{_THUMBNAILS}{image_id}.jpg" else ""


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Plain files alone. Raises TarError for anything else: links, folders, devices, extended headers."""
    while (info := tar.next()) is not None:
        if info.type != tarfile.REGTYPE or info.pax_headers or info.sparse is not None:
            raise tarfile.TarError(f"{info.name!r} is no plain file")
        yield info
        _forget(tar)


def _forget(tar: tarfile.TarFile) -> None:
    """What was there: it keeps all of a million members else."""
    tar.members.clear()  # type: ignore[attr-defined]


@contextmanager
def _open_tar(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise ArchiveRefused(path, f"holds no mirror of a library, or a damaged one ({error})", _CUT) from error


class _HashingFile:
    """A file through which bytes go that are hashed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def read(self, count: int = -1) -> bytes:
        data = self._file.read(count)
        self._hash.update(data)
        return data

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()
