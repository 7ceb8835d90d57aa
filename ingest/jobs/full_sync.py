"""A full run: every source, the captions, and what a killed run has left over."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

from core.domain.filtering.filters import UNCAPTIONED, UNREAD
from core.errors import Notice, StoreError, UsageError
from core.errors.hints import Advice
from core.ports.image_store import Explaining, ImageStore, Remarking, Remote, Selective
from core.ports.vector_index import VectorIndex
from ingest.captions.caption_pass import CaptionPass
from ingest.captions.human_captions import SourceCaptions, apply_human_captions
from ingest.captions.recaption_checkpoint import RecaptionCheckpoint
from ingest.jobs.reindex import carry_texts
from ingest.pipeline.image_pass import ImagePass
from ingest.pipeline.places import name_places
from ingest.pipeline.planner import Planner
from ingest.pipeline.removal import (
    count_excluded,
    count_indexed,
    indexed_sources,
    is_inside,
    may_lack,
    sweep_thumbnails,
    sync_deletions,
)
from ingest.pipeline.run_context import RunContext, retry_while_busy
from ingest.pipeline.thumbnail_pass import remake_thumbnails
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.report import Progress, Report
from ingest.text_reading.text_pass import TextPass

_log = get_logger(__name__)


def run_ingest(
    context: RunContext,
    stores: Sequence[ImageStore],
    report: Report,
    *,
    human_captions: Sequence[SourceCaptions] = (),
    sweep: bool = False,
    texts: VectorIndex | None = None,
) -> Iterator[Progress]:
    """Make the library equal to the stores, each of which is listed once, and fill in `report`.

    `human_captions`: captions of people for the stores' images.
    `sweep`: look for what a run that was cut off has left over.
    `texts`: another index of the library, whose texts are taken over where the bytes are the same.
    Raises UsageError, before anything is done, where a store lies inside a source that is indexed as a whole.
    """
    try:
        for store in select_stores(indexed_sources(context.index), stores, report.notices):
            if not context.stop.is_set():
                yield from _sync_source(context, store, report)
        yield from apply_human_captions(context, human_captions, report)
        if not context.stop.is_set():
            yield from name_places(context, report)
        if context.options.captions:
            yield from CaptionPass(context, report).run()
        if texts is not None:
            yield from carry_texts(texts, context, report)
        if context.options.text:
            yield from TextPass(context, report, sources=[store.source for store in stores]).run()
        if sweep and not context.stop.is_set():
            sweep_thumbnails(context)
            yield from remake_thumbnails(context, report)
        count_pending(context, report)
        changed = report.added or report.updated or report.captioned or report.human_captions or report.text_read
        if changed and not context.stop.is_set():
            context.run_interruptible(context.index.optimize)
    finally:
        report.interrupted = context.stop.is_set()
        report.seconds = time.monotonic() - report.started


def run_captions(context: RunContext, report: Report, redo: RecaptionCheckpoint | None = None) -> Iterator[Progress]:
    """Caption images that have no caption, and fill in `report`. Thumbnails that are missing are made again.

    `redo`: caption those too that a captioner has captioned, from where the checkpoint is.
    Raises ModelUnavailable where there is something to caption and no captioner.
    """
    try:
        yield from CaptionPass(context, report, redo, needed=True).run()
        if not context.stop.is_set():
            yield from remake_thumbnails(context, report)
        count_pending(context, report)
        if report.captioned and not context.stop.is_set():
            context.run_interruptible(context.index.optimize)
    finally:
        report.interrupted = context.stop.is_set()
        report.seconds = time.monotonic() - report.started


def run_text_reading(
    context: RunContext, report: Report, redo: RecaptionCheckpoint | None = None
) -> Iterator[Progress]:
    """Read the text in images that nobody has looked at, or failed at, and fill in `report`.

    `redo`: read that of all images anew, from where the checkpoint is.
    Raises BucketLensError where there is something to read and no reader.
    """
    try:
        yield from TextPass(context, report, redo, needed=True).run()
        count_pending(context, report)
        if report.text_read and not context.stop.is_set():
            context.run_interruptible(context.index.optimize)
    finally:
        report.interrupted = context.stop.is_set()
        report.seconds = time.monotonic() - report.started


def count_pending(context: RunContext, report: Report) -> None:
    """Count what is left for another run: images without a caption, and where text is read, those not looked at."""
    report.pending_captions = retry_while_busy(context.index.count, UNCAPTIONED)
    if context.options.text:
        report.pending_text = retry_while_busy(context.index.count, UNREAD)


def select_stores(indexed: Sequence[str], stores: Sequence[ImageStore], notices: list[str]) -> list[ImageStore]:
    """Return the stores without repeats, and without those that lie inside another, which reads them anyway.

    Adds to `notices`. Raises UsageError where a store lies inside one of the `indexed` sources.
    """
    chosen: dict[str, ImageStore] = {}
    for store in stores:
        name = store.source
        outer = next((other for other in indexed if is_inside(name, other)), None)
        if outer is not None and outer not in {each.source for each in stores}:
            raise UsageError(
                f"{name} is a part of {outer}, which is in this library already; its images would be there twice",
                Advice(f"ingest {outer} to bring them up to date"),
            )
        around = next((each.source for each in stores if is_inside(name, each.source)), None)
        if around is not None:
            notices.append(f"{name} is a part of {around} and was read with it")
        else:
            chosen.setdefault(name, store)
    return list(chosen.values())


def _sync_source(context: RunContext, store: ImageStore, report: Report) -> Iterator[Progress]:
    held = count_indexed(context.index, store.source)
    skipped = report.skipped
    options = context.options
    planner = Planner(
        store,
        context.index,
        retry_failed=options.retry_failed,
        recheck=options.recheck,
        observer=context.observer,
    )
    images = ImagePass(context, store, planner, report)
    broken: StoreError | None = None
    try:
        for progress in images.run():
            report.skipped = skipped + planner.skipped + images.skipped
            yield progress
    except StoreError as error:
        broken = error
    finally:
        if not planner.ended and isinstance(store, Remote):
            store.stop()
        planner.close()
        report.skipped = skipped + planner.skipped + images.skipped
    if context.stop.is_set():
        return
    complete = "no" if planner.problem else "yes"
    _log.info("source_listed", source=store.source, images=len(planner.listed), complete=complete)
    excluded = count_excluded(store)
    if isinstance(store, Selective):
        report.ignored += sum(store.ignored.values()) - excluded
        report.excluded += excluded
    if isinstance(store, Remarking):
        report.notices.extend(store.remarks)
    _report_archived(store.source, planner.archived + images.archived, report)
    problem = broken or planner.problem
    if isinstance(store, Explaining):
        if problem is None and not held and not len(planner.listed):
            report.notices.append(store.explain_empty())
        if images.reread_example is not None and 2 * images.reread > planner.known:
            report.notices.append(store.explain_rereading(images.reread, planner.known, images.reread_example))
    if problem is not None:
        report.problems.append(Notice.quoting(problem, after="; nothing was deleted"))
    elif may_lack(context.index, store.source, planner.listed, known=planner.known - planner.forgotten, held=held):
        sync_deletions(context, store.source, planner.listed, report, excluded=excluded)


def _report_archived(source: str, archived: Counter[str], report: Report) -> None:
    report.ignored += archived.total()
    for reason, count in archived.items():
        report.notices.append(f"{count:,} objects of {source} were passed over: {reason}")
