"""How many pictures of a server's library hold a word: counted by all of its shards and nodes, and kept for a while."""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

from core.domain.filtering.filters import WORDED, Filter, holding_word
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

    def lookup(self, asked: Mapping[WordListName, Collection[str]]) -> dict[WordListName, tuple[int, dict[str, int]]]:
        """How many pictures every list has words of, and how many each of these. Raises what `count` does.

        All are counted at once. The words of a list that is not of captions are counted only where it has any.
        """
        with self._guard:
            if self._clock() - self._since > KEPT_S or len(self._kept) > _MOST:
                self._kept, self._since = {}, self._clock()
            kept, writes = dict(self._kept), self._writes
        words = {name: {word: holding_word(word, name) for word in held} for name, held in asked.items()}
        first = [*(WORDED[name] for name in asked), *words.get("words", {}).values()]
        kept |= self._count_all([filter for filter in first if filter not in kept], writes)
        others = [filter for name in asked if kept[WORDED[name]] for filter in words[name].values()]
        kept |= self._count_all([filter for filter in others if filter not in kept], writes)
        return {
            name: (kept[WORDED[name]], {word: kept.get(filter, 0) for word, filter in words[name].items()})
            for name in asked
        }

    def _count_all(self, filters: Collection[Filter], writes: int) -> dict[Filter, int]:
        """Count what passes each, and keep it where nothing was written since `writes`."""
        if not filters:
            return {}
        with ThreadPoolExecutor(min(_AT_ONCE, len(filters)), "count-words") as pool:
            counts = dict(zip(filters, pool.map(self._count, filters), strict=True))
        with self._guard:
            if writes == self._writes:
                self._kept |= counts
        return counts

    def clear(self) -> None:
        """To be said after a write."""
        with self._guard:
            self._kept = {}
            self._writes += 1
