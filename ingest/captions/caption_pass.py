"""The second pass: captions images that have none, from their thumbnails, or writes captions anew from the pictures."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from core.domain.filtering.filters import PEOPLE_ALONE, SEEN, UNCAPTIONED, UNTOLD, Filter
from core.domain.image import ImageRecord
from core.errors import ModelUnavailable, Notice, disk_fault
from core.imaging.decode_request import PixelSpec
from core.ports.encoders import Captioner
from core.text.caption_flaws import review_caption
from ingest.captions.boilerplate import CaptionCounts, count_captions, find_boilerplate
from ingest.captions.recaption_checkpoint import RecaptionCheckpoint, renew_sources
from ingest.pipeline.caption_updates import CaptionTexts, caption_updates, get_human_captions
from ingest.pipeline.interrupts import Interrupted
from ingest.pipeline.picture_source import PictureReader, PixelsOrReason, read_ahead
from ingest.pipeline.run_context import RunContext, retry_while_busy, scroll_while_busy
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.observer import time_stage
from ingest.telemetry.report import Progress, Report

_log = get_logger(__name__)

_BATCHES_AHEAD = 3


class CaptionPass:
    """Captions images in the order of their ids; each batch is written before the next is begun.

    Images that people have captioned are left out, unless the options say otherwise. What people wrote stays.
    With a checkpoint (`redo`) captions of a captioner are written anew too, source by source.
    `needed`: a captioner that cannot be loaded is an error.
    """

    def __init__(
        self, context: RunContext, report: Report, redo: RecaptionCheckpoint | None = None, *, needed: bool = False
    ) -> None:
        self._context = context
        self._report = report
        self._checkpoint = redo
        self._needed = needed
        self._pictures = PictureReader(context, report)
        self._counts = CaptionCounts()
        everything = context.options.caption_all
        if redo is None:
            self._which = UNTOLD if everything else UNCAPTIONED
        else:
            self._which = SEEN if everything else SEEN & Filter(none=(PEOPLE_ALONE,))

    def run(self) -> Iterator[Progress]:
        """Caption the images, and yield often.

        A captioner that cannot be loaded becomes a notice. Raises ModelUnavailable instead where it is `needed`.
        """
        total = retry_while_busy(self._context.index.count, self._which)
        if self._context.stop.is_set():
            return
        unjudged = self._read_unjudged()
        if not total:
            if unjudged:
                self._mark_boilerplate(unjudged, whole=True)
            return
        try:
            captioner = self._context.captioner()
        except ModelUnavailable as error:
            if self._needed:
                raise
            self._report.notices.append(Notice.quoting(error, f"{total:,} images have no caption yet: "))
            return
        self._context.encoder()  # at once, where nothing is under way
        self._put_unjudged(captioner.fingerprint)
        with ThreadPoolExecutor(self._context.options.readers, "captions") as readers:
            try:
                for done in (
                    self._fill(readers, captioner) if self._checkpoint is None else self._renew(readers, captioner)
                ):
                    yield Progress("captions", done, total, self._report)
                    if self._context.stop.is_set():
                        return
                self._mark_boilerplate(captioner.fingerprint, whole=unjudged == captioner.fingerprint)
            except Interrupted:
                return  # while captions were being thought of: nothing has been written by half
            finally:
                if self._context.stop.is_set():
                    self._pictures.stop()
                readers.shutdown(wait=False, cancel_futures=True)
                self._pictures.report_missed()

    def _fill(self, readers: ThreadPoolExecutor, captioner: Captioner) -> Iterator[int]:
        """Caption images without a caption. Yields how many have been dealt with."""
        done = 0
        yield done
        for batch in self._batches(readers, captioner.pixels, self._which, None):
            self._caption(captioner, batch)
            done += len(batch)
            yield done

    def _renew(self, readers: ThreadPoolExecutor, captioner: Captioner) -> Iterator[int]:
        """Caption as `_fill` does, source by source."""
        assert self._checkpoint is not None
        if self._checkpoint.begin(captioner.fingerprint + ("+all" if self._context.options.caption_all else "")):
            self._report.notices.append("going on with the renewal of captions that was cut off")
        yield from renew_sources(
            self._context,
            self._report,
            self._checkpoint,
            self._pictures,
            self._which,
            lambda which, after: self._batches(readers, captioner.pixels, which, after),
            lambda batch: self._caption(captioner, batch),
        )

    def _batches(
        self, readers: ThreadPoolExecutor, spec: PixelSpec, which: Filter, after: str | None
    ) -> Iterator[list[tuple[ImageRecord, PixelsOrReason]]]:
        """Yield batches of records with their pixels, which are decoded a few batches ahead."""
        size = self._context.options.batch_size
        show = self._pictures.read_small if self._checkpoint is None else self._pictures.read_whole
        return read_ahead(
            self._context,
            readers,
            scroll_while_busy(self._context.index, which, after=after),
            lambda record: show(record, spec),
            size=size,
            most=_BATCHES_AHEAD * size,
        )

    def _caption(self, captioner: Captioner, batch: list[tuple[ImageRecord, PixelsOrReason]]) -> None:
        """Write the captions of a batch. An empty caption counts as one, so that its image does not stay pending."""
        shown = [(record, pixels) for record, pixels in batch if not isinstance(pixels, str)]
        for record, reason in batch:
            if isinstance(reason, str):
                self._pictures.record_missed(record, reason)
        if not shown:
            return
        captions: list[str] = []
        with time_stage(self._context.observer, "caption"):
            stacked = np.stack([pixels for _, pixels in shown])
            self._context.run_interruptible(lambda: captions.extend(captioner.caption(stacked)))
        reviewed = [review_caption(said) for said in captions]
        caption_texts = [
            CaptionTexts(
                record, get_human_captions(record), told.text, captioner.fingerprint, told.flaw, captioner.language
            )
            for (record, _), told in zip(shown, reviewed, strict=True)
        ]
        self._write(caption_texts)
        self._report.captioned += len(caption_texts)
        flaws = [told.flaw for told in reviewed if told.flaw is not None]
        self._report.caption_flaws.update(flaws)
        self._counts.add(told.text for told in reviewed if told.flaw != "boilerplate" and told.text)
        _log.info("captioned", images=len(caption_texts), empty=flaws.count("empty"), flawed=len(flaws))

    def _mark_boilerplate(self, captioner: str, *, whole: bool) -> None:
        """Mark captions that were given to many pictures, as unlike each other as any.

        `whole`: a run before was cut off, so that all captions of the captioner are looked at.
        """
        counts = count_captions(self._context.index, captioner) if whole else self._counts
        told = self._report.caption_flaws
        for records in find_boilerplate(self._context.index, counts, captioner):
            self._write([replace(CaptionTexts.of(record), flaw="boilerplate") for record in records])
            for record in records:
                if record.caption_flaw and told[record.caption_flaw]:  # else it is of a run before
                    told[record.caption_flaw] -= 1
            told["boilerplate"] += len(records)
            _log.info("boilerplate", images=len(records))
        if notice := self._counts.describe_monotony():
            self._report.notices.append(notice)
        if self._context.unjudged is not None:
            self._context.unjudged.delete()

    def _read_unjudged(self) -> str | None:
        """Return the captioner of a run that was cut off before its captions were compared."""
        state = self._context.unjudged and self._context.unjudged.read()
        captioner = state and state.get("captioner")
        return captioner if isinstance(captioner, str) else None

    def _put_unjudged(self, captioner: str) -> None:
        """Record that captions are written which have to be compared. Raises LibraryError."""
        if (file := self._context.unjudged) is not None:
            try:
                file.write({"captioner": captioner})
            except OSError as error:
                raise disk_fault(file.path.parent, error) from error

    def _write(self, caption_texts: list[CaptionTexts]) -> None:
        updates = caption_updates(self._context.index, self._context.encoder, caption_texts)
        retry_while_busy(self._context.index.set_captions, updates)
