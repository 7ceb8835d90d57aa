"""Words that are almost the same: what a reader of pictures makes of a word, and what a person types of it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import OSA

_LETTERS = 6  # of which one may differ
_DIGIT = re.compile(r"\d")
_ELIDED = re.compile(r"[^\W\d_]+'(?=[^\W\d_]{2})")  # what French and Italian put before a vowel: l'été, dell'arte
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")  # written without spaces


def errors_allowed(word: str) -> int:
    """Return how many letters of a word may be wrong, missing, added or swapped: one in six, none beside a digit."""
    return 0 if _DIGIT.search(word) else len(word) // _LETTERS


def find_similar(word: str, vocabulary: Iterable[str]) -> list[str]:
    """Find the words of the vocabulary that a word may stand for.

    A word of a script without spaces, such as Chinese, is looked for within others. What stands before an apostrophe
    need not be asked for: "été" may stand for "l'été". Distances are those of optimal string alignment, after
    Damerau (1964).
    """
    if _UNSPACED.search(word):
        return [other for other in vocabulary if word in other]
    straight, words = word.replace("’", "'"), list(vocabulary)
    spellings = {at: other.replace("’", "'") for at, other in enumerate(words)}
    bare = {at: _ELIDED.sub("", other) for at, other in spellings.items() if "'" in other}
    return [words[at] for at in sorted(_match(straight, spellings) | _match(straight, bare))]


def _match(word: str, spellings: Mapping[int, str]) -> set[int]:
    """Match a word with others. Returns the keys of those that are near enough."""
    allowed = errors_allowed(word)
    if not allowed:
        return {at for at, other in spellings.items() if other == word}
    distance: Any = OSA.distance  # whose type says int where scorers are said to be of floats
    found = process.extract(word, spellings, scorer=distance, score_cutoff=allowed, limit=None)
    return {at for _, _, at in found}
