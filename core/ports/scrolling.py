"""Scrolling through all records that pass a filter, page by page."""

from collections.abc import Iterator
from typing import Protocol

from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ImageRecord

PAGE_SIZE = 1000  # images


class Scroll(Protocol):
    """The signature of SearchableIndex.scroll."""

    def __call__(self, filter: Filter, /, *, after: str | None, limit: int) -> list[ImageRecord]: ...


def scroll_pages(
    scroll: Scroll, filter: Filter = EVERYTHING, *, after: str | None = None, page_size: int = PAGE_SIZE
) -> Iterator[list[ImageRecord]]:
    """Yield the pages of all that passes, in ascending order of id, starting behind `after`; no page is empty.

    Records that are added or deleted behind the last page meanwhile are seen. Raises what `scroll` raises.
    """
    while page := scroll(filter, after=after, limit=page_size):
        yield page
        after = page[-1].id


def scroll_all(
    scroll: Scroll, filter: Filter = EVERYTHING, *, after: str | None = None, page_size: int = PAGE_SIZE
) -> Iterator[ImageRecord]:
    """Yield every record that passes, in ascending order of id; read as `scroll_pages` does."""
    for page in scroll_pages(scroll, filter, after=after, page_size=page_size):
        yield from page
