"""What was fetched of a model: the commit, and size and SHA-256 of every file, in a file beside them."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.adapters.local.json_file import JsonFile

MANIFEST = "bucketlens-manifest.json"
_FORMAT = 1
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it was recorded: `size` in bytes, `sha256` in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a model's folder by their paths, relative and with slashes."""

    files: Mapping[str, FileRecord]
    recorded: str
    repository: str | None = None
    commit: str | None = None


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest of a folder; None where there is none. Raises ValueError where it is damaged, and OSError."""
    try:
        value = JsonFile(folder / MANIFEST).load()
    except FileNotFoundError:
        return None
    try:
        if value["format"] != _FORMAT:
            raise ValueError(f"its format is {value['format']!r}, this version reads {_FORMAT}")
        files = {
            str(path): FileRecord(int(record["size"]), str(record["sha256"])) for path, record in value["files"].items()
        }
        return Manifest(files, str(value["recorded"]), value.get("repository"), value.get("commit"))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"it is not what BucketLens writes: {error!r}") from error


def write_manifest(
    folder: Path, files: Mapping[str, FileRecord], repository: str | None = None, commit: str | None = None
) -> None:
    """Write the manifest of a folder, whole or not at all. Raises OSError."""
    value: dict[str, Any] = {
        "format": _FORMAT,
        "repository": repository,
        "commit": commit,
        "recorded": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {path: {"size": r.size, "sha256": r.sha256} for path, r in sorted(files.items())},
    }
    JsonFile(folder / MANIFEST, indent=1).write(value)


def record_folder(folder: Path) -> Manifest:
    """Record every file of a folder as it is now. Raises OSError, ValueError."""
    files = {path.relative_to(folder).as_posix(): record_file(path) for path in list_files(folder)}
    write_manifest(folder, files)
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest


def record_file(path: Path) -> FileRecord:
    """Read a file to its end, for its size and hash. Raises OSError."""
    return FileRecord(path.stat().st_size, hash_file(path))


def hash_file(path: Path, digest: Any = None) -> str:
    """Hash a file's bytes, by SHA-256 or the digest that is given. Raises OSError."""
    digest = digest or hashlib.sha256()
    with path.open("rb") as file:
        for chunk in _chunks(file.read):
            digest.update(chunk)
    return str(digest.hexdigest())


def hash_git_blob(path: Path) -> str:
    """Hash a file as git does: SHA-1 of its length and bytes. Raises OSError."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    return hash_file(path, digest)


def list_files(folder: Path) -> list[Path]:
    """List the files of a folder and of those below it, links too, without the manifest."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or path.is_file())
    return [path for path in found if path.name != MANIFEST and not path.name.endswith(".partial")]


def _chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(_CHUNK):
        yield chunk
