"""A reader of lists of pictures on the web: text, CSV, TSV, JSON, Parquet or Arrow, recognised by content."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from core.adapters.url_list.columns import Columns, detect_columns, is_one_column
from core.errors import StoreError
from core.errors.hints import Advice
from core.tables.arrow_rows import open_arrow
from core.tables.cell_values import clean_text, expand_list, flatten, to_text, to_texts
from core.tables.cells import DELIMITERS, split_rows
from core.tables.json_records import find_records, is_json, is_json_lines, load_document, parse_lines
from core.tables.sniff import Kind, sniff_kind
from core.tables.table_error import TableError
from core.tables.text_lines import TextLines

_SAMPLE = 100
_COMMENT = "#"  # begins a line of a plain list that is for people
_TAKES = (
    "a list is text with an address a line, CSV, TSV, JSON, JSON Lines, Parquet or Arrow with a column of http(s) "
    "addresses, and captions if you like"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a list. `number`, from 1, is the row's, or in a text file that of its last line."""

    number: int
    address: str
    captions: tuple[str, ...]


def read_rows(path: Path, remark: Callable[[str], None] = lambda _: None) -> Iterator[Row]:
    """Yield every row, streamed from the file. Raises StoreError where the list cannot be read to its end.

    `remark` is called with what a person should know of how the file was read.
    """
    try:
        kind = sniff_kind(path)
        if kind != "text":
            yield from _read_arrow(path, kind)
        elif is_json(path) and not is_json_lines(path):
            yield from _read_document(path)
        else:
            with TextLines(path, recode=True) as lines:
                yield from _read_json_lines(lines) if is_json(path) else _read_separated(lines)
            if lines.recoded_lines:
                first = ", ".join(map(str, lines.recoded)) + (", …" if lines.recoded_lines > len(lines.recoded) else "")
                remark(
                    f"{path}: {lines.recoded_lines:,} lines are not UTF-8 and were read as Windows-1252 (number "
                    f"{first}); if they are in another encoding, save the file as UTF-8"
                )
    except TableError as error:
        raise StoreError(f"{path} could not be read whole: {error}", Advice(error.advice or _TAKES)) from error
    except OSError as error:
        raise StoreError(f"{path} could not be read whole: {error.strerror or error}", Advice(_TAKES)) from error


def _read_separated(lines: TextLines) -> Iterator[Row]:
    numbered = lines.numbered()
    begin = list(islice(numbered, _SAMPLE))
    texts = [line.rstrip("\r\n") for _, line in begin if line.strip()]
    delimiter = _find_delimiter(texts)
    plain = [line for line in texts if not line.startswith(_COMMENT)]
    every = chain(begin, numbered)
    rows: Iterator[tuple[int, list[str]]]
    if is_one_column(plain, _find_delimiter(plain)):
        rows = ((number, [line]) for number, line in every if line.strip() and not line.startswith(_COMMENT))
    elif delimiter == "\t":
        rows = ((row.last, row.cells) for row in split_rows(every, delimiter))
    else:
        rows = _read_cells(every, delimiter)
    sample = list(islice(rows, _SAMPLE))
    if not sample:
        return
    columns = detect_columns([cells for _, cells in sample])
    if columns is None:
        raise _no_addresses()
    for number, cells in islice(chain(sample, rows), int(columns.header), None):
        yield _make_row(number, cells, columns)


def _find_delimiter(lines: list[str]) -> str:
    """Return the delimiter of the first line that most lines have; those of the others are parts of addresses."""
    found = [each for each in DELIMITERS if lines and each in lines[0]]
    return max(found, key=lambda each: sum(each in line for line in lines)) if found else "\t"


def _read_cells(lines: Iterator[tuple[int, str]], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, each with the number of its last line.

    A line with broken quotation marks is taken as it is where it has all cells by itself. Raises TableError.
    """
    width = 0
    for row in split_rows(lines, delimiter):
        cells = row.cells
        if row.problem is not None:
            try:
                cells = next(csv.reader(row.cells, delimiter=delimiter), [])
            except csv.Error:
                cells = []
            if len(cells) < width or not cells:
                raise TableError(row.problem, f"line {row.first}")
        width = width or len(cells)
        yield row.last, cells


def _make_row(number: int, cells: list[str], columns: Columns) -> Row:
    def at(n: int) -> str:
        return clean_text(cells[n]).strip() if n < len(cells) else ""

    texts = (text.strip() for n in columns.captions for text in expand_list(at(n)))
    return Row(number, at(columns.address), tuple(text for text in texts if text))


def _read_json_lines(lines: TextLines) -> Iterator[Row]:
    def records() -> Iterator[tuple[int, dict[str, Any]]]:
        for number, record in parse_lines(lines):
            if isinstance(record, TableError):
                raise record
            yield number, flatten(record)

    yield from _read_named(records())


def _read_document(path: Path) -> Iterator[Row]:
    def records() -> Iterator[tuple[int, dict[str, Any]]]:
        for number, (place, record) in enumerate(find_records(_join_captions(load_document(path))), 1):
            if isinstance(record, str):
                record = {"url": record}
            if not isinstance(record, dict):
                raise TableError("it is no JSON object", place)
            yield number, flatten(record)

    yield from _read_named(records())


def _join_captions(content: Any) -> Any:
    """Return the images of a document of COCO, each with the captions of its annotations; others as they are."""
    images, annotations = (
        content.get(name) if isinstance(content, dict) else None for name in ("images", "annotations")
    )
    if not isinstance(images, list) or not isinstance(annotations, list):
        return content
    captions: dict[Any, list[Any]] = {}
    for each in annotations:
        if isinstance(each, dict) and isinstance(each.get("image_id"), int | str):
            captions.setdefault(each["image_id"], []).append(each.get("caption"))
    return [
        {**each, "captions": captions.get(each["id"], [])}
        if isinstance(each, dict) and isinstance(each.get("id"), int | str)
        else each
        for each in images
    ]


def _read_arrow(path: Path, kind: Kind) -> Iterator[Row]:
    with open_arrow(path, kind) as table:
        names = table.find_texts()
        if not names:
            raise _no_addresses()
        sample = list(islice(table.rows(names, _SAMPLE), _SAMPLE))
        if not sample:
            return
        columns = _detect_named(sample, names)
        address, captions = names[columns.address], [names[n] for n in columns.captions]
        for number, row in enumerate(table.rows([address, *captions]), 1):
            yield from _make_named_rows(number, row, address, captions)


def _read_named(rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[Row]:
    """Yield rows from records of named values, where a value may be a list of captions."""
    sample = list(islice(rows, _SAMPLE))
    if not sample:
        return
    names = list(dict.fromkeys(name for _, row in sample for name in row))
    columns = _detect_named([row for _, row in sample], names)
    captions = [names[n] for n in columns.captions]
    for number, row in chain(sample, rows):
        yield from _make_named_rows(number, row, names[columns.address], captions)


def _detect_named(sample: list[dict[str, Any]], names: list[str]) -> Columns:
    columns = detect_columns([[_first_text(row.get(name)) for name in names] for row in sample], names)
    if columns is None:
        raise _no_addresses()
    return columns


def _first_text(value: object) -> str:
    return to_text(value[0] if isinstance(value, list) and value else value)


def _make_named_rows(number: int, row: dict[str, Any], address: str, captions: list[str]) -> Iterator[Row]:
    """Yield a record's pictures: one, or one for each address of a list, all with the record's captions."""
    texts = tuple(clean_text(text) for name in captions for text in to_texts(row.get(name)))
    value = row.get(address)
    for each in value if isinstance(value, list) and value else [value]:
        yield Row(number, clean_text(to_text(each)).strip(), texts)


def _no_addresses() -> TableError:
    return TableError("it has no column of http(s) addresses in its first rows")
