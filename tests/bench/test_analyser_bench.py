"""Which analyser joins the inflections of a word, and no others. Prints a table."""

from collections.abc import Sequence

import lemminflect
import pytest
import simplemma
import snowballstemmer
from rich.console import Console
from rich.table import Table

from core.text import analysis
from tests.support.inflection_tables import Analyser, Pair, joined, pairs, parted, said_often, wrongly

pytestmark = pytest.mark.bench


def _stemmer(name: str) -> Analyser:
    stemmer = snowballstemmer.stemmer(name)
    return lambda word: {stemmer.stemWord(word)}


def _first_lemma(word: str) -> set[str]:
    return {next((lemmas[0] for lemmas in lemminflect.getAllLemmas(word).values()), word)}


def _every_lemma(word: str) -> set[str]:
    return {lemma for lemmas in lemminflect.getAllLemmas(word).values() for lemma in lemmas} or {word}


ANALYSERS: dict[str, Analyser] = {
    "simplemma 2": lambda word: {str(simplemma.lemmatize(word, lang="en")).casefold()},
    "Porter": _stemmer("porter"),
    "Snowball (Porter 2)": _stemmer("english"),
    "lemminflect, first lemma": _first_lemma,
    "lemminflect, every lemma": _every_lemma,
    "the first of this analyser": lambda word: {analysis.dictionary_form(word)},
    "this analyser": lambda word: set(analysis.analyse(word)),
}


def test_analysers() -> None:
    table = Table(title=f"{len(pairs()):,} pairs of base and inflection, {len(said_often()):,} words")
    for heading in ("analyser", "pairs joined", "words joined", "of them wrong", "parted", "wrong"):
        table.add_column(heading)
    for name, analyser in ANALYSERS.items():
        apart, together = parted(analyser), joined(analyser)
        wrong = wrongly(together)
        found, share = 1 - len(apart) / len(pairs()), len(wrong) / len(together)
        table.add_row(name, f"{found:.2%}", f"{len(together):,}", f"{share:.2%}", _some(apart), _some(wrong))
    Console(width=160).print(table)


def _some(pairs: Sequence[Pair]) -> str:
    return ", ".join(map("/".join, pairs[:: max(1, len(pairs) // 6)]))
