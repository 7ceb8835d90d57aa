"""The files beside an ONNX model that hold its weights, read from the model without loading it.

An ONNX file is a protobuf message. Only the fields on the way to tensors are entered; weights are skipped, not read.
Field numbers are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA = 13  # of a tensor: pairs of key (1) and value (2)
_NEEDED = {7, 8}  # of a model: its graph, and the versions of its operators
_MAX_DEPTH = 50
FETCH_WHOLE = "fetch the whole folder again"
_LFS_POINTER = b"version https://git-lfs"

Bytes = mmap.mmap | bytes


@dataclass(frozen=True, slots=True)
class ExternalData:
    """Weights that a model keeps in another file: its path relative to the model, and how long the file has to be."""

    location: str
    size: int


def check_model(model: Path) -> str | None:
    """Check an ONNX file and its external data, without loading them. Returns what is wrong; None where nothing is."""
    try:
        found = read_external_data(model)
    except ValueError as error:
        return f"{_shorten(model)} {error}"
    for data in found:
        if not is_inside(data.location):
            outside = f"asks for weights outside of its folder, in {data.location!r}"
            return f"{_shorten(model)} {outside}; such a model is refused"
        path = model.parent / data.location
        if not path.is_file():
            return f"{_shorten(path)} is missing, and {_shorten(model)} keeps weights in it; {FETCH_WHOLE}"
        if not _belongs(path, model):
            return f"{_shorten(path)} is a link that leaves the folder of its model; put the file itself there"
        if path.stat().st_size < data.size:
            return f"{_shorten(path)} {_explain_short(path)}; {FETCH_WHOLE}"
    return None


def list_files(model: Path) -> list[Path]:
    """List a model's file and those of its external data, each once. Raises ValueError for a damaged model."""
    locations = sorted({data.location for data in read_external_data(model)})
    return [model, *(model.parent / location for location in locations)]


def read_external_data(model: Path) -> list[ExternalData]:
    """Read which files hold a model's weights, each once. Raises ValueError for a file that is no whole ONNX model."""
    with model.open("rb") as file:
        if model.stat().st_size == 0:
            raise ValueError(f"is empty; {FETCH_WHOLE}")
        if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
            raise ValueError("is a pointer of Git LFS, not the model; run `git lfs pull` in its folder")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                if not _NEEDED <= {number for number, _, _ in _read_fields(data, 0, len(data))}:
                    raise ValueError("cut off")
                tensors = list(_walk(data, "model", 0, len(data), 0))
            except (ValueError, IndexError, UnicodeDecodeError) as error:
                raise ValueError(f"is damaged, or no ONNX model; {FETCH_WHOLE}") from error
    sizes: dict[str, int] = {}
    for tensor in tensors:
        sizes[tensor.location] = max(tensor.size, sizes.get(tensor.location, 0))
    return [ExternalData(location, size) for location, size in sizes.items()]


def is_inside(location: str) -> bool:
    """Tell whether a path stays in its folder, as written, on every system."""
    for path in (PurePosixPath(location), PureWindowsPath(location)):
        if path.is_absolute() or path.drive or path.root or ".." in path.parts:
            return False
    return bool(location.strip()) and "\0" not in location


def _belongs(path: Path, model: Path) -> bool:
    """Tell whether a file really lies beside its model. The hub's cache links both to files in one other folder."""
    real = path.resolve()
    return real.is_relative_to(model.parent.resolve()) or real.is_relative_to(model.resolve().parent)


def _explain_short(path: Path) -> str:
    with path.open("rb") as file:
        pointer = file.read(len(_LFS_POINTER)) == _LFS_POINTER
    return "is a pointer of Git LFS, not the weights" if pointer else "is shorter than its model says, so it is damaged"


def _shorten(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _walk(data: Bytes, kind: str, start: int, end: int, depth: int) -> Iterator[ExternalData]:
    """Yield the external data of every tensor of a message that lies between two positions."""
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deep")
    if kind == "tensor":
        yield from _read_tensor(data, start, end)
        return
    inner = _FIELDS[kind]
    for number, begin, stop in _read_fields(data, start, end):
        if number in inner:
            yield from _walk(data, inner[number], begin, stop, depth + 1)


def _read_tensor(data: Bytes, start: int, end: int) -> Iterator[ExternalData]:
    pairs: dict[str, str] = {}
    for number, begin, stop in _read_fields(data, start, end):
        if number == _EXTERNAL_DATA:
            entry = {field: data[first:last].decode() for field, first, last in _read_fields(data, begin, stop)}
            pairs[entry.get(1, "")] = entry.get(2, "")
    if "location" in pairs:
        yield ExternalData(pairs["location"], int(pairs.get("offset", 0)) + int(pairs.get("length", 0)))


def _read_fields(data: Bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and end of the fields that have a length, and check that the others end in time."""
    position = start
    while position < end:
        tag, position = _read_varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == 2:
            length, position = _read_varint(data, position)
            if position + length > end:
                raise ValueError("cut off")
            yield number, position, position + length
            position += length
        elif wire == 0:
            _, position = _read_varint(data, position)
        elif wire in (1, 5):
            position += 8 if wire == 1 else 4
        else:
            raise ValueError("no protobuf")
    if position != end:
        raise ValueError("cut off")


def _read_varint(data: Bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("no protobuf")
