"""Several tables as one: which of their rows live, and what is asked of all of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from core.adapters.columns.filters import ReadFields, passing
from core.adapters.columns.orders import decode_order, find_smallest, order_names, reverse_order, take_ids
from core.adapters.columns.schema import VERSION
from core.adapters.columns.table import (
    NO_TIME,
    Columns,
    Ids,
    Mask,
    Rows,
    encode_hash,
    pack_ids,
    to_arrow,
    to_arrow_texts,
    unpack_ids,
)
from core.domain.filtering.conditions import Keyword, Missing, Time
from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.query import Sort
from core.text.analysis import is_unicode
from core.text.word_lists import WORD_FIELDS

_PAGE = 10_000


class ColumnSet:
    """A snapshot of tables with masks of the rows that live: no id lives twice. Safe to use from several threads.

    `read` gives the texts that the tables do not hold, for filters that ask for them.
    """

    def __init__(
        self,
        tables: Sequence[Columns],
        lives: Sequence[Mask | None],
        read: ReadFields | None = None,
        names: NDArray[np.int32] | None = None,
    ) -> None:
        """`lives`: None where all rows live. `names`: the order by name, where it is known (orders.order_names)."""
        self.tables = tuple(tables)
        self.lives = tuple(lives)
        self._read = read
        self._offsets = np.cumsum([0, *(table.rows for table in tables)])[:-1]
        self._known_names = names

    def with_reader(self, read: ReadFields) -> "ColumnSet":
        """The same rows, with another source of texts."""
        other = ColumnSet(self.tables, self.lives, read)
        other.__dict__.update({k: v for k, v in self.__dict__.items() if k != "_read"})
        return other

    def masks(self, filter: Filter) -> list[Mask]:
        """Find the live rows that pass, for every table."""
        return [
            passing(filter, table, self._read) if live is None else passing(filter, table, self._read) & live
            for table, live in zip(self.tables, self.lives, strict=True)
        ]

    def count(self, filter: Filter = EVERYTHING) -> int:
        return sum(int(np.count_nonzero(mask)) for mask in self.masks(filter))

    def ids(self, filter: Filter, limit: int, start: str | None = None) -> list[str]:
        """List the first ids in ascending order, from the id `start` on."""
        found: list[Ids] = [np.zeros(0, "S16")]
        for table, mask in zip(self.tables, self.masks(filter), strict=True):
            first = 0 if start is None else table.first_row(start)
            found.append(table.ids[first + np.flatnonzero(mask[first:])[:limit]])
        ids = np.concatenate(found)
        return unpack_ids((np.sort(ids) if len(self.tables) > 1 else ids)[:limit])

    def ordered(self, by: Sort, filter: Filter, limit: int, offset: int = 0, *, reverse: bool = False) -> list[str]:
        """List ids `offset` to `offset` + `limit` in the order of core.domain.sort_orders.in_order."""
        match by:
            case "name":
                return self._by_name(filter, limit, offset, reverse=reverse)
            case "modified":
                return self._by_time("modified_at", filter, limit, offset, reverse=reverse)
            case "taken":
                dated = self._by_time("taken_at", filter, limit, offset, reverse=reverse)
                if len(dated) == limit:
                    return dated
                undated = filter & Filter(all=(Missing("taken_at"),))
                skipped = max(0, offset - self.count(filter & Filter(none=(Missing("taken_at"),))))
                rest = self._by_time("modified_at", undated, limit - len(dated), skipped, reverse=reverse)
                return [*dated, *rest]
            case "match":
                raise ValueError("a match is no order of records")

    def copies(self, hashes: Sequence[str], filter: Filter) -> dict[str, int]:
        """Count what passes for each content hash, without hashes of which none does."""
        keys = np.array([encode_hash(one) for one in hashes], np.int64)
        counts: Counter[str] = Counter()
        for table, mask in zip(self.tables, self.masks(filter), strict=True):
            if not table.rows:
                continue
            values, order = table.hash_keys
            begins, ends = (np.searchsorted(values, keys, side) for side in ("left", "right"))
            rows = order[_expand(begins, ends)]
            fit = np.unique(rows[mask[rows]]).astype(np.int64)
            counts.update(table["content_hash"].take(to_arrow(fit)).to_pylist())
        return {one: counts[one] for one in hashes if counts[one]}

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Read the content hashes of those ids that have one."""
        found: dict[str, str] = {}
        for table, places, rows in self.locate(ids):
            hashes = table["content_hash"].take(to_arrow(rows)).to_pylist()
            held = zip(places.tolist(), hashes, strict=True)
            found |= {ids[place]: content_hash for place, content_hash in held if content_hash is not None}
        return found

    def find_holding(self, ids: Sequence[str], words: Sequence[Sequence[str]]) -> list[str]:
        """Keep the ids of images that hold all of the words, each in any of its forms, in any field of words."""
        held = [place for found in self.locate(ids) for place in found[1][_hold_words(found[0], found[2], words)]]
        return [ids[place] for place in sorted(held)]

    def fields(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        """Read these fields of those ids that are here: of schema.COMPARED, as a payload has them."""
        found: dict[str, tuple[Any, ...]] = {}
        for table, places, rows in self.locate(ids):
            here = ids if len(places) == len(ids) else [ids[n] for n in places.tolist()]
            found.update(zip(here, zip(*(table.values(name, rows) for name in names), strict=True), strict=True))
        return found

    def versions(self) -> Iterator[tuple[str, int]]:
        """Yield every id with the version of its point."""
        for table, live in zip(self.tables, self.lives, strict=True):
            every = np.arange(table.rows) if live is None else np.flatnonzero(live)
            for start in range(0, len(every), _PAGE):
                rows = every[start : start + _PAGE]
                yield from zip(table.names(rows), table.numbers(VERSION)[rows].tolist(), strict=True)

    def value_counts(self, field: Keyword, filter: Filter, limit: int) -> list[tuple[str, int]]:
        """Count the values of a field over what passes: the `limit` most frequent, and those as frequent as the last.

        They come in no order.
        """
        masks = self.masks(filter)
        if not _is_coded(self.tables[0][field].type if self.tables else None):
            return _count_texts([table[field] for table in self.tables], masks)
        counts, values = self._count_codes(field, masks)
        held = np.flatnonzero(counts)
        if len(held) > limit:
            least = np.partition(counts[held], len(held) - limit)[len(held) - limit]
            held = held[counts[held] >= least]
        return list(zip(values.take(to_arrow(held)).to_pylist(), counts[held].tolist(), strict=True))

    def locate(self, ids: Sequence[str]) -> Iterator[tuple[Columns, Rows, Rows]]:
        """Find live images: a table that has some of them, their places in `ids`, and their rows, in this order."""
        packed = pack_ids(ids)
        for table, live in zip(self.tables, self.lives, strict=True):
            places, rows = table.look_up(packed, live)
            if len(places):
                yield table, places, rows

    @cached_property
    def names(self) -> NDArray[np.int32]:
        """Rows, counted through all tables, in the order of their names (schema.NAME_ORDER)."""
        if self._known_names is not None:
            return self._known_names
        return order_names(self.tables, self._offsets) if self.tables else np.zeros(0, np.int32)

    @cached_property
    def _names_ascending(self) -> NDArray[np.int32]:
        return decode_order(self.names)[0]

    @cached_property
    def _names_descending(self) -> NDArray[np.int32]:
        return reverse_order(self.names)

    def _by_name(self, filter: Filter, limit: int, offset: int, *, reverse: bool) -> list[str]:
        if not self.tables:
            return []
        order = self._names_descending if reverse else self._names_ascending
        masks = self.masks(filter)
        mask = masks[0] if len(masks) == 1 else np.concatenate(masks)
        # the order is read as far as it has to be: most filters let much pass
        found: list[NDArray[np.int32]] = []
        skipped, size = offset, max(4096, 2 * (offset + limit))
        for begin in range(0, len(order), size):
            part = order[begin : begin + size]
            part = part[mask[part]]
            kept, skipped = part[skipped:], max(0, skipped - len(part))
            found.append(kept[:limit])
            limit -= len(found[-1])
            if not limit:
                break
        rows = np.concatenate([*found, np.zeros(0, np.int32)]).astype(np.int64)
        return unpack_ids(take_ids(self.tables, self._offsets, rows))

    def _by_time(self, field: Time, filter: Filter, limit: int, offset: int, *, reverse: bool) -> list[str]:
        times: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
        ids: list[Ids] = [np.zeros(0, "S16")]
        for table, mask in zip(self.tables, self.masks(filter), strict=True):
            known = table.times(field)
            rows = np.flatnonzero(mask & (known != NO_TIME))
            own = known[rows] if reverse else -known[rows]
            first = find_smallest(own, offset + limit)
            times.append(own[first])
            ids.append(table.ids[rows[first]])
        every = np.concatenate(ids)
        return unpack_ids(every[np.lexsort((every, np.concatenate(times)))[offset : offset + limit]])

    def _count_codes(self, field: Keyword, masks: Sequence[Mask]) -> tuple[NDArray[np.int64], Any]:
        """How often each value occurs among the rows of these masks, and the values."""
        values, codes = self._dictionary(field)
        counts = np.zeros(len(values), np.int64)
        for table, mask, translated in zip(self.tables, masks, codes, strict=True):
            own = _count_rows(table, field, mask)
            if translated is None:
                counts[: len(own)] += own
            else:
                np.add.at(counts, translated, own)
        return counts, values

    def _dictionary(self, field: Keyword) -> tuple[Any, list[NDArray[np.int64] | None]]:
        """The values of a field in all tables, and for each table which of them its codes stand for."""
        dictionaries = [_coded(table[field]).dictionary for table in self.tables]
        values = dictionaries[0]
        codes: list[NDArray[np.int64] | None] = [None]
        for one in dictionaries[1:]:
            new = one.filter(pc.invert(pc.is_in(one, values)))
            values = pa.concat_arrays([values, new])
            codes.append(pc.index_in(one, values).to_numpy(zero_copy_only=False).astype(np.int64))
        return values, codes


def _count_rows(table: Columns, field: Keyword, mask: Mask) -> NDArray[np.int64]:
    """How often each code of a field occurs in the rows of a mask. What is fewer is counted: they, or all others."""
    every = table.keep(f"counts of {field}", lambda: _count(table[field], None))
    chosen = int(np.count_nonzero(mask))
    if chosen == table.rows:
        return every
    return _count(table[field], mask) if 2 * chosen <= table.rows else every - _count(table[field], ~mask)


def _count(column: Any, mask: Mask | None) -> NDArray[np.int64]:
    coded = _coded(column)
    size = len(coded.dictionary)
    if pa.types.is_list(column.type):
        codes = coded.indices.to_numpy()
        if mask is not None:
            rows = np.flatnonzero(mask)
            offsets = column.offsets.to_numpy()
            codes = codes[_expand(offsets[rows], offsets[rows + 1])]
    else:
        indices = coded.indices if mask is None else coded.indices.filter(pa.array(mask))
        codes = indices.drop_null().to_numpy()
    counts: NDArray[np.int64] = np.bincount(codes, minlength=size)
    return counts


def _expand(begins: NDArray[np.integer], ends: NDArray[np.integer]) -> NDArray[np.int64]:
    """All numbers of these ranges, one behind the other."""
    sizes = (ends - begins).astype(np.int64)
    starts = np.cumsum(sizes) - sizes
    numbers: NDArray[np.int64] = np.arange(int(sizes.sum())) + np.repeat(begins - starts, sizes)
    return numbers


def _hold_words(table: Columns, rows: Rows, words: Sequence[Sequence[str]]) -> Mask:
    """Find which of these rows hold all of the words, each in any of its forms, in any field of words."""
    holds = np.zeros((len(words), len(rows)), bool)
    for field in WORD_FIELDS.values():
        column = table[field]
        if not pa.types.is_list(column.type):
            continue  # of an earlier version
        offsets = column.offsets.to_numpy()
        begins, ends = offsets[rows], offsets[rows + 1]
        codes = column.values.indices.to_numpy()[_expand(begins, ends)]
        held = column.values.dictionary.take(to_arrow(codes))
        owners = np.repeat(np.arange(len(rows)), ends - begins)
        for word, forms in zip(holds, words, strict=True):
            meant = to_arrow_texts([form for form in forms if is_unicode(form)])
            word[owners[pc.is_in(held, meant).to_numpy(zero_copy_only=False)]] = True
    return np.asarray(holds.all(axis=0))


def _is_coded(type_: Any) -> bool:
    return type_ is not None and (pa.types.is_dictionary(type_) or pa.types.is_list(type_))


def _coded(column: Any) -> Any:
    """The dictionary array of a coded column, or of the values of a list of them."""
    return column.values if pa.types.is_list(column.type) else column


def _count_texts(columns: Sequence[Any], masks: Sequence[Mask]) -> list[tuple[str, int]]:
    counts: Counter[str] = Counter()
    for column, mask in zip(columns, masks, strict=True):
        counted = pc.value_counts(column.filter(pa.array(mask)).drop_null())
        counts.update(dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)))
    return list(counts.items())
