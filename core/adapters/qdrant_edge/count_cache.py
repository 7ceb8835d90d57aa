"""How many images pass a filter, kept while nothing is written: every search tells, and 100,000 take some 25 ms."""

import threading
from collections.abc import Callable

from core.domain.filters import Filter


class Counts:
    """Used by any thread. Keeps at most `most` of them."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._stamp: str | None = None
        self._kept: dict[Filter, int] = {}
        self._lock = threading.Lock()

    def __call__(self, filter: Filter, stamp: str | None, count: Callable[[], int]) -> int:
        """`stamp` is another after every write, None while one goes on."""
        if stamp is None:
            return count()
        with self._lock:
            if stamp != self._stamp:
                self._stamp, self._kept = stamp, {}
            if (kept := self._kept.get(filter)) is not None:
                return kept
        counted = count()
        with self._lock:
            if stamp == self._stamp:
                if len(self._kept) >= self._most:
                    self._kept.clear()
                self._kept[filter] = counted
        return counted
