"""Rows of a mirror's segments, read and written anew, as they are or with the words of this version."""

import heapq
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np

from core.adapters.columns.table import Mask
from core.adapters.faiss_mirror.manifest import NAME_ORDER, FileEntry, Manifest, SegmentEntry, digest_of
from core.adapters.faiss_mirror.segment import ROWS, Row, Segment, open_segments, write_segment
from core.adapters.faiss_mirror.vectors import Storage
from core.adapters.local.free_space import check_free_space
from core.text.analysis import ANALYSER_VERSION
from core.text.bm25 import SCORING_VERSION

_PAGE = 1000


def migrate_words(unfinished: Path, manifest: Manifest, rows: int = ROWS) -> Manifest:
    """The same generation with the words of this version, made of its own captions: no library is asked.

    Its segments, in a folder that is not published yet, are written anew. Raises DiskFull and OSError.
    """
    if not manifest.outdated:
        return manifest
    check_free_space(unfinished, sum(entry.size for entry in manifest.files.values()))
    segments = open_segments(unfinished, manifest)
    every = heapq.merge(*map(_reanalyse, segments), key=lambda row: row.record.id)
    entries: list[SegmentEntry] = []
    files: dict[str, FileEntry] = {}
    while part := list(islice(every, rows)):
        entry, written = write_new_segment(unfinished, part, cast(Storage, manifest.storage))
        entries.append(entry)
        files |= written
    for old in manifest.segments:
        shutil.rmtree(unfinished / old.name)
        if old.mask is not None:
            (unfinished / old.mask).unlink()
    (unfinished / NAME_ORDER).unlink(missing_ok=True)  # of the rows of before
    return replace(manifest, segments=tuple(entries), files=files, analyser=ANALYSER_VERSION, scoring=SCORING_VERSION)


def _reanalyse(segment: Segment) -> Iterator[Row]:
    for row in iter_live_rows(segment, segment.live):
        yield replace(row, record=row.record.with_words())


def iter_live_rows(segment: Segment, live: Mask) -> Iterator[Row]:
    rows = np.flatnonzero(live)
    for start in range(0, len(rows), _PAGE):
        yield from segment.read(rows[start : start + _PAGE])


def write_new_segment(folder: Path, rows: Sequence[Row], storage: Storage) -> tuple[SegmentEntry, dict[str, FileEntry]]:
    """A new segment in the folder, and its files. Raises OSError."""
    name = f"segment-{uuid.uuid4().hex[:12]}"
    write_segment(folder / name, rows, storage)
    written = {f"{name}/{path.name}": digest_of(path) for path in (folder / name).iterdir()}
    return SegmentEntry(name, len(rows), len(rows)), written
