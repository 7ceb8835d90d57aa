"""Collapse pictures of the same bytes into one hit: the first in an order stands for all."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from core.domain.filtering.filters import Filter
from core.domain.result import Hit
from core.ports.vector_index import SearchableIndex

T = TypeVar("T")


def fold_copies(
    first: Callable[[int], Sequence[T]], hashes: Callable[[Sequence[T]], Sequence[str | None]], count: int
) -> list[T]:
    """Take the first `count` of an order, without what has a copy before it.

    `first` gives so many of the order from its beginning, and `hashes` their content hashes. What has no hash has no
    copies. The order is always read from its beginning, so that pages join: a page costs its depth.
    """
    asked = count
    while True:
        found = first(asked)
        seen: set[str] = set()
        kept = []
        for one, content_hash in zip(found, hashes(found), strict=True):
            if content_hash is None or content_hash not in seen:
                kept.append(one)
            if content_hash is not None:
                seen.add(content_hash)
        if len(kept) >= count or len(found) < asked:
            return kept[:count]
        asked *= 2


def count_copies(index: SearchableIndex, hits: Sequence[Hit], passing: Filter) -> list[Hit]:
    """Set how many pictures that pass the filter each hit stands for. Raises LibraryError."""
    hashes = [hit.record.content_hash for hit in hits if hit.record.content_hash is not None]
    if not hashes:
        return list(hits)
    copies = index.copies(hashes, passing)
    return [replace(hit, copies=max(1, copies.get(hit.record.content_hash or "", 1))) for hit in hits]
