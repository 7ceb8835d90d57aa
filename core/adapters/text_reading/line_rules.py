"""Which recognised lines are kept: text in a script that the model knows, and no pattern that looks like text."""

import unicodedata
from collections.abc import Sequence
from enum import Enum

import numpy as np

from core.adapters.text_reading.line_recognizer import Recognition
from core.adapters.text_reading.script_probe import ScriptProbe


class Verdict(Enum):
    """What becomes of a line: it is kept; it is no text, or illegible; it is text in a script that is not known."""

    KEEP = "keep"
    DROP = "drop"
    FOREIGN = "foreign"


_LEAST_SCORES = {1: 0.97, 2: 0.9, 3: 0.85}  # by letters and digits
_LEAST_SCORE = 0.8  # of four and more
_FOREIGN_LETTERS = 3  # so many letters of what is not legible tell a script
_FOREIGN_SHARE = 0.5  # of a picture's lines: where as many are foreign, the others are read the same way
_LINE_RATIO = 3.0  # width by height of what is a line, and no glyph
_LOOKALIKE = -4.0  # log odds; what is less foreign than this is surely not
_MIXED = ("GREEK", "COPTIC")  # the model knows their letters as signs of formulas, and not their accents


class LineRules:
    """The rules, with the classifier of scripts that they ask."""

    def __init__(self, probe: ScriptProbe) -> None:
        self._probe = probe

    def judge(self, lines: Sequence[Recognition]) -> list[Verdict]:
        """Judge the lines of one picture."""
        foreign = [self._foreignness(line) for line in lines]
        verdicts = [_judge(line, odds) for line, odds in zip(lines, foreign, strict=True)]
        if verdicts.count(Verdict.FOREIGN) > _FOREIGN_SHARE * (len(verdicts) - verdicts.count(Verdict.DROP)):
            # Words such as MOCKBA look Latin to the last letter: only their neighbours tell.
            verdicts = [
                Verdict.FOREIGN if verdict is Verdict.KEEP and odds > _LOOKALIKE else verdict
                for verdict, odds in zip(verdicts, foreign, strict=True)
            ]
        if Verdict.FOREIGN in verdicts:  # the model is silent about most of what it does not know
            verdicts = [
                Verdict.FOREIGN if verdict is Verdict.DROP and line.ratio >= _LINE_RATIO else verdict
                for verdict, line in zip(verdicts, lines, strict=True)
            ]
        kept = (line for line, verdict in zip(lines, verdicts, strict=True) if verdict is Verdict.KEEP)
        if max(map(_count_letters, kept), default=0) > 1:
            return verdicts
        return [Verdict.DROP if verdict is Verdict.KEEP else verdict for verdict in verdicts]  # single glyphs alone

    def _foreignness(self, line: Recognition) -> float:
        """Return the mean log odds of a line's letters; formulas' letters within a word count as foreign."""
        if not line.letters:
            return 0.0
        odds = self._probe.foreignness(line.features)
        return max(float(odds.mean()), 1.0 if _has_mixed_word(line.text) else -np.inf)


def _judge(line: Recognition, foreignness: float) -> Verdict:
    count = _count_letters(line)
    legible = count > 0 and line.score >= _LEAST_SCORES.get(count, _LEAST_SCORE)
    if foreignness > 0 and (legible or len(line.letters) >= _FOREIGN_LETTERS):
        return Verdict.FOREIGN
    return Verdict.KEEP if legible else Verdict.DROP


def _has_mixed_word(text: str) -> bool:
    """Say whether a word of several letters has one of a script that the model knows from formulas only."""
    return any(
        len(word) > 1 and any(unicodedata.name(letter, "").startswith(_MIXED) for letter in word)
        for word in text.split()
    )


def _count_letters(line: Recognition) -> int:
    return sum(unicodedata.category(letter)[0] in "LN" for letter in line.text)
