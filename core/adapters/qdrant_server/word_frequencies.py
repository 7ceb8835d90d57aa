"""How many pictures of a server's library hold a word: counted by all of its shards and nodes, and kept for a while."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from core.domain.filtering.filters import Filter, holding_word, worded
from core.text.word_lists import WordListName

KEPT_S = 10.0  # as old the counts may be where another process writes; what this one writes is counted at once
_MOST = 4096
_AT_ONCE = 8  # every count is a call of its own


class WordFrequencies:
    """Used by any thread. A server tells nobody of writes: so what others write is seen after KEPT_S at the latest.

    Until then every question is scored as before the write, and all pages of its answer alike.
    """

    def __init__(self, count: Callable[[Filter], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._clock = clock
        self._guard = threading.Lock()
        self._kept: dict[Filter, int] = {}
        self._since = 0.0
        self._writes = 0

    def lookup(self, words: Iterable[str], name: WordListName = "words") -> tuple[int, dict[str, int]]:
        """How many pictures a list has words of, and how many each of these. Raises what `count` does."""
        all, asked = worded(name), {word: holding_word(word, name) for word in words}
        with self._guard:
            if self._clock() - self._since > KEPT_S or len(self._kept) > _MOST:
                self._kept, self._since = {}, self._clock()
            kept, writes = dict(self._kept), self._writes
        missing = [filter for filter in (all, *asked.values()) if filter not in kept]
        if missing:
            with ThreadPoolExecutor(min(_AT_ONCE, len(missing)), "count-words") as pool:
                kept |= zip(missing, pool.map(self._count, missing), strict=True)
            with self._guard:
                if writes == self._writes:
                    self._kept |= {filter: kept[filter] for filter in missing}
        return kept[all], {word: kept[filter] for word, filter in asked.items()}

    def clear(self) -> None:
        """To be said after a write."""
        with self._guard:
            self._kept = {}
            self._writes += 1
