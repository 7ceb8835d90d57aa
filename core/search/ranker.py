"""The order of all matches: the fused best of every list, then everything else by one list alone.

The shortlists are always as long, whichever page is asked for. So pages neither repeat nor miss a picture, however far
they go. Duplicates are collapsed in this order, from its beginning on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import PAIRED, WORDED, Condition, Filter
from core.domain.image import ImageRecord, ListName
from core.domain.query import Weights
from core.domain.result import Hit, Standing
from core.ports.rank_lists import LISTS, Probe, Shortlist, by_score
from core.ports.vector_index import SearchableIndex
from core.search.collapse import fold_copies, fold_hashes
from core.search.fusion import fuse
from core.search.mmr import REACH, diversify_hits
from core.text.word_lists import WORD_FIELDS

SHORTLIST = 200

_Scores = Mapping[ListName, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Question:
    """A query ready for the index. `words` are those wanted in captions (core.text.analysis.expand_query).

    `main` is the list that orders what is on no shortlist, and that decides what can be found at all: `passing`.
    """

    probes: tuple[Probe, ...]
    filter: Filter
    weights: Weights
    words: tuple[tuple[str, ...], ...] = ()
    main: Probe = field(init=False)
    passing: Filter = field(init=False)
    seeking: tuple[Probe, ...] = field(init=False)

    def __post_init__(self) -> None:
        assert self.probes and all(getattr(self.weights, probe.list) for probe in self.probes)
        main = min(self.probes, key=lambda probe: LISTS.index(probe.list))
        object.__setattr__(self, "main", main)
        object.__setattr__(self, "passing", findable([probe.list for probe in self.probes], self.filter, self.words))
        object.__setattr__(self, "seeking", tuple(probe for probe in self.probes if probe.seeks))


def findable(lists: Sequence[ListName], filter: Filter, words: tuple[tuple[str, ...], ...]) -> Filter:
    """Narrow a filter down to what can be found by these lists.

    A search by the meaning of captions finds what has one too. A search by words alone finds what holds one of them.
    """
    if "image" in lists:
        return filter
    wanted = tuple(chain(*words))
    holding: list[Condition] = [Match(WORD_FIELDS[name], wanted) for name in WORD_FIELDS if name in lists and wanted]
    if "caption" in lists:
        holding.append(WORDED["words"])
    return filter & Filter(any=tuple(holding)) if len(holding) > 1 else filter & Filter(all=tuple(holding))


@dataclass(frozen=True, slots=True)
class Ranker:
    """Ranks the pictures of an index, by shortlists of so many pictures."""

    index: SearchableIndex
    shortlist: int = SHORTLIST

    def page(
        self,
        question: Question,
        *,
        limit: int,
        offset: int = 0,
        fold: bool = False,
        diversity: float = 0.0,
        total: int | None = None,
    ) -> list[Hit]:
        """Give ranks `offset` + 1 to `offset` + `limit`. What is on no shortlist matches by the main list alone.

        `fold`: of copies, the best match alone has a rank. `diversity`: the best of what has a rank come in another
        order. `total`: how many pictures can be found, where that is known. Raises LibraryError.
        """
        end = offset + limit
        if diversity and offset < REACH:
            best = self.page(question, limit=max(REACH, end), fold=fold, total=total)
            return diversify_hits(best, self.index.vectors, diversity)[offset:end]
        shortlists, pool = self._shortlists(question)
        scores = self._scores(question, shortlists, pool)
        matches = fuse(shortlists, scores, question.weights)
        ranked = [image_id for image_id, _ in by_score({i: matches.get(i, 0.0) for i in pool})]

        def first(count: int) -> list[str]:
            if count <= len(ranked) or len(ranked) == total:
                return ranked[:count]
            lists = question.seeking if question.main.list != "image" else (question.main,)
            rest = (self.index.ranking(probe, question.passing, limit=count) for probe in lists)
            return list(dict.fromkeys([*ranked, *(i for one in rest for i, _ in one if i not in pool)]))[:count]

        records = self.index.fetch(first(end)) if offset == 0 else {}

        def hashes(ids: Sequence[str]) -> list[str | None]:
            unread = [image_id for image_id in ids if image_id not in records]
            found = self.index.hashes(unread) if unread else {}
            told = [records[i].content_hash if i in records else found.get(i) for i in ids]
            if not unread and not any(record.pair for record in records.values()):
                return told
            return self._hide_raws(told, ids, records, question.passing)

        page = (fold_copies(first, hashes, end) if fold else first(end))[offset:]
        if unread := [image_id for image_id in page if image_id not in records]:
            records |= self.index.fetch(unread)
        if rest := [image_id for image_id in page if image_id not in matches]:
            found = self.index.scores(question.probes, rest)
            alone = {name: found[name] if name == question.main.list else {} for name in found}
            least = min(matches.values(), default=1.0)
            later = fuse(shortlists, alone, question.weights)
            matches |= {image_id: min(later.get(image_id, 0.0), least) for image_id in rest}
            scores = {name: {**scores[name], **found[name]} for name in found}
        return _make_hits(question, [records[i] for i in page if i in records], shortlists, scores, matches)

    def _hide_raws(
        self,
        hashes: Sequence[str | None],
        ids: Sequence[str],
        records: Mapping[str, ImageRecord],
        passing: Filter,
    ) -> list[str | None]:
        """Have those RAWs hidden whose JPEG passes. All images are read only where the library has any pair."""
        if not self.index.count(PAIRED):
            return list(hashes)
        known = {**self.index.fetch([image_id for image_id in ids if image_id not in records]), **records}
        there = [known[image_id] for image_id in ids if image_id in known]
        folded = dict(zip((record.id for record in there), fold_hashes(self.index, there, passing), strict=True))
        return [folded.get(image_id, content_hash) for image_id, content_hash in zip(ids, hashes, strict=True)]

    def hits(self, question: Question, records: Sequence[ImageRecord]) -> list[Hit]:
        """Give these pictures, in their order, with how they match. Raises LibraryError."""
        shortlists, _ = self._shortlists(question)
        scores = self.index.scores(question.probes, [record.id for record in records])
        return _make_hits(question, records, shortlists, scores, fuse(shortlists, scores, question.weights))

    def _shortlists(self, question: Question) -> tuple[dict[ListName, Shortlist], dict[str, None]]:
        """Ask for the best of every list. Give them, and the ids that are on any, each once."""
        found = self.index.shortlists(question.seeking, question.passing, limit=self.shortlist)
        shortlists = {probe.list: found.get(probe.list, Shortlist([])) for probe in question.probes}
        return shortlists, dict.fromkeys(image_id for one in shortlists.values() for image_id, _ in one.ranking)

    def _scores(
        self, question: Question, shortlists: Mapping[ListName, Shortlist], pool: Mapping[str, None]
    ) -> dict[ListName, dict[str, float]]:
        """Score the pool by every list. The scores of those on its shortlist are known."""
        known = {probe.list: dict(shortlists[probe.list].ranking) for probe in question.probes}
        open = [one for one in question.probes if one.vector is not None or not shortlists[one.list].whole]
        others = [image_id for image_id in pool if any(image_id not in known[probe.list] for probe in open)]
        found = self.index.scores(open, others) if others else {}  # nothing else holds a word of what is whole
        return {name: {**found.get(name, {}), **scores} for name, scores in known.items()}


def _make_hits(
    question: Question,
    records: Sequence[ImageRecord],
    shortlists: Mapping[ListName, Shortlist],
    scores: _Scores,
    matches: Mapping[str, float],
) -> list[Hit]:
    """Say of every picture how it stands in the lists that have a score for it, and which words of those lists."""
    ranks = {
        name: {image_id: rank for rank, (image_id, _) in enumerate(shortlist.ranking, 1)}
        for name, shortlist in shortlists.items()
    }
    hits = []
    for record in records:
        standings = {
            name: Standing(known[record.id], ranks[name].get(record.id))
            for name, known in scores.items()
            if record.id in known
        }
        cosine = standings["image"].score if "image" in standings else None
        asked = [field for name, field in WORD_FIELDS.items() if name == "words" or name in scores]
        held = {word for field in asked for word in getattr(record, field)}
        matched = (next((form for form in forms if form in held), None) for forms in question.words)
        match = matches.get(record.id, 0.0)
        told = tuple(form for form in matched if form)
        hits.append(Hit(record, cosine, match, standings, told, asked=question.words))
    return hits
