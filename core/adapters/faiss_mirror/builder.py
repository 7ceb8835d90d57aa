"""A generation of the mirror from the library: only what was written since the last one is read and written anew."""

import heapq
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.adapters.columns.column_set import ColumnSet
from core.adapters.columns.table import Columns, Ids, Mask, Rows, pack_ids, unpack_ids
from core.adapters.faiss_mirror.compaction import SegmentLoad, choose_rewritten
from core.adapters.faiss_mirror.manifest import NAME_ORDER, FileEntry, Manifest, SegmentEntry, digest_of
from core.adapters.faiss_mirror.mirror_folder import KEPT, MirrorFolder, reuse_segment
from core.adapters.faiss_mirror.segment import COLUMNS, DENSE, ROWS, Row, Segment, open_segments
from core.adapters.faiss_mirror.segment_rewrite import iter_live_rows, write_new_segment
from core.adapters.faiss_mirror.vectors import Storage
from core.adapters.local.free_space import check_free_space
from core.errors import BucketLensError
from core.ports.vector_index import VectorIndex

_KNOWN = 100_000  # ids and versions in hand as Python's own objects
_PAGE = 1000  # images read from the library at once
_PAYLOAD_BYTES = 4096  # of an image in columns and inverted lists, generously

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LibraryState:
    """Every image of the library in ascending order of id, with the version of its point."""

    ids: Ids
    versions: NDArray[np.int64]

    @classmethod
    def of(cls, index: VectorIndex) -> "LibraryState":
        told = index.versions()
        parts: list[Ids] = [pack_ids([])]
        numbers: list[NDArray[np.int64]] = []
        while found := list(islice(told, _KNOWN)):
            parts.append(pack_ids([image_id for image_id, _ in found]))
            numbers.append(np.array([version for _, version in found], np.int64))
        ids = np.concatenate(parts)
        versions = np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
        order = np.argsort(ids)
        return cls(ids[order], versions[order])

    def match(self, segment: Segment) -> tuple[Mask, Rows]:
        """Which rows of a segment are as the library has them, and where these are in the library."""
        if not len(self.ids):
            return np.zeros(segment.columns.rows, bool), np.zeros(0, np.int64)
        places = np.minimum(np.searchsorted(self.ids, segment.columns.ids), len(self.ids) - 1)
        same = (self.ids[places] == segment.columns.ids) & (self.versions[places] == segment.columns.numbers("version"))
        live = same & segment.live
        return live, places[live]


@dataclass(frozen=True, slots=True)
class Previous:
    """The generation that is built on, and the folder of the one before it."""

    folder: Path
    manifest: Manifest
    segments: Sequence[Segment]
    before: Path | None


def build(
    index: VectorIndex,
    folder: MirrorFolder,
    storage: Storage,
    *,
    rows: int = ROWS,
    anew: bool = False,
    wait_s: float = 30.0,
    going: Callable[[], object] = lambda: None,
) -> Manifest:
    """Makes the mirror equal to the library, and returns what is in use then.

    `anew`: nothing is taken over, and no generation before it kept: what was deleted is then in no file any more.
    `rows`: the most that a segment holds, and that are in memory at once. `going` is called between pages, and ends it
    by raising: what was published before stays. What is written into the library meanwhile may be in it or not.
    Raises LibraryError, DiskFull and LibraryBusy among them, and OSError.
    """
    started = time.monotonic()
    with folder.building(wait_s) as unfinished:
        as_of = datetime.now(UTC)
        stamp = index.stamp()
        previous = None if anew else _previous(folder, index, storage)
        if previous is not None and stamp is not None and folder.stamp_of(previous.manifest) == stamp:
            folder.point_to(previous.manifest.name, as_of)
            return previous.manifest
        known = LibraryState.of(index)
        made = _Build(index, unfinished, storage, rows, known, previous, going).run()
        if made is None:
            assert previous is not None
            folder.point_to(previous.manifest.name, as_of)
            folder.keep_stamp(previous.manifest, stamp)
            return previous.manifest
        segments, files = made
        files[NAME_ORDER] = _write_name_order(unfinished, segments)
        manifest = Manifest(
            name=folder.next_name(),
            info=index.info,
            created_at=as_of,
            points=sum(entry.live for entry in segments),
            version=int(known.versions.max(initial=0)),
            storage=storage,
            segments=tuple(segments),
            files=files,
        )
        folder.publish(unfinished, manifest, kept=1 if anew else KEPT)
        folder.keep_stamp(manifest, stamp)
    seconds = time.monotonic() - started
    _log.info("mirror published generation=%s images=%d seconds=%.1f", manifest.name, manifest.points, seconds)
    return manifest


def _previous(folder: MirrorFolder, index: VectorIndex, storage: Storage) -> Previous | None:
    """None where there is nothing that could be built on."""
    candidates = folder.candidates()
    for n, generation in enumerate(candidates):
        try:
            manifest = folder.check(generation)
            if (manifest.info, manifest.storage) != (index.info, storage) or manifest.imported or manifest.outdated:
                return None
            before = candidates[n + 1] if n + 1 < len(candidates) else None
            return Previous(generation, manifest, open_segments(generation, manifest), before)
        except (BucketLensError, OSError, ValueError) as error:
            _log.warning("mirror built anew from the one before generation=%s error=%s", generation.name, error)
    return None


def _write_name_order(unfinished: Path, entries: Sequence[SegmentEntry]) -> FileEntry:
    """Order the rows of all segments by name, as schema.NAME_ORDER has it, once for all readers."""
    tables = [Columns.open(unfinished / entry.name / COLUMNS) for entry in entries]
    np.save(unfinished / NAME_ORDER, ColumnSet(tables, [None] * len(tables)).names, allow_pickle=False)
    return digest_of(unfinished / NAME_ORDER)


class _Build:
    """What one build does, from what is known of the library to the files of a generation."""

    def __init__(
        self,
        index: VectorIndex,
        unfinished: Path,
        storage: Storage,
        rows: int,
        known: LibraryState,
        previous: Previous | None,
        going: Callable[[], object],
    ) -> None:
        self._index = index
        self._unfinished = unfinished
        self._storage = storage
        self._rows = rows
        self._known = known
        self._previous = previous
        self._going = going

    def run(self) -> tuple[list[SegmentEntry], dict[str, FileEntry]] | None:
        """None where the generation before is equal to the library."""
        held = np.zeros(len(self._known.ids), bool)
        lives: list[Mask] = []
        for segment in self._segments:
            live, places = self._known.match(segment)
            held[places] = True
            lives.append(live)
        missing = np.flatnonzero(~held)
        if self._previous is not None and not len(missing) and self._unchanged(lives):
            return None
        anew = self._choose_rewritten(lives)
        check_free_space(self._unfinished, self._growth(len(missing), anew, lives))
        entries: list[SegmentEntry] = []
        files: dict[str, FileEntry] = {}
        for n, live in enumerate(lives):
            if n not in anew and live.any():
                entry, taken = self._keep(n, live)
                entries.append(entry)
                files |= taken
        changed = [self._read(missing), *(iter_live_rows(self._segments[n], lives[n]) for n in anew)]
        rows = heapq.merge(*changed, key=lambda row: row.record.id)
        while part := list(islice(rows, self._rows)):
            entry, written = self._write(part)
            entries.append(entry)
            files |= written
        return entries, files

    @property
    def _segments(self) -> Sequence[Segment]:
        return self._previous.segments if self._previous else ()

    def _unchanged(self, lives: Sequence[Mask]) -> bool:
        return all(np.array_equal(live, one.live) for live, one in zip(lives, self._segments, strict=True))

    def _choose_rewritten(self, lives: Sequence[Mask]) -> list[int]:
        loads = [SegmentLoad(str(n), len(live), int(np.count_nonzero(live))) for n, live in enumerate(lives)]
        unsorted = {n for n, segment in enumerate(self._segments) if not segment.columns.is_sorted}
        return sorted({int(name) for name in choose_rewritten(loads, self._rows)} | unsorted)

    def _growth(self, missing: int, anew: Sequence[int], lives: Sequence[Mask]) -> int:
        """Bytes at most: what is written anew, and everything else once more."""
        rows = missing + sum(int(np.count_nonzero(lives[n])) for n in anew)
        copied = sum(entry.size for entry in self._previous.manifest.files.values()) if self._previous else 0
        return rows * (2 * 4 * self._index.info.dimension + _PAYLOAD_BYTES) + copied

    def _keep(self, n: int, live: Mask) -> tuple[SegmentEntry, dict[str, FileEntry]]:
        """A segment of the generation before, with what of it still lives."""
        self._going()
        assert self._previous is not None
        manifest = self._previous.manifest
        name = manifest.segments[n].name
        files = {path: entry for path, entry in manifest.files.items() if path.split("/")[0] == name}
        reuse_segment(name, self._unfinished, files, self._previous.folder, self._previous.before)
        entry = SegmentEntry(name, len(live), int(np.count_nonzero(live)))
        if entry.mask is not None:
            np.save(self._unfinished / entry.mask, live, allow_pickle=False)
            files[entry.mask] = digest_of(self._unfinished / entry.mask)
        return entry, files

    def _write(self, rows: Sequence[Row]) -> tuple[SegmentEntry, dict[str, FileEntry]]:
        self._going()
        return write_new_segment(self._unfinished, rows, self._storage)

    def _read(self, places: Rows) -> Iterator[Row]:
        """Images of the library by their places among all that is known, without those deleted meanwhile."""
        for start in range(0, len(places), _PAGE):
            self._going()
            part = places[start : start + _PAGE]
            ids = unpack_ids(self._known.ids[part])
            records = self._index.fetch(ids)
            dense = {name: self._index.vectors(ids, name) for name in DENSE}
            for image_id, version in zip(ids, self._known.versions[part], strict=True):
                if image_id in records:
                    vectors = {name: held[image_id] for name, held in dense.items() if image_id in held}
                    yield Row(records[image_id], int(version), vectors)
