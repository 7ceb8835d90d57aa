"""Orders other than by match: by time or by name."""

from collections.abc import Sequence

from core.domain.filtering.filters import PAIRED, Filter
from core.domain.image import ImageRecord
from core.domain.query import Query
from core.domain.result import Hit
from core.domain.sort_orders import in_order
from core.ports.vector_index import SearchableIndex
from core.search.collapse import fold_copies, fold_hashes

_DEEP = 500  # entries: more than that are not read whole for one page
_COPIES = 4  # of a page, one in so many is expected to be a copy at most


def sort_hits(hits: Sequence[Hit], query: Query) -> list[Hit]:
    """Put hits in the query's order, which is not that of the match."""
    by_id = {hit.record.id: hit for hit in hits}
    return [by_id[record.id] for record in in_order((hit.record for hit in hits), query.by, reverse=query.reverse)]


def list_page(index: SearchableIndex, query: Query, passing: Filter) -> list[ImageRecord]:
    """Read one page of what passes, in the query's order, which is not that of the match. Raises LibraryError."""
    if not query.folds:
        return index.ordered(query.by, passing, limit=query.limit, offset=query.offset, reverse=query.reverse)
    end = query.offset + query.limit
    if end > _DEEP:
        return _list_far_page(index, query, passing)
    records = fold_copies(
        lambda count: index.ordered(query.by, passing, limit=count, reverse=query.reverse),
        lambda found: fold_hashes(index, found, passing),
        end,
        asked=end + end // _COPIES + 1,  # so that a few copies among them need no second look
    )
    return records[query.offset :]


def _list_far_page(index: SearchableIndex, query: Query, passing: Filter) -> list[ImageRecord]:
    """Read a page that is far from the beginning, without the records of what comes before it."""

    def first(count: int) -> list[str]:
        return index.ordered_ids(query.by, passing, limit=count, reverse=query.reverse)

    def hashes(ids: Sequence[str]) -> list[str | None]:
        found = index.hashes(ids)
        return _hide_raws(index, query, passing, ids, [found.get(image_id) for image_id in ids])

    page = fold_copies(first, hashes, query.offset + query.limit)[query.offset :]
    records = index.fetch(page)
    return [records[image_id] for image_id in page if image_id in records]


def _hide_raws(
    index: SearchableIndex, query: Query, passing: Filter, ids: Sequence[str], hashes: Sequence[str | None]
) -> list[str | None]:
    """Have those RAWs hidden whose JPEG passes. Of the images of a page, those alone are read that have a pair."""
    if not ids or not index.count(PAIRED):
        return list(hashes)
    paired = index.ordered_ids(query.by, passing & PAIRED, limit=len(ids), reverse=query.reverse)
    wanted = set(ids)
    records = list(index.fetch([image_id for image_id in paired if image_id in wanted]).values())
    folded = dict(zip((record.id for record in records), fold_hashes(index, records, passing), strict=True))
    return [folded.get(image_id, content_hash) for image_id, content_hash in zip(ids, hashes, strict=True)]
