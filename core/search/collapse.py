"""Collapse pictures that are the same into one hit: of the same bytes, or a RAW and its JPEG."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from core.domain.filtering.conditions import Match, Missing
from core.domain.filtering.filters import Filter
from core.domain.image import ImageRecord, to_payload
from core.domain.result import Hit
from core.ports.scrolling import scroll_pages
from core.ports.vector_index import SearchableIndex

T = TypeVar("T")

HIDDEN = ""  # in place of the content hash of a RAW whose JPEG is found too


def fold_copies(
    first: Callable[[int], Sequence[T]], hashes: Callable[[Sequence[T]], Sequence[str | None]], count: int
) -> list[T]:
    """Take the first `count` of an order, without what has a copy before it, and without what is HIDDEN.

    `first` gives so many of the order from its beginning, and `hashes` their content hashes. What has no hash has no
    copies. The order is always read from its beginning, so that pages join: a page costs its depth.
    """
    asked = count
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
        asked *= 2


def fold_hashes(index: SearchableIndex, records: Sequence[ImageRecord], passing: Filter) -> list[str | None]:
    """Return the content hash of each image, and HIDDEN for a RAW whose JPEG passes. Raises LibraryError."""
    raws = [record for record in records if record.is_raw_of_pair]
    shown = _find_passing(index, raws, passing) if raws else {}
    hidden = {record.id for record in raws if record.pair_id in shown}
    return [HIDDEN if record.id in hidden else record.content_hash for record in records]


def count_copies(index: SearchableIndex, hits: Sequence[Hit], passing: Filter) -> list[Hit]:
    """Set how many pictures that pass the filter each hit stands for, and how many of them are RAWs of its JPEGs.

    Raises LibraryError.
    """
    hashes = [hit.record.content_hash for hit in hits if hit.record.content_hash is not None]
    if not hashes:
        return list(hits)
    copies = index.copies(hashes, passing)
    counted = [replace(hit, copies=max(1, copies.get(hit.record.content_hash or "", 1))) for hit in hits]
    if all(hit.copies == 1 and hit.record.pair is None for hit in counted):
        return counted
    return _count_raws(index, counted, hashes, passing)


def _count_raws(index: SearchableIndex, hits: Sequence[Hit], hashes: Sequence[str], passing: Filter) -> list[Hit]:
    """Add the RAWs that are hidden behind the JPEGs of each hit, and take away those of its own bytes."""
    paired = passing & Filter(all=(Match("content_hash", tuple(hashes)),), none=(Missing("pair"),))
    same = [record for page in scroll_pages(index.scroll, paired) for record in page]
    others = _find_passing(index, same, passing)
    raws: Counter[str | None] = Counter()
    hidden: Counter[str | None] = Counter()
    for record in same:
        other = others.get(record.pair_id or "")
        if other is not None and record.is_raw_of_pair:
            hidden[record.content_hash] += 1
        elif other is not None and other.is_raw_of_pair:
            raws[record.content_hash] += 1
    return [
        replace(hit, copies=max(1, hit.copies + raws[own] - hidden[own]), raws=raws[own])
        for hit in hits
        for own in [hit.record.content_hash]
    ]


def _find_passing(index: SearchableIndex, records: Iterable[ImageRecord], passing: Filter) -> dict[str, ImageRecord]:
    """Read the pairs of these images that pass the filter, by id."""
    found = index.fetch([other for record in records if (other := record.pair_id) is not None])
    return {other: record for other, record in found.items() if passing.matches(to_payload(record))}
