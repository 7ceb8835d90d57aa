"""Hits -> the same hits with their strength: every term of a query judged by itself (core.relevance), then joined."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core import words
from core.calibration import Calibration
from core.index_ports import SearchableIndex
from core.query import LikeTerm, Term, TextTerm
from core.records import Hit
from core.relevance import SOME, PictureYardstick, TextYardstick, Verdict, verdict
from core.vectors import Matrix, Vector

Strengths = NDArray[np.float64]


@dataclass(frozen=True)
class _Measure:
    """How one term is judged: `scale` gives what is measured of images (N, D) as (N,), `strengths` what that is worth.

    `evidence` is how surely the best matches are more than chance, which no strength goes beyond.
    """

    scale: Callable[[Matrix], Strengths]
    strengths: Callable[[Strengths], Strengths]
    evidence: float


@dataclass(frozen=True)
class Asked:
    """What was asked: terms, those of them that are vectors, the words that are wanted (core.words.asked_words), and of
    how many pictures.
    """

    terms: Sequence[Term]
    encoded: Mapping[Term, Vector]
    words: Sequence[Sequence[str]]
    count: int


class Judge:
    """The strength of hits for one query.

    `best` are its best matches, by which it is told whether anything at all is more than chance among the pictures that
    were asked. A text that says nothing of a picture ("the", "show me") is not judged.

    A hit is as strong as what is looked for is in it, on average over the terms by their weights, less what is to be
    avoided: the strongest of that takes its share, times its weight up to 1. Captions vote: a hit of which one holds
    every word that is looked for is at least SOME, a caption that people gave in any case (names of people and places
    are nothing that a model sees), one that a model wrote where the picture is no less like the words than most are.
    Where captions' words alone are asked, the strength is the share of the words that the caption holds.
    """

    def __init__(
        self,
        asked: Asked,
        best: Sequence[Hit],
        index: SearchableIndex,
        calibration: Calibration,
        bank: Callable[[], Matrix],
    ) -> None:
        self._index = index
        self._calibration = calibration
        self._bank = bank
        self._encoded = asked.encoded
        self._terms = [term for term in asked.terms if term in asked.encoded and not _says_nothing(term)]
        self._wanted = asked.words
        self._texts_alone = all(isinstance(term, TextTerm) for term in asked.terms)
        self._itself = {term.id for term in asked.terms if isinstance(term, LikeTerm)}
        self._vectors = index.vectors([hit.record.id for hit in best]) if self._terms else {}
        self._measures = self._measured(asked.count)

    def judged(self, hits: Sequence[Hit]) -> list[Hit]:
        """Reads the vectors of hits that are not among the best."""
        if not self._encoded:
            return [replace(hit, strength=len(hit.matched) / len(self._wanted)) for hit in hits]
        missing = [hit.record.id for hit in hits if hit.record.id not in self._vectors]
        if not self._measures or not any(term.weight > 0 for term in self._terms):
            return list(hits)
        held = {**self._vectors, **self._index.vectors(missing)} if missing else self._vectors
        with_vector = [hit for hit in hits if hit.record.id in held]
        if not with_vector:
            return list(hits)
        itself = np.array([hit.record.id in self._itself for hit in with_vector])
        strengths, usual = self._strengths(np.stack([held[hit.record.id] for hit in with_vector]), itself)
        known = {hit.record.id: n for n, hit in enumerate(with_vector)}
        return [
            self._with(hit, strengths[known[hit.record.id]], bool(usual[known[hit.record.id]]))
            if hit.record.id in known
            else hit
            for hit in hits
        ]

    def verdict(self, best: Sequence[Hit]) -> Verdict | None:
        """From the best matches, judged; a picture of the library that is asked for says nothing. None: not known."""
        if self._encoded and not self._measures:
            return None
        others = [hit for hit in best if hit.record.id not in self._itself]
        known = [hit.strength for hit in others if hit.strength is not None]
        return None if others and not known else verdict(known)

    def _measured(self, count: int) -> dict[Term, _Measure]:
        """How each term is judged; empty where any of them cannot be."""
        others = [vector for image_id, vector in self._vectors.items() if image_id not in self._itself]
        images = np.array(others, np.float32).reshape(len(others), self._index.info.dimension)
        measures: dict[Term, _Measure] = {}
        for term in self._terms:
            query = self._encoded[term][np.newaxis]
            made = (
                self._text(query, images, count) if isinstance(term, TextTerm) else self._picture(query, images, count)
            )
            if made is None:
                return {}
            measures[term] = made
        return measures

    def _text(self, query: Matrix, images: Matrix, count: int) -> _Measure | None:
        scale = self._calibration.texts(self._index, self._bank())
        if scale is None:
            return None
        evidence = TextYardstick.evidence(scale.yardstick.reach(query, images)[:, 0], scale.chance.at(count))
        return _Measure(lambda rows: scale.yardstick.reach(query, rows)[:, 0], TextYardstick.strengths, evidence)

    def _picture(self, query: Matrix, images: Matrix, count: int) -> _Measure | None:
        scale = self._calibration.pictures(self._index)
        if scale is None:
            return None
        close = scale.yardstick.closeness(query, images)[:, 0]
        evidence = PictureYardstick.evidence(close, scale.few.at(count), scale.one.at(count))
        return _Measure(lambda rows: scale.yardstick.closeness(query, rows)[:, 0], PictureYardstick.strengths, evidence)

    def _strengths(self, images: Matrix, itself: NDArray[np.bool_]) -> tuple[Strengths, NDArray[np.bool_]]:
        """(N, D) -> (N,), and which images are no less like what is looked for than most are.

        `itself` (N,): pictures that were asked for, which need no evidence.
        """
        found, avoided, total = np.zeros(len(images)), np.zeros(len(images)), 0.0
        usual = np.ones(len(images), bool)
        for term, measure in self._measures.items():
            measured = measure.scale(images)
            one = np.minimum(measure.strengths(measured), np.where(itself, 1.0, measure.evidence))
            if term.weight > 0:
                found, total = found + term.weight * one, total + term.weight
                usual &= measured >= 0
            else:
                avoided = np.maximum(avoided, min(1.0, -term.weight) * one)
        return found / total * (1 - avoided), usual

    def _with(self, hit: Hit, one: float, usual: bool) -> Hit:
        if one < SOME and self._texts_alone and _told(hit, self._wanted, usual):
            one = SOME
        return replace(hit, strength=float(one))


def _says_nothing(term: Term) -> bool:
    return isinstance(term, TextTerm) and not words.has_content(term.text)


def _told(hit: Hit, wanted: Sequence[Sequence[str]], usual: bool) -> bool:
    """Whether a caption of the image that can be relied on holds all of these words."""
    record = hit.record
    if not wanted or len(hit.matched) < len(wanted):
        return False
    theirs = record.captions or (record.caption or "",) if record.caption_origin == "human" else ()
    told = [*theirs, *(text for text in record.texts if usual)]
    said = [set(words.analyse(text)) for text in told]
    return any(all(one.intersection(forms) for forms in wanted) for one in said)
