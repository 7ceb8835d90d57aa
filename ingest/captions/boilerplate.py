"""Captions that a captioner gives to many pictures which have nothing in common: they say nothing of any of them."""

from collections import Counter
from collections.abc import Iterable, Iterator

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
_SHARED = 0.1  # of the way from "as unlike as other pictures" to "the same": less is nothing in common
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
        """List the captions that were given often, the commonest first."""
        return [text for text, count in self._counts.most_common(_COMMONEST) if count >= _OFTEN]

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


def find_boilerplate(index: VectorIndex, counts: CaptionCounts, captioner: str) -> Iterator[list[ImageRecord]]:
    """Yield the images, page by page, whose caption this captioner gave to pictures that have nothing in common.

    These are no more like each other than like other pictures of the library, by their vectors. Where there are too few
    others to compare with, nothing is yielded.
    """
    by_captioner = SEEN & Filter(all=(Match("captioner", (captioner,)),))
    for text in counts.list_common():
        saying = by_captioner & Filter(all=(Phrase(text),))
        own = _sample(index, saying, text)
        others = _sample(index, SEEN & Filter(none=(Phrase(text),)))
        if min(len(own), len(others)) < _OFTEN or _have_in_common(own, others):
            continue
        for page in scroll_while_busy(index, saying):
            records = [record for record in page if get_generated_caption(record) == text]
            if records:
                yield records


def _have_in_common(own: Matrix, others: Matrix) -> bool:
    """Compare the mean cosine of every two of `own` with that of `own` and `others`; both are unit rows."""
    count, total = len(own), own.sum(axis=0, dtype=np.float64)
    within = float(total @ total - count) / (count * (count - 1))
    across = float(total @ others.sum(axis=0, dtype=np.float64)) / (count * len(others))
    return within - across >= _SHARED * (1 - across)


def _sample(index: VectorIndex, filter: Filter, text: str | None = None) -> Matrix:
    """Return vectors of the first by id, which says nothing of a picture: (N, D) float32, unit rows.

    `text`: only of pictures with exactly this caption.
    """
    records = retry_while_busy(index.scroll, filter, limit=_SAMPLE)
    ids = [record.id for record in records if text is None or get_generated_caption(record) == text]
    found = retry_while_busy(index.vectors, ids) if ids else {}
    return np.stack(list(found.values())) if found else np.zeros((0, index.info.dimension), np.float32)
