"""Removes from the library all that it holds of a source, which need not be there any more. Pictures are left alone."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import FAILED, INDEXED, Filter
from core.errors import UsageError
from core.ports.local_files import ThumbnailStore
from core.ports.vector_index import VectorIndex
from ingest.pipeline.removal import indexed_sources
from ingest.pipeline.run_context import retry_while_busy, scroll_while_busy

FIRST = 10


@dataclass(slots=True)
class ForgetPlan:
    """What the library holds of a source: counts of images, and the first keys.

    `human` of the images have captions that people wrote. `removed` counts the images that have been removed.
    """

    source: str
    images: int
    failed: int
    human: int
    first: list[str] = field(default_factory=list)
    removed: int = 0

    @property
    def done(self) -> bool:
        return self.removed >= self.images + self.failed

    def to_dict(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "images": self.images,
            "failed": self.failed,
            "human_captions": self.human,
            "first": self.first,
            "removed": self.removed,
            "done": self.done,
        }


def plan_forget(index: VectorIndex, named: str, source: str) -> ForgetPlan:
    """Count what would be removed of a source.

    The source is the one that is on record as `named`, or else `source`, which is its canonical name.
    Raises UsageError where the library knows neither.
    """
    known = sorted(indexed_sources(index))
    source = named if named in known else source
    if source not in known:
        there = "\n".join(f"  {each}" for each in known) or "  nothing"
        raise UsageError(f"nothing in this library is from {named}; what is in it is from\n{there}")
    own = _filter_source(source)
    human = own & Filter(all=(Match("caption_origin", ("human",)),))
    return ForgetPlan(
        source,
        images=retry_while_busy(index.count, own & INDEXED),
        failed=retry_while_busy(index.count, own & FAILED),
        human=retry_while_busy(index.count, human),
        first=[record.key for record in retry_while_busy(index.scroll, own, limit=FIRST)],
    )


def forget(
    index: VectorIndex, thumbnails: ThumbnailStore, found: ForgetPlan, stop: threading.Event
) -> Iterator[ForgetPlan]:
    """Remove a source page by page, until it is done or `stop`. Yields after each page.

    Thumbnails go first, so that none is left without its image. After a kill the same call ends the work.
    """
    for page in scroll_while_busy(index, _filter_source(found.source)):
        if stop.is_set():
            return
        ids = [record.id for record in page]
        thumbnails.delete(ids)
        retry_while_busy(index.delete, ids)
        found.removed += len(ids)
        yield found


def _filter_source(source: str) -> Filter:
    return Filter(all=(Match("source", (source,)),))
