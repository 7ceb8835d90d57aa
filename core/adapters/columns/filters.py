"""Filter -> the rows of a table that pass it, with the meaning of `Filter.matches`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from core.adapters.columns.table import NO_TIME, Columns, Mask, microseconds, to_arrow_texts
from core.domain.filtering.conditions import (
    TOLD,
    Between,
    During,
    KeyGlob,
    KeyPrefix,
    Match,
    Missing,
    Named,
    Near,
    Phrase,
    Simple,
    Time,
    WithinBox,
    box_longitudes,
    holds,
)
from core.domain.filtering.distance import find_ranges
from core.domain.filtering.filters import Condition, Filter
from core.domain.filtering.key_patterns import literal_spellings
from core.domain.filtering.written_text import Written
from core.text import analysis
from core.text.analysis import is_unicode

# Reads fields that a table lacks, as payloads by id, for these ids.
ReadFields = Callable[[Sequence[str], Sequence[str]], Mapping[str, Mapping[str, Any]]]


def passing(filter: Filter, columns: Columns, read: ReadFields | None = None) -> Mask:
    """(N,), one for every row. `read` gives what the table does not hold of texts."""
    return columns.mask(filter, partial(_pass, filter, columns, read))


def asks_for_texts(filter: Filter) -> bool:
    """Tell whether a filter asks for texts, which not every table holds."""
    return any(
        asks_for_texts(condition)
        if isinstance(condition, Filter)
        else isinstance(condition, Phrase) or (isinstance(condition, Written) and condition.phrase)
        for condition in (*filter.all, *filter.any, *filter.none)
    )


def _pass(filter: Filter, columns: Columns, read: ReadFields | None) -> Mask:
    def passes(condition: Condition) -> Mask:
        if isinstance(condition, Filter):
            return passing(condition, columns, read)
        return _holds(condition, columns, read)

    mask = np.ones(columns.rows, bool)
    for condition in filter.all:
        mask &= passes(condition)
    if filter.any:
        mask &= np.logical_or.reduce([passes(condition) for condition in filter.any])
    for condition in filter.none:
        mask &= ~passes(condition)
    return mask


def _holds(condition: Simple, columns: Columns, read: ReadFields | None) -> Mask:
    match condition:
        case Match(field, values) if pa.types.is_list(columns[field].type):
            return _any_of_list(columns[field], values)
        case Match(field, values):
            return _one_of(columns[field], values)
        case Missing(field):
            return _missing(columns, field)
        case Between(field, low, high):
            return _within(columns[field], low, high)
        case During(field, since, before):
            begin = None if since is None else microseconds(since)
            end = None if before is None else microseconds(before) - 1
            return _within_times(columns, field, begin, end)
        case KeyPrefix(prefix):
            return _begins(columns, prefix)
        case KeyGlob(pattern):
            begins, held = literal_spellings(pattern)
            mask = np.ones(columns.rows, bool)
            if begins:
                mask &= np.logical_or.reduce([_begins(columns, one) for one in begins])
            for part in held:
                mask &= np.logical_or.reduce([_mask(pc.match_substring(columns["key"], one)) for one in part])
            return _checked(condition, columns, mask, ["key"], read)
        case Phrase(text):
            mask = np.ones(columns.rows, bool)
            for form in analysis.analyse(text):
                mask &= _any_of_list(columns["words"], (form,))
            return _checked(condition, columns, mask, TOLD, read)
        case Named(field, _):
            held = columns[field]
            known = held.dictionary if isinstance(held, pa.DictionaryArray) else held.values.dictionary
            meant = [value for value in known.to_pylist() if condition.names(value)]
            return _holds(Match(field, tuple(meant)), columns, read) if meant else np.zeros(columns.rows, bool)
        case Written():
            held = columns["text_words"]
            mask = np.ones(columns.rows, bool)
            for words in condition.find_words(held.values.dictionary.to_pylist()):
                mask &= _any_of_list(held, words)
            return _checked(condition, columns, mask, ["text_words", "text_lines"], read) if condition.phrase else mask
        case WithinBox():
            among = [_within(columns["longitude"], *one) for one in box_longitudes(condition)]
            among += [_within(columns["latitude"], pole, pole) for pole in condition.poles]
            box: Mask = _within(columns["latitude"], condition.south, condition.north) & np.logical_or.reduce(among)
            return box
        case Near(latitude, longitude, meters):
            ranges = find_ranges(latitude, longitude, meters)
            mask = _within(columns["latitude"], *ranges.latitudes)
            mask &= np.logical_or.reduce([_within(columns["longitude"], *one) for one in ranges.longitudes])
            return _checked(condition, columns, mask, ("latitude", "longitude"), read)


def _one_of(column: pa.Array, values: Iterable[str]) -> Mask:
    storable = [value for value in values if is_unicode(value)]
    if not isinstance(column, pa.DictionaryArray):
        return _mask(pc.is_in(column, to_arrow_texts(storable)))
    meant = _mark_codes(column.dictionary, storable)
    mask = meant[column.indices.fill_null(0).to_numpy()] if len(meant) else np.zeros(len(column), bool)
    return mask & _mask(column.is_valid()) if column.null_count else mask


def _any_of_list(held: pa.Array, values: Iterable[str]) -> Mask:
    meant = _mark_codes(held.values.dictionary, [value for value in values if is_unicode(value)])
    mask = np.zeros(len(held), bool)
    if meant.any():
        places = np.flatnonzero(meant[held.values.indices.to_numpy()])
        mask[np.searchsorted(held.offsets.to_numpy(), places, side="right") - 1] = True
    return mask


def _mark_codes(dictionary: pa.Array, values: list[str]) -> NDArray[np.bool_]:
    """Which values of a dictionary are among these: (K,), by code."""
    return _mask(pc.is_in(dictionary, to_arrow_texts(values)))


def _missing(columns: Columns, field: str) -> Mask:
    column = columns[field]
    if pa.types.is_list(column.type):
        empty: Mask = np.diff(column.offsets.to_numpy()) == 0
        return empty
    return _mask(column.is_null())


def _within(column: pa.Array, low: float | None, high: float | None) -> Mask:
    mask = _mask(column.is_valid())
    if low is not None:
        mask &= _mask(pc.greater_equal(column, low))
    if high is not None:
        mask &= _mask(pc.less_equal(column, high))
    return mask


def _within_times(columns: Columns, field: Time, begin: int | None, end: int | None) -> Mask:
    times = columns.times(field)
    mask = times != NO_TIME if begin is None else times >= begin
    if end is not None:
        mask &= times <= end
    return mask


def _begins(columns: Columns, prefix: str) -> Mask:
    if not is_unicode(prefix):
        return np.zeros(columns.rows, bool)
    return _mask(pc.starts_with(columns["key"], prefix))


def _checked(condition: Simple, columns: Columns, mask: Mask, fields: Sequence[str], read: ReadFields | None) -> Mask:
    """Reads what fits so far, and keeps what fits indeed."""
    rows = np.flatnonzero(mask)
    if read is None or all(map(columns.holds_field, fields)):
        fit = [holds(condition, payload) for payload in columns.payloads(rows, fields)]
    else:
        ids = columns.names(rows)
        found = read(ids, fields)
        fit = [image_id in found and holds(condition, found[image_id]) for image_id in ids]
    checked = np.zeros(columns.rows, bool)
    checked[rows[np.array(fit, bool)]] = True
    return checked


def _mask(values: pa.Array) -> Mask:
    """Null is no."""
    mask: Mask = np.array(values.fill_null(False).to_numpy(zero_copy_only=False), bool)
    return mask
