"""Captions in records: COCO and its kin, splits of Karpathy, lists of LAVIS, JSON Lines, Parquet and Arrow."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.tables.arrow_rows import is_integer, is_text, open_arrow
from core.tables.cell_values import flatten, to_name, to_texts
from core.tables.column_names import find_captions, find_picture_names
from core.tables.json_records import find_records, is_json_lines, load_document, parse_lines
from core.tables.sniff import Kind
from core.tables.table_error import TableError
from core.tables.text_lines import TextLines
from ingest.captions.caption_rows import CaptionRow

Rows = Iterator[CaptionRow | TableError]


def read_json(path: Path, limit: int) -> Rows:
    """Yield what the records of a JSON document of at most `limit` bytes, or of JSON Lines, say.

    Records that cannot be read come as errors. Raises TableError, and OSError.
    """
    if is_json_lines(path):
        with TextLines(path) as lines:
            for number, record in parse_lines(lines):
                yield record if isinstance(record, TableError) else read_record(f"line {number}", record)
        return
    content = load_document(path, limit)
    if isinstance(content, dict) and _is_coco(content):
        yield from _read_coco(content)
        return
    records = list(find_records(content))
    if not any(isinstance(record, dict) for _, record in records):
        raise TableError("it is JSON without a list of images, and without records of images and their captions")
    for where, record in records:
        yield read_record(where, record)


def read_arrow(path: Path, kind: Kind) -> Rows:
    """Yield what the rows of a Parquet or Arrow file say. Raises TableError, and OSError."""
    with open_arrow(path, kind) as table:
        leaves = [name for name, each in table.leaves.items() if is_text(each) or is_integer(each)]
        names, texts = _find_fields(tuple(leaves))
        if not names or not texts:
            given = ", ".join(table.leaves)
            raise TableError(f"it has the columns {given}, and not both a name, such as file_name, and a caption")
        for number, row in enumerate(table.rows(list(dict.fromkeys((*names, *texts)))), 1):
            yield read_record(f"row {number}", row)


def read_record(where: str, record: Any) -> CaptionRow | TableError:
    """Return what one record says: its picture's name, and all fields that are called as captions are."""
    if not isinstance(record, Mapping):
        return TableError("it is no object", where)
    row = flatten(dict(record))
    names, texts = _find_fields(tuple(row))
    name = _join_path(row) or next((name for each in names if (name := to_name(row[each]).strip())), "")
    texts = tuple(each for each in texts if each not in names[:1])
    if not texts:
        return TableError(f"it has no caption; its fields are {', '.join(list(row)[:12])}", where)
    said = [text for each in texts for text in to_texts(row[each])]
    return CaptionRow(where, name, tuple(said) or ("",))


@lru_cache(1024)
def _find_fields(fields: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = tuple(fields[n] for n in find_picture_names(fields))
    return names, tuple(fields[n] for n in find_captions(fields))


def _join_path(row: Mapping[str, Any]) -> str:
    """Return the path of a record that has folder and file apart, as the splits of Karpathy have them."""
    folder, file = row.get("filepath"), row.get("filename")
    if not isinstance(folder, str) or not isinstance(file, str) or not folder or not file:
        return ""
    return folder if folder.endswith(file) else f"{folder.rstrip('/')}/{file}"


def _is_coco(content: Mapping[str, Any]) -> bool:
    images = content.get("images")
    if not isinstance(images, list):
        return False
    first = images[0] if images and isinstance(images[0], dict) else {}
    return "annotations" in content or not find_captions(list(first))


def _read_coco(content: Mapping[str, Any]) -> Rows:
    annotations = content.get("annotations")
    if not isinstance(annotations, list):
        raise TableError("it is JSON without a list of annotations")
    names: dict[str, str] = {}
    for n, entry in enumerate(content["images"]):
        where = f"images[{n}]"
        found = entry if isinstance(entry, dict) else {}
        fields, _ = _find_fields(tuple(each for each in found if each != "id"))
        name = next((found[each] for each in fields if isinstance(found[each], str) and found[each]), None)
        if not isinstance(found.get("id"), int | str):
            yield TableError("its id is missing or of the wrong kind", where)
        elif name is None:
            yield TableError("its file_name is missing or of the wrong kind", where)
        else:
            names[str(found["id"])] = name
    for n, entry in enumerate(annotations):
        where = f"annotations[{n}]"
        found = entry if isinstance(entry, dict) else {}
        image, text = found.get("image_id"), found.get("caption")
        if not isinstance(image, int | str):
            yield TableError("its image_id is missing or of the wrong kind", where)
        elif not isinstance(text, str):
            yield TableError("its caption is missing or of the wrong kind", where)
        else:
            yield CaptionRow(where, names.get(str(image), f"image_id {image}"), (text,))
