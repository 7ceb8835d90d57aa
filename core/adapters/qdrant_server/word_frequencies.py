"""How many pictures of a server's library hold a word: counted by all of its shards and nodes, and kept for a while."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from core.domain.filtering.filters import WORDED, Filter, holding_word
from core.text.word_lists import WordListName

KEPT_S = 10.0  # as old the counts may be where another process writes; what this one writes is counted at once
_MOST = 4096
_AT_ONCE = 64  # every count is a request of its own


class WordFrequencies:
    """Used by any thread. A server tells nobody of writes: so what others write is seen after KEPT_S at the latest.

    Until then every question is scored as before the write, and all pages of its answer alike.
    """

    def __init__(
        self, count: Callable[[Sequence[Filter]], Iterable[int]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`count` counts what passes each of several filters, at once."""
        self._count = count
        self._clock = clock
        self._guard = threading.Lock()
        self._kept: dict[Filter, int] = {}
        self._since = 0.0
        self._writes = 0

    def lookup(self, asked: Mapping[WordListName, Collection[str]]) -> dict[WordListName, tuple[int, dict[str, int]]]:
        """How many pictures every list has words of, and how many each of these. Raises what `count` does.

        All are counted at once, but for very many words: of these, those of lists that have no words are left out.
        """
        with self._guard:
            if self._clock() - self._since > KEPT_S or len(self._kept) > _MOST:
                self._kept, self._since = {}, self._clock()
            kept, writes = dict(self._kept), self._writes
        words = {name: {word: holding_word(word, name) for word in held} for name, held in asked.items()}
        total = [WORDED[name] for name in asked]
        if sum(map(len, words.values())) > _AT_ONCE:
            kept |= self._count_all([filter for filter in total if filter not in kept], writes)
        having = [filter for name in asked if kept.get(WORDED[name], 1) for filter in words[name].values()]
        kept |= self._count_all([filter for filter in (*total, *having) if filter not in kept], writes)
        return {
            name: (kept[WORDED[name]], {word: kept.get(filter, 0) for word, filter in words[name].items()})
            for name in asked
        }

    def _count_all(self, filters: Collection[Filter], writes: int) -> dict[Filter, int]:
        """Count what passes each, and keep it where nothing was written since `writes`."""
        if not filters:
            return {}
        counts = dict(zip(filters, self._count(list(filters)), strict=True))
        with self._guard:
            if writes == self._writes:
                self._kept |= counts
        return counts

    def clear(self) -> None:
        """To be said after a write."""
        with self._guard:
            self._kept = {}
            self._writes += 1
