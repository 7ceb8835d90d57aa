"""The look for duplicates of a serving process: in the background, once for every session."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from core.domain.filters import EVERYTHING
from core.duplicates.finder import Duplicates, Group
from core.errors import BucketLensError, LibraryBusy
from core.errors.hints import Advice
from core.ports.vector_index import SearchableIndex

log = logging.getLogger(__name__)

_ENDING = 5.0  # seconds that the end waits for the picture that is being compared


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What one scan found: so many groups and pictures in them, among so many; `ended` is a monotonic time in seconds.

    `unseen` had no thumbnail and were compared by their bytes alone.
    """

    found: Duplicates
    groups: int
    pictures: int
    among: int
    unseen: int
    ended: float


class DuplicateSearch:
    """`progress` is how many pictures have been compared, of how many; `error` why the last look failed."""

    def __init__(self, index: Callable[[], SearchableIndex], thumbnail: Callable[[str], bytes | None]) -> None:
        self._index = index
        self._thumbnail = thumbnail
        self._starting = threading.Lock()
        self._looking: threading.Thread | None = None
        self._ended = threading.Event()
        self.progress = (0, 0)
        self.error: BucketLensError | None = None
        self.last: ScanResult | None = None

    @property
    def running(self) -> bool:
        return self._looking is not None and self._looking.is_alive()

    def start(self, *, again: bool = False) -> None:
        """Begin unless it is going on, or has been done; returns at once."""
        with self._starting:
            if self._ended.is_set() or self.running or (not again and (self.last or self.error) is not None):
                return
            self.progress, self.error = (0, 0), None
            self._looking = threading.Thread(target=self._look, name="duplicates", daemon=True)
            self._looking.start()

    def groups(self, limit: int) -> list[Group]:
        """Read the largest groups of the last scan, as they are now. Raises LibraryError."""
        return [] if self.last is None else list(islice(self.last.found.groups(), limit))

    def stop(self) -> None:
        """For good; returns when nothing is read any more."""
        with self._starting:
            self._ended.set()
        if self._looking is not None:
            self._looking.join(_ENDING)

    def _look(self) -> None:
        try:
            found = Duplicates(self._index(), self._read_thumbnail, EVERYTHING)
            for self.progress in found.look():
                pass
            sizes = [len(group.records) for group in found.groups()]
            among, _ = self.progress
            self.last = ScanResult(found, len(sizes), sum(sizes), among, found.unseen, time.monotonic())
        except _Ended:
            return
        except BucketLensError as error:
            if not isinstance(error, LibraryBusy):
                log.warning("duplicates not found: %s", error)
            self.error = error
        except Exception as error:
            log.exception("duplicates not found")
            self.error = BucketLensError(
                f"comparing the pictures broke off unexpectedly: {error!r}", Advice("the log has more")
            )

    def _read_thumbnail(self, image_id: str) -> bytes | None:
        """Read the thumbnail of a picture that is compared, unless the scan is to end."""
        if self._ended.is_set():
            raise _Ended
        return self._thumbnail(image_id)


class _Ended(Exception):
    pass
