"""Rank lists: orderings of images that indexes answer and a search fuses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from core.domain.image import ImageRecord, ListName
from core.domain.vectors import Vector

LISTS: tuple[ListName, ...] = ("image", "caption", "words", "text", "place", "name")

DIGITS = 9  # to which matches are rounded, so that every index comes to the same order
EVEN = 1e-6  # scores of a list that lie closer together than this tell nothing apart


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
    return sorted(sorted(scores.items()), key=itemgetter(1), reverse=True)  # equals stay in the order of their ids


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What an index found for one question, with all that it takes to rank it.

    `total` is how many images pass the filter. `shortlists` are of the probes that seek. The pool are the images on any
    of them. `scores` are those of the pool in the list of every probe, without images that a list lacks. In a list of
    vectors that was searched exactly, what its shortlist left out may lack a score too, unless `complete`: it is no
    better than the shortlist's last, which counts as nothing.

    `paired` says whether the library has any RAW beside its JPEG.

    `hashes` are content hashes of the pool as far as they came along, None for an image without one; the others can be
    asked for. Of the images in it that are RAWs with a JPEG, `raws` tells the JPEG's id.

    `stamp` names the state of the index: while it is the same, so is every vector. None where nobody knows.
    `indexed` is how many images the library holds in all, where that came along.
    """

    total: int
    shortlists: Mapping[ListName, Shortlist]
    scores: Mapping[ListName, Mapping[str, float]]
    paired: bool
    hashes: Mapping[str, str | None] = field(default_factory=dict)
    raws: Mapping[str, str] = field(default_factory=dict)
    stamp: str | None = None
    indexed: int | None = None
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Details:
    """What a page of an answer shows: records by id, copies by content hash, and image vectors by id.

    Vectors are (D,) float32, unit length. `total` is how many images pass, and `paired` whether the library has any RAW
    beside its JPEG; both None where it was not asked to count.
    """

    records: Mapping[str, ImageRecord]
    copies: Mapping[str, int]
    vectors: Mapping[str, Vector]
    total: int | None = None
    paired: bool | None = None
