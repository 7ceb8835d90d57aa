"""The order of all matches: the fused best of every list, then everything else by one list alone.

The shortlists are always as long, whichever page is asked for. So pages neither repeat nor miss a picture, however far
they go. Duplicates are collapsed in this order, from its beginning on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from core.domain.conditions import Match, Missing
from core.domain.filters import Filter
from core.domain.image import ImageRecord, ListName
from core.domain.query import Weights
from core.domain.result import Hit
from core.ports.rank_lists import LISTS, Probe, Shortlist, by_score
from core.ports.vector_index import SearchableIndex
from core.search.collapse import folded
from core.search.fusion import fused, ranks_of, standings
from core.search.mmr import REACH, varied

SHORTLIST = 200


@dataclass(frozen=True, slots=True)
class Question:
    """A query ready for the index. `words` are those wanted in captions (core.text.analysis.asked_words)."""

    probes: tuple[Probe, ...]
    filter: Filter
    weights: Weights
    words: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        assert self.probes and all(getattr(self.weights, probe.list) for probe in self.probes)

    @property
    def main(self) -> Probe:
        """The list that what is on no shortlist is ordered by, and that decides what can be found at all."""
        return min(self.probes, key=lambda probe: LISTS.index(probe.list))

    @property
    def passing(self) -> Filter:
        return findable(self.main.list, self.filter, self.words)


def findable(main: ListName, filter: Filter, words: tuple[tuple[str, ...], ...]) -> Filter:
    """What can be found: a search by captions alone finds what has one, by words alone what holds one of them."""
    if main == "caption":
        return filter & Filter(none=(Missing("words"),))
    if main == "words":
        return filter & Filter(all=(Match("words", tuple(chain(*words))),))
    return filter


class Ranker:
    def __init__(self, index: SearchableIndex, *, shortlist: int = SHORTLIST) -> None:
        self._index = index
        self._shortlist = shortlist

    def page(
        self, question: Question, *, limit: int, offset: int = 0, fold: bool = False, diversity: float = 0.0
    ) -> list[Hit]:
        """Ranks `offset` + 1 to `offset` + `limit`. What is on no shortlist matches by the main list alone.

        `fold`: of copies, the best match alone has a rank. `diversity`: of what has a rank, the best in another order.
        """
        if diversity and offset < REACH:
            best = self.page(question, limit=max(REACH, offset + limit), fold=fold)
            return varied(best, self._index.vectors, diversity)[offset : offset + limit]
        short = self._shortlists(question)
        pool = list(dict.fromkeys(image_id for one in short.values() for image_id, _ in one.ranking))
        scores = self._scores(question, short, pool)
        matches = fused(short, scores, question.weights)
        ranked = [image_id for image_id, _ in by_score({i: matches.get(i, 0.0) for i in pool})]

        def first(count: int) -> list[str]:
            rest = self._rest(question, set(pool), count - len(ranked)) if count > len(ranked) else []
            return ranked[:count] + rest

        order = folded(first, self._hashes, offset + limit) if fold else first(offset + limit)
        page = order[offset:]
        if rest := [image_id for image_id in page if image_id not in matches]:
            found = self._index.scores(question.probes, rest)
            alone = {name: found[name] if name == question.main.list else {} for name in found}
            least = min(matches.values(), default=1.0)
            later = fused(short, alone, question.weights)
            matches |= {image_id: min(later.get(image_id, 0.0), least) for image_id in rest}
            scores = {name: {**scores[name], **found[name]} for name in found}
        return _hits(question, self._index.fetch(page), page, short, scores, matches)

    def hits(self, question: Question, records: Sequence[ImageRecord]) -> list[Hit]:
        """These images, in their order, with how they match."""
        ids = [record.id for record in records]
        short = self._shortlists(question)
        scores = self._index.scores(question.probes, ids)
        known = {record.id: record for record in records}
        return _hits(question, known, ids, short, scores, fused(short, scores, question.weights))

    def _shortlists(self, question: Question) -> dict[ListName, Shortlist]:
        seeking = [probe for probe in question.probes if probe.seeks]
        found = self._index.shortlists(seeking, question.passing, limit=self._shortlist)
        return {probe.list: found.get(probe.list, Shortlist([])) for probe in question.probes}

    def _scores(
        self, question: Question, short: Mapping[ListName, Shortlist], pool: Sequence[str]
    ) -> dict[ListName, dict[str, float]]:
        """Of the pool in every list; a shortlist has told its own."""
        scores: dict[ListName, dict[str, float]] = {}
        for probe in question.probes:
            told = dict(short[probe.list].ranking)
            others = [image_id for image_id in pool if image_id not in told]
            scores |= {name: told | found for name, found in self._index.scores([probe], others).items()}
        return scores

    def _rest(self, question: Question, pool: set[str], limit: int) -> list[str]:
        """The first of what is on no shortlist, by the main list."""
        ranking = self._index.ranking(question.main, question.passing, limit=len(pool) + limit)
        return [image_id for image_id, _ in ranking if image_id not in pool][:limit]

    def _hashes(self, ids: Sequence[str]) -> list[str | None]:
        found = self._index.hashes(ids)
        return [found.get(image_id) for image_id in ids]


def _hits(
    question: Question,
    records: Mapping[str, ImageRecord],
    page: Sequence[str],
    short: Mapping[ListName, Shortlist],
    scores: Mapping[ListName, Mapping[str, float]],
    matches: Mapping[str, float],
) -> list[Hit]:
    """Without images that were deleted meanwhile."""
    ranks = {name: ranks_of(one.ranking) for name, one in short.items()}
    hits = []
    for image_id in page:
        if (record := records.get(image_id)) is None:
            continue
        stands = standings(image_id, scores, ranks)
        cosine = stands["image"].score if "image" in stands else None
        held = (next((form for form in forms if form in record.words), None) for forms in question.words)
        matched = tuple(form for form in held if form)
        hits.append(Hit(record, cosine, matches.get(image_id, 0.0), stands, matched))
    return hits
