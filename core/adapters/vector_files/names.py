"""The names that go with vectors, and their captions and addresses, from a file beside them."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import InvalidVectors
from core.errors.hints import Advice, Configure
from core.tables.arrow_rows import ArrowTable, is_integer, is_text, open_arrow
from core.tables.cell_values import clean_text, flatten, to_name, to_text, to_texts
from core.tables.cells import unquote_cell
from core.tables.column_names import PICTURE_NAMES, find_captions, normalize_name, rank_address
from core.tables.json_records import MAX_DOCUMENT, find_records, is_json_lines, load_document, parse_lines
from core.tables.sniff import sniff_kind
from core.tables.table_error import TableError
from core.tables.text_lines import TextLines, read_document, split_lines

_SUFFIXES = (".txt", ".json", ".jsonl", ".csv", ".tsv", ".parquet")
_NAMES = ("image_path", "name", "file", "file_name", "filename", "path", "key", *PICTURE_NAMES)
_PART = re.compile(r"img_emb_(\d+)")  # of clip-retrieval, whose metadata have the same number


@dataclass(slots=True)
class Names:
    """What vectors are called, in their order: a name each, its captions, and the picture's address or ""."""

    names: list[str] = field(default_factory=list)
    captions: list[tuple[str, ...]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def add(self, name: str, captions: Iterable[str] = (), address: str = "") -> None:
        self.names.append(name)
        self.captions.append(tuple(captions))
        self.addresses.append(address)

    def drop_blank_end(self, size: int) -> None:
        """Drop names at the end that are blank, where there are more than `size`."""
        while len(self.names) > size and not self.names[-1].strip():
            for each in (self.names, self.captions, self.addresses):
                each.pop()


@dataclass(frozen=True, slots=True)
class NameColumns:
    """Which columns hold a picture's name, its captions and its address."""

    name: str
    captions: tuple[str, ...]
    address: str | None

    @property
    def every(self) -> list[str]:
        """The columns, each once."""
        return list(dict.fromkeys((self.name, *self.captions, *([self.address] if self.address else []))))

    def read(self, row: dict[str, Any]) -> tuple[str, list[str], str]:
        """Return name, captions and address of a row."""
        texts = (clean_text(text) for column in self.captions for text in to_texts(row.get(column)))
        address = to_text(row.get(self.address)).strip() if self.address else ""
        return to_name(row.get(self.name)), list(texts), address if address.startswith("http") else ""


def find_columns(columns: Iterable[str], *, apart: Iterable[str] = ()) -> NameColumns | None:
    """Find the columns of names, captions and addresses among these, leaving out those `apart`."""
    kept = [name for name in columns if name not in set(apart)]
    normal = [normalize_name(name) for name in kept]
    name = next((kept[normal.index(each)] for each in _NAMES if each in normal), None)
    if name is None:
        return None
    captions = tuple(kept[n] for n in find_captions(kept) if kept[n] != name)
    addresses = [each for each in kept if each not in (name, *captions) and rank_address(each) <= 2]
    return NameColumns(name, captions, min(addresses, key=rank_address, default=None))


def find_arrow_columns(table: ArrowTable, *, apart: Iterable[str] = ()) -> NameColumns | None:
    """Find these columns in a Parquet or Arrow file: texts, or whole numbers for names."""
    names = [name for name, kind in table.leaves.items() if is_text(kind) or is_integer(kind)]
    return find_columns(names, apart=apart)


def find_names_file(path: Path) -> Path | None:
    """Find the file of names of a file of vectors: the one beside it, or clip-retrieval's metadata of its number."""
    beside = (path.with_suffix(suffix) for suffix in _SUFFIXES)
    found = next((each for each in beside if each != path and each.exists()), None)
    part = _PART.fullmatch(path.stem)
    if found is not None or part is None:
        return found
    for folder in (path.parent, path.parent / "metadata", path.parent.parent / "metadata"):
        for each in sorted(folder.glob("metadata_*.parquet")):
            number = each.stem.removeprefix("metadata_")
            if number.isdecimal() and int(number) == int(part[1]):
                return each
    return None


def read_names(path: Path, names: Path | None) -> Names:
    """Read the names of a file of vectors, by default from the file that is found for it. Raises InvalidVectors."""
    found = names or find_names_file(path)
    if found is None:
        missing = path.with_suffix(".txt").name
        if part := _PART.fullmatch(path.stem):
            missing = f"metadata_{part[1]}.parquet, nor a {missing}"
        raise InvalidVectors(
            path,
            f"has no names, and there is no {missing} beside it",
            Configure("put one a line, in the order of the vectors, into such a file, or name one with {}", ("names",)),
        )
    called = Names()
    try:
        for name, captions, address in _read_rows(found):
            called.add(name, captions, address)
    except TableError as error:
        advice = Advice(error.advice) if error.advice else None
        raise InvalidVectors(found, f"cannot be read as a file of names: {error}", advice) from error
    return called


def _read_rows(path: Path) -> Iterator[tuple[str, list[str], str]]:
    kind = sniff_kind(path)
    if kind != "text":
        with open_arrow(path, kind) as table:
            columns = find_arrow_columns(table)
            if columns is None:
                raise _no_names(list(table.leaves))
            yield from map(columns.read, table.rows(columns.every))
    elif path.suffix in (".json", ".jsonl", ".ndjson"):
        yield from _read_records(path)
    elif path.suffix in (".csv", ".tsv"):
        yield from _read_table(path)
    else:
        yield from ((line, [], "") for line in split_lines(read_document(path, MAX_DOCUMENT)))


def _read_records(path: Path) -> Iterator[tuple[str, list[str], str]]:
    columns: NameColumns | None = None
    for place, record in _list_records(path):
        if isinstance(record, str):
            yield record, [], ""
            continue
        if not isinstance(record, dict):
            raise TableError("it is neither a name nor an object", place)
        row = flatten(record)
        columns = columns or find_columns(row)
        if columns is None:
            raise _no_names(list(row))
        yield columns.read(row)


def _list_records(path: Path) -> Iterator[tuple[str, Any]]:
    if not is_json_lines(path):
        yield from find_records(load_document(path))
        return
    with TextLines(path) as lines:
        for number, record in parse_lines(lines):
            if isinstance(record, TableError):
                raise record
            yield f"line {number}", record


def _read_table(path: Path) -> Iterator[tuple[str, list[str], str]]:
    """Read a table. A single column needs no header, and its blank lines are names that are missing."""
    columns: NameColumns | None = None
    head: list[str] | None = None
    text = read_document(path, MAX_DOCUMENT)
    tabs = path.suffix == ".tsv"
    rows = csv.reader(_lines(text), delimiter="\t" if tabs else ",")
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:
            raise TableError(f"its quotation marks are broken ({error})", f"line {rows.line_num}") from error
        if cells is None:
            return
        if head is None:
            head = cells
            columns = find_columns(head)
            if columns is not None:
                continue
        if columns is not None:
            yield columns.read(dict(zip(head, map(str.strip, cells), strict=False)))
        elif len(cells) > 1:
            raise _no_names(head)
        else:
            yield unquote_cell(cells[0]) if cells else "", [], ""


def _lines(text: str) -> Iterator[str]:
    """Yield lines with their ends, which are \\n, \\r\\n or \\r."""
    return (match[0] for match in re.finditer(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text))


def _no_names(columns: list[str]) -> TableError:
    given = ", ".join(columns[:12])
    return TableError(f"it has the columns {given}, none called {', '.join(_NAMES[:5])} or url")
