"""Names that never change: the id of an image, the fingerprint of a model."""

import hashlib
import re
import uuid
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
_SAMPLES = 64
_SAMPLE_BYTES = 4096


def point_id(source: str, key: str) -> str:
    """Make the UUIDv5 (RFC 9562, 5.5) of source and key. The source may hold no NUL: it separates the two."""
    return str(uuid.uuid5(_NAMESPACE, f"{source}\0{key}"))


def is_id(text: str) -> bool:
    """Tell whether the text looks like the id of an image, in capitals or not."""
    return POINT_ID.fullmatch(text.lower()) is not None


def model_fingerprint(folder: Path) -> str:
    """Make 16 hex digits that change when the model's weights or configuration do.

    SHA-256 over the files that say how it computes, whole, and over size, both ends and 64 evenly spaced samples of
    every weights file (pickled ones where there are no others), so that gigabytes cost milliseconds.
    """
    weights = sorted(folder.rglob("*.safetensors")) or sorted(folder.rglob("*.bin"))
    configuration = sorted(path for path in folder.rglob("*") if path.name in _CONFIGURATION)
    digest = hashlib.sha256()
    for path in configuration + weights:
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
