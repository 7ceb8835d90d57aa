"""A question in one pass, and the details of its page, for indexes that answer them by their other answers."""

from collections.abc import Callable, Mapping, Sequence

from core.domain.filtering.filters import EVERYTHING, PAIRED, Filter
from core.domain.image import ListName
from core.ports.rank_lists import Details, Probe, Retrieval, Shortlist
from core.ports.vector_index import SearchableIndex


def retrieve_in_parts(
    index: SearchableIndex, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
) -> Retrieval:
    """Answer SearchableIndex.retrieve by one question after the other."""
    shortlists = index.shortlists([probe for probe in probes if probe.seeks], filter, limit=limit)
    scores = complete_scores(probes, shortlists, index.scores)
    return Retrieval(index.count(filter), shortlists, scores, index.count(PAIRED) > 0)


def complete_scores(
    probes: Sequence[Probe],
    shortlists: Mapping[ListName, Shortlist],
    ask: Callable[[Sequence[Probe], Sequence[str]], Mapping[ListName, Mapping[str, float]]],
) -> dict[ListName, dict[str, float]]:
    """Score the pool of some shortlists in the list of every probe. `ask` is told only what they leave open."""
    known = {name: dict(shortlist.ranking) for name, shortlist in shortlists.items()}
    open = [one for one in probes if one.list not in known or one.vector is not None or not shortlists[one.list].whole]
    pool = dict.fromkeys(image_id for scores in known.values() for image_id in scores)
    in_all = set(pool).intersection(*(known.get(probe.list, ()) for probe in open))
    others = [image_id for image_id in pool if image_id not in in_all]
    found = ask(open, others) if others else {}  # nothing else holds a word of what is whole
    return {probe.list: {**found.get(probe.list, {}), **known.get(probe.list, {})} for probe in probes}


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
        index.count(PAIRED) > 0 if count else None,
    )
