"""The mirror's generation in use -> one file, and back into another data folder."""

import errno
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from core.adapters.faiss_mirror.archive import tar_format
from core.adapters.faiss_mirror.archive.tar_format import ArchiveSummary, ArchiveWriter
from core.adapters.faiss_mirror.manifest import Manifest
from core.adapters.faiss_mirror.mirror_folder import MirrorFolder
from core.adapters.faiss_mirror.segment import Segment, open_name_order, open_segments
from core.adapters.faiss_mirror.segment_rewrite import migrate_words
from core.adapters.local.atomic_write import replacing
from core.adapters.local.free_space import check_free_space
from core.errors import ArchiveRefused, DiskFull, MirrorDamaged
from core.errors.hints import Advice, TryAgain
from core.ports.local_files import ThumbnailStore

_PIECE = 2**20
_LOOK_EVERY = 64 * 2**20  # bytes of thumbnails between two looks at the free room
_ROWS = 10_000

_log = logging.getLogger(__name__)


def export(folder: MirrorFolder, path: Path, thumbnails: ThumbnailStore | None) -> ArchiveSummary:
    """Packs the generation in use, and the thumbnails of its pictures that are in `thumbnails`, into `path`.

    What is at `path` is replaced once the new file is whole. Raises MirrorMissing, MirrorDamaged, DiskFull,
    ArchiveRefused.
    """
    generation, manifest, _ = folder.find_usable()
    as_of = folder.as_of(manifest)
    with _writing(path):
        check_free_space(path.parent, sum(entry.size for entry in manifest.files.values()))
        with replacing(path) as file:
            packing = ArchiveWriter(file, as_of, manifest)
            for name, entry in manifest.files.items():
                _pack(packing, generation, name, entry)
            count = 0
            if thumbnails is not None:
                count = _pack_thumbnails(packing, path.parent, open_segments(generation, manifest), thumbnails)
            packing.seal()
    _log.info("mirror exported generation=%s images=%d thumbnails=%d", manifest.name, manifest.points, count)
    return ArchiveSummary(manifest, as_of, count)


def import_file(path: Path, folder: MirrorFolder, thumbnails: ThumbnailStore, wait_s: float = 30.0) -> ArchiveSummary:
    """Unpacks such a file as the generation that is in use from then on, under the next name that is free.

    Everything is checked before it is published; where it is refused, what was there stays. Raises ArchiveRefused,
    DiskFull, LibraryBusy, and OSError.
    """
    try:
        size = path.stat().st_size
        packed = tar_format.check(path)
    except OSError as error:
        raise ArchiveRefused(path, f"cannot be read: {error.strerror or error}") from error
    check_free_space(_existing_parent(folder.folder), size)
    with folder.building(wait_s) as unfinished:
        _Unpacker(path, unfinished, packed.manifest, thumbnails).run()
        manifest = migrate_words(unfinished, replace(packed.manifest, name=folder.next_name(), imported=True))
        os.sync()  # the thumbnails too, which cannot be made again here
        folder.publish(unfinished, manifest, packed.as_of)
    _log.info("mirror imported generation=%s images=%d", manifest.name, manifest.points)
    return replace(packed, manifest=manifest)


def _pack(packing: ArchiveWriter, generation: Path, name: str, entry: object) -> None:
    try:
        packed = packing.add_file(name, generation / name)
    except FileNotFoundError as error:
        raise MirrorDamaged(generation, f"{name} went away, perhaps as newer ones were made", TryAgain()) from error
    if packed != entry:
        raise MirrorDamaged(generation, f"{name} is not what was written")


def _pack_thumbnails(
    packing: ArchiveWriter, folder: Path, segments: Sequence[Segment], thumbnails: ThumbnailStore
) -> int:
    count = since = 0
    for image_id in sorted(_ids(segments)):
        jpeg = thumbnails.get(image_id)
        if jpeg is None or len(jpeg) > tar_format.MAX_THUMBNAIL:
            continue
        packing.add_thumbnail(image_id, jpeg)
        count, since = count + 1, since + len(jpeg)
        if since > _LOOK_EVERY:
            check_free_space(folder)
            since = 0
    return count


def _ids(segments: Sequence[Segment]) -> Iterator[str]:
    for segment in segments:
        rows = np.flatnonzero(segment.live)
        for start in range(0, len(rows), _ROWS):
            yield from segment.columns.names(rows[start : start + _ROWS])


@dataclass(frozen=True, slots=True)
class _Unpacker:
    """Into a new folder, and once all of that is known to be whole, into the thumbnails."""

    path: Path
    into: Path
    manifest: Manifest
    thumbnails: ThumbnailStore

    def run(self) -> None:
        for entry in self.manifest.segments:
            (self.into / entry.name).mkdir()
        tar_format.unpack(self.path, self._file, lambda *_: None)
        try:
            segments = open_segments(self.into, self.manifest)
            open_name_order(self.into, self.manifest)
            loads = [(segment.columns.rows, int(np.count_nonzero(segment.live))) for segment in segments]
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ArchiveRefused(self.path, f"holds a mirror that cannot be opened ({error!r})") from error
        if loads != [(entry.rows, entry.live) for entry in self.manifest.segments]:
            raise ArchiveRefused(self.path, "holds a mirror with other pictures than it tells of")
        tar_format.unpack(self.path, lambda *_: None, self._thumbnail)

    def _file(self, name: str, found: BinaryIO) -> None:
        digest = hashlib.sha256()
        with (self.into / name).open("xb") as file:
            while piece := found.read(_PIECE):
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != self.manifest.files[name].sha256:
            raise ArchiveRefused(
                self.path, f"holds {name}, which is not what was written", Advice("make the file anew")
            )

    def _thumbnail(self, image_id: str, jpeg: bytes) -> None:
        if jpeg.startswith(b"\xff\xd8\xff"):
            self.thumbnails.put(image_id, jpeg)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(path.parent, shutil.disk_usage(path.parent).free, _LOOK_EVERY) from error
        raise ArchiveRefused(path, f"cannot be written: {error.strerror or error}") from error


def _existing_parent(folder: Path) -> Path:
    """The folder, or what of its path is there already."""
    return next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
