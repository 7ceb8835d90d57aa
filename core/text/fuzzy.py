"""Words that are almost the same: what a reader of pictures makes of a word, and what a person types of it."""

import re
from collections.abc import Iterable
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import OSA

_LETTERS = 6  # of which one may differ
_DIGIT = re.compile(r"\d")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")  # written without spaces


def errors_allowed(word: str) -> int:
    """Return how many letters of a word may be wrong, missing, added or swapped: one in six, none beside a digit."""
    return 0 if _DIGIT.search(word) else len(word) // _LETTERS


def find_similar(word: str, vocabulary: Iterable[str]) -> list[str]:
    """Find the words of the vocabulary that a word may stand for.

    A word of a script without spaces, such as Chinese, is looked for within others. Distances are those of optimal
    string alignment, after Damerau (1964).
    """
    if _UNSPACED.search(word):
        return [other for other in vocabulary if word in other]
    allowed = errors_allowed(word)
    if not allowed:
        return [other for other in vocabulary if other == word]
    distance: Any = OSA.distance  # whose type says int where scorers are said to be of floats
    found = process.extract(word, list(vocabulary), scorer=distance, score_cutoff=allowed, limit=None)
    return [other for other, *_ in found]
