"""Errors of the embedded engine, as errors of the library."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.adapters.qdrant_edge.files import damaged
from core.errors import BucketLensError, LibraryBusy, LibraryError, disk_fault


@contextmanager
def translate_errors(folder: Path) -> Iterator[None]:
    """Raise what the engine and the file system raise as LibraryErrors."""
    try:
        yield
    except BaseException as error:
        if translated := as_library_error(folder, error):
            raise translated from error
        raise


def as_library_error(folder: Path, error: BaseException) -> LibraryError | None:
    """Return what the engine or the file system raised as a LibraryError, or None for all other errors.

    The engine raises bare `Exception`s with a text, and panics, which are no `Exception`. Its ValueErrors and
    TypeErrors are faults of the caller.
    """
    if isinstance(error, BucketLensError):
        return None
    if isinstance(error, OSError):
        return disk_fault(folder, error)
    if type(error) is Exception or type(error).__name__ == "PanicException":
        return _from_engine(folder, str(error))
    return None


def _from_engine(folder: Path, message: str) -> LibraryError:
    if "WouldBlock" in message:
        return LibraryBusy(f"the library {folder}")
    if "No space left" in message:
        return disk_fault(folder, OSError(errno.ENOSPC, message))
    return damaged(folder, f"the engine says: {message}")
