"""Matches -> their strength: every term of a query is measured by itself, then joined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.picture_texts import PictureTexts
from core.domain.query import LikeTerm, Term, TextTerm
from core.domain.vectors import Vector
from core.ports.vector_index import SearchableIndex
from core.search.query_encoder import EncodedQuery
from core.search.ranker import RankedMatches, matched_words
from core.search.relevance import SOME, Verdict, find_verdict
from core.search.relevance_scale import Calibration, PictureScale, TextScale
from core.text import analysis
from core.text.word_lists import WORD_FIELDS

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
_NONE: Mapping[str, Vector] = {}


class RelevanceScorer:
    """Gives matches their strength for one query.

    Its best matches, those that are measured first, tell whether anything is more than chance among all that were
    asked. A text that says nothing of a picture ("the", "show me") is not measured.

    A hit is as strong as what is looked for is in it, on average over the terms by their weights, less what is to be
    avoided: the strongest of that takes its share, times its weight up to 1. Captions vote. A hit of which one caption
    holds every word that is looked for is at least SOME. A caption that people gave does so in any case: names of
    people and places are nothing that a model sees. One that a model wrote does so where the picture is no less like
    the words than most are. Where words alone are asked, the strength is the share of them that the picture
    holds in its captions or any list that is asked.

    `deciding` are the words that a picture has to hold for its captions to decide: none where each counts by itself.
    """

    def __init__(
        self,
        terms: Sequence[Term],
        encoded: EncodedQuery,
        ranked: RankedMatches,
        index: SearchableIndex,
        calibration: Calibration,
    ) -> None:
        self._ranked = ranked
        self._index = index
        self._vectors = encoded.vectors
        self._words = encoded.question.words
        self.deciding = self._words if self._vectors else ()
        self._texts_alone = all(isinstance(term, TextTerm) for term in terms)
        self._itself = {term.id for term in terms if isinstance(term, LikeTerm)}
        self._scales: dict[Term, TextScale | PictureScale] = {}  # empty where any term has none
        for term in encoded.telling:
            scale: TextScale | PictureScale | None
            if not isinstance(term, TextTerm):
                scale = calibration.pictures(index, ranked.indexed)
            else:
                assert encoded.bank is not None
                scale = calibration.texts(index, encoded.bank, ranked.indexed)
            if scale is None:
                self._scales = {}
                break
            self._scales[term] = scale
        self._rows: dict[str, int] = {}  # id -> row of `_measured`
        self._measured: dict[Term, NDArray[np.float64]] = {term: np.zeros(0) for term in self._scales}
        self._evidence: dict[Term, float] | None = None
        # of one term alone, the scores in the list of images are its cosines
        alone = len(encoded.vectors) == 1 and all(term.weight > 0 for term in encoded.vectors)
        self._cosines = ranked.scores.get("image", {}) if alone else {}

    def measure(self, ids: Sequence[str], vectors: Mapping[str, Vector] = _NONE) -> list[str]:
        """Measure matches by their vectors, or by what is known of them. Return those of which vectors are needed."""
        new = [image_id for image_id in ids if image_id not in self._rows] if self._scales else []
        if not new:
            return []
        if self._cosines and not vectors:
            self._ranked.complete(new, self._index, main=True)  # sooner read than vectors
        term, scale = next(iter(self._scales.items()))
        vector = self._vectors[term]
        known = [image_id for image_id in new if image_id in self._cosines or image_id in vectors]
        measured: dict[Term, NDArray[np.float64]] = {}
        if self._cosines and isinstance(scale, PictureScale):
            measured[term] = scale.measure_cosines(vector, self._find_cosines(known, vector, vectors))
        elif self._cosines and isinstance(scale, TextScale) and scale.yardstick.fits_profile(vector):
            known, profile = scale.find_profiles(self._ranked.stamp, known, vectors)
            cosines = self._find_cosines(known, vector, vectors)
            measured[term] = scale.yardstick.reach_in_profile(vector, cosines, profile)
        elif known := [image_id for image_id in new if image_id in vectors]:
            images = np.stack([vectors[image_id] for image_id in known])
            measured |= {
                one: scale.measure(self._vectors[one][np.newaxis], images) for one, scale in self._scales.items()
            }
        self._rows |= {image_id: len(self._rows) + n for n, image_id in enumerate(known)}
        for one, values in measured.items():
            self._measured[one] = np.append(self._measured[one], values)
        return [image_id for image_id in new if image_id not in self._rows]

    def list_undecided(self, ids: Sequence[str], unmeasured: Sequence[str]) -> list[str]:
        """List the matches whose strength may depend on their captions.

        Those are the weak ones; where some are still `unmeasured`, nobody knows which these are.
        """
        if not self._vectors:
            return list(ids)
        if not (self._texts_alone and self._words and any(term.weight > 0 for term in self._scales)):
            return []
        strengths = {} if unmeasured else self._compute(ids)
        weak = [image_id for image_id in ids if strengths.get(image_id, 0.0) < SOME]
        scores = self._ranked.scores
        if len(self._vectors) > 1 or "words" not in scores:
            return weak
        # of one text, what holds a word has a score in a list of words
        held = set().union(*(scores[name] for name in WORD_FIELDS if name in scores))
        return [image_id for image_id in weak if image_id in held or not self._ranked.is_scored(image_id)]

    def score(self, ids: Sequence[str], texts: Mapping[str, PictureTexts]) -> dict[str, float]:
        """Give the strength of matches, as far as it is known. `texts` are those of what was undecided."""
        if not self._vectors:
            there = (image_id for image_id in ids if image_id in texts)
            lists = self._ranked.scores
            return {one: len(matched_words(texts[one], self._words, lists)) / len(self._words) for one in there}
        if not any(term.weight > 0 for term in self._scales):
            return {}
        computed = self._compute(ids)
        strengths = {image_id: computed[image_id] for image_id in ids if image_id in computed}
        if self._texts_alone and self._words:
            for image_id, strength in strengths.items():
                if strength < SOME and image_id in texts and self._is_told(image_id, texts[image_id]):
                    strengths[image_id] = SOME
        return strengths

    def judge(self, best: Sequence[str], strengths: Mapping[str, float], copies: Sequence[int]) -> Judgement:
        """Judge an answer by its best matches and how many images each stands for.

        A picture of the library that is asked for tells nothing.
        """
        if self._vectors and not self._scales:
            return UNKNOWN
        others = [image_id for image_id in best[:VERDICT_DEPTH] if image_id not in self._itself]
        known = [strengths[image_id] for image_id in others if image_id in strengths]
        if others and not known:
            return UNKNOWN
        good = [strengths.get(image_id, 0.0) >= SOME for image_id in best[:SCORED_DEPTH]]
        matches = sum(count for count, is_good in zip(copies, good, strict=False) if is_good)
        return Judgement(find_verdict(known), matches, len(good) == SCORED_DEPTH and any(good[-_TAIL:]))

    def _compute(self, best: Sequence[str]) -> dict[str, float]:
        """Compute the strengths of all that was measured, captions aside.

        The best tell at first whether anything is more than chance.
        """
        if self._evidence is None:
            others = [one for one in best[:SCORED_DEPTH] if one not in self._itself and one in self._rows]
            rows = [self._rows[one] for one in others]
            self._evidence = {
                term: scale.evidence(self._measured[term][rows], self._ranked.total)
                for term, scale in self._scales.items()
            }
        itself = np.array([image_id in self._itself for image_id in self._rows], bool)  # (N,), and needs no evidence
        found, avoided, total = np.zeros(len(itself)), np.zeros(len(itself)), 0.0
        for term, scale in self._scales.items():
            strengths = scale.yardstick.strengths(self._measured[term])
            one = np.minimum(strengths, np.where(itself, 1.0, self._evidence[term]))
            if term.weight > 0:
                found, total = found + term.weight * one, total + term.weight
            else:
                avoided = np.maximum(avoided, min(1.0, -term.weight) * one)
        return dict(zip(self._rows, (found / total * (1 - avoided)).tolist(), strict=True))

    def _find_cosines(self, ids: Sequence[str], vector: Vector, held: Mapping[str, Vector]) -> NDArray[np.float64]:
        """Give the images' cosines with the vector, (N,): from the list of images, or from their own vectors."""
        known = self._cosines
        return np.array([known[one] if one in known else float(held[one] @ vector) for one in ids], np.float64)

    def _is_told(self, image_id: str, texts: PictureTexts) -> bool:
        """Say whether a caption that can be relied on holds all words."""
        if len(matched_words(texts, self._words, self._ranked.scores)) < len(self._words):
            return False
        row = self._rows[image_id]
        usual = all(self._measured[term][row] >= 0 for term in self._scales if term.weight > 0)  # as most pictures are
        return _has_telling_caption(texts, self._words, usual)


def _has_telling_caption(texts: PictureTexts, words: Sequence[Sequence[str]], usual: bool) -> bool:
    """Say whether a caption of the image that can be relied on holds all of these words.

    What is written in it, and where it was taken, adds to every caption, and counts alone.
    """
    by_people = texts.captions or (texts.caption or "",) if texts.caption_origin == "human" else ()
    of_file = (*texts.file_texts, ", ".join(texts.keywords), ", ".join(texts.people))
    captions = [*by_people, *of_file, *(texts.sentences if usual else ())]
    seen = {*texts.text_words, *texts.place_words}
    held = [seen, *(seen.union(analysis.analyse(caption)) for caption in captions)]
    return any(all(one.intersection(forms) for forms in words) for one in held)
