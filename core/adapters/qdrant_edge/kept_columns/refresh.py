"""Bringing kept columns up to date while others use the library: it is let go between pages."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import qdrant_edge as edge

from core.adapters.qdrant_edge.files import Tally
from core.adapters.qdrant_edge.kept_columns.library_columns import SMALL
from core.errors import LibraryError

if TYPE_CHECKING:
    from core.adapters.qdrant_edge.shard import SharedShard

_PAUSE_S = 1.0  # before a background build: a command that is over by then needs none
_STEP = 4096  # points read while the library is held
_LATE = 1 / 3  # of all points: where more were written, all are read, each once

_log = logging.getLogger(__name__)


class _Stopped(Exception):
    """The process is done with the library."""


def refresh(shared: "SharedShard", wait_s: float, going: Callable[[], object] = lambda: None) -> None:
    """Bring the columns up to date, and have them on disk. `going` ends it by raising. Raises LibraryError."""

    @contextmanager
    def reading() -> Iterator[tuple[edge.EdgeShard, Tally]]:
        going()
        with shared.reading(wait_s) as shard:
            yield shard, shared.tally

    columns = shared.columns
    with reading() as (_, tally):
        if tally.points < SMALL:
            return
        late = columns.needs_seeding or columns.count_changed() > _LATE * tally.points
    if late and not columns.seed(reading, shared.get_writes):
        return
    while True:
        with reading() as (shard, _):
            if columns.step(shard, shared.get_writes, _STEP):
                break
    going()
    shared.save_columns(wait_s, 2 * _STEP)


class BackgroundRefresh:
    """Refreshes the columns of one library in a thread, once for all who ask meanwhile."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(self, shared: "SharedShard", wait_s: float) -> None:
        """Begin, unless it goes on already."""
        with self._guard:
            if self._thread is None or not self._thread.is_alive():
                self._stop.clear()
                self._thread = threading.Thread(
                    target=self._run, args=(shared, wait_s), name="library-columns", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """End it, and wait for that."""
        self._stop.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self, shared: "SharedShard", wait_s: float) -> None:
        if self._stop.wait(_PAUSE_S):
            return
        try:
            refresh(shared, wait_s, self._check)
        except _Stopped:
            return
        except (LibraryError, OSError) as error:
            _log.info("columns not refreshed error=%s", error)

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Stopped
