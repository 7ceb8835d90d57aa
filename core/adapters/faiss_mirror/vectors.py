"""The vectors of a segment in a FAISS index on disk, mapped: as float32, as float16, or in cells (IVF).

Scores are inner products, which of unit vectors are cosines.
"""

from pathlib import Path
from typing import Any, Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from core.adapters.columns.table import Mask, Rows
from core.domain.vectors import Matrix, Vector

Storage = Literal["float32", "float16", "ivf"]

_ROWS_A_CELL = 256  # on average; each search looks at the cells nearest to the query
_CELLS_LOOKED_AT = 1 / 16
_FEW = 10_000  # rows for which cells are not worth it
_SEED = 20


def write_vectors(path: Path, vectors: Matrix, storage: Storage) -> None:
    """(N, D) float32 unit rows, N > 0. Raises OSError."""
    index = _build_index(vectors, storage)
    index.add(vectors)
    if isinstance(index, faiss.IndexIVF):
        index.make_direct_map()
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(f"{path} could not be written: {error}") from error


def _build_index(vectors: Matrix, storage: Storage) -> Any:
    count, dimension = vectors.shape
    product, half = faiss.METRIC_INNER_PRODUCT, faiss.ScalarQuantizer.QT_fp16
    if storage == "float32":
        return faiss.IndexFlatIP(dimension)
    if storage == "float16" or count < _FEW:
        index = faiss.IndexScalarQuantizer(dimension, half, product)
        index.train(vectors[:1])
        return index
    cells = count // _ROWS_A_CELL
    index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(dimension), dimension, cells, half, product, False)
    index.cp.seed = _SEED
    index.nprobe = max(1, round(cells * _CELLS_LOOKED_AT))
    index.train(vectors)
    return index


class SegmentVectors:
    """Some rows of a segment have a vector: `rows` are these, ascending. Safe to read from several threads."""

    def __init__(self, path: Path, rows: Rows) -> None:
        """Raises OSError where the file is none of these, or holds another number of vectors."""
        try:
            self._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise OSError(f"{path} is no FAISS index: {error}") from error
        if self._index.ntotal != len(rows):
            raise OSError(f"{path} holds {self._index.ntotal} vectors, not {len(rows)}")
        self._rows = rows
        self._cells = isinstance(self._index, faiss.IndexIVF)

    def best(self, vector: Vector, passing: Mask, limit: int, *, exact: bool) -> tuple[Rows, NDArray[np.float32]]:
        """Of the rows that pass the `limit` with the highest scores, best first; all where there are fewer."""
        allowed = passing[self._rows]
        count = int(np.count_nonzero(allowed))
        if not count or limit < 1:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        scores, places = self._index.search(
            np.ascontiguousarray(vector[None], np.float32),
            min(limit, count),
            params=self._search_parameters(allowed, exact),
        )
        found = places[0] >= 0
        return self._rows[places[0][found]].astype(np.int64), scores[0][found]

    def of(self, rows: Rows) -> tuple[Rows, Matrix]:
        """Of these rows those that have a vector, and the vectors: (N, D) float32."""
        places = np.searchsorted(self._rows, rows)
        held = np.flatnonzero(places < len(self._rows))
        held = held[self._rows[places[held]] == rows[held]]
        wanted = places[held].astype(np.int64)
        if not len(wanted):
            return rows[held], np.zeros((0, self._index.d), np.float32)
        return rows[held], self._index.reconstruct_batch(wanted)

    def _search_parameters(self, allowed: Mask, exact: bool) -> Any:
        chosen = None
        if not allowed.all():
            bits = np.packbits(allowed, bitorder="little")
            chosen = faiss.IDSelectorBitmap(bits)
        if self._cells:
            cells = self._index.nlist if exact else self._index.nprobe
            return faiss.SearchParametersIVF(sel=chosen, nprobe=cells)
        return None if chosen is None else faiss.SearchParameters(sel=chosen)
