"""Inflections joined and words kept apart: an analyser against lemminflect's tables, for words that are said often."""

from collections import defaultdict
from collections.abc import Callable
from functools import cache
from itertools import combinations

import lemminflect
import wordfreq

from core.text import inflections
from core.text.analysis import STOPWORDS

OFTEN = 3.0  # zipf: the base 10 logarithm of how often a word is said in a billion
TAGS = {"NOUN": {"NNS"}, "VERB": {"VBZ", "VBG", "VBD", "VBN"}, "ADJ": {"JJR", "JJS"}}

Analyser = Callable[[str], set[str]]
Pair = tuple[str, str]


@cache
def said_often() -> list[str]:
    """Words of zipf 3 or more, commonest first, without stopwords."""
    words = wordfreq.top_n_list("en", 100_000)
    return [word for word in words if word.isascii() and word.isalpha() and _is_said(word)]


@cache
def pairs() -> list[Pair]:
    """Base and inflection by the tables, both said often."""
    found = set()
    for base in said_often():
        for part, tags in TAGS.items():
            if base in lemminflect.getAllLemmas(base).get(part, ()):
                forms = [form for tag, of_tag in _inflections(base, part).items() if tag in tags for form in of_tag]
                found |= {(base, form) for form in forms if form != base and form.isalpha() and _is_said(form)}
    return sorted(found)


def every_inflection(word: str) -> set[str]:
    """The word and whatever the tables call an inflection of it."""
    return {word, *(form for forms in lemminflect.getAllInflections(word).values() for form in forms)}


def by_tables(word: str) -> set[str]:
    """All lemmas that the tables know, and theirs."""
    lemmas = {lemma for of_part in lemminflect.getAllLemmas(word).values() for lemma in of_part}
    return lemmas.union(*(of_part for lemma in lemmas for of_part in lemminflect.getAllLemmas(lemma).values())) or {
        word
    }


def parted(analyser: Analyser) -> list[Pair]:
    """Base and inflection that have no form in common."""
    return [pair for pair in pairs() if not analyser(pair[0]) & analyser(pair[1])]


def joined(analyser: Analyser) -> set[Pair]:
    """Words said often that have a form in common."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for word in said_often():
        for form in analyser(word):
            groups[form].append(word)
    return {pair for group in groups.values() for pair in combinations(group, 2)}


def wrongly(joined: set[Pair]) -> list[Pair]:
    """Those that are neither forms of one word by the tables, nor regular ones of a word, nor spellings of one."""
    return [(one, other) for one, other in sorted(joined) if not _roots(one) & _roots(other)]


@cache
def _roots(word: str) -> frozenset[str]:
    regular = () if lemminflect.getAllLemmas(word) else inflections.regular_bases(word)
    bases = {word, *by_tables(word), *regular}
    return frozenset(bases | {inflections.VARIANTS.get(base, base) for base in bases})


def _inflections(base: str, part: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = lemminflect.getAllInflections(base, part)
    return found


def _is_said(word: str) -> bool:
    return wordfreq.zipf_frequency(word, "en") >= OFTEN and word not in STOPWORDS and len(word) > 1
