"""Orders of rows: the best of a column without sorting all of it, and sorted orders merged."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from core.adapters.columns.table import Columns, Ids, Rows, to_arrow

_LOOK_UP = 16  # times as long a table has to be for the others to be looked up in it


def find_smallest(values: NDArray[np.int64], limit: int) -> Rows:
    """Find where the `limit` smallest are, in any order; of equal values, the first ones."""
    if limit >= len(values):
        return np.arange(len(values))
    last = np.partition(values, limit - 1)[limit - 1]
    smaller = np.flatnonzero(values < last)
    return np.concatenate([smaller, np.flatnonzero(values == last)[: limit - len(smaller)]])


def order_names(tables: Sequence[Columns], offsets: NDArray[np.int64]) -> NDArray[np.int32]:
    """Order the rows of several tables by name, as schema.NAME_ORDER has it, over rows counted through all."""
    if len(tables) == 1:
        return tables[0].name_order
    longest = max(range(len(tables)), key=lambda n: tables[n].rows)
    others = sum(table.rows for table in tables) - tables[longest].rows
    if others * _LOOK_UP < tables[longest].rows:
        return _merge_names(tables, offsets, longest)
    keys = pa.chunked_array([table.name_keys for table in tables], pa.binary())
    order = pc.sort_indices(keys).to_numpy().astype(np.int64)
    ordered = keys.take(to_arrow(order)).combine_chunks()
    tied = np.zeros(len(order), bool)
    if len(order) > 1:
        tied[1:] = pc.equal(ordered[1:], ordered[:-1]).to_numpy(zero_copy_only=False)
    return _encode_order(order, tied, tables, offsets)


def _merge_names(tables: Sequence[Columns], offsets: NDArray[np.int64], longest: int) -> NDArray[np.int32]:
    """Look each row of the other tables up in the order of the longest, which is not sorted again."""
    order, tied = decode_order(tables[longest].name_order)
    keys = tables[longest].name_keys
    found = sorted(
        (keys_of[row].as_py(), int(offsets[n]) + row)
        for n, table in enumerate(tables)
        if n != longest
        for keys_of in (table.name_keys,)
        for row in range(table.rows)
    )
    places, ties, place, before = [], [], 0, None
    for key, _ in found:
        place = _bisect(keys, order, key, place)
        same = place > 0 and keys[int(order[place - 1])].as_py() == key
        ties.append(same or key == before)
        places.append(place)
        before = key
    merged = np.insert(order.astype(np.int64) + offsets[longest], places, [row for _, row in found])
    return _encode_order(merged, np.insert(tied, places, ties), tables, offsets)


def decode_order(order: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Rows in their order, and which of them are tied with the row before."""
    tied = order < 0
    return (np.where(tied, ~order, order) if tied.any() else order), tied


def reverse_order(order: NDArray[np.int32]) -> NDArray[np.int32]:
    """The rows from the end on, but rows that are tied still in the order that they had."""
    rows, tied = decode_order(order)
    if not tied.any():
        return rows[::-1]
    group: NDArray[np.int64] = np.cumsum(~tied)
    return rows[np.argsort(group[-1] - group, kind="stable")]


def _bisect(keys: Any, order: NDArray[np.int32], key: bytes, low: int) -> int:
    """Find the place behind everything in the order that is not greater."""
    high = len(order)
    while low < high:
        middle = (low + high) // 2
        if keys[int(order[middle])].as_py() <= key:
            low = middle + 1
        else:
            high = middle
    return low


def _encode_order(
    order: NDArray[np.int64], tied: NDArray[np.bool_], tables: Sequence[Columns], offsets: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Put rows of one name by id, and mark those that are tied."""
    encoded = order.astype(np.int32)
    if tied.any():
        among = np.flatnonzero(tied | np.append(tied[1:], False))
        ids = take_ids(tables, offsets, order[among])
        encoded[among] = encoded[among][np.lexsort((ids, np.cumsum(~tied)[among]))]
        encoded[tied] = ~encoded[tied]
    return encoded


def take_ids(tables: Sequence[Columns], offsets: NDArray[np.int64], rows: NDArray[np.int64]) -> Ids:
    """Take the ids of rows that are counted through all tables."""
    table = np.searchsorted(offsets, rows, side="right") - 1
    ids = np.zeros(len(rows), "S16")
    for n, one in enumerate(tables):
        own = table == n
        ids[own] = one.ids[rows[own] - offsets[n]]
    return ids
