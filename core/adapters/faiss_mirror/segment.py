"""A segment: some thousand pictures of a mirror, in files that are never changed again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from core.adapters.columns.builder import tabulate_records
from core.adapters.columns.table import Columns, Mask, Rows
from core.adapters.faiss_mirror.manifest import NAME_ORDER, Manifest
from core.adapters.faiss_mirror.postings import Words, write_words
from core.adapters.faiss_mirror.vectors import SegmentVectors, Storage, write_vectors
from core.domain.image import ImageRecord
from core.domain.vectors import Matrix, Vector
from core.ports.rank_lists import Probe
from core.ports.vector_index import DenseName
from core.text.bm25 import SCORING_VERSION

ROWS = 65_536  # at most: so many are in memory while a segment is written
COLUMNS = "columns.arrow"
DENSE: tuple[DenseName, ...] = get_args(DenseName)


@dataclass(frozen=True, slots=True)
class Row:
    """A point with the version that it had, at the latest, when it was read."""

    record: ImageRecord
    version: int
    vectors: Mapping[DenseName, Vector]


def write_segment(folder: Path, rows: Sequence[Row], storage: Storage) -> None:
    """At most ROWS of them, in ascending order of id, into a new folder. Raises OSError."""
    folder.mkdir()
    columns = tabulate_records([row.record for row in rows], [row.version for row in rows])
    columns.write(folder / COLUMNS)
    write_words(folder, [row.record.documents for row in rows])
    for name in DENSE:
        held = [n for n, row in enumerate(rows) if name in row.vectors]
        np.save(folder / f"{name}_rows.npy", np.array(held, np.int32), allow_pickle=False)
        if held:
            vectors = np.stack([rows[n].vectors[name] for n in held]).astype(np.float32)
            write_vectors(folder / f"{name}.faiss", vectors, storage)


class Segment:
    """A segment opened: everything is mapped. `live`: the rows that no later segment has replaced, and none deleted.

    Safe to use from several threads.
    """

    def __init__(self, folder: Path, live: Mask | None, scoring: int = SCORING_VERSION) -> None:
        """Raises OSError, ValueError and pyarrow's errors where the files are none of a segment."""
        self.columns = Columns.open(folder / COLUMNS)
        self.words = Words(folder, scoring)
        self.live: Mask = np.ones(self.columns.rows, bool) if live is None else live
        if len(self.live) != self.columns.rows:
            raise ValueError(f"{folder} has {self.columns.rows} rows, not {len(self.live)}")
        self._dense: dict[DenseName, SegmentVectors] = {}
        for name in DENSE:
            rows = np.load(folder / f"{name}_rows.npy", mmap_mode="r")
            if len(rows):
                self._dense[name] = SegmentVectors(folder / f"{name}.faiss", rows)

    def best(
        self, probe: Probe, terms: Mapping[int, float], passing: Mask, limit: int, *, exact: bool
    ) -> tuple[Rows, NDArray[np.floating]]:
        """Rows with their scores, the best `limit` among them; `terms`: the vector of the probe's words."""
        if probe.vector is None:
            rows, scores = self.words.scores(terms, passing)
            if len(rows) <= limit:
                return rows, scores
            best = np.argpartition(-scores, limit - 1)[:limit]
            return rows[best], scores[best]
        if probe.list not in self._dense:
            return np.zeros(0, np.int64), np.zeros(0)
        assert probe.vector is not None
        return self._dense[probe.list].best(probe.vector, passing, limit, exact=exact)

    def scores(self, probe: Probe, terms: Mapping[int, float], rows: Rows) -> tuple[Rows, NDArray[np.floating]]:
        """Of these rows, ascending, those that the probe's list knows, with their scores."""
        if probe.vector is None:
            passing = np.zeros(self.columns.rows, bool)
            passing[rows] = True
            return self.words.scores(terms, passing)
        assert probe.list == "image" or probe.list == "caption"
        held, vectors = self.vectors(probe.list, rows)
        if not len(held):
            return held, np.zeros(0, np.float32)
        return held, vectors @ np.asarray(probe.vector, np.float32)

    def vectors(self, name: DenseName, rows: Rows) -> tuple[Rows, Matrix]:
        """Of these rows, ascending, those that have the named vector, and their vectors."""
        if name not in self._dense:
            return np.zeros(0, np.int64), np.zeros((0, 0), np.float32)
        return self._dense[name].of(rows)

    def read(self, rows: Rows) -> list[Row]:
        """These rows, ascending, whole, as they were written."""
        dense: dict[int, dict[DenseName, Vector]] = {int(row): {} for row in rows}
        for name in DENSE:
            for row, vector in zip(*self.vectors(name, rows), strict=True):
                dense[int(row)][name] = vector
        versions = self.columns.numbers("version")[rows]
        records = self.columns.records(rows)
        return [
            Row(record, int(version), dense[int(row)])
            for record, version, row in zip(records, versions, rows, strict=True)
        ]


def open_segments(generation: Path, manifest: Manifest) -> list[Segment]:
    """Of a generation whose files were checked. Raises OSError, ValueError and pyarrow's errors."""
    masks = (None if entry.mask is None else np.load(generation / entry.mask) for entry in manifest.segments)
    return [
        Segment(generation / entry.name, live, manifest.scoring)
        for entry, live in zip(manifest.segments, masks, strict=True)
    ]


def open_name_order(generation: Path, manifest: Manifest) -> NDArray[np.int32] | None:
    """Map the order of its rows by name; None where it was made without. Raises OSError and ValueError."""
    if NAME_ORDER not in manifest.files:
        return None
    order: NDArray[np.int32] = np.load(generation / NAME_ORDER, mmap_mode="r", allow_pickle=False)
    rows = sum(entry.rows for entry in manifest.segments)
    if order.dtype != np.int32 or order.shape != (rows,) or (rows and not -rows <= order.min() <= order.max() < rows):
        raise ValueError(f"{NAME_ORDER} of {generation} orders other rows than its own")
    return order
