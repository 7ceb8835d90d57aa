"""Planning ahead, over a listing that the test controls."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.domain.ids import point_id
from core.domain.image import ImageRecord, ImageRef
from core.ports.scrolling import PAGE_SIZE
from core.ports.vector_index import IndexInfo, Point
from ingest.jobs.dry_run import dry_run
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


class Counting(MemoryIndex):
    """Counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(IndexInfo("colours", "colours-1", 16))
        self.asked: Counter[str] = Counter()

    def fetch(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        self.asked["fetched"] += len(ids)
        return super().fetch(ids)

    def fields(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        self.asked["pages"] += 1
        return super().fields(ids, names)


class Listing:
    """A store of so many images, of which nothing can be read."""

    source = "file:///p"

    def __init__(self, count: int) -> None:
        self.refs = [ImageRef(self.source, f"{n}.png", f"file:///p/{n}.png", str(n), 1, NOW) for n in range(count)]

    def list(self) -> Iterator[ImageRef]:
        return iter(self.refs)

    def read(self, ref: ImageRef) -> bytes:
        raise AssertionError(ref)


def test_unchanged_images_cost_one_question_a_page_and_no_record() -> None:
    store, index = Listing(PAGE_SIZE + 500), Counting()
    known = ImageRecord("", store.source, "", "", "", 1, NOW, NOW, "indexed", "colours-1")
    for ref in store.refs:
        there = replace(known, id=point_id(ref.source, ref.key), key=ref.key, uri=ref.uri, etag=ref.etag)
        index.upsert([Point(there, None)])
    store.refs[7] = replace(store.refs[7], etag="other")
    planner = Planner(store, index, retry_failed=False)
    step = planner.next(10)
    assert step is not None and (step.kind, step.ref.key) == ("update", "7.png") and step.known is not None
    assert planner.next(10) is None and planner.ended
    planner.close()
    assert (planner.skipped, planner.known, len(planner.listed)) == (PAGE_SIZE + 499, PAGE_SIZE + 500, PAGE_SIZE + 500)
    assert index.asked == {"pages": 2, "fetched": 1}
    index.asked.clear()
    found = dry_run([store], index)
    assert dict(found.plans[0].counts) == {"skip": PAGE_SIZE + 499, "update": 1}
    assert found.plans[0].first["skip"][:2] == ["0.png", "1.png"] and len(found.plans[0].first["skip"]) == 10
    assert index.asked == {"pages": 2, "fetched": 1}
