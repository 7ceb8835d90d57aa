"""A table of records: a column for each field, rows in ascending order of id, never changed once made."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.adapters.columns.schema import (
    HASH_KEY,
    HASH_ORDER,
    ID,
    NAME_KEY,
    NAME_ORDER,
    RECORD,
)
from core.domain.filtering.filters import Filter
from core.domain.image import LISTS, TIMES, ImageRecord
from core.domain.metadata import FileText
from core.domain.text_lines import TextLine

Rows = NDArray[np.int64]  # row numbers of a table, ascending where nothing else is said
Mask = NDArray[np.bool_]  # one for every row of a table
Ids = NDArray[np.bytes_]  # (N,) S16: ids in as many bytes, compared as these
V = TypeVar("V")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_MASKS = 16  # filters whose rows are kept
NO_TIME = np.iinfo(np.int64).min


class Columns:
    """The columns of a table, mapped or in memory. Safe to read from several threads."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.rows: int = batch.num_rows
        self._names = frozenset(batch.schema.names)
        self.ids: Ids = np.frombuffer(batch[ID].buffers()[1] or b"", "S16")[batch[ID].offset :][: self.rows]
        self._masks: OrderedDict[Filter, Mask] = OrderedDict()
        self._kept: dict[str, Any] = {}
        self._guard = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> "Columns":
        """Map a file. Raises OSError and pyarrow's errors where the file is none of these."""
        return cls(pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0))

    def write(self, path: Path) -> None:
        """Write a file. Raises OSError."""
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, self.batch.schema) as writer:
            writer.write_batch(self.batch)

    @property
    def is_sorted(self) -> bool:
        """Whether it holds its orders. A table of an earlier version does not, and they are made when asked."""
        return NAME_ORDER in self._names

    def holds_field(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Any:
        """A pyarrow array. A field that the version which wrote the file did not know has no values."""
        if name in self._names or name not in RECORD:
            return self.batch[name]
        return pa.nulls(self.rows, RECORD[name])

    def numbers(self, name: str) -> NDArray[Any]:
        """A column without missing values: (N,), mapped."""
        values: NDArray[Any] = self.batch[name].to_numpy()
        return values

    def times(self, name: str) -> NDArray[np.int64]:
        """Microseconds since 1970 (N,), NO_TIME where there is none."""
        values: NDArray[np.int64] = self[name].fill_null(int(NO_TIME)).to_numpy()
        return values

    def mask(self, filter: Filter, make: Callable[[], Mask]) -> Mask:
        """The rows that pass a filter, kept for the next question."""
        with self._guard:
            if filter in self._masks:
                self._masks.move_to_end(filter)
                return self._masks[filter]
        made = make()
        with self._guard:
            self._masks[filter] = made
            while len(self._masks) > _MASKS:
                self._masks.popitem(last=False)
        return made

    def keep(self, name: str, make: Callable[[], V]) -> V:
        """What is derived from all rows, made once."""
        if name not in self._kept:
            self._kept[name] = make()
        kept: V = self._kept[name]
        return kept

    @cached_property
    def name_order(self) -> NDArray[np.int32]:
        """See schema.NAME_ORDER."""
        from core.adapters.columns.builder import order_by_name

        order: NDArray[np.int32] = self.numbers(NAME_ORDER) if self.is_sorted else order_by_name(self.name_keys)
        return order

    @cached_property
    def name_keys(self) -> Any:
        """A pyarrow binary array."""
        from core.adapters.columns.builder import encode_names

        return self.batch[NAME_KEY] if NAME_KEY in self._names else encode_names(self.batch["key"].to_pylist())

    @cached_property
    def hash_keys(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Keys of content hashes in ascending order, and their rows. See schema.HASH_KEY and HASH_ORDER."""
        from core.adapters.columns.builder import encode_hashes, order_by_hash

        if self.is_sorted:
            keys, order = self.numbers(HASH_KEY), self.numbers(HASH_ORDER)
        else:
            hashes = self["content_hash"]
            keys = encode_hashes(hashes.to_pylist())
            order = order_by_hash(keys, hashes)
        held = order[: self.rows - self["content_hash"].null_count]
        return keys[held], held

    def values(self, name: str, rows: Rows) -> list[Any]:
        """The values of a field in these rows, None where there is none: texts, numbers and lists of texts."""
        column = self[name]
        if column.null_count == self.rows:
            return [None] * len(rows)
        picked = column.take(to_arrow(rows))
        plain = picked.dictionary_decode() if pa.types.is_dictionary(picked.type) else picked
        values: list[Any] = plain.to_pylist()
        return values

    def names(self, rows: Rows | Sequence[int]) -> list[str]:
        """The ids of these rows as the rest of the program knows them."""
        return unpack_ids(self.ids[np.asarray(rows, np.int64)])

    def rows_of(self, image_ids: Sequence[str]) -> Rows:
        """The rows of those that are here, ascending."""
        return self.find_rows(np.unique(pack_ids(image_ids)))

    def find_rows(self, wanted: Ids) -> Rows:
        """As `rows_of`, for ids in ascending order, each once."""
        if not self.rows:
            return np.zeros(0, np.int64)
        rows: Rows = np.minimum(np.searchsorted(self.ids, wanted), self.rows - 1).astype(np.int64)
        there: Rows = rows[self.ids[rows] == wanted]
        return there

    def look_up(self, wanted: Ids, live: Mask | None) -> tuple[Rows, Rows]:
        """Which of these ids, in any order, are here and `live`, and their rows."""
        if not self.rows:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        rows: Rows = np.minimum(np.searchsorted(self.ids, wanted), self.rows - 1).astype(np.int64)
        there = self.ids[rows] == wanted
        places = np.flatnonzero(there if live is None else there & live[rows])
        return places, rows[places]

    def first_row(self, image_id: str) -> int:
        """Find the first row whose id is this one or a greater one."""
        return int(np.searchsorted(self.ids, pack_ids([image_id])[0]))

    def records(self, rows: Rows | Sequence[int]) -> list[ImageRecord]:
        """In the order of the rows, of a table of whole records. An earlier version's may lack a field."""
        picked = self.batch.take(to_arrow(rows))
        told: dict[str, list[Any]] = {
            name: picked[name].to_pylist() if name in self._names else [None] * len(rows) for name in RECORD
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
        picked = self.batch.select(there).take(to_arrow(rows))
        payloads: list[Mapping[str, Any]] = picked.to_pylist()
        return payloads


def to_arrow(numbers: NDArray[Any] | Sequence[int]) -> Any:
    """A pyarrow array over the same memory. `pyarrow.array` looks for pandas first, whose import takes long."""
    held = np.ascontiguousarray(numbers, None if isinstance(numbers, np.ndarray) else np.int64)
    return pa.Array.from_buffers(pa.from_numpy_dtype(held.dtype), len(held), [None, pa.py_buffer(held)])


def to_arrow_texts(texts: Sequence[str]) -> Any:
    """A pyarrow array of texts, as `to_arrow`."""
    held = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, held)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(held), pa.py_buffer(offsets), pa.py_buffer(b"".join(held)))


def pack_ids(image_ids: Sequence[str]) -> Ids:
    """(N,) S16 of ids as the rest of the program knows them."""
    return np.frombuffer(bytes.fromhex("".join(image_ids).replace("-", "")), "S16")


def unpack_ids(ids: Ids) -> list[str]:
    """Invert `pack_ids`."""
    text = ids.tobytes().hex()
    return [
        f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}"
        for one in (text[n : n + 32] for n in range(0, len(text), 32))
    ]


def encode_hash(content_hash: str) -> int:
    """Eight bytes of a digest, as schema.HASH_KEY has them."""
    digest = hashlib.blake2b(content_hash.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def microseconds(time: datetime) -> int:
    """Since 1970, exactly."""
    return (time - _EPOCH) // _US
