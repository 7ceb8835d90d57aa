"""How good rankings are whose right answers are known: recall at k, mean reciprocal rank and nDCG."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass

import numpy as np

DEPTH = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the questions, from 0 to 1.

    `recall_at_k`: the share of questions with an answer among the first k (Karpathy & Fei-Fei, "Deep Visual-Semantic
    Alignments", 2015). `mrr`: 1 / rank of the first answer (Voorhees, TREC-8, 1999), 0 where there is none.
    `ndcg_at_10`: sum of gain / log2(1 + rank) over the first ten, as a share of the best order's (Järvelin &
    Kekäläinen, "Cumulated Gain-Based Evaluation of IR Techniques", 2002, the gains themselves not raised to a power).
    """

    questions: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    mrr: float
    ndcg_at_10: float

    def to_dict(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}

    def together(self, other: "Figures") -> "Figures":
        """Of both sets of questions as one."""
        mine, theirs = astuple(self), astuple(other)
        questions = self.questions + other.questions
        means = (
            (self.questions * one + other.questions * two) / max(1, questions)
            for one, two in zip(mine[1:], theirs[1:], strict=True)
        )
        return Figures(questions, *means)

    @classmethod
    def of(cls, rankings: Iterable[tuple[Sequence[int], Mapping[int, float]]]) -> "Figures":
        """From the rows that every question found, best first, and the gains over 0 of the rows that answer it."""
        rows = []
        for found, gains in rankings:
            rank = next((n for n, row in enumerate(found, 1) if row in gains), None)
            within = [float(rank is not None and rank <= depth) for depth in (1, 5, 10)]
            rows.append([*within, 1 / rank if rank else 0.0, ndcg([gains.get(row, 0.0) for row in found], gains)])
        return cls(len(rows), *(float(mean) for mean in np.mean(rows, axis=0))) if rows else cls(0, 0, 0, 0, 0, 0)


def ndcg(found: Sequence[float], gains: Mapping[int, float], depth: int = DEPTH) -> float:
    """Of gains in the order in which they were found; `gains` are all that there are to find."""
    best = sorted(gains.values(), reverse=True)
    total, most = (sum(gain / math.log2(n + 1) for n, gain in enumerate(one[:depth], 1)) for one in (found, best))
    return total / most if most else 0.0
