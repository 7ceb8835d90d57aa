"""The search for duplicates in a serving process: in the background, once for all sessions."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from core.domain.filtering.filters import EVERYTHING
from core.duplicates.finder import Duplicates, Group
from core.errors import BucketLensError, LibraryBusy
from core.errors.hints import Advice
from core.ports.vector_index import SearchableIndex

log = logging.getLogger(__name__)

_ENDING = 5.0  # seconds that the end waits for the picture that is being compared


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What one scan found: the number of groups and of pictures in them, among all that were compared.

    `unseen` pictures had no thumbnail and were compared by their bytes alone. `ended` is monotonic time in seconds.
    """

    found: Duplicates
    groups: int
    pictures: int
    among: int
    unseen: int
    ended: float


class DuplicateSearch:
    """A background search for duplicates.

    `progress`: how many pictures have been compared, of how many. `error`: why the last scan failed.
    """

    def __init__(self, index: Callable[[], SearchableIndex], thumbnail: Callable[[str], bytes | None]) -> None:
        self._index = index
        self._thumbnail = thumbnail
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self.progress = (0, 0)
        self.error: BucketLensError | None = None
        self.last: ScanResult | None = None

    @property
    def running(self) -> bool:
        """Whether a scan is going on."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, *, again: bool = False) -> None:
        """Start a scan unless one is going on or done, and return at once. `again`: even where one is done."""
        with self._starting:
            if self._ended.is_set() or self.running or (not again and (self.last or self.error) is not None):
                return
            self.progress, self.error = (0, 0), None
            self._thread = threading.Thread(target=self._scan, name="duplicates", daemon=True)
            self._thread.start()

    def groups(self, limit: int) -> list[Group]:
        """Read the largest groups of the last scan, as they are now. Raises LibraryError."""
        return [] if self.last is None else list(islice(self.last.found.groups(), limit))

    def stop(self) -> None:
        """Stop for good; return once no thumbnail is read any more, or after five seconds."""
        with self._starting:
            self._ended.set()
        if self._thread is not None:
            self._thread.join(_ENDING)

    def _scan(self) -> None:
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
        """Read the thumbnail of a picture that is compared. Raises _Ended once the search is stopped."""
        if self._ended.is_set():
            raise _Ended
        return self._thumbnail(image_id)


class _Ended(Exception):
    pass
