"""Names that never change: the id of an image, the fingerprint of a model."""

import hashlib
import re
import uuid
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

POINT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # what `point_id` makes

_NAMESPACE = uuid.UUID("6f0c4f9e-7c55-5d0c-9a43-1f6a2f0a8b11")
_CONFIGURATION = {
    "config.json",
    "merges.txt",
    "modules.json",
    "preprocessor_config.json",
    "processor_config.json",
    "sentence_bert_config.json",
    "tokenizer.json",
    "vocab.json",
    "vocab.txt",
}
_TOWERS = ("visual", "textual")  # of a folder in ONNX, as Immich publishes them
_TOWER_CONFIGURATION = {
    "config.json",
    "preprocess_cfg.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
}
_OTHER_SUFFIXES = {".armnn", ".json", ".lock", ".md", ".model", ".partial", ".rknn", ".txt"}  # beside an ONNX model
_SAMPLES = 64
_SAMPLE_BYTES = 4096


def point_id(source: str, key: str) -> str:
    """Make the UUIDv5 (RFC 9562, 5.5) of source and key. The source may hold no NUL: it separates the two."""
    digest = _begin_ids(source).copy()
    digest.update(key.encode())
    digits = digest.hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


@lru_cache(maxsize=64)
def _begin_ids(source: str) -> "hashlib._Hash":
    """Hash what all ids of a source begin with: that is a third of what uuid.uuid5 takes for each."""
    return hashlib.sha1(_NAMESPACE.bytes + f"{source}\0".encode(), usedforsecurity=False)


def is_id(text: str) -> bool:
    """Tell whether the text looks like the id of an image, in capitals or not."""
    return POINT_ID.fullmatch(text.lower()) is not None


def model_fingerprint(folder: Path, weights: Sequence[Path] | None = None) -> str:
    """Make 16 hex digits that change when the model's weights or configuration do.

    SHA-256 over the files that say how it computes, whole, and over size, both ends and 64 evenly spaced samples of
    every weights file (pickled ones where there are no others), so that gigabytes cost milliseconds.
    `weights` are those files where their names do not tell them, as those that an ONNX model refers to.
    """
    if any((folder / tower / "model.onnx").is_file() for tower in _TOWERS):
        configuration, beside = _list_towers(folder)
        weights = sorted(beside if weights is None else weights)
    else:
        weights = sorted(folder.rglob("*.safetensors")) or sorted(folder.rglob("*.bin"))
        configuration = sorted(path for path in folder.rglob("*") if path.name in _CONFIGURATION)
    digest = hashlib.sha256()
    for path in [*configuration, *weights]:
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()}\0{size}\0".encode())
        with path.open("rb") as file:
            if path in configuration:
                digest.update(file.read())
                continue
            for n in range(_SAMPLES + 1):
                file.seek(max(0, (size - _SAMPLE_BYTES) * n // _SAMPLES))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:16]


def _list_towers(folder: Path) -> tuple[list[Path], list[Path]]:
    """List the configuration of ONNX towers, and the files beside the models, which hold weights.

    What lies deeper is another runtime's, or was compiled from the model.
    """
    files = [path for tower in _TOWERS for path in sorted((folder / tower).glob("[!.]*")) if path.is_file()]
    configuration = [path for path in (folder / "config.json", *files) if path.name in _TOWER_CONFIGURATION]
    return configuration, [path for path in files if path.suffix.lower() not in _OTHER_SUFFIXES]


def combine_fingerprints(*parts: str) -> str:
    """Make 16 hex digits that change when one of the parts does, such as fingerprints of two towers."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
