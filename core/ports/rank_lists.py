"""Rank lists: one ordering of images each, as indexes answer them and a search fuses them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.domain.image import ListName
from core.domain.vectors import Vector

LISTS: tuple[ListName, ...] = ("image", "caption", "words")

DIGITS = 9  # to which matches are rounded, so that every index comes to the same order


@dataclass(frozen=True, slots=True)
class Probe:
    """What one list is asked with: a unit vector, or for `words` words with their weights (query_weights).

    A word with a negative weight counts against the captions that hold it.
    """

    list: ListName
    vector: Vector | None = None
    terms: Mapping[str, float] | None = None

    @property
    def seeks(self) -> bool:
        """Whether it finds anything: unwanted words alone only warn of what others found."""
        return self.vector is not None or any(weight > 0 for weight in (self.terms or {}).values())


Ranking = list[tuple[str, float]]  # ids with their scores, best first, equal scores by id


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The best of one list, without the group of equals that its end would have cut apart.

    `best` and `last` are the scores it began and would have ended with; None where there was nothing.
    """

    ranking: Ranking
    best: float | None = None
    last: float | None = None

    @classmethod
    def cut(cls, found: Iterable[tuple[str, float]], limit: int) -> "Shortlist":
        """From what a list gave when asked for `limit`, in any order of equals."""
        ranked = by_score(dict(found))
        if not ranked:
            return cls([])
        best, last = ranked[0][1], ranked[-1][1]
        whole = ranked if len(ranked) < limit else [entry for entry in ranked if entry[1] > last]
        return cls(whole, best, last)


def by_score(scores: Mapping[str, float]) -> Ranking:
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))
