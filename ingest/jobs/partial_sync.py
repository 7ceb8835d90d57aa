"""A run over those files alone that a watcher has seen to change. Nothing else is listed."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import Filter
from core.domain.ids import point_id
from core.domain.image import ImageRecord, ImageRef
from core.ports.image_store import ImageStore, Watchable
from core.ports.scrolling import PAGE_SIZE
from core.ports.vector_index import VectorIndex
from ingest.captions.caption_pass import CaptionPass
from ingest.captions.human_captions import SourceCaptions, apply_human_captions
from ingest.jobs.full_sync import count_pending
from ingest.pipeline.image_pass import ImagePass
from ingest.pipeline.plan import Absences
from ingest.pipeline.planner import Planner
from ingest.pipeline.removal import delete_absent
from ingest.pipeline.run_context import RunContext, retry_while_busy
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.report import Progress, Report
from ingest.text_reading.text_pass import TextPass

_log = get_logger(__name__)


class _Selection:
    """An image store that lists some images of another."""

    def __init__(self, store: ImageStore, refs: Iterable[ImageRef]) -> None:
        self.source = store.source
        self._refs = list(refs)
        self._store = store

    def list(self) -> Iterator[ImageRef]:
        return iter(self._refs)

    def read(self, ref: ImageRef) -> bytes:
        return self._store.read(ref)


def sync_paths(
    context: RunContext,
    changed: Mapping[str, Iterable[bytes]],
    stores: Mapping[str, ImageStore],
    report: Report,
    *,
    human_captions: Sequence[SourceCaptions] = (),
) -> Iterator[Progress]:
    """Bring the changed paths of each source up to date, and fill in `report`. Raises StoreError.

    `human_captions`: captions of people for the stores' images.
    """
    try:
        for source, paths in changed.items():
            if not context.stop.is_set():
                yield from _sync_source(context, stores[source], paths, report)
        if report.added or report.updated:
            yield from apply_human_captions(context, human_captions, report, report_names=False)
        if context.options.captions:
            yield from CaptionPass(context, report).run()
        if context.options.text:
            yield from TextPass(context, report, sources=list(changed)).run()
        count_pending(context, report)
    finally:
        report.interrupted = context.stop.is_set()
        report.seconds = time.monotonic() - report.started


def _sync_source(context: RunContext, store: ImageStore, paths: Iterable[bytes], report: Report) -> Iterator[Progress]:
    assert isinstance(store, Watchable)
    found = dict(store.look_up(paths))
    there = [ref for ref in found.values() if ref is not None]
    gone = [point_id(store.source, key) for key, ref in found.items() if ref is None]
    planner = Planner(
        _Selection(store, there), context.index, retry_failed=context.options.retry_failed, observer=context.observer
    )
    images = ImagePass(context, store, planner, report)
    try:
        yield from images.run()
    finally:
        planner.close()
        report.skipped += planner.skipped + images.skipped
    _log.info("files_looked_at", source=store.source, there=len(there), gone=len(gone))
    if gone and not context.stop.is_set():
        _delete_gone(context, store.source, gone, report)


def _delete_gone(context: RunContext, source: str, gone: list[str], report: Report) -> None:
    index = context.index
    records = [
        record for start in range(0, len(gone), PAGE_SIZE) for record in _fetch(index, gone[start : start + PAGE_SIZE])
    ]
    if not records:
        return
    held = retry_while_busy(index.count, Filter(all=(Match("source", (source,)),)))
    absences = Absences(source, held - len(records), held, len(records), _count_lost(index, source, records))
    delete_absent(context, absences, [record.id for record in records], report)


def _fetch(index: VectorIndex, ids: list[str]) -> list[ImageRecord]:
    return list(retry_while_busy(index.fetch, ids).values())


def _count_lost(index: VectorIndex, source: str, gone: list[ImageRecord]) -> int:
    """Count the images whose bytes no other image of the source has. Renamed ones are not lost."""
    ids = {record.id for record in gone}
    indexed = [record for record in gone if record.status == "indexed"]
    kept: set[str | None] = set()
    for start in range(0, len(indexed), PAGE_SIZE):
        hashes = tuple(
            {each.content_hash for each in indexed[start : start + PAGE_SIZE] if each.content_hash is not None}
        )
        if hashes:
            same = Filter(all=(Match("source", (source,)), Match("content_hash", hashes)))
            found = retry_while_busy(index.scroll, same, limit=4 * PAGE_SIZE)
            kept.update(record.content_hash for record in found if record.id not in ids)
    return sum(record.content_hash not in kept for record in indexed)
