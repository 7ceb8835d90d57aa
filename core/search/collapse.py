"""Collapse pictures that are the same into one hit: of the same bytes, or a RAW and its JPEG."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.domain.filtering.conditions import Match, Missing
from core.domain.filtering.filters import Filter
from core.domain.image import ImageRecord
from core.ports.scrolling import scroll_pages
from core.ports.vector_index import SearchableIndex

T = TypeVar("T")

HIDDEN = ""  # in place of the content hash of a RAW whose JPEG is found too


@dataclass(frozen=True, slots=True)
class CopyCount:
    """How many pictures that pass one hit stands for, itself among them, and how many of them are RAWs of its JPEGs."""

    copies: int = 1
    raws: int = 0


ALONE = CopyCount()


def fold_copies(
    first: Callable[[int], Sequence[T]],
    hashes: Callable[[Sequence[T]], Sequence[str | None]],
    count: int,
    *,
    asked: int = 0,
    at_hand: int = 0,
) -> list[T]:
    """Take the first `count` of an order, without what has a copy before it, and without what is HIDDEN.

    `first` gives so many of the order from its beginning, and `hashes` their content hashes. What has no hash has no
    copies. The order is always read from its beginning, so that pages join: a page costs its depth. `asked`: how many
    are asked for at first. `at_hand`: so many of the order are known already.
    """
    asked = max(asked, count)
    while True:
        found = first(asked)
        seen = {HIDDEN}
        kept = []
        for one, content_hash in zip(found, hashes(found), strict=True):
            if content_hash is None or content_hash not in seen:
                kept.append(one)
            if content_hash is not None:
                seen.add(content_hash)
        if len(kept) >= count or len(found) < asked:
            return kept[:count]
        asked = at_hand if asked < at_hand else 2 * asked


def fold_hashes(index: SearchableIndex, records: Sequence[ImageRecord], passing: Filter) -> list[str | None]:
    """Return the content hash of each image, and HIDDEN for a RAW whose JPEG passes. Raises LibraryError."""
    jpegs = {record.id: record.jpeg_id for record in records if record.jpeg_id is not None}
    shown = index.passing(list(jpegs.values()), passing)
    return [HIDDEN if jpegs.get(record.id) in shown else record.content_hash for record in records]


def count_copies(
    index: SearchableIndex, counts: Mapping[str, int], passing: Filter, *, paired: bool
) -> dict[str, CopyCount]:
    """Count by content hash what a hit stands for. Raises LibraryError.

    `counts` are the images of each hash that pass (SearchableIndex.copies). `paired`: some may be one of a pair.
    """
    if not paired or not counts:
        return {own: CopyCount(max(1, count)) for own, count in counts.items()}
    raws, hidden = _count_raws(index, list(counts), passing)
    return {own: CopyCount(max(1, max(1, count) + raws[own] - hidden[own]), raws[own]) for own, count in counts.items()}


def _count_raws(
    index: SearchableIndex, hashes: Sequence[str], passing: Filter
) -> tuple[Counter[str | None], Counter[str | None]]:
    """Count by hash the RAWs that are hidden behind its JPEGs, and those of its own bytes that are hidden."""
    paired = passing & Filter(all=(Match("content_hash", tuple(hashes)),), none=(Missing("pair"),))
    same = [record for page in scroll_pages(index.scroll, paired) for record in page]
    others = index.passing(list(_list_pairs(same)), passing)
    raws: Counter[str | None] = Counter()
    hidden: Counter[str | None] = Counter()
    for record in same:
        other = others.get(record.pair_id or "")
        if other is not None and record.is_raw_of_pair:
            hidden[record.content_hash] += 1
        elif other is not None and other.is_raw_of_pair:
            raws[record.content_hash] += 1
    return raws, hidden


def _list_pairs(records: Iterable[ImageRecord]) -> Iterable[str]:
    return (other for record in records if (other := record.pair_id) is not None)
