"""Rows of Parquet, Feather and Arrow files, whatever types their writers chose for texts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import Any

from core.tables.sniff import Kind
from core.tables.table_error import TableError


class ArrowTable:
    """An opened file: its `leaves`, which are its columns and the fields of structures, by dotted name, with types."""

    def __init__(self, schema: Any, batches: Any) -> None:
        self.leaves: dict[str, Any] = {}
        self._paths: dict[str, tuple[str, ...]] = {}
        self._batches = batches
        for field in schema:
            self._add_leaf((field.name,), field.type)

    def _add_leaf(self, path: tuple[str, ...], kind: Any) -> None:
        import pyarrow.types as types

        if types.is_struct(kind):
            for field in kind:
                self._add_leaf((*path, field.name), field.type)
        else:
            self.leaves[".".join(path)] = kind
            self._paths[".".join(path)] = path

    def find_texts(self) -> list[str]:
        """Return the names of the leaves that hold texts, or lists of texts."""
        return [name for name, kind in self.leaves.items() if is_text(kind)]

    def columns(self, names: Sequence[str], rows: int) -> Iterator[list[Any]]:
        """Yield the columns of these leaves, a pyarrow.Array each, at most so many rows at a time."""
        import pyarrow.compute

        paths = [self._paths[name] for name in names]
        for batch in self._batches(paths, rows):
            yield [
                reduce(lambda column, part: pyarrow.compute.struct_field(column, part), rest, batch.column(top))
                for top, *rest in paths
            ]

    def rows(self, names: Sequence[str], rows: int = 1000) -> Iterator[dict[str, Any]]:
        """Yield rows of these leaves as Python values."""
        for columns in self.columns(names, rows):
            for cells in zip(*map(to_python, columns), strict=True):
                yield dict(zip(names, cells, strict=True))


@contextmanager
def open_arrow(path: Path, kind: Kind) -> Iterator[ArrowTable]:
    """Open a file of this kind. Raises TableError for a damaged one, also while its rows are read, and OSError."""
    import pyarrow
    import pyarrow.parquet

    called = "Parquet" if kind == "parquet" else "Arrow"
    try:
        if kind == "parquet":
            with pyarrow.parquet.ParquetFile(path) as file:
                yield ArrowTable(
                    file.schema_arrow,
                    lambda paths, rows: file.iter_batches(rows, columns=[".".join(path) for path in paths]),
                )
            return
        with pyarrow.memory_map(str(path)) as mapped:
            yield ArrowTable(_open_ipc(mapped, kind).schema, lambda paths, rows: _slice(mapped, kind, paths, rows))
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise TableError(f"it is a damaged {called} file ({error})") from error


def _open_ipc(mapped: Any, kind: Kind) -> Any:
    import pyarrow

    mapped.seek(0)
    return pyarrow.ipc.open_file(mapped) if kind == "arrow" else pyarrow.ipc.open_stream(mapped)


def _slice(mapped: Any, kind: Kind, paths: Sequence[tuple[str, ...]], rows: int) -> Iterator[Any]:
    reader = _open_ipc(mapped, kind)
    batches = (reader.get_batch(n) for n in range(reader.num_record_batches)) if kind == "arrow" else reader
    tops = list(dict.fromkeys(path[0] for path in paths))
    for batch in batches:
        some = batch.select(tops)
        some.validate(full=True)  # damaged offsets would be followed anywhere
        yield from (some.slice(start, rows) for start in range(0, some.num_rows, rows))


def is_text(kind: Any) -> bool:
    """Tell whether values of this type are texts, or lists of texts: also as bytes, or in dictionaries."""
    import pyarrow.types as types

    kind = _unwrap(kind)
    if is_list(kind):
        return is_text(kind.value_type) or types.is_struct(_unwrap(kind.value_type))
    texts = (types.is_string, types.is_large_string, types.is_string_view)
    return any(check(kind) for check in (*texts, types.is_binary, types.is_large_binary, types.is_binary_view))


def is_integer(kind: Any) -> bool:
    """Tell whether values of this type are whole numbers."""
    import pyarrow.types as types

    return bool(types.is_integer(_unwrap(kind)))


def is_float(kind: Any) -> bool:
    """Tell whether values of this type are numbers with fractions."""
    import pyarrow.types as types

    return bool(types.is_floating(_unwrap(kind)) or types.is_decimal(_unwrap(kind)))


def is_list(kind: Any) -> bool:
    """Tell whether values of this type are lists of any kind."""
    import pyarrow.types as types

    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view)
    return any(check(_unwrap(kind)) for check in lists)


def list_values(kind: Any) -> Any:
    """Return the type of the values of a type of lists."""
    return _unwrap(kind).value_type


def _unwrap(kind: Any) -> Any:
    """Return the type that a type of extension, dictionary or run ends stores."""
    import pyarrow
    import pyarrow.types as types

    while True:
        if isinstance(kind, pyarrow.BaseExtensionType):
            kind = kind.storage_type
        elif types.is_dictionary(kind) or types.is_run_end_encoded(kind):
            kind = kind.value_type
        else:
            return kind


def to_python(column: Any) -> list[Any]:
    """Return a column's values as Python's; texts that are not UTF-8 come as bytes."""
    column = getattr(column, "storage", column)
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        return [_to_value(value) for value in column]


def _to_value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        buffer = getattr(scalar, "as_buffer", lambda: None)()
        return None if buffer is None else bytes(buffer)
