"""Cells of tables in text: which delimiter, which quotation marks, and rows that go over several lines."""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

DELIMITERS = "\t,;|"
_MAX_JOINED = 50  # lines of one row


@dataclass(frozen=True, slots=True)
class CellRow:
    """A row: the numbers of its first and last line, and its cells.

    A row that cannot be read has a `problem`, and its line as its one cell.
    """

    first: int
    last: int
    cells: list[str]
    problem: str | None = None


def split_rows(lines: Iterator[tuple[int, str]], delimiter: str) -> Iterator[CellRow]:
    """Yield the rows of numbered lines, those with broken quotation marks too. Blank rows are left out.

    A row with broken quotation marks costs one line: reading goes on with the next line.
    Quotation marks in TSV are part of the text, as published TSV files have it, unless a whole cell is in them.
    """
    rows = _split_tabs(lines) if delimiter == "\t" else _split_quoted(lines, delimiter)
    return (row for row in rows if row.problem is not None or any(cell.strip() for cell in row.cells))


def _split_quoted(lines: Iterator[tuple[int, str]], delimiter: str) -> Iterator[CellRow]:
    again: deque[tuple[int, str]] = deque()
    taken: list[tuple[int, str]] = []

    def feed() -> Iterator[str]:
        while (line := again.popleft() if again else next(lines, None)) is not None:
            taken.append(line)
            yield line[1]

    while True:
        try:
            for cells in csv.reader(feed(), delimiter=delimiter, strict=True):
                yield CellRow(taken[0][0], taken[-1][0], cells)
                taken.clear()
            return
        except csv.Error as error:
            first, text = taken[0]
            again.extendleft(reversed(taken[1:]))
            taken.clear()
            yield CellRow(first, first, [text], f"its quotation marks or line ends are broken ({error})")


def _split_tabs(lines: Iterator[tuple[int, str]]) -> Iterator[CellRow]:
    again: deque[tuple[int, str]] = deque()
    width = 0
    while (line := again.popleft() if again else next(lines, None)) is not None:
        number, text = line
        cells = text.rstrip("\r\n").split("\t")
        width = width or len(cells)
        last = number
        if len(cells) < width and _is_open(cells[-1]):
            last, cells = _join_lines(line, cells, width, lines, again)
        yield CellRow(number, last, [unquote_cell(cell) for cell in cells])


def _join_lines(
    line: tuple[int, str], cells: list[str], width: int, lines: Iterator[tuple[int, str]], again: deque[tuple[int, str]]
) -> tuple[int, list[str]]:
    """Join a row whose last cell has a quotation mark that a later line closes. Lines in vain go to `again`."""
    joined, taken = line[1], list[tuple[int, str]]()
    while len(taken) < _MAX_JOINED and (more := again.popleft() if again else next(lines, None)) is not None:
        taken.append(more)
        joined += more[1]
        parts = joined.rstrip("\r\n").split("\t")
        if len(parts) > width:
            break
        if len(parts) == width and not _is_open(parts[len(cells) - 1]):
            return more[0], parts
    again.extendleft(reversed(taken))
    return line[0], cells


def _is_open(cell: str) -> bool:
    return cell.lstrip().startswith('"') and cell.count('"') % 2 == 1


def unquote_cell(cell: str) -> str:
    """Strip a cell of TSV of blanks, and of quotes where it is quoted as a whole, as spreadsheets do it.

    Other quotation marks of TSV are part of the text, as in published files.
    """
    cell = cell.strip()
    if len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', ""):
        return cell[1:-1].replace('""', '"').strip()
    return cell
