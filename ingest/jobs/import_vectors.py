"""Takes in vectors that were computed before, without reading a picture."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.domain.ids import point_id
from core.domain.image import UNREAD_ETAG, ImageRecord
from core.domain.vectors import Matrix, Vector
from core.errors import InvalidVectors, Notice
from core.ports.image_store import Nameable, VectorRows
from core.ports.vector_index import Point
from core.text.analysis import analyse, is_unicode
from core.text.names import read_name
from ingest.pipeline.caption_updates import text_vectors
from ingest.pipeline.run_context import RunContext, optimize_at_times, retry_while_busy
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.report import Progress, Report

_REPORTED_ROWS = 20  # rows of a file that are reported one by one
_SAME = 1e-5  # cosine distance under which a vector is the one that is there
_SMALLEST = 1e-6  # norm
_ENCODED = 16_384  # captions of which the vectors are kept: 32 MB
_log = get_logger(__name__)

Reader = Callable[[Path], Iterator[VectorRows]]


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    key: str
    uri: str
    captions: tuple[str, ...]
    vector: Vector


class VectorImport:
    """One run over vector files. Rows that are there already are skipped, so a run goes on where one was cut off.

    An image that this library has encoded itself stays as it is; one that failed becomes searchable.
    Every row that cannot be used is reported with file and row, and counted in `report.failed`.
    """

    def __init__(self, context: RunContext, store_of: Callable[[Path], Nameable], read: Reader, report: Report) -> None:
        self._context = context
        self._store_of = store_of
        self._read = read
        self._report = report
        self._seen: set[int] = set()
        self._encoded: dict[str, Vector] = {}
        self._done = 0

    def run(self, files: Sequence[Path]) -> Iterator[Progress]:
        """Import the files one after the other, and yield often."""
        for path in files:
            refused = 0
            try:
                store = self._store_of(path)
                for rows in self._read(path):
                    if self._context.stop.is_set():
                        break
                    modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                    refused = self._write_rows(path, store, rows, modified_at, refused)
                    before, self._done = self._done, self._done + len(rows.names)
                    optimize_at_times(self._context, before, self._done)
                    yield Progress("images", self._done, None, self._report)
            except (InvalidVectors, OSError) as error:
                self._report.problems.append(Notice.quoting(error, after="; nothing more of it was imported"))
            if refused > _REPORTED_ROWS:
                self._report.notices.append(
                    f"{path}: {refused - _REPORTED_ROWS:,} more rows were left out (level info logs all)"
                )
            if self._context.stop.is_set():
                self._report.interrupted = True
                return
        if self._report.added or self._report.updated:
            self._context.run_interruptible(self._context.index.optimize)

    def _write_rows(self, path: Path, store: Nameable, rows: VectorRows, modified_at: datetime, refused: int) -> int:
        """Write what is good and new of some rows. Return how many of the file's rows have been refused by now."""
        good: list[_Row] = []
        vectors, norms = _normalize(rows.vectors)
        for n, name in enumerate(rows.names):
            try:
                good.append(self._parse_row(store, rows, n, vectors[n], float(norms[n])))
            except ValueError as error:
                refused += 1
                self._report.failed += 1
                reason = f"{path}: row {rows.first + n:,} ({name[:200]!r}) was left out: {error}"
                _log.info("row_refused", file=path, row=rows.first + n, reason=str(error))
                if refused <= _REPORTED_ROWS:
                    self._report.notices.append(reason)
        known = retry_while_busy(self._context.index.fetch, [row.id for row in good])
        theirs = [image_id for image_id, record in known.items() if record.etag == UNREAD_ETAG]
        there = retry_while_busy(self._context.index.vectors, theirs) if theirs else {}
        new: list[_Row] = []
        for row in good:
            record = known.get(row.id)
            if record is None or record.status == "failed":
                self._report.added += 1
            elif record.etag != UNREAD_ETAG or self._is_there(row, record, there.get(row.id)):
                self._report.skipped += 1
                continue
            else:
                self._report.updated += 1
            new.append(row)
        if new:
            said = [row.captions for row in new]
            captions = self._encode(said) if any(said) else [None] * len(new)
            times = modified_at, datetime.now(UTC)
            points = [self._build_point(store, row, text, *times) for row, text in zip(new, captions, strict=True)]
            retry_while_busy(self._context.index.upsert, points)
        return refused

    def _encode(self, captions: Sequence[Sequence[str]]) -> list[Vector | None]:
        """Encode the captions of some rows. Many files say the same of many pictures: that is encoded once."""
        if len(self._encoded) > _ENCODED:
            self._encoded.clear()
        return text_vectors(self._context.encoder(), captions, self._encoded)

    def _parse_row(self, store: Nameable, rows: VectorRows, n: int, vector: Vector, norm: float) -> _Row:
        """Check a row, and name its image. Raises ValueError with the reason why it cannot be used."""
        key, uri = _resolve_name(store, rows.names[n], rows.addresses[n] if rows.addresses else "")
        if not math.isfinite(norm):
            raise ValueError("its vector holds NaN or infinite numbers, or is missing")
        if norm < _SMALLEST:
            raise ValueError("its vector is zero")
        image_id = point_id(store.source, key)
        number = int(image_id.replace("-", ""), 16)
        if number in self._seen:
            raise ValueError("an earlier row has the same name; the first one counts")
        self._seen.add(number)
        captions = tuple(dict.fromkeys(text for text in rows.captions[n] if is_unicode(text)))
        return _Row(image_id, key, uri, captions, vector)

    def _is_there(self, row: _Row, record: ImageRecord, vector: Vector | None) -> bool:
        if row.captions and record.captions != row.captions:
            return False
        return vector is not None and 1 - float(vector @ row.vector) < _SAME

    def _build_point(
        self, store: Nameable, row: _Row, caption: Vector | None, modified_at: datetime, indexed_at: datetime
    ) -> Point:
        record = ImageRecord(
            id=row.id,
            source=store.source,
            key=row.key,
            uri=row.uri,
            etag=UNREAD_ETAG,
            bytes=0,
            modified_at=modified_at,
            indexed_at=indexed_at,
            status="indexed",
            encoder=self._context.index.info.fingerprint,
            caption=row.captions[0] if row.captions else None,
            caption_origin="human" if row.captions else None,
            caption_score=None if caption is None else float(caption @ row.vector),
            captions=row.captions,
            words=analyse(*row.captions),
            name_words=analyse(*read_name(row.key, row.uri)),
        )
        return Point(record, row.vector, caption)


def _normalize(rows: Matrix) -> tuple[Matrix, NDArray[np.float64]]:
    """Scale rows, (N, D) as stored, to unit vectors, float32, with the norms that they had, (N,) float64.

    What is not finite, or all zeros, has such a norm; its row means nothing.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        wide = np.asarray(rows, np.float64)
        norms = np.sqrt(np.einsum("nd,nd->n", wide, wide))
        return (wide / norms[:, None]).astype(np.float32), norms


def _resolve_name(store: Nameable, name: str, address: str) -> tuple[str, str]:
    """Return key and uri of a row's image, by its name, else by its address. Raises ValueError with a reason.

    The uri of an image without a source is its address, where it is known.
    """
    address = address if is_unicode(address) else ""
    if not name.strip() or not is_unicode(name):
        if not address:
            raise ValueError("it has no name")
        return store.resolve_name(address)
    try:
        key, uri = store.resolve_name(name)
    except ValueError:
        if not address:
            raise
        return store.resolve_name(address)
    if address and uri.startswith("import:"):
        with suppress(ValueError):
            return key, store.resolve_name(address)[1]
    return key, uri
