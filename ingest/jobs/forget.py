"""Removes from the library all that it knows of a source, which may be gone itself. The pictures are left alone."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from core.domain.conditions import Match
from core.domain.filters import FAILED, INDEXED, Filter
from core.errors import UsageError
from core.ports.local_files import ThumbnailStore
from core.ports.vector_index import VectorIndex
from ingest.pipeline.removal import indexed_sources
from ingest.pipeline.run_context import patient_pages, patiently

FIRST = 10


@dataclass(slots=True)
class Forgetting:
    """What the library holds of a source: counts of images, `human` of them with a person's captions; the first keys.

    `removed` counts those that have been removed.
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


def look(index: VectorIndex, named: str, source: str) -> Forgetting:
    """What would go of the source that the user `named` as it is on record, or so that `source` is its canonical name.

    Raises UsageError where the library knows no such source.
    """
    known = sorted(indexed_sources(index))
    source = named if named in known else source
    if source not in known:
        there = "\n".join(f"  {each}" for each in known) or "  nothing"
        raise UsageError(f"nothing in this library is from {named}; what is in it is from\n{there}")
    own = _of(source)
    human = own & Filter(all=(Match("caption_origin", ("human",)),))
    return Forgetting(
        source,
        images=patiently(index.count, own & INDEXED),
        failed=patiently(index.count, own & FAILED),
        human=patiently(index.count, human),
        first=[record.key for record in patiently(index.scroll, own, limit=FIRST)],
    )


def forget(
    index: VectorIndex, thumbnails: ThumbnailStore, found: Forgetting, stop: threading.Event
) -> Iterator[Forgetting]:
    """Remove it page by page until it is done or `stop`, yielding after each. Killed at any time: done again, it ends.

    Thumbnails go first, so that none is left without its image.
    """
    for page in patient_pages(index, _of(found.source)):
        if stop.is_set():
            return
        ids = [record.id for record in page]
        thumbnails.delete(ids)
        patiently(index.delete, ids)
        found.removed += len(ids)
        yield found


def _of(source: str) -> Filter:
    return Filter(all=(Match("source", (source,)),))
