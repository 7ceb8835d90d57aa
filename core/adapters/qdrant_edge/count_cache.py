"""Counts of the images that pass a filter, kept while nothing is written. Counting 100,000 takes some 25 ms."""

import threading
from collections.abc import Callable

from core.domain.filters import Filter


class CountCache:
    """At most `capacity` counts by their filters. Safe to use from several threads."""

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._stamp: str | None = None
        self._counts: dict[Filter, int] = {}
        self._lock = threading.Lock()

    def __call__(self, filter: Filter, stamp: str | None, count: Callable[[], int]) -> int:
        """Count, or return the count that is kept. `stamp` is another after every write, and None while one goes on."""
        if stamp is None:
            return count()
        with self._lock:
            if stamp != self._stamp:
                self._stamp, self._counts = stamp, {}
            if (cached := self._counts.get(filter)) is not None:
                return cached
        counted = count()
        with self._lock:
            if stamp == self._stamp:
                if len(self._counts) >= self._capacity:
                    self._counts.clear()
                self._counts[filter] = counted
        return counted
