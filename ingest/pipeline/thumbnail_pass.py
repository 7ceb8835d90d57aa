"""Makes thumbnails again that are missing, as where somebody has deleted them."""

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from core.domain.filters import SEEN
from core.domain.image import ImageRecord
from ingest.pipeline.picture_source import Pictures, finished
from ingest.pipeline.plan import IdSet
from ingest.pipeline.run_context import Parts, patient_pages
from ingest.telemetry.log_events import event
from ingest.telemetry.report import Progress, Report

_log = logging.getLogger(__name__)


def remake_thumbnails(parts: Parts, report: Report) -> Iterator[Progress]:
    """Of all images whose pictures have been read, from these; those that cannot be had are counted in a notice."""
    there = IdSet()
    for image_id in parts.thumbnails.ids():
        there.add(image_id)
    pictures, missed = Pictures(parts, report), 0
    with ThreadPoolExecutor(parts.options.readers, "thumbnails") as readers:
        try:
            for page in _missing(parts, there):
                work = [readers.submit(pictures.thumbnail, record) for record in page]
                if not finished(work, parts.stop):
                    return
                lost = _told(page, work)
                missed += lost
                report.thumbnails += len(page) - lost
                yield Progress("thumbnails", report.thumbnails, None, report)
        finally:
            if parts.stop.is_set():
                pictures.stop()
            readers.shutdown(wait=False, cancel_futures=True)
    if missed:
        report.notices.append(f"{missed:,} thumbnails are missing, and their pictures cannot be had")


def _missing(parts: Parts, there: IdSet) -> Iterator[list[ImageRecord]]:
    for page in patient_pages(parts.index, SEEN):
        absent = set(there.absent(record.id for record in page))
        if absent:
            yield [record for record in page if record.id in absent]


def _told(page: list[ImageRecord], work: list["Future[str | None]"]) -> int:
    reasons = [(record, each.result()) for record, each in zip(page, work, strict=True)]
    for record, reason in reasons:
        if reason is not None:
            _log.warning(event("no_thumbnail", uri=record.uri, reason=reason))
    return sum(reason is not None for _, reason in reasons)
