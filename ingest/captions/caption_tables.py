"""Captions in tables of text: CSV, TSV and the token files of Flickr8k, with columns told by names or content."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from core.tables.cell_values import expand_list
from core.tables.cells import DELIMITERS, CellRow, split_rows, unquote_cell
from core.tables.column_names import find_captions, find_picture_names
from core.tables.table_error import TableError
from core.tables.text_lines import TextLines, find_bad_byte
from ingest.captions.caption_rows import CaptionRow

_TOKEN = re.compile(r"(.+)#\d+")
_PICTURE = re.compile(r"\s*(?:https?://\S+|.+\.(?:jpe?g|png|gif|webp|bmp|tiff?|hei[cf]|avif|jxl))\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which columns of a table hold what. `tokens`: a name ends with "#" and the number of its caption."""

    delimiter: str
    columns: int
    name: int
    texts: tuple[int, ...]
    header: bool
    tokens: bool = False


def read_table(path: Path) -> Iterator[CaptionRow | TableError]:
    """Yield the rows of a table, and errors for those that cannot be read. Raises TableError, and OSError."""
    with TextLines(path) as lines:
        numbered = _check_lines(lines)
        first = next((each for each in numbered if isinstance(each[1], TableError) or each[1].strip()), None)
        if first is None:
            raise TableError("it is empty")
        number, line = first
        if isinstance(line, TableError):
            raise line
        layout = _find_layout(number, line)
        bad: list[TableError] = []
        rows = split_rows(_keep_good(numbered if layout.header else chain([first], numbered), bad), layout.delimiter)
        for row in rows:
            yield from bad
            bad.clear()
            yield _parse_row(row, layout)
        yield from bad


def _check_lines(lines: TextLines) -> Iterator[tuple[int, str | TableError]]:
    """Yield numbered lines, and errors in place of those that are no text."""
    for number, line in lines.numbered():
        if (byte := find_bad_byte(line)) is not None:
            yield number, TableError(f"byte {byte} is not UTF-8; save the file as UTF-8", f"line {number}")
        elif "\0" in line:
            yield number, TableError("it holds a NUL, which no text has", f"line {number}")
        else:
            yield number, line


def _keep_good(lines: Iterator[tuple[int, str | TableError]], bad: list[TableError]) -> Iterator[tuple[int, str]]:
    """Yield the lines that are text, and put errors into `bad`."""
    for number, line in lines:
        if isinstance(line, TableError):
            bad.append(line)
        else:
            yield number, line


def _find_layout(number: int, first: str) -> _Layout:
    """Find the layout of a table that begins with this line. Raises TableError."""
    for delimiter in DELIMITERS:
        cells = _split(first, delimiter)
        names = find_picture_names(cells)
        texts = tuple(n for n in find_captions(cells) if n not in names[:1])
        if names and texts:
            return _Layout(delimiter, len(cells), names[0], texts, header=True)
    for delimiter in DELIMITERS:
        cells = _split(first, delimiter)
        if len(cells) > 1:
            tokens = delimiter == "\t" and _TOKEN.fullmatch(cells[0].strip()) is not None
            behind = not tokens and _PICTURE.fullmatch(cells[-1]) and not _PICTURE.fullmatch(cells[0])
            name, text = (1, 0) if behind else (0, 1)
            return _Layout(delimiter, 2, name, (text,), header=False, tokens=tokens)
    raise TableError("it is no JSON, and has no columns that a tab or a comma divides", f"line {number}")


def _split(line: str, delimiter: str) -> list[str]:
    if delimiter == "\t":
        return [unquote_cell(cell) for cell in line.rstrip("\r\n").split("\t")]
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _parse_row(row: CellRow, layout: _Layout) -> CaptionRow | TableError:
    """Return what a row says. Delimiters within free text at the end of a row belong to the text."""
    where, cells, last = f"line {row.first}", row.cells, layout.columns - 1
    if row.problem is not None:
        return TableError(row.problem, where)
    if len(cells) > layout.columns:
        if last in layout.texts:
            cells = [*cells[:last], layout.delimiter.join(cells[last:])]
        elif not layout.header:
            cells = [layout.delimiter.join(cells[:-1]), cells[-1]]
    if len(cells) <= max(layout.name, layout.texts[0]) or any(cell.strip() for cell in cells[layout.columns :]):
        return TableError(f"it has {len(cells)} of {layout.columns} columns", where)
    name = cells[layout.name].strip()
    if layout.tokens:
        match = _TOKEN.fullmatch(name)
        if match is None:
            return TableError("the name does not end with # and a number, as those above it do", where)
        name = match[1]
    texts = [cells[n] for n in layout.texts if n < len(cells)]
    filled = [text for n, text in enumerate(texts) if n == 0 or text.strip()]
    return CaptionRow(where, name, tuple(each for text in filled for each in expand_list(text)))
