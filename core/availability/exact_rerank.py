"""What a quantised or sharded index lost, found again: more candidates than asked for, scored anew by the mirror."""

from collections.abc import Sequence

from core.availability.delegating_index import DelegatingIndex
from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ListName
from core.ports.mirror import Mirror
from core.ports.rank_lists import Probe, Retrieval, Shortlist, by_score
from core.ports.retrieval import retrieve_in_parts
from core.ports.vector_index import SearchableIndex

OVERSAMPLING = 4  # candidates for every hit of a shortlist


class RerankedIndex(DelegatingIndex):
    """An index whose dense lists are scored by the mirror's vectors, which are whole.

    What the mirror does not have yet keeps the index's own score. What was encoded anew since the mirror was made is
    scored by its vector of before.
    """

    def __init__(self, index: SearchableIndex, mirror: Mirror, oversampling: int = OVERSAMPLING) -> None:
        super().__init__(index)
        self._mirror = mirror
        self._oversampling = oversampling

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        dense = [probe for probe in probes if probe.vector is not None]
        sparse = [probe for probe in probes if probe.vector is None]
        found = self._index.shortlists(sparse, filter, limit=limit) if sparse else {}
        wide = self._index.shortlists(dense, filter, limit=limit * self._oversampling) if dense else {}
        for probe in dense:
            own = dict(wide[probe.list].ranking)
            exact = own | self._mirror.scores([probe], list(own))[probe.list]
            found[probe.list] = Shortlist.cut(by_score(exact)[:limit], limit)
        return found

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> dict[ListName, dict[str, float]]:
        own = self._index.scores(probes, ids)
        exact = self._mirror.scores([probe for probe in probes if probe.vector is not None], ids)
        known = {name: {i: score for i, score in exact.get(name, {}).items() if i in own[name]} for name in own}
        return {name: own[name] | known[name] for name in own}

    def retrieve(self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int) -> Retrieval:
        return retrieve_in_parts(self, probes, filter, limit=limit)
