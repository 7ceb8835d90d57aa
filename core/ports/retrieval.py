"""A question in one pass, for indexes that answer it by their other answers."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain

from core.domain.filtering.filters import EVERYTHING, PAIRED, Filter
from core.domain.image import ListName
from core.ports.rank_lists import EVEN, Probe, Retrieval, Shortlist
from core.ports.vector_index import SearchableIndex

Unscored = tuple[Probe, Sequence[str]]  # a list, and the images whose score in it is not known


def retrieve_in_parts(
    index: SearchableIndex, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
) -> Retrieval:
    """Answer SearchableIndex.retrieve by one question after the other."""
    shortlists = index.shortlists([probe for probe in probes if probe.seeks], filter, limit=limit)

    def score(open: Sequence[Unscored]) -> Sequence[Mapping[str, float]]:
        return index.gather([partial(_score, one) for one in open])

    return Retrieval(
        index.count(filter), shortlists, complete_scores(probes, shortlists, score), index.count(PAIRED) > 0
    )


def complete_scores(
    probes: Sequence[Probe],
    shortlists: Mapping[ListName, Shortlist],
    ask: Callable[[Sequence[Unscored]], Sequence[Mapping[str, float]]],
    *,
    exact: bool = False,
) -> dict[ListName, dict[str, float]]:
    """Score the pool of some shortlists in the list of every probe, as far as a match depends on it; see Retrieval.

    `ask` is told only what the shortlists leave open. Those of vectors leave nothing open where they are `exact`; an
    approximate one has missed some, which the other lists may have found.
    """
    known = {name: dict(shortlist.ranking) for name, shortlist in shortlists.items()}
    pool = dict.fromkeys(chain.from_iterable(known.values()))
    scores: dict[ListName, dict[str, float]] = {probe.list: known.get(probe.list, {}) for probe in probes}
    open: list[Unscored] = []
    for probe in probes:
        if (shortlist := shortlists.get(probe.list)) is not None:
            even = (shortlist.best or 0.0) - (shortlist.last or 0.0) < EVEN
            if shortlist.whole if probe.vector is None else exact and not even:
                continue  # nothing else holds a word of it, or nothing else is as near
        if ids := [image_id for image_id in pool if image_id not in scores[probe.list]]:
            open.append((probe, ids))
    for (probe, _), found in zip(open, ask(open) if open else (), strict=True):
        scores[probe.list] |= found
    return scores


def _score(unscored: Unscored, index: SearchableIndex) -> Mapping[str, float]:
    probe, ids = unscored
    return index.scores([probe], ids)[probe.list]
