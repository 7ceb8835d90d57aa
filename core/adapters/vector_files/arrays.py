"""Vectors in .npy and .pt files, read some rows at a time; what is in them is never executed."""

import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.domain.vectors import Matrix
from core.errors import InvalidVectors
from core.errors.hints import Advice

VECTOR_COLUMNS = (
    *("embedding", "embeddings", "vector", "vectors", "image_embedding", "image_embeddings", "features"),
    *("image_features", "image_vector", "img_emb", "image_emb", "clip_embedding", "emb"),
)
_NAME_FIELDS = ("names", "filenames", "file_names", "paths", "urls", "keys", "image_names")
_FLOATS = ("float16", "float32", "float64")
_SAVE_FLOATS = "save them as float32"
_OTHERS = (
    (b"\x89HDF", "an HDF5 file", "save its array with np.save(FILE, array)"),
    (b"\x1f\x8b", "packed with gzip", "unpack it"),
    (b"BZh", "packed with bzip2", "unpack it"),
    (b"(\xb5/\xfd", "packed with zstd", "unpack it"),
    (b"version ", "a pointer of Git LFS, not the file itself", "fetch the file with git lfs pull"),
)


@dataclass(frozen=True, slots=True)
class Array:
    """An opened array: its shape, `read(start, stop)` for rows as float32, and the names that came with it."""

    shape: tuple[int, ...]
    read: Callable[[int, int], Matrix]
    names: list[str] | None = None


def open_array(path: Path, head: bytes) -> Array:
    """Open an array by the first bytes of its file. Raises InvalidVectors for one of other numbers than floats."""
    if head.startswith(b"\x93NUMPY"):
        return _open_npy(path)
    if head.startswith(b"PK\x03\x04") and _is_npz(path):
        raise InvalidVectors(
            path, "is an .npz archive of arrays", Advice("save the array of the vectors with np.save(FILE, array)")
        )
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return _load_pt(path)
    other = next(((what, advice) for magic, what, advice in _OTHERS if head.startswith(magic)), None)
    if head[8:9] == b"{":
        other = "a safetensors file", "save its tensor with torch.save(tensor, FILE)"
    if other is not None:
        raise InvalidVectors(path, f"is {other[0]}", Advice(other[1]))
    raise InvalidVectors(path, "is neither .npy, nor .pt, nor Parquet, nor Arrow, by its content")


def _is_npz(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def _open_npy(path: Path) -> Array:
    """Memory-map an array. Raises InvalidVectors, also for pickled objects."""
    try:
        with warnings.catch_warnings(action="ignore"):
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # a damaged header may raise anything
        raise InvalidVectors(path, f"is no whole .npy file of numbers ({error})") from error
    name = array.dtype.name
    if array.dtype.kind == "V":
        raise InvalidVectors(
            path,
            f"holds numbers of {array.dtype.itemsize} bytes that NumPy does not know, such as float8 or bfloat16",
            Advice(_SAVE_FLOATS),
        )
    _check_type(path, name)
    return Array(array.shape, lambda start, stop: np.asarray(array[start:stop], np.float32))


def _check_type(path: Path, name: str) -> None:
    if name.startswith(("int", "uint")):
        raise InvalidVectors(
            path,
            f"holds {name}: quantised vectors, or no vectors at all",
            Advice("undo the quantisation with its scale, and save the floats"),
        )
    if name not in _FLOATS:
        raise InvalidVectors(path, f"holds {name}; vectors are {', '.join(_FLOATS)}", Advice(_SAVE_FLOATS))


def _load_pt(path: Path) -> Array:
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
        found = next((found[name] for name in VECTOR_COLUMNS if name in found), None)
        if own is not None and not (isinstance(own, list) and all(isinstance(name, str) for name in own)):
            raise InvalidVectors(path, "holds names that are no list of texts")
    if not isinstance(found, torch.Tensor):
        raise InvalidVectors(path, f"holds no tensor of vectors; a dictionary has one called {VECTOR_COLUMNS[0]!r}")
    _check_tensor(path, found)
    tensor = found.detach()

    def read(start: int, stop: int) -> Matrix:
        values: Matrix = tensor[start:stop].to(torch.float32).numpy()
        return values

    return Array(tuple(tensor.shape), read, own)


def _check_tensor(path: Path, tensor: Any) -> None:
    """Check that a tensor is one of plain floats. Raises InvalidVectors with what it is instead."""
    import torch

    name = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_meta:
        raise InvalidVectors(
            path, "holds a tensor of the device meta, which has a shape and no numbers", Advice("save the real tensor")
        )
    if tensor.is_quantized:
        raise InvalidVectors(path, f"holds a quantised tensor ({name})", Advice("save tensor.dequantize()"))
    if tensor.is_nested or tensor.layout != torch.strided:
        raise InvalidVectors(path, "holds a sparse or nested tensor", Advice("save tensor.to_dense()"))
    if name.startswith("float") and name not in _FLOATS:
        raise InvalidVectors(path, f"holds {name}; vectors are {', '.join(_FLOATS)} or bfloat16", Advice(_SAVE_FLOATS))
    if name != "bfloat16":
        _check_type(path, name)
