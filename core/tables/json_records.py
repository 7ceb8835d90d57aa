"""Records in JSON: one object a line, or one document in the shapes that people and libraries write."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from core.tables.column_names import find_captions, find_picture_names
from core.tables.sniff import HEAD, open_unpacked
from core.tables.table_error import TableError
from core.tables.text_lines import TextLines, find_bad_byte, guess_encoding, read_document

MAX_DOCUMENT = 512 * 2**20  # bytes


def is_json(path: Path) -> bool:
    """Tell whether a text begins as JSON does. Raises TableError, and OSError."""
    with open_unpacked(path) as file:
        head = file.read(HEAD)
    text = head.decode(guess_encoding(head), "replace").lstrip()
    return text.startswith("{") or (text.startswith("[") and text[1:].lstrip()[:1] in ("", *'{["]-0123456789'))


def is_json_lines(path: Path) -> bool:
    """Tell whether a JSON text has an object a line. Raises TableError, and OSError."""
    with TextLines(path) as lines:
        try:
            some = list(islice((line.strip() for line in lines if line.strip()), 2))
        except TableError:  # of a line that is too long
            return False
    if len(some) < 2 or not some[0].startswith("{") or not some[0].endswith("}"):
        return False
    return _is_object(some[0]) or _is_object(some[1])


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def parse_lines(lines: TextLines) -> Iterator[tuple[int, dict[str, Any] | TableError]]:
    """Yield number and object of each line that is not blank, or why there is none."""
    for number, line in lines.numbered():
        if line.strip():
            yield number, _parse_line(number, line)


def _parse_line(number: int, line: str) -> dict[str, Any] | TableError:
    where = f"line {number}"
    if (byte := find_bad_byte(line)) is not None:
        return TableError(f"byte {byte} is not UTF-8; save the file as UTF-8", where)
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        return TableError(f"it is no JSON ({error})", where)
    return found if isinstance(found, dict) else TableError("it is no JSON object", where)


def load_document(path: Path, limit: int = MAX_DOCUMENT) -> Any:
    """Load one document of at most `limit` bytes. Raises TableError, and OSError."""
    text = read_document(path, limit)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise TableError(f"it is broken JSON ({error.msg})", place) from error
    except (ValueError, RecursionError) as error:
        raise TableError(f"it is JSON that cannot be read ({error})") from error


def find_records(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield (place, record) of a document: an array of objects, or an object of columns, of arrays, or by name.

    A record that has its name from outside has it as `file_name`; its text alone is its `caption`.
    """
    if isinstance(content, list):
        yield from ((f"[{n}]", record) for n, record in enumerate(content))
        return
    if not isinstance(content, dict):
        return
    if isinstance(content.get("columns"), list) and isinstance(content.get("data"), list):  # as pandas splits it
        names = [str(name) for name in content["columns"]]
        for n, cells in enumerate(content["data"]):
            yield f"data[{n}]", dict(zip(names, cells, strict=False)) if isinstance(cells, list) else cells
        return
    arrays = {name: each for name, each in content.items() if isinstance(each, list) and each}
    of_objects = {name: each for name, each in arrays.items() if isinstance(each[0], dict)}
    columns = _find_columns(content)
    if columns is not None:
        yield from columns
    elif of_objects:
        for name, records in of_objects.items():
            yield from ((f"{name}[{n}]", record) for n, record in enumerate(records))
    elif find_captions(list(content)) and find_picture_names(list(content)):
        yield "", content  # one record alone
    else:
        for name, each in content.items():
            if isinstance(each, dict):
                yield name, each if find_picture_names(list(each)) else {"file_name": name, **each}
            elif isinstance(each, str | list):
                yield name, {"file_name": name, "caption": each}


def _find_columns(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]] | None:
    """Return the rows of columns of one length, in arrays or in objects by row; None where it has none."""
    columns: dict[str, list[Any]] = {}
    for name, each in content.items():
        values = list(each.values()) if isinstance(each, dict) else each
        if isinstance(values, list) and values and not isinstance(values[0], dict):
            columns[name] = values
    named = bool(find_picture_names(list(columns)))
    if len(columns) < 2 or not named or len({len(values) for values in columns.values()}) != 1:
        return None
    rows = zip(*columns.values(), strict=True)
    return ((f"row {n}", dict(zip(columns, cells, strict=True))) for n, cells in enumerate(rows, 1))
