"""Hits -> the same hits with their strength: every term of a query judged by itself (core.strength), then joined."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core import strength, words
from core.index_ports import SearchableIndex
from core.query import INDEXED, LikeTerm, Term, TextTerm
from core.records import Hit
from core.vectors import Matrix, Vector


class Judge:
    """The strength of hits for one query; `encoded` are its terms that are vectors, `wanted` its words.

    A hit is as strong as what is looked for is in it, on average over the terms by their weights, less what is to be
    avoided: the strongest of that takes its share, times its weight up to 1. A hit of which people's own caption holds
    every word that is looked for is at least SOME: names of people and places are nothing that a model sees. Where
    captions' words alone are asked, it is the share of the words that the caption holds.
    """

    def __init__(
        self,
        index: SearchableIndex,
        bank: Callable[[], Matrix],
        terms: Sequence[Term],
        encoded: Mapping[Term, Vector],
        wanted: Sequence[Sequence[str]],
    ) -> None:
        self._index = index
        self._bank = bank
        self._terms = [term for term in terms if term in encoded]
        self._encoded = encoded
        self._wanted = wanted
        self._texts_alone = all(isinstance(term, TextTerm) for term in terms)
        self._itself = {term.id for term in terms if isinstance(term, LikeTerm)}

    def judged(self, hits: Sequence[Hit]) -> list[Hit]:
        """Reads the hits' vectors, and nothing else of the library unless there is a picture in the query."""
        if not self._encoded:
            return [replace(hit, strength=len(hit.matched) / len(self._wanted)) for hit in hits]
        held = self._index.vectors([hit.record.id for hit in hits])
        with_vector = [hit for hit in hits if hit.record.id in held]
        if not with_vector:
            return list(hits)
        strengths = self._strengths(np.stack([held[hit.record.id] for hit in with_vector]))
        if strengths is None:
            return list(hits)
        known = {hit.record.id: float(one) for hit, one in zip(with_vector, strengths, strict=True)}
        return [self._with(hit, known.get(hit.record.id)) for hit in hits]

    def verdict(self, best: Sequence[Hit]) -> strength.Verdict | None:
        """From the best matches, judged; a picture of the library that is asked for says nothing. None: not known."""
        others = [hit for hit in best if hit.record.id not in self._itself]
        known = [hit.strength for hit in others if hit.strength is not None]
        return None if others and not known else strength.verdict(known)

    def _strengths(self, images: Matrix) -> NDArray[np.float64] | None:
        """(N, D) -> (N,); None where any term cannot be judged."""
        sample = None
        found, avoided, total = np.zeros(len(images)), np.zeros(len(images)), 0.0
        for term in self._terms:
            query = self._encoded[term]
            if isinstance(term, TextTerm):
                one = strength.of_text(query, images, self._bank())
            else:
                sample = self._sample() if sample is None else sample
                one = strength.of_picture(query, images, sample)
            if one is None:
                return None
            if term.weight > 0:
                found, total = found + term.weight * one, total + term.weight
            else:
                avoided = np.maximum(avoided, min(1.0, -term.weight) * one)
        return found / total * (1 - avoided) if total else None

    def _sample(self) -> Matrix:
        """(M, D): the library's first by id. Ids are hashes, so that they are drawn by lot, and the same every time."""
        ids = [record.id for record in self._index.scroll(INDEXED, limit=strength.SAMPLE)]
        held = self._index.vectors(ids)
        return np.array([held[image_id] for image_id in ids if image_id in held], np.float32)

    def _with(self, hit: Hit, one: float | None) -> Hit:
        if one is not None and one < strength.SOME and self._texts_alone and _told(hit, self._wanted):
            one = strength.SOME
        return replace(hit, strength=one)


def _told(hit: Hit, wanted: Sequence[Sequence[str]]) -> bool:
    """Whether one of the captions that people gave the image holds all of these words."""
    record = hit.record
    if not wanted or record.caption_origin != "human" or len(hit.matched) < len(wanted):
        return False
    theirs = record.captions or (record.caption or "",)
    said = [set(words.analyse(text)) for text in theirs]
    return any(all(one.intersection(forms) for forms in wanted) for one in said)
