"""Which recognised lines are kept: text in a script that the model knows, and no pattern that looks like text."""

import unicodedata
from collections.abc import Sequence
from enum import Enum

from core.adapters.text_reading.line_recognizer import Recognition


class Verdict(Enum):
    """What becomes of a line: it is kept; it is no text, or illegible; it is text in a script that is not known."""

    KEEP = "keep"
    DROP = "drop"
    FOREIGN = "foreign"


_LEAST_SCORES = {1: 0.97, 2: 0.9, 3: 0.85}  # by letters and digits
_LEAST_SCORE = 0.8  # of four and more


def judge_lines(lines: Sequence[Recognition]) -> list[Verdict]:
    """Judge the lines of one picture."""
    verdicts = [_judge(line) for line in lines]
    longest = max(
        (_count_letters(line) for line, verdict in zip(lines, verdicts, strict=True) if verdict is Verdict.KEEP),
        default=0,
    )
    return [
        Verdict.DROP if verdict is Verdict.KEEP and _count_letters(line) == 1 and longest == 1 else verdict
        for line, verdict in zip(lines, verdicts, strict=True)
    ]


def _judge(line: Recognition) -> Verdict:
    count = _count_letters(line)
    if not count or line.score < _LEAST_SCORES.get(count, _LEAST_SCORE):
        return Verdict.DROP
    return Verdict.KEEP


def _count_letters(line: Recognition) -> int:
    return sum(unicodedata.category(letter)[0] in "LN" for letter in line.text)
