"""Measures the recall of some of the searches that are asked, in the background."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable

from core.availability.recall import Recall, is_measurable, measure_recall
from core.domain.query import Query
from core.domain.result import SearchResult
from core.errors import BucketLensError
from core.ports.local_files import RecallLog
from core.ports.mirror import Mirror
from core.ports.vector_index import SearchableIndex

WINDOW = 200
_WRITE_EVERY = 60.0  # seconds
_ENDING = 5.0  # seconds that the end waits for what is being compared
_LAGGING = 0.01  # of the library: with more missing, or gone, the mirror ranks otherwise

Ask = Callable[[SearchableIndex, Query], SearchResult]

_log = logging.getLogger(__name__)


class RecallMeter:
    """Compares one answer at a time, and passes over what is asked meanwhile. Safe to use from several threads.

    `share`: of the searches, from 0 (none) to 1. `warning`: the mean below which the log warns. `chance` draws the lot
    of a search from [0, 1).
    """

    def __init__(
        self,
        library: Callable[[], SearchableIndex],
        mirror: Callable[[], Mirror | None],
        log: RecallLog,
        *,
        share: float,
        warning: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._library = library
        self._mirror = mirror
        self._log = log
        self._share = share
        self._warning = warning
        self._chance = chance
        self._guard = threading.Lock()
        self._comparing: threading.Thread | None = None
        self._ended = False
        self._fingerprint, samples = log.read()
        self._samples = deque(samples, WINDOW)
        self._written = 0.0
        self._unwritten = self._low = False

    @property
    def figure(self) -> Recall | None:
        """Of the last searches that were compared; None before the first."""
        return Recall.of(tuple(self._samples))

    @property
    def low(self) -> bool:
        figure = self.figure
        return figure is not None and figure.is_low(self._warning)

    def offer(self, query: Query, answer: SearchResult, ask: Ask) -> None:
        """Compare an answer of the library if its lot falls. Returns at once."""
        if not is_measurable(query) or self._chance() >= self._share:
            return
        with self._guard:
            if self._ended or (self._comparing is not None and self._comparing.is_alive()):
                return
            self._comparing = threading.Thread(
                target=self._compare, args=(query, answer, ask), name="measure-recall", daemon=True
            )
            self._comparing.start()

    def close(self) -> None:
        """Compare nothing any more: library and mirror can be closed after that."""
        with self._guard:
            self._ended = True
            comparing = self._comparing
        if comparing is not None:
            comparing.join(_ENDING)
        self._write(at_once=True)

    def _compare(self, query: Query, answer: SearchResult, ask: Ask) -> None:
        try:
            recall = self._measure(query, answer, ask)
        except BucketLensError as error:
            _log.info("recall not measured error=%s", error)
            return
        except Exception:
            _log.exception("recall not measured")
            return
        if recall is not None:
            self._samples.append(recall)
            self._unwritten = True
            self._warn_if_low()
            self._write()

    def _measure(self, query: Query, answer: SearchResult, ask: Ask) -> float | None:
        mirror = self._mirror()
        if mirror is None:
            return None
        library = self._library()
        fingerprint = library.info.fingerprint
        if mirror.info.fingerprint != fingerprint or _lags(library, mirror):
            return None
        if fingerprint != self._fingerprint:
            self._samples.clear()
            self._fingerprint = fingerprint
        return measure_recall(query, answer, library, mirror, ask)

    def _warn_if_low(self) -> None:
        """Warn once, until the recall is well again."""
        low, figure = self.low, self.figure
        if low and not self._low and figure is not None:
            _log.warning("recall low mean=%.3f searches=%d warning=%g", figure.mean, figure.count, self._warning)
        self._low = low

    def _write(self, *, at_once: bool = False) -> None:
        if not self._unwritten or not (at_once or time.monotonic() - self._written >= _WRITE_EVERY):
            return
        try:
            self._log.write(self._fingerprint, tuple(self._samples))
        except OSError as error:
            _log.info("recall not written error=%s", error)
        self._written, self._unwritten = time.monotonic(), False


def _lags(library: SearchableIndex, mirror: Mirror) -> bool:
    count = library.count()
    return abs(count - mirror.summary().points) > _LAGGING * count
