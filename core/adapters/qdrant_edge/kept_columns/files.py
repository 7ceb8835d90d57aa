"""Kept columns on disk: tables and a mask, a journal, and the manifest that names them and counts what `status` tells.

The manifest is replaced whole, under the library's lock, so that what it names fits together. A file that does not look
as it did when it was written is read whole and compared with its checksum. What is damaged is made anew.
"""

import io
import json
import os
import uuid
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.adapters.local.json_file import JsonFile

if TYPE_CHECKING:
    from core.adapters.columns.kept import KeptColumns

FORMAT = 2
_MANIFEST = "columns.json"
_PREFIX = "columns-"
_PIECE = 8 * 2**20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it was written: its name, CRC-32, and what its state was then (size, time, inode)."""

    name: str
    crc: int
    state: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ColumnsManifest:
    """What is kept. With `seeded`, the tables hold all that was written before `place` in the journal.

    `stamp` is that of the tally then; `counts` and `sources` are what `status` asks for, of that state.
    """

    journal: str
    place: int
    stamp: str
    seeded: bool
    base: StoredFile | None = None
    changes: StoredFile | None = None
    live: StoredFile | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def read_columns_manifest(folder: Path) -> ColumnsManifest | None:
    """None where there is none that can be used."""
    raw = JsonFile(folder / _MANIFEST).read()
    if raw is None or raw.pop("crc", None) != _digest(raw) or raw.pop("format", None) != FORMAT:
        return None
    try:
        for name in ("base", "changes", "live"):
            if raw[name] is not None:
                raw[name] = StoredFile(raw[name]["name"], raw[name]["crc"], tuple(raw[name]["state"]))
        return ColumnsManifest(**raw)
    except (KeyError, TypeError):
        return None


def write_columns_manifest(folder: Path, manifest: ColumnsManifest) -> None:
    """Replace it, and remove what it does not name. Raises OSError."""
    content = asdict(manifest) | {"format": FORMAT}
    JsonFile(folder / _MANIFEST).write(content | {"crc": _digest(content)})
    named = {manifest.journal, *(one.name for one in (manifest.base, manifest.changes, manifest.live) if one)}
    for path in folder.glob(f"{_PREFIX}*"):
        if path.name not in named:
            path.unlink(missing_ok=True)


def remove_columns(folder: Path) -> None:
    """Remove all that is kept. Raises OSError."""
    (folder / _MANIFEST).unlink(missing_ok=True)
    for path in folder.glob(f"{_PREFIX}*"):
        path.unlink(missing_ok=True)


def new_journal(folder: Path) -> str:
    """Make an empty journal, and return its name. Raises OSError."""
    name = f"{_PREFIX}{uuid.uuid4().hex[:12]}.journal"
    (folder / name).touch()
    return name


def open_tables(folder: Path, manifest: ColumnsManifest) -> "KeptColumns":
    """Map what is kept. Raises OSError, ValueError (pyarrow's too) where it is not what was written."""
    import numpy as np

    from core.adapters.columns.kept import KeptColumns
    from core.adapters.columns.table import Columns

    def find(stored: StoredFile | None) -> Path | None:
        if stored is None:
            return None
        path = folder / stored.name
        if _read_state(path) != stored.state and (path.stat().st_size != stored.state[0] or _sum(path) != stored.crc):
            raise ValueError(f"{stored.name} is not what was written")
        return path

    base, changes, live = find(manifest.base), find(manifest.changes), find(manifest.live)
    return KeptColumns(
        None if base is None else Columns.open(base),
        None if changes is None else Columns.open(changes),
        None if live is None else np.load(live, allow_pickle=False),
    )


def store(folder: Path, suffix: str, data: "io.BytesIO | Any") -> StoredFile:
    """Write a table, or the bytes of an array, into a new file. Raises OSError."""
    path = folder / f"{_PREFIX}{uuid.uuid4().hex[:12]}{suffix}"
    try:
        if isinstance(data, io.BytesIO):
            path.write_bytes(data.getbuffer())
        else:
            data.write(path)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return StoredFile(path.name, _sum(path), _read_state(path))
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def _digest(content: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def _read_state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _sum(path: Path) -> int:
    total = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            total = zlib.crc32(piece, total)
    return total
