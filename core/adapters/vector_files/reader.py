"""A reader of computed vectors in .npy, .pt, Parquet and Arrow files, some rows at a time."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.adapters.vector_files.arrays import VECTOR_COLUMNS, open_array
from core.adapters.vector_files.names import Names, find_arrow_columns, find_names_file, read_names
from core.domain.vectors import Matrix
from core.errors import InvalidVectors
from core.errors.hints import Advice, Configure
from core.ports.image_store import VectorRows
from core.tables.arrow_rows import ArrowTable, is_float, is_list, list_values, open_arrow, to_python
from core.tables.column_names import normalize_name
from core.tables.sniff import Kind
from core.tables.table_error import TableError

_RIGHT_MODEL = Configure("see that {} names the model that made them", ("model",))
_SUFFIXES = (".npy", ".pt", ".pth", ".parquet", ".arrow", ".feather")
_KINDS: tuple[tuple[bytes, Kind], ...] = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow stream"),
)


def find_vector_files(path: Path) -> list[Path]:
    """Return the files of vectors that a path stands for: itself, or those of a folder, parts in the order of numbers.

    In a folder of clip-retrieval these are its `img_emb` alone, with a part of each of its metadata.
    """
    if not path.is_dir():
        return [path]
    folder = path / "img_emb" if (path / "img_emb").is_dir() else path
    parts = {part for part in folder.glob("img_emb_*.npy") if find_number(part) is not None}
    if parts:
        numbers = {find_number(part) for part in parts}
        width = max(len(part.stem.removeprefix("img_emb_")) for part in parts)
        for metadata in {*folder.glob("metadata_*.parquet"), *path.glob("metadata/metadata_*.parquet")}:
            number = find_number(metadata)
            if number is not None and number not in numbers:
                parts.add(folder / f"img_emb_{number:0{width}}.npy")  # is reported as missing
        return sorted(parts, key=_by_number)
    others = (each for each in path.iterdir() if each.suffix.lower() in _SUFFIXES and each.is_file())
    apart = re.compile(r"(?:metadata|text_emb)_\d+")
    return sorted((each for each in others if not apart.fullmatch(each.stem)), key=_by_number) or [path]


def find_number(path: Path) -> int | None:
    """Return the number at the end of a part's name, or None."""
    number = path.stem.rpartition("_")[2]
    return int(number) if number.isdecimal() else None


def _by_number(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def read_vectors(path: Path, names: Path | None, dimension: int, rows: int) -> Iterator[VectorRows]:
    """Yield the file's vectors, at most `rows` at a time, (n, `dimension`) float32 as stored, not normalised.

    `names` is the file of names. By default it is the file of the same name with the suffix .txt, .json, .jsonl, .csv,
    .tsv or .parquet, or clip-retrieval's metadata of the same number. Shape and names of .npy and .pt files are checked
    before the first rows. Raises InvalidVectors.
    """
    if path.is_dir():
        raise InvalidVectors(path, "is a folder without a file of vectors", Advice(f"these end in {_list_suffixes()}"))
    try:
        with path.open("rb") as file:
            head = file.read(16)
        kind = next((kind for magic, kind in _KINDS if head.startswith(magic)), None)
        if kind is not None:
            yield from _read_arrow(path, kind, dimension, rows)
        else:
            yield from _read_array(path, head, names, dimension, rows)
    except FileNotFoundError as error:
        metadata = find_names_file(path)
        if metadata is None or find_number(metadata) is None:
            raise InvalidVectors(path, f"could not be read: {error.strerror}") from error
        raise InvalidVectors(
            path, f"is missing, and {metadata} names its vectors", Advice("have it computed or copied again")
        ) from error
    except OSError as error:
        raise InvalidVectors(path, f"could not be read: {error.strerror or error}") from error


def _list_suffixes() -> str:
    return f"{', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}"


def _read_array(path: Path, head: bytes, names: Path | None, dimension: int, rows: int) -> Iterator[VectorRows]:
    if re.fullmatch(r"text_emb_\d+", path.stem):
        raise InvalidVectors(
            path,
            "is by its name clip-retrieval's file of the vectors of captions, not of pictures",
            Advice("give the img_emb beside it, or rename it if it does hold vectors of pictures"),
        )
    array = open_array(path, head)
    if len(array.shape) != 2 or array.shape[1] != dimension:
        raise InvalidVectors(
            path,
            f"holds an array of shape {array.shape}; vectors of the declared model are (N, {dimension})",
            _RIGHT_MODEL,
        )
    if names is None and array.names is not None:
        called = Names(array.names, [()] * len(array.names), [""] * len(array.names))
    else:
        called = read_names(path, names)
    size = array.shape[0]
    called.drop_blank_end(size)
    if len(called.names) != size:
        raise InvalidVectors(
            path,
            f"has {size:,} vectors and {len(called.names):,} names; it takes one name a vector, in order",
            Advice("give the names that were written together with the vectors"),
        )
    for start in range(0, size, rows):
        some = slice(start, start + rows)
        values = array.read(start, start + rows)
        yield VectorRows(start + 1, called.names[some], called.captions[some], values, called.addresses[some])


def _read_arrow(path: Path, kind: Kind, dimension: int, rows: int) -> Iterator[VectorRows]:
    try:
        with open_arrow(path, kind) as table:
            vector = _find_vectors(path, table)
            columns = find_arrow_columns(table, apart=[vector] if vector else [])
            if columns is None or vector is None:
                given = ", ".join(table.leaves)
                raise InvalidVectors(
                    path,
                    f"has the columns {given}; it takes url (or name), embedding, and maybe caption",
                    Advice("give the file that holds the vectors, such as img_emb_0.npy beside metadata_0.parquet"),
                )
            start = 1
            for vectors, *others in table.columns([vector, *columns.every], rows):
                called = Names()
                for cells in zip(*map(to_python, others), strict=True):
                    called.add(*columns.read(dict(zip(columns.every, cells, strict=True))))
                matrix = _to_matrix(path, to_python(vectors), dimension, start)
                yield VectorRows(start, called.names, called.captions, matrix, called.addresses)
                start += len(called.names)
    except TableError as error:
        raise InvalidVectors(path, str(error).replace("it is", "is", 1)) from error


def _find_vectors(path: Path, table: ArrowTable) -> str | None:
    """Find the column of vectors. Raises InvalidVectors where it holds something else than lists of floats."""
    normal = {normalize_name(name): name for name in reversed(table.leaves)}
    name = next((normal[each] for each in VECTOR_COLUMNS if each in normal), None)
    if name is None:
        return None
    kind = table.leaves[name]
    if not is_list(kind) or not is_float(list_values(kind)):
        raise InvalidVectors(
            path,
            f"has a column {name} of {kind}, which are no lists of floats",
            Advice("write each vector as a list of float32; undo a quantisation with its scale"),
        )
    return name


def _to_matrix(path: Path, column: Sequence[Any], dimension: int, start: int) -> Matrix:
    """Stack the column's vectors, (N, D) float32. Missing vectors and numbers become NaN, which is reported by row.

    Raises InvalidVectors.
    """
    nothing = [float("nan")] * dimension
    for number, values in enumerate(column, start):
        if values is not None and len(values) != dimension:
            raise InvalidVectors(
                path,
                f"row {number}: {len(values)} numbers, where the declared model's vectors have {dimension}",
                _RIGHT_MODEL,
            )
    with np.errstate(over="ignore"):  # infinite numbers are reported by row too
        return np.array([nothing if values is None else values for values in column], np.float32)
