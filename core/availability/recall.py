"""Recall@10: how much of what an exact search finds is found by the library's index, which is approximate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.availability.delegating_index import DelegatingIndex
from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ImageRecord, ListName
from core.domain.query import AS_TYPED, MAX_LIMIT, Query
from core.domain.result import Hit, SearchResult
from core.ports.rank_lists import Probe, Retrieval, Shortlist
from core.ports.retrieval import retrieve_in_parts
from core.ports.vector_index import SearchableIndex

TOP = 10
ENOUGH = 20  # comparisons, before which a mean tells little
_EVEN = 1e-4  # matches that lie closer together tell nothing apart: a copy of float16 vectors errs by as much


@dataclass(frozen=True, slots=True)
class Recall:
    """The mean recall of the last so many comparisons, from 0 to 1."""

    mean: float
    count: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Recall | None":
        return cls(sum(samples) / len(samples), len(samples)) if samples else None

    def is_low(self, warning: float) -> bool:
        return self.count >= ENOUGH and self.mean < warning


def is_measurable(query: Query) -> bool:
    """Say whether the first hits of its answer are the best matches, none of them left out or moved."""
    return bool(query.terms) and query.by == "match" and not (query.offset or query.diversity or query.min_strength)


def recall_at(found: Sequence[str], exact: Sequence[tuple[str, float]], k: int = TOP) -> float | None:
    """Compute the share of the `k` best of `exact` that is among the first `k` found; None where there are none.

    Both come best first. What `exact` holds behind them counts as well where it is even with the last of them.
    """
    best = exact[:k]
    if not best:
        return None
    right = {name for name, score in exact if score >= best[-1][1] - _EVEN}
    return min(len(right.intersection(found[:k])), len(best)) / len(best)


def measure_recall(
    query: Query,
    answer: SearchResult,
    library: SearchableIndex,
    mirror: SearchableIndex,
    ask: Callable[[SearchableIndex, Query], SearchResult],
) -> float | None:
    """Compute the recall@10 of an answer of the library by an exact one of its mirror, over what both have alike.

    `ask` searches an index. None where that cannot be told: too much differs. Raises what `ask` does, and LibraryError.
    """
    name = _name_of_content if query.folds else _name_of_image
    apart = {name(hit.record) for hit in _find_differing(answer.hits, mirror)}
    limit = min(MAX_LIMIT, 2 * TOP + len(apart))
    exact = ask(ExactIndex(mirror), replace(query, limit=limit, exact=False, interpretation=AS_TYPED))
    apart |= {name(hit.record) for hit in _find_differing(exact.hits, library)}
    ours = [name(hit.record) for hit in answer.hits if name(hit.record) not in apart]
    theirs = [(name(hit.record), hit.match or 0.0) for hit in exact.hits if name(hit.record) not in apart]
    k = TOP if len(answer.hits) < query.limit else min(TOP, len(ours))  # fewer: they are all that the library found
    if len(theirs) < k and len(exact.hits) == limit:
        return None
    return recall_at(ours, theirs, k) if k else None


class ExactIndex(DelegatingIndex):
    """An index whose shortlists are found by comparing with everything."""

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        return {probe.list: Shortlist.cut(self._index.ranking(probe, filter, limit=limit), limit) for probe in probes}

    def retrieve(self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int) -> Retrieval:
        return retrieve_in_parts(self, probes, filter, limit=limit)


def _find_differing(hits: Sequence[Hit], other: SearchableIndex) -> list[Hit]:
    """Keep the hits whose pictures or captions the other index does not have, or not as they are here."""
    others = other.fetch([hit.record.id for hit in hits])
    return [
        hit for hit in hits if not ((there := others.get(hit.record.id)) and _content(there) == _content(hit.record))
    ]


def _content(record: ImageRecord) -> tuple[object, ...]:
    return record.encoder, record.etag, record.content_hash, record.documents


def _name_of_image(record: ImageRecord) -> str:
    return record.id


def _name_of_content(record: ImageRecord) -> str:
    """Give one name to all pictures of the same bytes, of which one stands for the others."""
    return record.content_hash or record.id
