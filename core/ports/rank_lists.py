"""Rank lists: orderings of images that indexes answer and a search fuses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.domain.image import ListName
from core.domain.vectors import Vector

LISTS: tuple[ListName, ...] = ("image", "caption", "words", "text", "place", "name")

DIGITS = 9  # to which matches are rounded, so that every index comes to the same order


@dataclass(frozen=True, slots=True)
class Probe:
    """The query of one rank list: a unit vector (D,), or for a list of words these with their weights.

    The weights are those of core.text.bm25. A negative one counts against the captions that hold the word.
    """

    list: ListName
    vector: Vector | None = None
    terms: Mapping[str, float] | None = None

    @property
    def seeks(self) -> bool:
        """Whether it can find images; unwanted words alone only lower the rank of those found by other lists."""
        return self.vector is not None or any(weight > 0 for weight in (self.terms or {}).values())


Ranking = list[tuple[str, float]]  # ids with their scores, best first, equal scores by id


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The best of one rank list, without the last group of equal scores, which the limit may have cut.

    `best` and `last` are the first and the last score before that group was dropped; None for an empty list. `whole`:
    the list has no more than this.
    """

    ranking: Ranking
    best: float | None = None
    last: float | None = None
    whole: bool = False

    @classmethod
    def cut(cls, found: Iterable[tuple[str, float]], limit: int) -> "Shortlist":
        """Make a shortlist of what a list returned for `limit`, with equal scores in any order."""
        ranked = by_score(dict(found))
        if not ranked:
            return cls([], whole=True)
        best, last = ranked[0][1], ranked[-1][1]
        if len(ranked) < limit:
            return cls(ranked, best, last, whole=True)
        return cls([entry for entry in ranked if entry[1] > last], best, last)


def by_score(scores: Mapping[str, float]) -> Ranking:
    """Sort ids by score, best first, equal scores by id."""
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))
