"""Planning ahead, over a listing that the test controls."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from core.domain.image import ImageRecord, ImageRef
from core.ports.vector_index import IndexInfo
from ingest.pipeline.planner import Planner
from tests.support.fakes import MemoryIndex

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Endless:
    """Lists one image again and again, for twenty seconds."""

    source = "file:///p"
    over = False

    def list(self) -> Iterator[ImageRef]:
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            yield ImageRef(self.source, "a.png", "file:///p/a.png", "1", 1, NOW)
        self.over = True

    def read(self, ref: ImageRef) -> bytes:
        raise AssertionError(ref)


class Knowing(MemoryIndex):
    """Knows every image, unchanged."""

    def fields(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        record = ImageRecord("", "file:///p", "a.png", "file:///p/a.png", "1", 1, NOW, NOW, "indexed", "colours-1")
        return dict.fromkeys(ids, tuple(getattr(record, name) for name in names))


def test_it_can_be_closed_while_there_is_nothing_to_do_in_a_long_listing() -> None:
    store = Endless()
    planner = Planner(store, Knowing(IndexInfo("colours", "colours-1", 16)), retry_failed=False)
    assert planner.next(0.3) is None and not planner.ended
    planner.close()
    assert planner.skipped > 0 and not store.over
