"""What kind of file a table is, by its first bytes, unpacked where it is compressed."""

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from core.tables.table_error import TableError

Kind = Literal["parquet", "arrow", "arrow stream", "text"]

HEAD = 4096  # bytes
UNPACKING = (EOFError, ValueError, zlib.error, lzma.LZMAError)  # what damaged compressed data raises
_TABLES: tuple[tuple[bytes, Kind], ...] = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow stream"),
)
_PACKED = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ", "xz"),
    (b"(\xb5/\xfd", "zstd"),
    (b"\x04\x22M\x18", "lz4"),
)
_OTHERS = (
    (b"PK\x03\x04", "a zip archive, or a workbook of a spreadsheet", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "a workbook of a spreadsheet", "save the sheet as CSV"),
    (b"SQLite format 3\0", "an SQLite database", "export its table as CSV"),
    (b"FEA1", "Feather of version 1", "write it as Parquet, or as Feather of version 2"),
    (b"ORC", "an ORC file", "write it as Parquet"),
    (b"Obj\x01", "an Avro file", "write it as Parquet"),
    (b"\x89HDF", "an HDF5 file", "write it as Parquet"),
    (b"\x93NUMPY", "an array of NumPy", "vectors are imported, with names beside them"),
    (b"\xff\xd8\xff", "a picture", "give the table, or the folder of pictures"),
    (b"\x89PNG", "a picture", "give the table, or the folder of pictures"),
    (b"%PDF", "a PDF", "save its table as CSV"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself", "fetch the file with git lfs pull"),
)


def sniff_kind(path: Path) -> Kind:
    """Tell a table's kind. Raises TableError for what is plainly another kind of file, and OSError."""
    with path.open("rb") as file:
        packing = _find_packing(file.read(8))
    with open_unpacked(path) as file:
        try:
            head = file.read(HEAD)
        except UNPACKING as error:
            raise TableError(f"it cannot be unpacked ({error})") from error
    for magic, kind in _TABLES:
        if head.startswith(magic):
            if packing is not None:
                raise TableError(f"it is a {kind.title()} file within {packing}", advice="unpack it first")
            return kind
    for magic, other, advice in _OTHERS:
        if head.startswith(magic):
            raise TableError(f"it is {other}", advice=advice)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        raise TableError("it is a web page", advice="download the file itself")
    return "text"


def open_unpacked(path: Path) -> BinaryIO:
    """Open a file for reading, unpacked as it is read where it is gzip, bzip2, xz, zstd or lz4."""
    with path.open("rb") as file:
        packing = _find_packing(file.read(8))
    opened: Any
    if packing == "gzip":
        opened = gzip.open(path)
    elif packing == "bz2":
        opened = bz2.open(path)
    elif packing == "xz":
        opened = lzma.open(path)
    elif packing is not None:
        import pyarrow

        opened = io.BufferedReader(pyarrow.input_stream(str(path), compression=packing))
    else:
        opened = path.open("rb")
    return cast(BinaryIO, opened)


def _find_packing(head: bytes) -> str | None:
    return next((name for magic, name in _PACKED if head.startswith(magic)), None)
