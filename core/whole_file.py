"""Small files that are replaced whole or not at all."""

import os
from pathlib import Path


def replace_whole(path: Path, data: bytes) -> None:
    """Atomically and durably: after a crash the file is the old one or the new one, whole. For one writer at a time.

    Raises OSError, and leaves nothing beside the file then.
    """
    unfinished = path.with_name(f".{path.name}.partial")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Have a file, or a folder's own entries, on disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
