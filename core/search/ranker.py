"""The order of all matches: the fused best of every list, then everything else by one list alone.

The shortlists are always as long, whichever page is asked for. So pages neither repeat nor miss a picture, however far
they go. Duplicates are collapsed in this order, from its beginning on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import WORDED, Condition, Filter
from core.domain.image import ImageRecord, ListName
from core.domain.picture_texts import PictureTexts
from core.domain.query import Weights
from core.domain.result import Hit, Standing
from core.ports.rank_lists import LISTS, Probe, Ranking, Shortlist, by_score
from core.ports.vector_index import SearchableIndex
from core.search.collapse import HIDDEN, fold_copies, fold_hashes
from core.search.fusion import fuse
from core.text.word_lists import WORD_FIELDS

SHORTLIST = 256  # more than are scored, so that equals at its end and copies leave enough of it


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

    def __post_init__(self) -> None:
        assert self.probes and all(getattr(self.weights, probe.list) for probe in self.probes)
        main = min(self.probes, key=lambda probe: LISTS.index(probe.list))
        object.__setattr__(self, "main", main)
        object.__setattr__(self, "passing", findable([probe.list for probe in self.probes], self.filter, self.words))

    @property
    def ordering(self) -> Sequence[Probe]:
        """Return the probes of the lists that order what is on no shortlist, one after the other."""
        return [self.main] if self.main.list == "image" else [probe for probe in self.probes if probe.seeks]


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


class RankedMatches:
    """All that a question finds, in its order. The index is asked for the whole question once, when this is made.

    `total` is how many images it can find: those that are `passing`. `is_dense`: by more than words. `scores` are those
    known so far, by list. `indexed` came along, and `stamp` names the state of the index that answered; see Retrieval.
    """

    def __init__(
        self, index: SearchableIndex, question: Question, shortlist: int = SHORTLIST, *, depth: int = 0
    ) -> None:
        """Ask the index for shortlists of so many images. `depth` is how far pages go. Raises LibraryError."""
        self._deep = depth + depth // 4 if depth > shortlist else 0  # more, for copies among them
        found, *rankings = index.gather(
            [
                lambda index: index.retrieve(question.probes, question.passing, limit=shortlist),
                *(_rank(probe, question.passing, self._deep) for probe in (question.ordering if self._deep else ())),
            ]
        )
        self._rankings: list[Ranking] = rankings
        self._index = index
        self._question = question
        self.passing, self.is_dense = question.passing, question.main.vector is not None
        self.total, self.indexed, self.stamp, self.paired = found.total, found.indexed, found.stamp, found.paired
        self.scores = {probe.list: dict(found.scores[probe.list]) for probe in question.probes}
        self._shortlists = {probe.list: found.shortlists.get(probe.list, Shortlist([])) for probe in question.probes}
        self._hashes: dict[str, str | None] = dict(found.hashes)
        self._raws = dict(found.raws)
        self._is_complete = found.complete
        self._matches = fuse(self._shortlists, self.scores, question.weights)
        self._pool = dict(self._matches)
        self._least = min(self._matches.values(), default=1.0)
        self._ranked = [image_id for image_id, _ in by_score(self._pool)]

    def page(self, *, limit: int, offset: int = 0, fold: bool = False) -> list[str]:
        """Give the ids of ranks `offset` + 1 to `offset` + `limit`; what is on no shortlist, by the main list alone.

        `fold`: of copies, the best match alone has a rank. Raises LibraryError.
        """
        end = offset + limit
        if not fold:
            return self._first(end)[offset:]
        at_hand = max(len(self._ranked), self._deep)
        return fold_copies(self._first, self._fold, end, at_hand=at_hand)[offset:]

    def match(self, image_id: str) -> float:
        """Return the match of an image of which a hit was made, or that is on a shortlist."""
        return self._matches.get(image_id, 0.0)

    def is_scored(self, image_id: str) -> bool:
        """Say whether `scores` hold what the lists of words know of an image."""
        return image_id in self._pool

    def hash(self, image_id: str) -> str | None:
        """Return the content hash of an image that was on a folded page; None where it has none."""
        return self._hashes.get(image_id)

    def hits(self, records: Iterable[ImageRecord]) -> list[Hit]:
        """Say how images of its pages match that were completed."""
        return self._make_hits(list(records), self._matches)

    def compare(self, records: Sequence[ImageRecord]) -> list[Hit]:
        """Say of any images, in their order, how they match by all lists. Raises LibraryError."""
        scores = self._index.scores(self._question.probes, [record.id for record in records])
        for name, found in scores.items():
            self.scores[name] |= found
        return self._make_hits(records, fuse(self._shortlists, scores, self._question.weights))

    def _first(self, count: int) -> list[str]:
        if count <= len(self._ranked) or len(self._ranked) == self.total:
            return self._ranked[:count]
        if count > self._deep:
            asked = [_rank(probe, self._question.passing, count) for probe in self._question.ordering]
            self._rankings, self._deep = self._index.gather(asked), count
        behind = (image_id for one in self._rankings for image_id, _ in one if image_id not in self._pool)
        return list(dict.fromkeys([*self._ranked, *behind]))[:count]

    def _fold(self, ids: Sequence[str]) -> list[str | None]:
        """Give content hashes, and HIDDEN for a RAW whose JPEG passes."""
        unread = [image_id for image_id in ids if image_id not in self._hashes]
        if unread and self.paired:
            records = self._index.fetch(unread)
            there = list(records.values())
            told = fold_hashes(self._index, there, self._question.passing)
            self._hashes |= dict.fromkeys(unread) | {
                record.id: content_hash for record, content_hash in zip(there, told, strict=True)
            }
        elif unread:
            self._hashes |= dict.fromkeys(unread) | self._index.hashes(unread)
        raws = {image_id: self._raws.pop(image_id) for image_id in ids if image_id in self._raws}
        if raws:
            jpegs = dict.fromkeys(raws.values())
            shown = self._index.passing([one for one in jpegs if one not in self._pool], self._question.passing)
            hidden = (image_id for image_id, jpeg in raws.items() if jpeg in self._pool or jpeg in shown)
            self._hashes |= dict.fromkeys(hidden, HIDDEN)
        return [self._hashes[image_id] for image_id in ids]

    def complete(self, ids: Sequence[str], index: SearchableIndex, *, main: bool = False) -> None:
        """Score images in every list, or those of the pool in the `main` one alone.

        What is on no shortlist is matched by the main list alone, no better than the last that is on any.
        """
        probes = [self._question.main] if main else self._question.probes
        rest = [] if main else [image_id for image_id in ids if image_id not in self._matches]
        dense = [probe for probe in probes if probe.vector is not None and not self._is_complete]
        left_out = [one for one in ids if one in self._pool and any(one not in self.scores[p.list] for p in dense)]
        if not rest and not left_out:
            return
        found = index.scores(probes if rest else dense, [*rest, *left_out])
        for name, scores in found.items():
            self.scores[name] |= scores
        if rest:
            ordering = self._question.main.list
            alone = {probe.list: found[ordering] if probe.list == ordering else {} for probe in probes}
            later = fuse(self._shortlists, alone, self._question.weights)
            self._matches |= {image_id: min(later.get(image_id, 0.0), self._least) for image_id in rest}

    def _make_hits(self, records: Sequence[ImageRecord], matches: Mapping[str, float]) -> list[Hit]:
        """Say of every picture how it stands in the lists that have a score for it, and which words it holds."""
        ids = {record.id for record in records}
        ranks = {
            name: {image_id: rank for rank, (image_id, _) in enumerate(shortlist.ranking, 1) if image_id in ids}
            for name, shortlist in self._shortlists.items()
        }
        hits = []
        for record in records:
            standings = {
                name: Standing(known[record.id], ranks[name].get(record.id))
                for name, known in self.scores.items()
                if record.id in known
            }
            cosine = standings["image"].score if "image" in standings else None
            words = self._question.words
            told = matched_words(record, words, self.scores)
            hits.append(Hit(record, cosine, matches.get(record.id, 0.0), standings, told, asked=words))
        return hits


def _rank(probe: Probe, passing: Filter, limit: int) -> Callable[[SearchableIndex], Any]:
    return lambda index: index.ranking(probe, passing, limit=limit)


def matched_words(
    record: ImageRecord | PictureTexts, words: Sequence[Sequence[str]], lists: Iterable[ListName]
) -> tuple[str, ...]:
    """Return the words of a question that a picture holds in captions or any of these lists, in the form it does."""
    asked = {"words", *lists}  # those of captions in any case
    held = {word for name, field in WORD_FIELDS.items() if name in asked for word in getattr(record, field)}
    matched = (next((form for form in forms if form in held), None) for forms in words)
    return tuple(form for form in matched if form)
