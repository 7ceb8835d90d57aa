"""Errors of the embedded engine, as errors of the library."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.adapters.qdrant_edge.files import damaged
from core.errors import BucketLensError, LibraryBusy, LibraryError, disk_fault


@contextmanager
def translate_errors(folder: Path) -> Iterator[None]:
    """Raise what the engine and the file system raise as LibraryErrors.

    The engine raises bare `Exception`s with a text, and panics, which are no `Exception`. Its ValueErrors and
    TypeErrors are faults of the caller, and pass through.
    """
    try:
        yield
    except BucketLensError:
        raise
    except OSError as error:
        raise disk_fault(folder, error) from error
    except BaseException as error:
        if type(error) is Exception or type(error).__name__ == "PanicException":
            raise _from_engine(folder, str(error)) from error
        raise


def _from_engine(folder: Path, message: str) -> LibraryError:
    if "WouldBlock" in message:
        return LibraryBusy(f"the library {folder}")
    if "No space left" in message:
        return disk_fault(folder, OSError(errno.ENOSPC, message))
    return damaged(folder, f"the engine says: {message}")
