"""Hits -> the same hits with their strength: every term of a query is measured by itself, then joined."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.domain.query import LikeTerm, Term, TextTerm
from core.domain.result import Hit
from core.ports.vector_index import SearchableIndex
from core.search.query_encoder import EncodedQuery
from core.search.relevance import SOME, Verdict, find_verdict
from core.search.relevance_scale import Calibration, PictureScale, TextScale
from core.text import analysis

SCORED_DEPTH = 200  # how many of the best matches are scored, whatever is shown of them
VERDICT_DEPTH = 10  # how many of the best matches a verdict is about
_TAIL = 20  # of those that are scored: where one of them is a good match, there may be more behind them


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer is worth; see SearchResult. `matches` are None where no strength is known."""

    verdict: Verdict | None
    matches: int | None
    more_matches: bool


UNKNOWN = Judgement(None, None, False)


class RelevanceScorer:
    """Gives hits their strength for one query.

    `best` are its best matches: they tell whether anything is more than chance among the `count` pictures that were
    asked. A text that says nothing of a picture ("the", "show me") is not measured.

    A hit is as strong as what is looked for is in it, on average over the terms by their weights, less what is to be
    avoided: the strongest of that takes its share, times its weight up to 1. Captions vote. A hit of which one caption
    holds every word that is looked for is at least SOME. A caption that people gave does so in any case: names of
    people and places are nothing that a model sees. One that a model wrote does so where the picture is no less like
    the words than most are. Where words alone are asked, the strength is the share of them that the picture
    holds in its captions or any list that is asked.
    """

    def __init__(
        self,
        terms: Sequence[Term],
        encoded: EncodedQuery,
        count: int,
        best: Sequence[Hit],
        index: SearchableIndex,
        calibration: Calibration,
    ) -> None:
        self._index = index
        self._vectors = encoded.vectors
        self._words = encoded.question.words
        self._texts_alone = all(isinstance(term, TextTerm) for term in terms)
        self._itself = {term.id for term in terms if isinstance(term, LikeTerm)}
        self._scales: dict[Term, TextScale | PictureScale] = {}  # empty where any term has none
        for term in encoded.telling:
            scale: TextScale | PictureScale | None
            if not isinstance(term, TextTerm):
                scale = calibration.pictures(index)
            else:
                assert encoded.bank is not None
                scale = calibration.texts(index, encoded.bank)
            if scale is None:
                self._scales = {}
                break
            self._scales[term] = scale
        self._rows: dict[str, int] = {}  # id -> row of `_measured`
        self._measured: dict[Term, NDArray[np.float64]] = {term: np.zeros(0) for term in self._scales}
        self._measure(best)
        others = [row for image_id, row in self._rows.items() if image_id not in self._itself]
        self._evidence = {
            term: scale.evidence(self._measured[term][others], count) for term, scale in self._scales.items()
        }

    def score(self, hits: Sequence[Hit]) -> list[Hit]:
        """Set the strength of hits, as far as it is known. Reads the vectors of those that are not among the best."""
        if not self._vectors:
            return [replace(hit, strength=len(hit.matched) / len(self._words)) for hit in hits]
        if not any(term.weight > 0 for term in self._scales):
            return list(hits)
        self._measure(hits)
        itself = np.array([image_id in self._itself for image_id in self._rows])  # (N,), and needs no evidence
        found, avoided, total = np.zeros(len(itself)), np.zeros(len(itself)), 0.0
        usual = np.ones(len(itself), bool)  # no less like what is looked for than most pictures are
        for term, scale in self._scales.items():
            measured = self._measured[term]
            one = np.minimum(scale.yardstick.strengths(measured), np.where(itself, 1.0, self._evidence[term]))
            if term.weight > 0:
                found, total = found + term.weight * one, total + term.weight
                usual &= measured >= 0
            else:
                avoided = np.maximum(avoided, min(1.0, -term.weight) * one)
        strengths = found / total * (1 - avoided)
        scored = []
        for hit in hits:
            row = self._rows.get(hit.record.id)
            if row is None:
                scored.append(hit)
                continue
            strength = float(strengths[row])
            holds_all = self._texts_alone and 0 < len(self._words) <= len(hit.matched)
            if strength < SOME and holds_all and _has_telling_caption(hit, self._words, bool(usual[row])):
                strength = SOME
            scored.append(replace(hit, strength=strength))
        return scored

    def judge(self, best: Sequence[Hit]) -> Judgement:
        """Judge an answer by its best matches, scored. A picture of the library that is asked for tells nothing."""
        if self._vectors and not self._scales:
            return UNKNOWN
        others = [hit for hit in best[:VERDICT_DEPTH] if hit.record.id not in self._itself]
        strengths = [hit.strength for hit in others if hit.strength is not None]
        if others and not strengths:
            return UNKNOWN
        good = [hit.strength is not None and hit.strength >= SOME for hit in best[:SCORED_DEPTH]]
        matches = sum(hit.copies for hit, is_good in zip(best, good, strict=False) if is_good)
        return Judgement(find_verdict(strengths), matches, len(good) == SCORED_DEPTH and any(good[-_TAIL:]))

    def _measure(self, hits: Sequence[Hit]) -> None:
        """Measure the hits that have not been measured."""
        ids = list(dict.fromkeys(hit.record.id for hit in hits if hit.record.id not in self._rows))
        vectors = self._index.vectors(ids) if ids and self._scales else {}
        if not vectors:
            return
        images = np.stack(list(vectors.values()))
        self._rows |= {image_id: len(self._rows) + n for n, image_id in enumerate(vectors)}
        for term, scale in self._scales.items():
            measured = scale.measure(self._vectors[term][np.newaxis], images)
            self._measured[term] = np.append(self._measured[term], measured)


def _has_telling_caption(hit: Hit, words: Sequence[Sequence[str]], usual: bool) -> bool:
    """Say whether a caption of the image that can be relied on holds all of these words.

    What is written in it, and where it was taken, adds to every caption, and counts alone.
    """
    record = hit.record
    by_people = record.captions or (record.caption or "",) if record.caption_origin == "human" else ()
    of_file = (*(text.text for text in record.file_texts), ", ".join(record.keywords), ", ".join(record.people))
    captions = [*by_people, *of_file, *(text for text in record.texts if usual)]
    seen = {*record.text_words, *record.place_words}
    held = [seen, *(seen.union(analysis.analyse(caption)) for caption in captions)]
    return any(all(one.intersection(forms) for forms in words) for one in held)
