"""Reading the heads of weights files: safetensors by its own library, ONNX by its fields, bounds checked."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeAlias

_Schema: TypeAlias = "dict[int, _Schema]"

# The fields of onnx.proto3 below which tensors are, by number: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
_ENTRY: _Schema = {}
_TENSOR: _Schema = {13: _ENTRY}  # external_data
_SPARSE: _Schema = {1: _TENSOR, 2: _TENSOR}
_ATTRIBUTE: _Schema = {5: _TENSOR, 10: _TENSOR, 22: _SPARSE, 23: _SPARSE}
_NODE: _Schema = {5: _ATTRIBUTE}
_GRAPH: _Schema = {1: _NODE, 5: _TENSOR, 15: _SPARSE}
_FUNCTION: _Schema = {7: _NODE}
_MODEL: _Schema = {7: _GRAPH, 25: _FUNCTION}
_ATTRIBUTE |= {6: _GRAPH, 11: _GRAPH}  # the branches of If and Loop
_DEPTH = 64
_LENGTH_DELIMITED = 2
_FIXED = {1: 8, 5: 4}  # wire types of fixed bytes


@dataclass(frozen=True, slots=True)
class ExternalData:
    """The bytes of a tensor that are in another file: `location` relative to the model, `length` None to its end."""

    location: str
    offset: int
    length: int | None


def check_safetensors(path: Path) -> None:
    """Read the header: every tensor within the file, none over another, none missing. Raises ValueError, OSError."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            if not list(file.keys()):
                raise ValueError("it holds no tensor")
    except SafetensorError as error:
        raise ValueError(f"it is no safetensors file: {error}") from error


def check_onnx(path: Path) -> None:
    """Read the model's fields, and see that external data is in files beside it. Raises ValueError, OSError."""
    for data in set(read_external_data(path)):
        check_inside(data.location)
        beside = path.parent / data.location
        if not beside.is_file():
            raise ValueError(f"its data file {data.location} is missing")
        if data.offset + (data.length or 0) > beside.stat().st_size:
            raise ValueError(f"its data file {data.location} is shorter than the model says")


def read_external_data(path: Path) -> list[ExternalData]:
    """Read which files hold tensors of an ONNX model. Raises ValueError where it is none, and OSError."""
    if path.stat().st_size == 0:
        raise ValueError("it is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as model:
        if not any(number == 7 and kind == _LENGTH_DELIMITED for number, kind, _, _ in _fields(model, 0, len(model))):
            raise ValueError("it holds no graph, so it is no ONNX model")
        return list(_walk(model, 0, len(model), _MODEL))


def check_inside(location: str) -> None:
    """Raise ValueError for a path that leads out of the folder that it is relative to."""
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts or not posix.parts:
        raise ValueError(f"it refers to {location!r}, which is outside of its folder")


def _walk(model: mmap.mmap, start: int, end: int, schema: _Schema, depth: int = 0) -> Iterator[ExternalData]:
    if depth > _DEPTH:
        raise ValueError("its graphs are nested too deep")
    entries: dict[str, str] = {}
    for number, kind, begin, stop in _fields(model, start, end):
        below = schema.get(number)
        if below is None or kind != _LENGTH_DELIMITED:
            continue
        if below is _ENTRY:
            key, value = _read_entry(model, begin, stop)
            entries[key] = value
        else:
            yield from _walk(model, begin, stop, below, depth + 1)
    if "location" in entries:
        length = entries.get("length")
        yield ExternalData(
            entries["location"], _natural(entries.get("offset", "0")), None if length is None else _natural(length)
        )


def _read_entry(model: mmap.mmap, start: int, end: int) -> tuple[str, str]:
    found = {number: model[begin:stop] for number, kind, begin, stop in _fields(model, start, end) if kind == 2}
    return found.get(1, b"").decode("utf-8", "replace"), found.get(2, b"").decode("utf-8", "replace")


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"its external data is at {text!r}, which is no position")
    return int(text)


def _fields(model: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, wire type, first and last byte (exclusive) of every field of a message of protobuf."""
    at = start
    while at < end:
        tag, at = _varint(model, at, end)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            begin = at
            _, at = _varint(model, at, end)
        elif kind == _LENGTH_DELIMITED:
            length, begin = _varint(model, at, end)
            at = begin + length
        elif kind in _FIXED:
            begin, at = at, at + _FIXED[kind]
        else:
            raise ValueError("it is no ONNX model: a field has no type of protobuf")
        if number == 0 or at > end:
            raise ValueError("it is cut off, or no ONNX model: a field runs over its end")
        yield number, kind, begin, at


def _varint(model: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = model[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("it is cut off, or no ONNX model: a number has no end")
