"""A question in one pass, and the details of its page, for indexes that answer them by their other answers."""

from collections.abc import Sequence

from core.domain.filtering.filters import EVERYTHING, PAIRED, Filter
from core.ports.rank_lists import Details, Probe, Retrieval, is_open, list_pool
from core.ports.vector_index import SearchableIndex


def retrieve_in_parts(
    index: SearchableIndex, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
) -> Retrieval:
    """Answer SearchableIndex.retrieve by one question after the other."""
    shortlists = index.shortlists([probe for probe in probes if probe.seeks], filter, limit=limit)
    pool = list_pool(shortlists.values())
    open = [probe for probe in probes if probe.list not in shortlists or is_open(probe, shortlists[probe.list])]
    found = index.scores(open, pool)
    known = {name: dict(shortlist.ranking) for name, shortlist in shortlists.items()}
    scores = {probe.list: found.get(probe.list, {}) | known.get(probe.list, {}) for probe in probes}
    return Retrieval(index.count(filter), shortlists, scores, index.count(PAIRED) > 0)


def read_details(
    index: SearchableIndex,
    ids: Sequence[str],
    filter: Filter = EVERYTHING,
    *,
    hashes: Sequence[str] = (),
    vectors: Sequence[str] = (),
    count: bool = False,
) -> Details:
    """Answer SearchableIndex.details by one question after the other."""
    return Details(
        index.fetch(ids) if ids else {},
        index.copies(hashes, filter) if hashes else {},
        index.vectors(vectors) if vectors else {},
        index.count(filter) if count else None,
    )
