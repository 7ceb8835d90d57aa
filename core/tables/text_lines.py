"""The lines of a text file, in the encodings and with the line ends that tables come with."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from core.tables.sniff import HEAD, UNPACKING, open_unpacked
from core.tables.table_error import TableError

MAX_LINE = 2**20  # characters
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SEPARATOR = re.compile(r'"?sep=.?"?\s*')  # how Excel is told the delimiter of a CSV
_LINE_END = re.compile(r"\r\n|\n|\r")


class TextLines:
    """An iterator over lines with their ends, which are \\n, \\r\\n or \\r, also mixed. A context manager.

    The text is UTF-8, or UTF-16 or UTF-32 by their marks or by how they look. `number` is that of the last line, from
    1. With `recode`, lines that are not UTF-8 are read as Windows-1252, and `recoded` has the numbers of the first few.
    Without it their odd bytes come as lone surrogates, which `find_bad_byte` finds. Raises TableError, and OSError.
    """

    def __init__(self, path: Path, *, recode: bool = False) -> None:
        self.number = 0
        self.recoded: list[int] = []
        self.recoded_lines = 0
        self._recode = recode
        with open_unpacked(path) as file:
            try:
                head = file.read(HEAD)
            except UNPACKING as error:
                raise TableError(f"it cannot be unpacked ({error})") from error
        encoding = guess_encoding(head)
        errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
        self._text = io.TextIOWrapper(open_unpacked(path), encoding, errors, newline="")

    def __enter__(self) -> "TextLines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._text.close()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        where = f"line {self.number + 1}"
        try:
            line = self._text.readline(MAX_LINE + 1)
        except UNPACKING as error:
            raise TableError(f"the rest cannot be unpacked ({error})", where) from error
        if not line:
            raise StopIteration
        self.number += 1
        if self.number == 1 and _SEPARATOR.fullmatch(line):
            return next(self)
        if len(line) > MAX_LINE:
            raise TableError(f"it is longer than {MAX_LINE:,} characters", where)
        if self._recode and find_bad_byte(line) is not None:
            self.recoded_lines += 1
            self.recoded += [self.number] if len(self.recoded) < 3 else []
            line = line.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
        return line

    def numbered(self) -> Iterator[tuple[int, str]]:
        """Yield lines with their numbers."""
        for line in self:
            yield self.number, line


def read_document(path: Path, limit: int) -> str:
    """Read a whole text of at most `limit` bytes, unpacked. Raises TableError, and OSError."""
    with open_unpacked(path) as file:
        try:
            data = file.read(limit + 1)
        except UNPACKING as error:
            raise TableError(f"it cannot be unpacked ({error})") from error
    if len(data) > limit:
        raise TableError(f"it is over {limit >> 20:,} MiB", advice="write it as JSON Lines, one object a line")
    try:
        return data.decode(guess_encoding(data[:HEAD]))
    except UnicodeDecodeError as error:
        line = len(_LINE_END.findall(data[: error.start].decode("latin-1"))) + 1
        raise TableError("it is not UTF-8", f"line {line}", "save the file as UTF-8") from error


def split_lines(text: str) -> list[str]:
    """Split a text at \\n, \\r\\n and \\r alone: other marks that Unicode calls line ends are parts of names."""
    lines = _LINE_END.split(text)
    return lines[:-1] if lines[-1] == "" else lines


def guess_encoding(head: bytes) -> str:
    """Return the encoding that a text's first bytes speak for."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    half = len(head) // 2
    first, second = head[0 : 2 * half : 2].count(0), head[1 : 2 * half : 2].count(0)
    if half > 7 and second > 0.4 * half and not first:
        return "utf-16-le"
    if half > 7 and first > 0.4 * half and not second:
        return "utf-16-be"
    return "utf-8"


def find_bad_byte(line: str) -> int | None:
    """Return the number, from 1, of the line's first byte that is not UTF-8, or None."""
    if line.isascii():
        return None
    try:
        line.encode()
    except UnicodeEncodeError as error:
        return len(line[: error.start].encode()) + 1
    return None
