"""A lock for one ingest of a library at a time, and a mark of a run that did not end well."""

import fcntl
import os
from pathlib import Path

from core.errors import LibraryBusy, disk_fault


class RunLock:
    """Holds `ingest.lock` in the library's folder while it is entered. Raises LibraryBusy where another process does,
    and LibraryError where nothing can be written.

    `unclean`: a run before this one was cut off, so that files may have been left over.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._mark = data / "ingest.running"
        self._descriptor = -1
        self.unclean = False

    def look(self) -> None:
        """Raises LibraryBusy where another process holds it. Makes nothing, and keeps nothing."""
        try:
            descriptor = os.open(self._data / "ingest.lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return  # there is none yet, or entering will tell
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise self._busy() from error
        finally:
            os.close(descriptor)

    def __enter__(self) -> "RunLock":
        try:
            self._data.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._data / "ingest.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.unclean = self._mark.exists()
            self._mark.touch()
        except OSError as error:
            self.__exit__()
            if isinstance(error, BlockingIOError):
                raise self._busy() from error
            raise disk_fault(self._data, error) from error
        return self

    def ended_well(self) -> None:
        self._mark.unlink(missing_ok=True)

    def _busy(self) -> LibraryBusy:
        return LibraryBusy(f"another ingest of {self._data}: the library")

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
