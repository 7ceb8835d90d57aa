"""Which captions of a segment hold which words, and how much each counts: BM25 by an inverted list, mapped."""

from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.adapters.columns.table import Mask, Rows
from core.text.bm25 import SCORING_VERSION, record_weights
from core.text.word_lists import WordListName

_FILES = {"terms": np.uint32, "starts": np.int64, "rows": np.int32, "weights": np.float32}


def write_words(folder: Path, documents: Sequence[Mapping[WordListName, Sequence[str]]]) -> None:
    """The documents of every row (core.text.bm25.record_weights). Raises OSError."""
    dimensions, weights, lengths = array("Q"), array("f"), array("q")
    for said in documents:
        vector = record_weights(said)
        dimensions.extend(vector.keys())
        weights.extend(vector.values())
        lengths.append(len(vector))
    held = np.frombuffer(dimensions, np.uint64).astype(np.uint32) if dimensions else np.zeros(0, np.uint32)
    order = np.argsort(held, kind="stable")  # rows stay ascending within a term
    terms, counts = np.unique(held, return_counts=True)
    columns = {
        "terms": terms,
        "starts": np.cumsum([0, *counts]),
        "rows": np.repeat(np.arange(len(lengths)), np.asarray(lengths))[order],
        "weights": np.asarray(weights, np.float32)[order],
    }
    for name, dtype in _FILES.items():
        np.save(folder / f"words_{name}.npy", np.asarray(columns[name], dtype), allow_pickle=False)


class Words:
    """The inverted lists of a segment: term id -> rows, ascending, with the weights of `record_weights`."""

    def __init__(self, folder: Path, scoring: int = SCORING_VERSION) -> None:
        """Raises OSError and ValueError where the files are none of these.

        Those of the first `scoring` have dimensions of a bit more, no pairs, and weights that are much the same: they
        serve until the copy is made anew.
        """
        mapped = {name: np.load(folder / f"words_{name}.npy", mmap_mode="r") for name in _FILES}
        self._terms, self._starts = mapped["terms"], mapped["starts"]
        if scoring < 2:
            self._terms = self._terms >> 1
        self._rows, self._weights = mapped["rows"], mapped["weights"]

    def count(self, term: int, live: Mask) -> int:
        """How many rows that live hold the term."""
        return int(np.count_nonzero(live[self._list(term)[0]]))

    def scores(self, terms: Mapping[int, float], passing: Mask) -> tuple[Rows, NDArray[np.float64]]:
        """The rows that pass and hold any of the terms, with the sums of their weights times the terms'."""
        sums = np.zeros(len(passing), np.float64)
        held = np.zeros(len(passing), bool)
        for term, weight in terms.items():
            rows, weights = self._list(term)
            sums[rows] += weight * weights
            held[rows] = True
        found = np.flatnonzero(held & passing)
        return found, sums[found]

    def _list(self, term: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        place = int(np.searchsorted(self._terms, np.uint32(term)))
        if place == len(self._terms) or self._terms[place] != term:
            return self._rows[:0], self._weights[:0]
        part = slice(int(self._starts[place]), int(self._starts[place + 1]))
        return self._rows[part], self._weights[part]
