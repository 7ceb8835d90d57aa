"""Captions that a captioner gives to many pictures which have nothing in common: they say nothing of any of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from core.domain.filtering.conditions import Match, Phrase
from core.domain.filtering.filters import SEEN, Filter
from core.domain.image import ImageRecord
from core.domain.vectors import Matrix
from core.ports.vector_index import VectorIndex
from ingest.pipeline.caption_updates import get_generated_caption
from ingest.pipeline.run_context import retry_while_busy, scroll_while_busy

_OFTEN = 10  # pictures with one caption, from which on it is looked at
_COMMONEST = 20  # captions that are looked at
_SAMPLE = 200  # pictures that are compared
_FITS = 25  # percentile of the scores of other captions: one that scores as well fits its pictures
_SHARED = 0.1  # of the way from "as unlike as other pictures" to "the same": less is nothing in common
_REMEMBERED = 10_000  # pictures whose captions are known to be boilerplate
_KEPT = 100_000  # captions that are counted at once
_MANY = 20  # pictures of a run, from which on one caption for most of them is told


class CaptionCounts:
    """Counts how often a run gave each caption, in bounded memory: rare ones may be forgotten."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self.total = 0

    def add(self, captions: Iterable[str]) -> None:
        """Count captions."""
        told = list(captions)
        self.total += len(told)
        self._counts.update(told)
        if len(self._counts) > _KEPT:
            self._counts = Counter(dict(self._counts.most_common(_KEPT // 10)))

    def list_common(self) -> list[str]:
        """List the captions that were given most often, the commonest first."""
        return [text for text, _ in self._counts.most_common(_COMMONEST)]

    def select(self, texts: Iterable[str]) -> list[str]:
        """Select those of the texts that were given at all."""
        return [text for text in texts if text in self._counts]

    def describe_monotony(self) -> str | None:
        """Say that most pictures of the run were given one caption; None where that is not so."""
        if self.total < _MANY:
            return None
        text, count = self._counts.most_common(1)[0]
        if 2 * count <= self.total:
            return None
        return (
            f"{count:,} of {self.total:,} pictures were given the same caption, “{text}”; where they do not show the "
            "same, another captioner may know them better"
        )


def count_captions(index: VectorIndex, captioner: str) -> CaptionCounts:
    """Count all captions of this captioner that say something, whichever run they are of."""
    counts = CaptionCounts()
    for page in scroll_while_busy(index, _of_captioner(captioner)):
        told = [get_generated_caption(record) for record in page if record.caption_flaw != "boilerplate"]
        counts.add(text for text in told if text)
    return counts


def find_boilerplate(index: VectorIndex, counts: CaptionCounts, captioner: str) -> Iterator[list[ImageRecord]]:
    """Yield the images, page by page, whose caption this captioner gave to pictures that have nothing in common.

    Of the captions counted, those are looked at that ten or more images of the library have. These images are no more
    like each other than like other images, by their vectors, and their caption scores less than those of others do.
    Where there are too few others to compare with, nothing is yielded.
    Images that are marked already are left out; what they say is boilerplate for all that say it later.
    """
    known = counts.select(_list_marked(index, captioner))
    for text in dict.fromkeys((*known, *counts.list_common())):
        saying = _of_captioner(captioner) & Filter(all=(Phrase(text),))
        if text not in known and not _says_nothing(index, saying, text):
            continue
        for page in scroll_while_busy(index, saying):
            records = [
                record
                for record in page
                if get_generated_caption(record) == text and record.caption_flaw != "boilerplate"
            ]
            if records:
                yield records


def _list_marked(index: VectorIndex, captioner: str) -> set[str]:
    marked = _of_captioner(captioner) & Filter(all=(Match("caption_flaw", ("boilerplate",)),))
    records = retry_while_busy(index.scroll, marked, limit=_REMEMBERED)
    return {text for record in records if (text := get_generated_caption(record))}


def _says_nothing(index: VectorIndex, saying: Filter, text: str) -> bool:
    """Tell whether this caption was given to many images which have nothing in common."""
    if retry_while_busy(index.count, saying) < _OFTEN:
        return False
    own = [record for record in _sample(index, saying) if get_generated_caption(record) == text]
    others = _sample(index, SEEN & Filter(none=(Phrase(text),)))
    if min(len(own), len(others)) < _OFTEN or _fits(own, others):
        return False
    return not _have_in_common(_vectors(index, own), _vectors(index, others))


def _of_captioner(captioner: str) -> Filter:
    return SEEN & Filter(all=(Match("captioner", (captioner,)),))


def _fits(own: Sequence[ImageRecord], others: Sequence[ImageRecord]) -> bool:
    """Tell whether a caption scores as captions that are right do.

    So a caption of many pictures of one kind is kept where all others show that kind, too.
    """
    mine, theirs = _scores(own), _scores(others)
    return bool(mine and theirs) and float(np.median(mine)) >= float(np.percentile(theirs, _FITS))


def _scores(records: Sequence[ImageRecord]) -> list[float]:
    return [record.caption_score for record in records if record.caption_score is not None]


def _have_in_common(own: Matrix, others: Matrix) -> bool:
    """Compare the mean cosine of every two of `own` with that of `own` and `others`; both are unit rows."""
    if min(len(own), len(others)) < _OFTEN:
        return True
    count, total = len(own), own.sum(axis=0, dtype=np.float64)
    within = float(total @ total - count) / (count * (count - 1))
    across = float(total @ others.sum(axis=0, dtype=np.float64)) / (count * len(others))
    return within - across >= _SHARED * (1 - across)


def _sample(index: VectorIndex, filter: Filter) -> Sequence[ImageRecord]:
    """Return the first by id, which says nothing of a picture."""
    return retry_while_busy(index.scroll, filter, limit=_SAMPLE)


def _vectors(index: VectorIndex, records: Sequence[ImageRecord]) -> Matrix:
    """Return the images' vectors, (N, D) float32 unit rows, of those that have one."""
    found = retry_while_busy(index.vectors, [record.id for record in records])
    return np.stack(list(found.values())) if found else np.zeros((0, index.info.dimension), np.float32)
