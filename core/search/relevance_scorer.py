"""Hits -> the same hits with their strength: every term of a query judged by itself (search.relevance), then joined."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.domain.query import LikeTerm, Term, TextTerm
from core.domain.result import Hit
from core.domain.vectors import Matrix, Vector
from core.ports.vector_index import SearchableIndex
from core.search.relevance import SOME, Verdict, verdict
from core.search.relevance_scale import Calibration, PictureScale, TextScale
from core.text import analysis


@dataclass(frozen=True)
class Asked:
    """What was asked: terms, those of them that are vectors, the words that are wanted (asked_words), and of
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
        self._scales = self._known()
        self._rows: dict[str, int] = {}  # id -> row of `_measured`
        self._measured: dict[Term, NDArray[np.float64]] = {term: np.zeros(0) for term in self._scales}
        self._measure(best)
        others = [row for image_id, row in self._rows.items() if image_id not in self._itself]
        self._evidence = {
            term: one.evidence(self._measured[term][others], asked.count) for term, one in self._scales.items()
        }

    def judged(self, hits: Sequence[Hit]) -> list[Hit]:
        """Reads the vectors of hits that are not among the best."""
        if not self._encoded:
            return [replace(hit, strength=len(hit.matched) / len(self._wanted)) for hit in hits]
        if not any(term.weight > 0 for term in self._scales):
            return list(hits)
        self._measure(hits)
        strengths, usual = self._strengths()
        rows = ((hit, self._rows.get(hit.record.id)) for hit in hits)
        return [hit if row is None else self._with(hit, strengths[row], bool(usual[row])) for hit, row in rows]

    def verdict(self, best: Sequence[Hit]) -> Verdict | None:
        """From the best matches, judged; a picture of the library that is asked for says nothing. None: not known."""
        if self._encoded and not self._scales:
            return None
        others = [hit for hit in best if hit.record.id not in self._itself]
        known = [hit.strength for hit in others if hit.strength is not None]
        return None if others and not known else verdict(known)

    def _known(self) -> dict[Term, TextScale | PictureScale]:
        """By which each term is judged; empty where any of them cannot be."""
        scales: dict[Term, TextScale | PictureScale] = {}
        for term in self._terms:
            if isinstance(term, TextTerm):
                scale: TextScale | PictureScale | None = self._calibration.texts(self._index, self._bank())
            else:
                scale = self._calibration.pictures(self._index)
            if scale is None:
                return {}
            scales[term] = scale
        return scales

    def _measure(self, hits: Sequence[Hit]) -> None:
        """Those that have not been."""
        new = list(dict.fromkeys(hit.record.id for hit in hits if hit.record.id not in self._rows))
        held = self._index.vectors(new) if new and self._scales else {}
        if not held:
            return
        images = np.stack(list(held.values()))
        self._rows |= {image_id: len(self._rows) + n for n, image_id in enumerate(held)}
        for term, scale in self._scales.items():
            measured = scale.measured(self._encoded[term][np.newaxis], images)
            self._measured[term] = np.append(self._measured[term], measured)

    def _strengths(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Of every row, and which of them are no less like what is looked for than most pictures are."""
        itself = np.array([image_id in self._itself for image_id in self._rows])  # it needs no evidence
        found, avoided, total = np.zeros(len(itself)), np.zeros(len(itself)), 0.0
        usual = np.ones(len(itself), bool)
        for term, scale in self._scales.items():
            measured = self._measured[term]
            one = np.minimum(scale.yardstick.strengths(measured), np.where(itself, 1.0, self._evidence[term]))
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
    return isinstance(term, TextTerm) and not analysis.has_content(term.text)


def _told(hit: Hit, wanted: Sequence[Sequence[str]], usual: bool) -> bool:
    """Whether a caption of the image that can be relied on holds all of these words."""
    record = hit.record
    if not wanted or len(hit.matched) < len(wanted):
        return False
    theirs = record.captions or (record.caption or "",) if record.caption_origin == "human" else ()
    told = [*theirs, *(text for text in record.texts if usual)]
    said = [set(analysis.analyse(text)) for text in told]
    return any(all(one.intersection(forms) for forms in wanted) for one in said)
