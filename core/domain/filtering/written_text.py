"""Conditions on what is written in pictures, with letters that a reader, or a person, may have got wrong."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.errors import InvalidQuery
from core.text import analysis
from core.text.fuzzy import find_similar

_TAKES = "words as they are written in pictures, such as invoice 2024 (not only words like 'the')"


@dataclass(frozen=True, slots=True)
class Written:
    """The picture shows all of these words, in any inflection; with `phrase` in one line, in this order, none between.

    One letter in six may differ (core.text.fuzzy). Words with digits are exact.
    """

    text: str
    phrase: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text or not analysis.is_unicode(self.text):
            raise InvalidQuery("text", self.text, _TAKES)
        if not (analysis.tokenize(self.text) if self.phrase else analysis.expand_query(self.text)):
            raise InvalidQuery("text", self.text, _TAKES)

    def find_words(self, vocabulary: Sequence[str]) -> list[tuple[str, ...]]:
        """Find for each word those of the vocabulary that it may stand for; a picture has to hold one of each."""
        return [_similar(forms, vocabulary) for forms in analysis.expand_query(self.text)]

    def holds(self, payload: Mapping[str, Any]) -> bool:
        """Tell whether it is true of an image with this payload."""
        if not all(self.find_words(payload.get("text_words") or ())):
            return False
        return not self.phrase or any(self.stands_in(line["text"]) for line in payload.get("text_lines") or ())

    def stands_in(self, line: str) -> bool:
        """Tell whether a line holds the words, in this order, none between them."""
        wanted, told = _read_words(self.text), [(token, _forms(token)) for token in analysis.tokenize(line)]
        starts = range(len(told) - len(wanted) + 1)
        return any(all(map(_is_meant, wanted, told[start : start + len(wanted)])) for start in starts)

    def shows_any(self, line: str) -> bool:
        """Tell whether a line holds one of the words, or all of them where they are a phrase."""
        return self.stands_in(line) if self.phrase else any(self.find_words(analysis.analyse(line)))


def _similar(forms: Iterable[str], vocabulary: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for form in forms for word in find_similar(form, vocabulary)))


_Word = tuple[str, tuple[str, ...]]  # as it is written, and the dictionary forms that it may stand for


@lru_cache(maxsize=256)
def _read_words(text: str) -> tuple[_Word, ...]:
    return tuple(
        (token, tuple(form for forms in analysis.expand_query(token) for form in forms))
        for token in analysis.tokenize(text)
    )


def _forms(token: str) -> tuple[str, ...]:
    return analysis.analyse(token)


def _is_meant(wanted: _Word, told: _Word) -> bool:
    return wanted[0] == told[0] or bool(_similar(wanted[1], told[1]))
