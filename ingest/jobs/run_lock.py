"""A lock for one ingest of a library at a time, and a mark of a run that did not end well."""

from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import LibraryBusy, disk_fault


class RunLock:
    """The lock `ingest.lock` in the library's folder, held while it is entered.

    The kernel drops it with the process, however that ends. Entering raises LibraryBusy where another process holds it,
    and LibraryError where nothing can be written. `unclean`: a run before this one was cut off, so that files may have
    been left over.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._mark = data / "ingest.running"
        self._lock = FileLock(data / "ingest.lock", blocking=False, thread_local=False, fallback_to_soft=False)
        self.unclean = False

    def look(self) -> None:
        """Raise LibraryBusy where another process holds it. Makes nothing, and keeps nothing."""
        if not Path(self._lock.lock_file).is_file():
            return
        try:
            with self._lock:
                pass
        except Timeout as error:
            raise self._busy() from error
        except OSError:
            return  # entering will tell

    def __enter__(self) -> "RunLock":
        try:
            self._data.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self.unclean = self._mark.exists()
            self._mark.touch()
        except Timeout as error:
            raise self._busy() from error
        except OSError as error:
            self.__exit__()
            raise disk_fault(self._data, error) from error
        return self

    def ended_well(self) -> None:
        """Remove the mark: nothing was left over."""
        self._mark.unlink(missing_ok=True)

    def _busy(self) -> LibraryBusy:
        return LibraryBusy(f"another ingest of {self._data}: the library")

    def __exit__(self, *_: object) -> None:
        self._lock.release()
