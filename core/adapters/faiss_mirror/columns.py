"""Records as columns of a file that is mapped, not read: what a mirror knows of its pictures."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.domain.image import LISTS, TIMES, ImageRecord
from core.domain.metadata import FileText
from core.domain.text_lines import TextLine

Rows = NDArray[np.int64]  # row numbers of a segment, ascending where nothing else is said
Mask = NDArray[np.bool_]  # one for every row of a segment
Ids = NDArray[np.bytes_]  # (N,) S16: ids in as many bytes, compared as these

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_CODED = pa.dictionary(pa.int32(), pa.string())  # values that many rows share
_TIME = pa.int64()  # microseconds since 1970, UTC
_FIELDS: dict[str, Any] = {
    "source": _CODED,
    "status": _CODED,
    "encoder": _CODED,
    "caption_origin": _CODED,
    "captioner": _CODED,
    "framing": _CODED,
    "key": pa.string(),
    "uri": pa.string(),
    "etag": pa.string(),
    "error": pa.string(),
    "content_hash": pa.string(),
    "caption": pa.string(),
    "generated": pa.string(),
    "captions": pa.list_(pa.string()),
    "words": pa.list_(_CODED),
    "bytes": pa.int64(),
    "width": pa.int64(),
    "height": pa.int64(),
    "caption_score": pa.float64(),
    "modified_at": _TIME,
    "indexed_at": _TIME,
    "taken_at": _TIME,
    "incomplete": pa.float64(),
    "taken_instant": _TIME,
    "taken_from": _CODED,
    "taken_precision": _CODED,
    "camera": _CODED,
    "lens": _CODED,
    "latitude": pa.float64(),
    "longitude": pa.float64(),
    "rating": pa.int64(),
    "file_texts": pa.list_(pa.struct({"text": pa.string(), "origin": pa.string()})),
    "keywords": pa.list_(_CODED),
    "people": pa.list_(_CODED),
    "pair": pa.string(),
    "caption_flaw": _CODED,
    "caption_language": _CODED,
    "text_lines": pa.list_(pa.struct({"text": pa.string(), "box": pa.list_(pa.float64()), "score": pa.float64()})),
    "text_reader": _CODED,
    "unread_lines": pa.int64(),
    "places": pa.list_(_CODED),
    "city": _CODED,
    "region": _CODED,
    "country": _CODED,
    "time_zone": _CODED,
    "text_words": pa.list_(_CODED),
    "place_words": pa.list_(_CODED),
    "name_words": pa.list_(_CODED),
}


def write_columns(path: Path, records: Sequence[ImageRecord], versions: Sequence[int]) -> None:
    """Records in ascending order of id. Raises OSError."""
    ids = [uuid.UUID(record.id).bytes for record in records]
    columns = {
        "id": pa.array(ids, pa.binary(16)),
        "version": pa.array(versions, pa.int64()),
        "aspect": pa.array([_aspect(record) for record in records], pa.float64()),
    }
    for name, type_ in _FIELDS.items():
        columns[name] = pa.array([_column_value(record, name) for record in records], type_)
    table = pa.table(columns)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=max(1, len(records)))


class Columns:
    """The columns of a segment, mapped. Safe to read from several threads."""

    def __init__(self, path: Path) -> None:
        """Raises OSError and pyarrow's errors where the file is none of these."""
        self._batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        self.rows: int = self._batch.num_rows
        self._names = frozenset(self._batch.schema.names)
        self.ids: Ids = np.frombuffer(self._batch["id"].buffers()[1], "S16")

    def __getitem__(self, name: str) -> Any:
        """A pyarrow array. A field that the version which wrote the file did not know has no values."""
        if name in self._names or name not in _FIELDS:
            return self._batch[name]
        return pa.nulls(self.rows, _FIELDS[name])

    def numbers(self, name: str) -> NDArray[Any]:
        """A column without missing values: (N,), mapped."""
        values: NDArray[Any] = self._batch[name].to_numpy()
        return values

    def names(self, rows: Rows | Sequence[int]) -> list[str]:
        """The ids of these rows as the rest of the program knows them."""
        return [str(uuid.UUID(bytes=self.ids[row : row + 1].tobytes())) for row in rows]

    def rows_of(self, image_ids: Sequence[str]) -> Rows:
        """The rows of those that are here, ascending."""
        wanted = np.unique(pack_ids(image_ids))
        rows = np.searchsorted(self.ids, wanted)
        rows = rows[rows < self.rows]
        return rows[np.isin(self.ids[rows], wanted, assume_unique=True)].astype(np.int64)

    def first_row(self, image_id: str) -> int:
        """Find the first row whose id is this one or a greater one."""
        return int(np.searchsorted(self.ids, pack_ids([image_id])[0]))

    def records(self, rows: Rows | Sequence[int]) -> list[ImageRecord]:
        """In the order of the rows. A file that an earlier version wrote may lack a field."""
        picked = self._batch.take(pa.array(rows, pa.int64()))
        told: dict[str, list[Any]] = {
            name: picked[name].to_pylist() if name in self._names else [None] * len(rows) for name in _FIELDS
        }
        for name in TIMES:
            told[name] = [None if time is None else _EPOCH + time * _US for time in told[name]]
        for name in LISTS:
            told[name] = [tuple(each or ()) for each in told[name]]
        told["text_lines"] = [tuple(map(TextLine.from_json, each or ())) for each in told["text_lines"]]
        told["file_texts"] = [tuple(FileText(**text) for text in each or ()) for each in told["file_texts"]]
        return [
            ImageRecord(id=image_id, **dict(zip(told, values, strict=True)))
            for image_id, *values in zip(self.names(rows), *told.values(), strict=True)
        ]

    def payloads(self, rows: Rows, names: Sequence[str]) -> list[Mapping[str, Any]]:
        """Some fields of some rows, as core.domain.filtering.conditions.holds reads them."""
        there = [name for name in names if name in self._names]
        if not there:
            return [{} for _ in rows]
        picked = self._batch.select(there).take(pa.array(rows, pa.int64()))
        payloads: list[Mapping[str, Any]] = picked.to_pylist()
        return payloads


def pack_ids(image_ids: Sequence[str]) -> Ids:
    return np.array([bytes.fromhex(image_id.replace("-", "")) for image_id in image_ids], "S16")


def microseconds(time: datetime) -> int:
    """Since 1970, exactly."""
    return (time - _EPOCH) // _US


def _column_value(record: ImageRecord, name: str) -> Any:
    value = getattr(record, name)
    if name in LISTS:
        return list(dict.fromkeys(value))  # each counts once in a facet
    if name == "file_texts":
        return [asdict(text) for text in value]
    if name == "text_lines":
        return [line.to_json() for line in value]
    return microseconds(value) if name in TIMES and value is not None else value


def _aspect(record: ImageRecord) -> float | None:
    return record.width / record.height if record.width and record.height else None
