"""A reader of computed vectors in .npy, .pt and Parquet files, some rows at a time."""

import csv
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.adapters.url_list.columns import ADDRESS_NAMES, CAPTION
from core.errors import InvalidVectors
from core.errors.hints import Advice, Configure
from core.ports.image_store import VectorRows

_NAME_SUFFIXES = (".txt", ".json", ".csv", ".tsv")
_RIGHT_MODEL = Configure("see that {} names the model that made them", ("model",))
_NAME_COLUMNS = ("name", "file", "file_name", "filename", "path", "key", "image_path", *ADDRESS_NAMES)
_VECTOR_COLUMNS = ("embedding", "embeddings", "vector", "vectors", "image_embedding", "features", "image_features")
_NAME_FIELDS = ("names", "filenames", "file_names", "paths", "urls", "keys", "image_names")
_FLOATS = ("float16", "float32", "float64")


def read_vectors(path: Path, names: Path | None, dimension: int, rows: int) -> Iterator[VectorRows]:
    """Yield the file's vectors, at most `rows` at a time, (n, `dimension`) float32 as stored, not normalised.

    `names` is the file of names. By default it is the file of the same name with the suffix .txt, .json, .csv or .tsv.
    Shape and names of .npy and .pt files are checked before the first rows. Raises InvalidVectors.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
        if head.startswith(b"PAR1"):
            yield from _read_parquet(path, dimension, rows)
            return
        if head.startswith(b"\x93NUMPY"):
            matrix, own = _open_npy(path), None
        elif head.startswith((b"PK\x03\x04", b"\x80")):
            matrix, own = _load_pt(path)
        else:
            raise InvalidVectors(path, "is neither .npy, nor .pt, nor Parquet, by its content")
        _check_shape(path, matrix, dimension)
        called = _read_names(path, names, own)
        if len(called) != len(matrix):
            raise InvalidVectors(
                path, f"has {len(matrix):,} vectors and {len(called):,} names; it takes one name a vector, in order"
            )
        for start in range(0, len(called), rows):
            some = called[start : start + rows]
            values = np.asarray(matrix[start : start + rows], np.float32)
            yield VectorRows(start + 1, [name for name, _ in some], [texts for _, texts in some], values)
    except OSError as error:
        raise InvalidVectors(path, f"could not be read: {error.strerror or error}") from error


def _open_npy(path: Path) -> Any:
    """Memory-map an array. Raises InvalidVectors, also for pickled objects."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InvalidVectors(path, f"is no whole .npy file of numbers ({error})") from error


def _load_pt(path: Path) -> tuple[Any, list[str] | None]:
    """Load a tensor, or a dictionary of a tensor and perhaps names, without running code in the file.

    Raises InvalidVectors.
    """
    import torch

    try:
        with warnings.catch_warnings(action="ignore"):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a file of another format may raise anything
        raise InvalidVectors(
            path,
            "is no .pt file of tensors alone, or damaged",
            Advice("save the tensor with torch.save(tensor.cpu(), FILE)"),
        ) from error
    own = None
    if isinstance(found, dict):
        own = next((found[name] for name in _NAME_FIELDS if name in found), None)
        found = next((found[name] for name in _VECTOR_COLUMNS if name in found), None)
        if own is not None and not (isinstance(own, list) and all(isinstance(name, str) for name in own)):
            raise InvalidVectors(path, "holds names that are no list of texts")
    if not isinstance(found, torch.Tensor) or found.is_sparse:
        raise InvalidVectors(path, f"holds no tensor of vectors; a dictionary has one called {_VECTOR_COLUMNS[0]!r}")
    found = found.detach()
    return (found.float() if found.dtype == torch.bfloat16 else found).numpy(), own


def _check_shape(path: Path, matrix: Any, dimension: int) -> None:
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or matrix.shape[1] != dimension:
        shape = getattr(matrix, "shape", ())
        raise InvalidVectors(
            path,
            f"holds an array of shape {tuple(shape)}; vectors of the declared model are (N, {dimension})",
            _RIGHT_MODEL,
        )
    if matrix.dtype.name not in _FLOATS:
        raise InvalidVectors(path, f"holds {matrix.dtype.name}; vectors are {', '.join(_FLOATS)}")


def _read_names(path: Path, names: Path | None, own: list[str] | None) -> list[tuple[str, tuple[str, ...]]]:
    if names is None and own is not None:
        return [(name, ()) for name in own]
    beside = [path.with_suffix(suffix) for suffix in _NAME_SUFFIXES]
    found = names or next((each for each in beside if each.exists()), None)
    if found is None:
        raise InvalidVectors(
            path,
            f"has no names, and there is no {beside[0].name} beside it",
            Configure("put one a line, in the order of the vectors, into such a file, or name one with {}", ("names",)),
        )
    try:
        text = found.read_text("utf-8-sig")
        if found.suffix == ".json":
            called = json.loads(text)
            if not isinstance(called, list) or not all(isinstance(name, str) for name in called):
                raise InvalidVectors(found, "is no JSON array of names")
            return [(name, ()) for name in called]
        if found.suffix in (".csv", ".tsv"):
            return _parse_table(found, text)
    except (UnicodeDecodeError, ValueError, csv.Error) as error:
        raise InvalidVectors(found, f"cannot be read as a file of names in UTF-8 ({error})") from error
    return [(line, ()) for line in text.splitlines()]


def _parse_table(path: Path, text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Parse a table into names and their captions. A single column needs no header.

    Raises InvalidVectors.
    """
    rows = list(csv.reader(text.splitlines(), delimiter="\t" if path.suffix == ".tsv" else ","))
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    at = next((head.index(name) for name in _NAME_COLUMNS if name in head), None)
    if at is None:
        if any(len(row) != 1 for row in rows):
            raise InvalidVectors(path, f"has several columns, none called {', '.join(_NAME_COLUMNS[:5])} or url")
        return [(row[0], ()) for row in rows]
    captions = [n for n, name in enumerate(head) if n != at and CAPTION.fullmatch(name)]
    return [
        (row[at] if at < len(row) else "", tuple(row[n].strip() for n in captions if n < len(row) and row[n].strip()))
        for row in rows[1:]
    ]


def _read_parquet(path: Path, dimension: int, rows: int) -> Iterator[VectorRows]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            columns = file.schema_arrow.names
            lower = {name.lower(): name for name in reversed(columns)}
            name = next((lower[each] for each in _NAME_COLUMNS if each in lower), None)
            vector = next((lower[each] for each in _VECTOR_COLUMNS if each in lower), None)
            if name is None or vector is None:
                raise InvalidVectors(
                    path, f"has the columns {', '.join(columns)}; it takes url (or name), embedding, and maybe caption"
                )
            captions = [each for each in columns if CAPTION.fullmatch(each) and each not in (name, vector)]
            start = 1
            for batch in file.iter_batches(rows, columns=[name, vector, *captions]):
                table = batch.to_pydict()
                texts = [_flatten_texts([table[each][n] for each in captions]) for n in range(batch.num_rows)]
                called = [each if isinstance(each, str) else "" for each in table[name]]
                yield VectorRows(start, called, texts, _to_matrix(path, table[vector], dimension, start))
                start += batch.num_rows
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise InvalidVectors(path, f"is a damaged Parquet file ({error})") from error


def _flatten_texts(values: list[Any]) -> tuple[str, ...]:
    every = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return tuple(each.strip() for each in every if isinstance(each, str) and each.strip())


def _to_matrix(path: Path, column: list[Any], dimension: int, start: int) -> NDArray[np.float32]:
    """Stack the column's vectors, (N, D) float32. Missing vectors and numbers become NaN, which is reported by row.

    Raises InvalidVectors.
    """
    nothing = [float("nan")] * dimension
    for number, values in enumerate(column, start):
        if values is not None and (not isinstance(values, list) or len(values) != dimension):
            size = len(values) if isinstance(values, list) else "no"
            raise InvalidVectors(
                path,
                f"row {number}: {size} numbers, where the declared model's vectors have {dimension}",
                _RIGHT_MODEL,
            )
    try:
        return np.array([nothing if values is None else values for values in column], np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidVectors(path, f"rows {start}–{start + len(column) - 1}: vectors that are no numbers") from error
