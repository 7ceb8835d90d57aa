"""An ingest of those files alone of which a watcher says that they have changed; nothing else is listed."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from core.domain.conditions import Match
from core.domain.filters import UNCAPTIONED, Filter
from core.domain.ids import point_id
from core.domain.image import ImageRecord, ImageRef
from core.ports.image_store import ImageStore, Watchable
from core.ports.scrolling import PAGE_SIZE
from core.ports.vector_index import VectorIndex
from ingest.captions.caption_pass import CaptionPass
from ingest.captions.human_captions import Given, give_captions
from ingest.pipeline.image_pass import ImagePass
from ingest.pipeline.plan import Absences
from ingest.pipeline.planner import Planner
from ingest.pipeline.removal import remove
from ingest.pipeline.run_context import Parts, patiently
from ingest.telemetry.log_events import event
from ingest.telemetry.report import Progress, Report

_log = logging.getLogger(__name__)


class _Selection:
    """An ImageStore of some images of another."""

    def __init__(self, store: ImageStore, refs: Iterable[ImageRef]) -> None:
        self.source = store.source
        self._refs = list(refs)
        self._store = store

    def list(self) -> Iterator[ImageRef]:
        return iter(self._refs)

    def read(self, ref: ImageRef) -> bytes:
        return self._store.read(ref)


def run_touched(
    parts: Parts,
    touched: Mapping[str, Iterable[bytes]],
    stores: Mapping[str, ImageStore],
    report: Report,
    *,
    given: Sequence[Given] = (),
) -> Iterator[Progress]:
    """Bring the touched paths of each source up to date, and fill in `report` as it goes. Raises StoreError.

    `given`: captions of people for the stores' images.
    """
    try:
        for source, paths in touched.items():
            if not parts.stop.is_set():
                yield from _one_source(parts, stores[source], paths, report)
        if report.added or report.updated:
            yield from give_captions(parts, given, report, tell=False)
        if parts.options.captions:
            yield from CaptionPass(parts, report).run()
        report.pending_captions = patiently(parts.index.count, UNCAPTIONED)
    finally:
        report.interrupted = parts.stop.is_set()
        report.seconds = time.monotonic() - report.started


def _one_source(parts: Parts, store: ImageStore, paths: Iterable[bytes], report: Report) -> Iterator[Progress]:
    assert isinstance(store, Watchable)
    found = dict(store.look(paths))
    there = [ref for ref in found.values() if ref is not None]
    gone = [point_id(store.source, key) for key, ref in found.items() if ref is None]
    planner = Planner(
        _Selection(store, there), parts.index, retry_failed=parts.options.retry_failed, observer=parts.observer
    )
    try:
        yield from ImagePass(parts, _Selection(store, there), planner, report).run()
    finally:
        planner.close()
        report.skipped += planner.skipped
    _log.info(event("files_looked_at", source=store.source, there=len(there), gone=len(gone)))
    if gone and not parts.stop.is_set():
        _remove(parts, store.source, gone, report)


def _remove(parts: Parts, source: str, gone: list[str], report: Report) -> None:
    index = parts.index
    records = [
        record for start in range(0, len(gone), PAGE_SIZE) for record in _fetch(index, gone[start : start + PAGE_SIZE])
    ]
    if not records:
        return
    held = patiently(index.count, Filter(all=(Match("source", (source,)),)))
    absences = Absences(source, held - len(records), held, len(records), _lost(index, source, records))
    remove(parts, absences, [record.id for record in records], report)


def _fetch(index: VectorIndex, ids: list[str]) -> list[ImageRecord]:
    return list(patiently(index.fetch, ids).values())


def _lost(index: VectorIndex, source: str, gone: list[ImageRecord]) -> int:
    """How many of these have bytes that no other image of the source has: those that were renamed are not lost."""
    ids = {record.id for record in gone}
    indexed = [record for record in gone if record.status == "indexed"]
    kept: set[str | None] = set()
    for start in range(0, len(indexed), PAGE_SIZE):
        hashes = tuple(
            {each.content_hash for each in indexed[start : start + PAGE_SIZE] if each.content_hash is not None}
        )
        if hashes:
            same = Filter(all=(Match("source", (source,)), Match("content_hash", hashes)))
            found = patiently(index.scroll, same, limit=4 * PAGE_SIZE)
            kept.update(record.content_hash for record in found if record.id not in ids)
    return sum(record.content_hash not in kept for record in indexed)
