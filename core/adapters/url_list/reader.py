"""A reader of lists of pictures on the web: CSV, TSV, JSON Lines or Parquet, recognised by content."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from core.adapters.url_list.columns import Columns, detect_columns
from core.errors import StoreError
from core.errors.hints import Advice
from core.text.table_cells import DELIMITERS, unquote_cell

_SAMPLE = 100
_BATCH = 1000
_TAKES = "a list is CSV, TSV, JSON Lines or Parquet with a column of http(s) addresses, and captions if you like"
_COMPRESSED = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"(\xb5/\xfd", "zstd"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a list. `number`, from 1, is the row's, or in a text file that of its last line."""

    number: int
    address: str
    captions: tuple[str, ...]


def read_rows(path: Path) -> Iterator[Row]:
    """Yield every row, streamed from the file. Raises StoreError where the list cannot be read to its end."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        if head.startswith(b"PAR1"):
            yield from _read_parquet(path)
            return
        packed = next((name for magic, name in _COMPRESSED if head.startswith(magic)), None)
        if packed:
            raise StoreError(f"{path} is packed with {packed}", Advice(f"unpack it first: {_TAKES}"))
        if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head:
            raise StoreError(f"{path} is no text in UTF-8", Advice(_TAKES))
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
            first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
            if first == b"[":
                raise StoreError(
                    f"{path} is one JSON array", Advice(f"write it as JSON Lines, one object a line: {_TAKES}")
                )
            yield from _read_json_lines(path, text) if first == b"{" else _read_separated(path, text)
    except OSError as error:
        raise StoreError(f"{path} could not be read whole: {error.strerror or error}") from error


def _read_separated(path: Path, text: Iterable[str]) -> Iterator[Row]:
    lines = iter(text)
    begin = list(islice(lines, _SAMPLE))
    first = next((line for line in begin if line.strip()), "")
    found = [each for each in DELIMITERS if each in first]  # those of the others are parts of addresses
    delimiter = max(found, key=lambda each: sum(each in line for line in begin)) if found else "\t"
    tabs = delimiter == "\t"
    # quotation marks in TSV are mostly part of the text; a cell that is quoted as a whole is unquoted below
    quoting: Any = csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL
    reader = csv.reader(chain(begin, lines), delimiter=delimiter, quoting=quoting)
    rows = _read_cells(path, reader, tabs)
    sample = list(islice(rows, _SAMPLE))
    if not sample:
        return
    columns = detect_columns([cells for _, cells in sample])
    if columns is None:
        raise StoreError(f"{path} has no column of http(s) addresses in its first rows", Advice(_TAKES))
    for number, cells in islice(chain(sample, rows), int(columns.header), None):
        yield _make_row(number, cells, columns)


def _read_cells(path: Path, reader: Any, tabs: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, each with the number of its last line."""
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise StoreError(
                f"{path} could not be read whole: line {reader.line_num}: its quotation marks or line ends are "
                f"broken ({error})"
            ) from error
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield reader.line_num, [unquote_cell(cell) for cell in cells] if tabs else cells


def _make_row(number: int, cells: list[str], columns: Columns) -> Row:
    def at(n: int) -> str:
        return cells[n].strip() if n < len(cells) else ""

    return Row(number, at(columns.address), tuple(text for text in map(at, columns.captions) if text))


def _read_json_lines(path: Path, text: Iterable[str]) -> Iterator[Row]:
    return _read_named(path, _parse_objects(path, text))


def _parse_objects(path: Path, text: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{path} could not be read whole: line {number} is no JSON ({error})") from error
        if not isinstance(found, dict):
            raise StoreError(f"{path} could not be read whole: line {number} is no JSON object")
        yield number, found


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
            numbers = iter(range(1, file.metadata.num_rows + 1))
            batches = file.iter_batches(_BATCH, columns=texts)
            yield from _read_named(path, ((next(numbers), row) for batch in batches for row in batch.to_pylist()))
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise StoreError(f"{path} could not be read whole: it is a damaged Parquet file ({error})") from error


def _is_text(kind: Any) -> bool:
    import pyarrow.types as types

    if types.is_list(kind) or types.is_large_list(kind):
        return _is_text(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _read_named(path: Path, rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[Row]:
    """Yield rows from records of named values, where a value may be a list of captions."""
    sample = list(islice(rows, _SAMPLE))
    if not sample:
        return
    names = list(dict.fromkeys(name for _, row in sample for name in row))
    columns = detect_columns([[_to_text(row.get(name)) for name in names] for _, row in sample], names)
    if columns is None:
        raise StoreError(f"{path} has no column of http(s) addresses in its first rows", Advice(_TAKES))
    for number, row in chain(sample, rows):
        captions = (text for n in columns.captions for text in _to_texts(row.get(names[n])))
        yield Row(number, _to_text(row.get(names[columns.address])).strip(), tuple(captions))


def _to_text(value: object) -> str:
    """Return a text with lone surrogates escaped, which JSON allows and no index takes; "" for other values."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else ""


def _to_texts(value: object) -> list[str]:
    every = value if isinstance(value, list) else [value]
    return [text for each in every if (text := _to_text(each).strip())]
