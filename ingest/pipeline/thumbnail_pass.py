"""Makes thumbnails again that are missing."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from core.domain.filtering.filters import SEEN
from core.domain.image import ImageRecord
from ingest.pipeline.picture_source import PictureReader, wait_until_done
from ingest.pipeline.plan import IdSet
from ingest.pipeline.run_context import RunContext, scroll_while_busy
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.report import Progress, Report

_log = get_logger(__name__)


def remake_thumbnails(context: RunContext, report: Report) -> Iterator[Progress]:
    """Make the missing thumbnails of all images whose pictures have been read, from the pictures.

    Those whose pictures cannot be had are counted in a notice.
    """
    there = IdSet()
    for image_id in context.thumbnails.ids():
        there.add(image_id)
    pictures, missed = PictureReader(context, report), 0
    with ThreadPoolExecutor(context.options.readers, "thumbnails") as readers:
        try:
            for page in _find_missing(context, there):
                work = [readers.submit(pictures.remake_thumbnail, record) for record in page]
                if not wait_until_done(work, context.stop):
                    return
                lost = _count_missed(page, work)
                missed += lost
                report.thumbnails += len(page) - lost
                yield Progress("thumbnails", report.thumbnails, None, report)
        finally:
            if context.stop.is_set():
                pictures.stop()
            readers.shutdown(wait=False, cancel_futures=True)
    if missed:
        report.notices.append(f"{missed:,} thumbnails are missing, and their pictures cannot be had")


def _find_missing(context: RunContext, there: IdSet) -> Iterator[list[ImageRecord]]:
    for page in scroll_while_busy(context.index, SEEN):
        absent = set(there.find_absent(record.id for record in page))
        if absent:
            yield [record for record in page if record.id in absent]


def _count_missed(page: list[ImageRecord], work: list["Future[str | None]"]) -> int:
    reasons = [(record, each.result()) for record, each in zip(page, work, strict=True)]
    for record, reason in reasons:
        if reason is not None:
            _log.warning("no_thumbnail", uri=record.uri, reason=reason)
    return sum(reason is not None for _, reason in reasons)
