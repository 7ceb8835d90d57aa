"""Orders other than by match: by time or by name."""

from collections.abc import Sequence

from core.domain.filtering.filters import Filter
from core.domain.image import ImageRecord
from core.domain.query import Query
from core.domain.result import Hit
from core.domain.sort_orders import in_order
from core.ports.vector_index import SearchableIndex
from core.search.collapse import fold_copies, fold_hashes

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
    records = fold_copies(
        lambda count: index.ordered(query.by, passing, limit=count, reverse=query.reverse),
        lambda found: fold_hashes(index, found, passing),
        end,
        asked=end + end // _COPIES + 1,  # so that a few copies among them need no second look
    )
    return records[query.offset :]
