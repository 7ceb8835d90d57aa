"""Making tables of records, and the orders that they hold."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from core.adapters.columns.schema import (
    ASPECT,
    CODED,
    HASH_KEY,
    HASH_ORDER,
    ID,
    KEPT,
    LISTED,
    NAME_KEY,
    NAME_ORDER,
    RECORD,
    VERSION,
)
from core.adapters.columns.table import Columns, Mask, encode_hash, microseconds, pack_ids
from core.domain.image import LISTS, TIMES, ImageRecord
from core.domain.sort_orders import encode_name_key

Payload = Mapping[str, Any]


def tabulate_records(records: Sequence[ImageRecord], versions: Sequence[int]) -> Columns:
    """Make a table of whole records, which come in ascending order of id."""
    rows = zip(*map(attrgetter(*RECORD), records), strict=True)
    told = zip(RECORD, rows, strict=True) if records else ((name, ()) for name in RECORD)
    columns = {name: _read_column(name, values) for name, values in told}
    columns[ASPECT] = [_measure_aspect(record) for record in records]
    return _tabulate([record.id for record in records], versions, columns, RECORD)


def tabulate_payloads(points: Mapping[str, Payload]) -> Columns:
    """Make a table of what filters, facets, orders and plans ask for, from payloads by id.

    A payload may lack fields, and may have others.
    """
    ids = sorted(points)
    payloads = [points[image_id] for image_id in ids]
    held = set().union(*payloads)  # most pictures lack most fields
    nothing = [None] * len(ids)
    columns: dict[str, list[Any]] = {
        name: [payload.get(name) for payload in payloads] if name in held else nothing for name in (*KEPT, ASPECT)
    }
    for name in TIMES:
        if name in columns and name in held:
            columns[name] = [None if t is None else microseconds(datetime.fromisoformat(t)) for t in columns[name]]
    for name in LISTS:
        if KEPT.get(name) == LISTED:
            columns[name] = [_once(values or ()) for values in columns[name]]
        elif name in KEPT:
            columns[name] = [values or () for values in columns[name]]
    return _tabulate(ids, [payload.get(VERSION) or 0 for payload in payloads], columns, KEPT)


def merge_tables(parts: Sequence[tuple[Columns, Mask | None]]) -> Columns:
    """Make one table of these rows, or of all, of tables of the same columns. An id is in one of them alone."""
    wholes = [(pa.Table.from_batches([columns.batch]), mask) for columns, mask in parts]
    tables = [whole if mask is None else whole.filter(pa.array(mask)) for whole, mask in wholes]
    whole = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    ids = np.frombuffer(whole[ID].chunk(0).buffers()[1], "S16")[: whole.num_rows] if whole.num_rows else pack_ids([])
    batch = _as_batch(whole.take(pa.array(np.argsort(ids, kind="stable"))))
    arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
    return Columns(_with_orders(arrays))


def encode_names(keys: Sequence[str]) -> Any:
    """A pyarrow binary array, which sorts as core.domain.sort_orders.name_key does."""
    return pa.array([encode_name_key(key or "") for key in keys], pa.binary())


def order_by_name(keys: Any) -> NDArray[np.int32]:
    """See schema.NAME_ORDER."""
    order: NDArray[np.int32] = pc.sort_indices(keys).to_numpy().astype(np.int32)
    if len(order) > 1:
        ordered = keys.take(pa.array(order))
        tied = pc.equal(ordered[1:], ordered[:-1]).to_numpy(zero_copy_only=False)
        order[1:][tied] = ~order[1:][tied]
    return order


def encode_hashes(hashes: Sequence[str | None]) -> NDArray[np.int64]:
    """Eight bytes of a digest of each, 0 where there is none."""
    return np.array([0 if one is None else encode_hash(one) for one in hashes], np.int64)


def order_by_hash(keys: NDArray[np.int64], hashes: Any) -> NDArray[np.int32]:
    """See schema.HASH_ORDER."""
    order = np.lexsort((keys, hashes.is_null().to_numpy(zero_copy_only=False)))
    return order.astype(np.int32)


def _tabulate(
    ids: Sequence[str], versions: Sequence[int], columns: Mapping[str, list[Any]], types: Mapping[str, Any]
) -> Columns:
    packed = pack_ids(ids)
    arrays: dict[str, Any] = {
        ID: pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(ids), [None, pa.py_buffer(packed)]),
        VERSION: pa.array(versions, pa.int64()),
        ASPECT: pa.array(columns[ASPECT], pa.float64()),
    }
    for name, type_ in types.items():
        arrays[name] = _make_array(columns[name], type_)
    arrays[NAME_KEY] = encode_names(columns["key"])
    arrays[HASH_KEY] = pa.array(encode_hashes(columns["content_hash"]))
    return Columns(_with_orders(arrays))


def _make_array(values: list[Any], type_: Any) -> Any:
    """As `pyarrow.array`, several times as fast where values have codes or there are none."""
    if type_ != LISTED and values.count(None) == len(values):
        return pa.nulls(len(values), type_)
    if type_ == CODED:
        return pa.array(values, pa.string()).dictionary_encode()
    if type_ == LISTED:
        offsets = np.zeros(len(values) + 1, np.int32)
        np.cumsum(np.fromiter(map(len, values), np.int32, len(values)), out=offsets[1:])
        held = pa.array(list(chain.from_iterable(values)), pa.string()).dictionary_encode()
        return pa.ListArray.from_arrays(pa.array(offsets), held)
    return pa.array(values, type_)


def _with_orders(arrays: dict[str, Any]) -> Any:
    """A record batch."""
    arrays[NAME_ORDER] = pa.array(order_by_name(arrays[NAME_KEY]))
    arrays[HASH_ORDER] = pa.array(order_by_hash(arrays[HASH_KEY].to_numpy(), arrays["content_hash"]))
    return pa.RecordBatch.from_arrays(list(arrays.values()), list(arrays))


def _as_batch(table: Any) -> Any:
    batches = table.combine_chunks().to_batches()
    if len(batches) > 1:
        raise ValueError("a column of texts is too long for one table")
    return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)


def _once(values: Sequence[str]) -> Sequence[str]:
    """Each once: a value counts once in a facet."""
    return values if len(values) < 2 else list(dict.fromkeys(values))


def _read_column(name: str, values: Sequence[Any]) -> list[Any]:
    """A column of what records hold in this field."""
    if name in LISTS:
        return list(map(_once, values))
    if name == "file_texts":
        return [[asdict(text) for text in texts] for texts in values]
    if name == "text_lines":
        return [[line.to_json() for line in lines] for lines in values]
    if name in TIMES:
        return [None if time is None else microseconds(time) for time in values]
    return list(values)


def _measure_aspect(record: ImageRecord) -> float | None:
    return record.width / record.height if record.width and record.height else None
