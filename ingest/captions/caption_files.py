"""Caption files that people wrote, in the formats that they are published in. The content tells the format."""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from core.errors import InvalidCaptionFile
from core.tables.cells import DELIMITERS, unquote_cell
from core.text.analysis import is_unicode

MAX_LINE = 2**20  # bytes
MAX_JSON = 512 * 2**20  # bytes
MAX_CAPTION = 10_000  # characters
MAX_TEXT = 16_000  # characters in all captions of an image: an index writes many images at once
TAKES = (
    "COCO captions JSON ({images: [{id, file_name}], annotations: [{image_id, caption}]}); the token file of Flickr8k "
    "(lines of name.jpg#0, a tab, a caption); or CSV or TSV with a header that names its columns (such as "
    "image,caption), or of the two columns image and caption without one; in UTF-8"
)

_NAME_COLUMNS = (
    *("image", "image_name", "file_name", "filename", "file", "image_path", "file_path", "filepath", "path", "key"),
    *("img", "name", "uri", "url", "image_url"),
)
_CAPTION_COLUMN = re.compile(r"(captions?|comment|text|description|sentence|title|alt)_?\d*")
_TOKEN = re.compile(r"(.+)#\d+")


@dataclass(slots=True)
class CaptionFile:
    """The captions of one file.

    `captions` of each name, as the file gives it, in the order of the file and none twice.
    `blank` counts captions that were empty.
    """

    path: Path
    captions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    blank: int = 0


def read_captions(path: Path) -> CaptionFile:
    """Read a caption file of any format.

    Raises InvalidCaptionFile, which says where in the file it cannot be read.
    """
    found = CaptionFile(path)
    try:
        if not path.is_file():
            _refuse(path, None, "there is no such file" if not path.exists() else "it is no file")
        with path.open("rb") as file:
            rows = _coco(path, file) if _peek(file) in (b"{", b"[") else _table(path, file)
            for where, name, text in rows:
                _add(found, where, name, text)
    except OSError as error:
        _refuse(path, None, f"it cannot be read ({error.strerror})")
    if not found.captions:
        _refuse(path, None, "it holds no caption")
    return found


def check_length(path: Path, where: str, texts: tuple[str, ...]) -> None:
    """Check the length of all captions of one image. Raises InvalidCaptionFile where they are too long together."""
    length = sum(map(len, texts))
    if length > MAX_TEXT:
        _refuse(path, where, f"the captions of this image have {length:,} characters, and {MAX_TEXT:,} is the most")


class CaptionFileCache:
    """A cache of caption files; one is read again when it has changed."""

    def __init__(self) -> None:
        self._cached: dict[Path, tuple[tuple[int, int, int], CaptionFile]] = {}

    def read(self, path: Path) -> CaptionFile:
        """Read a file, or return what was read of it before. Raises InvalidCaptionFile."""
        try:
            stat = path.stat()
        except OSError:
            return read_captions(path)
        state = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if path not in self._cached or self._cached[path][0] != state:
            self._cached[path] = state, read_captions(path)
        return self._cached[path][1]


def _add(found: CaptionFile, where: str, name: str, text: str) -> None:
    text = " ".join(text.split())
    if not name:
        _refuse(found.path, where, "the name of the image is empty")
    for value in (name, text):
        if "\0" in value or not is_unicode(value):
            _refuse(found.path, where, "it holds a NUL or half a character, which no text has")
    if len(text) > MAX_CAPTION:
        _refuse(found.path, where, f"the caption has {len(text):,} characters, and {MAX_CAPTION:,} is the most")
    if not text:
        found.blank += 1
        return
    before = found.captions.get(name, ())
    if text not in before:
        found.captions[name] = (*before, text)
        check_length(found.path, where, found.captions[name])


def _peek(file: BinaryIO) -> bytes:
    """Return the first character that is not blank, behind a byte order mark, and go back to the file's start."""
    start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return start[:1]


def _coco(path: Path, file: BinaryIO) -> Iterator[tuple[str, str, str]]:
    data = file.read(MAX_JSON + 1)
    if len(data) > MAX_JSON:
        _refuse(path, None, f"it is JSON of over {MAX_JSON >> 20} MiB")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        _refuse(path, f"line {data.count(10, 0, error.start) + 1}", "it is not UTF-8")
    except json.JSONDecodeError as error:
        _refuse(path, f"line {error.lineno}, column {error.colno}", f"it is broken JSON ({error.msg})")
    except (ValueError, RecursionError) as error:
        _refuse(path, None, f"it is JSON that cannot be read ({error})")
    names = dict(_coco_names(path, _entries(path, content, "images")))
    for n, entry in enumerate(_entries(path, content, "annotations")):
        where = f"annotations[{n}]"
        image, text = _value(path, where, entry, "image_id", int | str), _value(path, where, entry, "caption", str)
        yield where, names.get(image, f"image_id {image}"), text


def _coco_names(path: Path, images: list[Any]) -> Iterator[tuple[int | str, str]]:
    for n, entry in enumerate(images):
        where = f"images[{n}]"
        yield _value(path, where, entry, "id", int | str), _value(path, where, entry, "file_name", str)


def _entries(path: Path, content: Any, name: str) -> list[Any]:
    found = content.get(name) if isinstance(content, dict) else None
    if not isinstance(found, list):
        _refuse(path, None, f"it is JSON without a list of {name}")
    return found


def _value(path: Path, where: str, entry: Any, name: str, kind: Any) -> Any:
    found = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(found, kind):
        _refuse(path, where, f"its {name} is missing or of the wrong kind")
    return found


def _table(path: Path, file: BinaryIO) -> Iterator[tuple[str, str, str]]:
    lines = _Lines(path, file)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        _refuse(path, None, "it is empty")
    layout = _layout(path, lines.number, first)
    for where, cells in _rows(path, layout, lines if layout.header else _LinesFrom(first, lines)):
        yield from _texts(path, where, layout, cells)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which columns of a table hold what. `tokens`: a name ends with "#" and the number of its caption."""

    delimiter: str
    columns: int
    name: int
    texts: tuple[int, ...]
    header: bool
    tokens: bool = False


def _layout(path: Path, number: int, first: str) -> _Layout:
    """Find the layout of a table that begins with this line."""
    for delimiter in DELIMITERS:
        cells = _split(path, number, first, delimiter)
        names = [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in cells]
        name = next((names.index(column) for column in _NAME_COLUMNS if column in names), None)
        texts = tuple(n for n, column in enumerate(names) if n != name and _CAPTION_COLUMN.fullmatch(column))
        if name is not None and texts:
            return _Layout(delimiter, len(cells), name, texts, header=True)
    for delimiter in DELIMITERS:
        cells = _split(path, number, first, delimiter)
        if len(cells) > 1:
            tokens = delimiter == "\t" and _TOKEN.fullmatch(cells[0].strip()) is not None
            return _Layout(delimiter, 2, 0, (1,), header=False, tokens=tokens)
    _refuse(path, f"line {number}", "it is no JSON, and has no columns that a tab or a comma divides")


def _split(path: Path, number: int, line: str, delimiter: str) -> list[str]:
    try:
        return next(_reader(iter([line]), delimiter), [])
    except csv.Error:
        return next(_reader(iter([line]), delimiter, strict=False), [])


def _reader(lines: Iterator[str], delimiter: str, *, strict: bool = True) -> Iterator[list[str]]:
    """Yield rows of cells. Quotation marks in TSV are part of the text, as published TSV files have it."""
    if delimiter == "\t":
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=strict)
    return csv.reader(lines, delimiter=delimiter, strict=strict)


def _rows(path: Path, layout: _Layout, lines: "_Lines | _LinesFrom") -> Iterator[tuple[str, list[str]]]:
    """Yield rows with the place where they begin. Blank rows are left out."""
    rows = _reader(iter(lines), layout.delimiter)
    while True:
        start = lines.number + 1
        try:
            cells = next(rows, None)
        except csv.Error as error:
            _refuse(path, f"line {start}", f"its quotation marks or line ends are broken ({error})")
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield f"line {start}", cells


def _texts(path: Path, where: str, layout: _Layout, cells: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (place, name, caption) of a row. Delimiters within a last column of free text belong to the text."""
    last = layout.columns - 1
    if len(cells) > layout.columns and last in layout.texts:
        cells = [*cells[:last], layout.delimiter.join(cells[last:])]
    if len(cells) <= max(layout.name, layout.texts[0]):
        _refuse(path, where, f"it has {len(cells)} of {layout.columns} columns")
    name = unquote_cell(cells[layout.name])
    if layout.tokens:
        match = _TOKEN.fullmatch(name)
        if match is None:
            _refuse(path, where, "the name does not end with # and a number, as those above it do")
        name = match[1]
    for column in layout.texts:
        if column < len(cells) and (column == layout.texts[0] or cells[column].strip()):
            yield where, name, unquote_cell(cells[column])


class _Lines:
    """The lines of a text in UTF-8; `number` is that of the last one, counted from 1."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.number = 0
        self._path = path
        self._file = file

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        data = self._file.readline(MAX_LINE + 1)
        if not data:
            raise StopIteration
        self.number += 1
        where = f"line {self.number}"
        if len(data) > MAX_LINE:
            _refuse(self._path, where, f"it is longer than {MAX_LINE:,} bytes")
        if self.number == 1 and data.startswith((b"\xff\xfe", b"\xfe\xff")):
            _refuse(self._path, where, "it is UTF-16; save the file as UTF-8")
        if b"\0" in data:
            _refuse(self._path, where, "it holds a NUL, which no text has")
        try:
            return data.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            _refuse(self._path, where, f"byte {error.start + 1} is not UTF-8; save the file as UTF-8")


class _LinesFrom:
    """A line that has been read already, and those behind it."""

    def __init__(self, first: str, lines: _Lines) -> None:
        self._first: str | None = first
        self._lines = lines

    @property
    def number(self) -> int:
        return self._lines.number - (self._first is not None)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._first is None:
            return next(self._lines)
        first, self._first = self._first, None
        return first


def _refuse(path: Path, where: str | None, problem: str) -> NoReturn:
    raise InvalidCaptionFile(path, where, problem, TAKES)
