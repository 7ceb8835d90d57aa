"""What one question to an embedded library found out and the next may use."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import qdrant_edge as edge

from core.adapters.qdrant_edge.filters import FilterTranslator
from core.domain.filtering.filters import Filter
from core.text.word_lists import WordListName

_WordQuery = tuple[WordListName, tuple[tuple[str, float], ...]]
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_OFTEN = 20  # questions that one command does not ask
_WORDS = 4096  # of which the frequencies are kept


class StampedCache(Generic[K, V]):
    """At most `capacity` values by their keys, kept while nothing is written. Safe to use from several threads."""

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._stamp: str | None = None
        self._values: dict[K, V] = {}
        self._lock = threading.Lock()

    def get(self, key: K, stamp: str | None, make: Callable[[], V]) -> V:
        """Return the kept value, or make it. `stamp` is another after every write, and None while one goes on."""
        if stamp is None:
            return make()
        with self._lock:
            if stamp != self._stamp:
                self._stamp, self._values = stamp, {}
            if key in self._values:
                return self._values[key]
        value = make()
        with self._lock:
            if stamp == self._stamp:
                if len(self._values) >= self._capacity:
                    self._values.clear()
                self._values[key] = value
        return value


class ReadCaches:
    """What one question found out and the next may use, until something is written."""

    def __init__(self) -> None:
        self.translate = FilterTranslator()
        self._asked = 0
        self.filters: StampedCache[tuple[Filter, bool], edge.Filter | None] = StampedCache()
        self.counts: StampedCache[Filter, int] = StampedCache()
        self.word_counts: StampedCache[Filter, int] = StampedCache(_WORDS)
        self.word_queries: StampedCache[_WordQuery, edge.SparseVector | None] = StampedCache()

    def is_much_asked(self) -> bool:
        """Count a question; whether there were many."""
        self._asked += 1
        return self._asked > _OFTEN
