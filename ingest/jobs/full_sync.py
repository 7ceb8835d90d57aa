"""One ingest from beginning to end: every source, the captions, what to clear away."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from core.domain.conditions import Match
from core.domain.filters import UNCAPTIONED, Filter
from core.errors import Notice, StoreError, UsageError
from core.errors.hints import Advice
from core.ports.image_store import ImageStore, Remote, Selective
from ingest.captions.caption_pass import CaptionPass
from ingest.captions.human_captions import Given, give_captions
from ingest.captions.recaption_checkpoint import RedoMark
from ingest.pipeline.image_pass import ImagePass
from ingest.pipeline.planner import Planner
from ingest.pipeline.removal import indexed_sources, is_inside, remove_absent, sweep_thumbnails
from ingest.pipeline.run_context import Parts, patiently
from ingest.pipeline.thumbnail_pass import remake_thumbnails
from ingest.telemetry.log_events import event
from ingest.telemetry.report import Progress, Report

_log = logging.getLogger(__name__)


def run_ingest(
    parts: Parts,
    stores: Sequence[ImageStore],
    report: Report,
    *,
    given: Sequence[Given] = (),
    sweep: bool = False,
) -> Iterator[Progress]:
    """Makes the library equal to the stores, each of which is listed once, and fills in `report` as it goes.

    `given`: captions of people for the stores' images. `sweep`: look for what a run that was cut off has left over.
    Raises UsageError before anything is done where a store lies inside a source that is indexed as a whole.
    """
    try:
        for store in distinct(indexed_sources(parts.index), stores, report.notices):
            if not parts.stop.is_set():
                yield from _one_source(parts, store, report)
        yield from give_captions(parts, given, report)
        if parts.options.captions:
            yield from CaptionPass(parts, report).run()
        if sweep and not parts.stop.is_set():
            sweep_thumbnails(parts)
            yield from remake_thumbnails(parts, report)
        report.pending_captions = patiently(parts.index.count, UNCAPTIONED)
        if (report.added or report.updated or report.captioned or report.human_captions) and not parts.stop.is_set():
            parts.at_once(parts.index.optimize)
    finally:
        report.interrupted = parts.stop.is_set()
        report.seconds = time.monotonic() - report.started


def run_captions(parts: Parts, report: Report, redo: RedoMark | None = None) -> Iterator[Progress]:
    """Captions what has no caption, with a mark also what a captioner has captioned, and fills in `report` as it goes.

    Makes missing thumbnails again. Raises ModelUnavailable where there is something to caption and no captioner.
    """
    try:
        yield from CaptionPass(parts, report, redo, needed=True).run()
        if not parts.stop.is_set():
            yield from remake_thumbnails(parts, report)
        report.pending_captions = patiently(parts.index.count, UNCAPTIONED)
        if report.captioned and not parts.stop.is_set():
            parts.at_once(parts.index.optimize)
    finally:
        report.interrupted = parts.stop.is_set()
        report.seconds = time.monotonic() - report.started


def distinct(indexed: Sequence[str], stores: Sequence[ImageStore], notices: list[str]) -> list[ImageStore]:
    """The stores without repeats and without those that lie inside another, which reads them anyway.

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


def _one_source(parts: Parts, store: ImageStore, report: Report) -> Iterator[Progress]:
    own = Filter(all=(Match("source", (store.source,)),))
    held = patiently(parts.index.count, own)
    skipped = report.skipped
    planner = Planner(store, parts.index, retry_failed=parts.options.retry_failed, observer=parts.observer)
    images = ImagePass(parts, store, planner, report)
    broken: StoreError | None = None
    try:
        for progress in images.run():
            report.skipped = skipped + planner.skipped
            yield progress
    except StoreError as error:
        broken = error
    finally:
        if not planner.ended and isinstance(store, Remote):
            store.stop()
        planner.close()
        report.skipped = skipped + planner.skipped
    if parts.stop.is_set():
        return
    complete = "no" if planner.problem else "yes"
    _log.info(event("source_listed", source=store.source, images=len(planner.listed), complete=complete))
    if isinstance(store, Selective):
        report.ignored += sum(store.ignored.values())
    _tell_withheld(store.source, planner.withheld + images.withheld, report)
    problem = broken or planner.problem
    if problem is not None:
        report.problems.append(Notice.quoting(problem, after="; nothing was deleted"))
    elif planner.known - planner.forgotten < held or any(
        is_inside(name, store.source) for name in indexed_sources(parts.index)
    ):
        remove_absent(parts, store.source, planner.listed, report)


def _tell_withheld(source: str, withheld: Counter[str], report: Report) -> None:
    report.ignored += withheld.total()
    for reason, count in withheld.items():
        report.notices.append(f"{count:,} objects of {source} were passed over: {reason}")
