"""Which recognised lines are kept: text in a script that the model knows, and no pattern that looks like text."""

import unicodedata
from collections.abc import Sequence
from enum import Enum

from core.adapters.text_reading.line_recognizer import Recognition
from core.adapters.text_reading.script_probe import ScriptProbe


class Verdict(Enum):
    """What becomes of a line: it is kept; it is no text, or illegible; it is text in a script that is not known."""

    KEEP = "keep"
    DROP = "drop"
    FOREIGN = "foreign"


_LEAST_SCORES = {1: 0.97, 2: 0.9, 3: 0.85}  # by letters and digits
_LEAST_SCORE = 0.8  # of four and more
# Log odds of the classifier. Blurred Latin has up to 1, lines of other scripts 3 to 10; -3 and less is clearly Latin.
_FOREIGN = 1.2
_SURELY_FOREIGN = 4.0
_LOOKALIKE = -3.0
_FEWEST = 2  # lines that are surely foreign: where as many are, lookalikes beside them are too
_LINE_RATIO = 3.0  # width by height of what is a line, and no glyph
_FORMULAS = ("GREEK", "COPTIC")  # the model knows these letters as signs of formulas, and not with their accents


class LineRules:
    """The rules, with the classifier of scripts that they ask."""

    def __init__(self, probe: ScriptProbe) -> None:
        self._probe = probe

    def judge(self, lines: Sequence[Recognition]) -> list[Verdict]:
        """Judge the lines of one picture."""
        foreign = [self._foreignness(line) for line in lines]
        verdicts = [_judge(line, odds) for line, odds in zip(lines, foreign, strict=True)]
        surely = sum(odds > _SURELY_FOREIGN for odds in foreign)
        if surely >= _FEWEST and surely > sum(odds <= _LOOKALIKE for odds in foreign):
            # Words such as MOCKBA look Latin to the last letter: only their neighbours tell.
            verdicts = [
                Verdict.FOREIGN if verdict is Verdict.KEEP and odds > _LOOKALIKE else verdict
                for verdict, odds in zip(verdicts, foreign, strict=True)
            ]
        if Verdict.FOREIGN in verdicts and surely:  # the model is silent about most of what it does not know
            verdicts = [
                Verdict.FOREIGN if verdict is Verdict.DROP and line.ratio >= _LINE_RATIO else verdict
                for verdict, line in zip(verdicts, lines, strict=True)
            ]
        kept = (line for line, verdict in zip(lines, verdicts, strict=True) if verdict is Verdict.KEEP)
        if max(map(_count_letters, kept), default=0) > 1:
            return verdicts
        return [Verdict.DROP if verdict is Verdict.KEEP else verdict for verdict in verdicts]  # single glyphs alone

    def _foreignness(self, line: Recognition) -> float:
        """Return the mean log odds of a line's letters, of its blanks where it has none. Digits tell no script."""
        if _has_formula_word(line.text):
            return 2 * _SURELY_FOREIGN
        chosen = [unicodedata.category(letter)[0] == "L" for letter in line.letters]
        if not any(chosen):
            chosen = [letter.isspace() for letter in line.letters]
        if not any(chosen):
            return float("-inf")
        return float(self._probe.foreignness(line.features[chosen]).mean())


def _judge(line: Recognition, foreignness: float) -> Verdict:
    count = _count_letters(line)
    legible = count > 0 and line.score >= _LEAST_SCORES.get(count, _LEAST_SCORE)
    if legible and foreignness <= _FOREIGN:
        return Verdict.KEEP
    surely = foreignness > _SURELY_FOREIGN and len(line.letters) >= _FEWEST
    return Verdict.FOREIGN if surely or (legible and count >= _FEWEST) else Verdict.DROP


def _has_formula_word(text: str) -> bool:
    """Say whether a word of several letters has one that the model knows from formulas only."""
    return any(
        len(word) > 1 and any(unicodedata.name(letter, "").startswith(_FORMULAS) for letter in word)
        for word in text.split()
    )


def _count_letters(line: Recognition) -> int:
    return sum(unicodedata.category(letter)[0] in "LN" for letter in line.text)
