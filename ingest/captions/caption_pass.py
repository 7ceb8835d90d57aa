"""The second pass: captions what has no caption, from the thumbnails; or renews captions, from the pictures."""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np

from core.domain.conditions import Match
from core.domain.filters import PEOPLE_ALONE, SEEN, UNCAPTIONED, UNTOLD, Filter
from core.domain.image import ImageRecord
from core.errors import ModelUnavailable, Notice
from core.imaging.decoder import PixelSpec
from core.ports.encoders import Captioner
from ingest.captions.recaption_checkpoint import Place, RedoMark
from ingest.pipeline.caption_updates import Wording, caption_updates, written
from ingest.pipeline.interrupts import Interrupted
from ingest.pipeline.picture_source import Pictures, Shown, finished
from ingest.pipeline.run_context import Parts, patiently
from ingest.telemetry.log_events import event
from ingest.telemetry.observer import timed
from ingest.telemetry.report import Progress, Report

_log = logging.getLogger(__name__)

_PAGE = 1000
_BATCHES_AHEAD = 3
_ALL_SOURCES = 1_000_000


class CaptionPass:
    """Captions images in the order of their ids; each batch is on record before the next is begun.

    Those that people have captioned are left out, unless the options say otherwise; what people wrote stays. With a
    `redo` mark captions are renewed too, source by source. `needed`: a captioner that cannot be loaded is an error.
    """

    def __init__(self, parts: Parts, report: Report, redo: RedoMark | None = None, *, needed: bool = False) -> None:
        self._parts = parts
        self._report = report
        self._redo = redo
        self._needed = needed
        self._pictures = Pictures(parts, report)
        everything = parts.options.caption_all
        if redo is None:
            self._which = UNTOLD if everything else UNCAPTIONED
        else:
            self._which = SEEN if everything else SEEN & Filter(none=(PEOPLE_ALONE,))

    def run(self) -> Iterator[Progress]:
        """A captioner that cannot be loaded becomes a notice, or is raised as ModelUnavailable where it is `needed`."""
        total = patiently(self._parts.index.count, self._which)
        if not total or self._parts.stop.is_set():
            return
        try:
            captioner = self._parts.captioner()
        except ModelUnavailable as error:
            if self._needed:
                raise
            self._report.notices.append(Notice.quoting(error, f"{total:,} images have no caption yet: "))
            return
        self._parts.encoder()  # at once, where nothing is under way
        with ThreadPoolExecutor(self._parts.options.readers, "captions") as readers:
            try:
                for done in self._fill(readers, captioner) if self._redo is None else self._renew(readers, captioner):
                    yield Progress("captions", done, total, self._report)
                    if self._parts.stop.is_set():
                        return
            except Interrupted:
                return  # while captions were being thought of: nothing has been written by half
            finally:
                if self._parts.stop.is_set():
                    self._pictures.stop()
                readers.shutdown(wait=False, cancel_futures=True)
                self._pictures.tell()

    def _fill(self, readers: ThreadPoolExecutor, captioner: Captioner) -> Iterator[int]:
        """Yields how many images have been dealt with."""
        done = 0
        yield done
        for batch in self._batches(readers, captioner.pixels, self._which, None):
            self._caption(captioner, batch)
            done += len(batch)
            yield done

    def _renew(self, readers: ThreadPoolExecutor, captioner: Captioner) -> Iterator[int]:
        """As `_fill`; a source that cannot be read is left where it is, for the next time."""
        assert self._redo is not None
        if self._redo.begin(captioner.fingerprint + ("+all" if self._parts.options.caption_all else "")):
            self._report.notices.append("going on with the renewal of captions that was cut off")
        sources = patiently(lambda: self._parts.index.facet("source", self._which, limit=_ALL_SOURCES))
        others, complete = 0, True
        for source, _ in sources:
            place = self._redo.place(source)
            yield others + place.done
            if not place.complete:
                own = self._which & Filter(all=(Match("source", (source,)),))
                for batch in self._batches(readers, captioner.pixels, own, place.after):
                    if self._pictures.broken(source):
                        break
                    self._caption(captioner, batch)
                    place = Place(batch[-1][0].id, place.done + len(batch))
                    self._redo.put(source, place)
                    yield others + place.done
                if self._parts.stop.is_set():
                    return
                if trouble := self._pictures.broken(source):
                    after = f"; the same command goes on with {source} where it stopped"
                    self._report.problems.append(Notice.quoting(trouble, after=after))
                    complete = False
                else:
                    self._redo.put(source, Place(place.after, place.done, complete=True))
            others += place.done
        if complete:
            self._redo.end()

    def _batches(
        self, readers: ThreadPoolExecutor, spec: PixelSpec, which: Filter, after: str | None
    ) -> Iterator[list[tuple[ImageRecord, Shown]]]:
        """Records with their pixels, decoded a few batches ahead."""
        size = self._parts.options.batch_size
        ahead: deque[tuple[ImageRecord, Future[Shown]]] = deque()
        records = self._records(which, after)
        show = self._pictures.small if self._redo is None else self._pictures.whole
        while True:
            for record in islice(records, _BATCHES_AHEAD * size - len(ahead)):
                ahead.append((record, readers.submit(show, record, spec)))
            if not ahead:
                return
            head = [ahead.popleft() for _ in range(min(size, len(ahead)))]
            if not finished((future for _, future in head), self._parts.stop):
                return
            yield [(record, future.result()) for record, future in head]

    def _records(self, which: Filter, after: str | None) -> Iterator[ImageRecord]:
        while page := patiently(self._parts.index.scroll, which, after=after, limit=_PAGE):
            yield from page
            after = page[-1].id

    def _caption(self, captioner: Captioner, batch: list[tuple[ImageRecord, Shown]]) -> None:
        """Write the captions of a batch. An empty caption is one too, so that it does not stay pending for ever."""
        shown = [(record, pixels) for record, pixels in batch if not isinstance(pixels, str)]
        for record, reason in batch:
            if isinstance(reason, str):
                self._pictures.missed(record, reason)
        if not shown:
            return
        captions: list[str] = []
        with timed(self._parts.observer, "caption"):
            stacked = np.stack([pixels for _, pixels in shown])
            self._parts.at_once(lambda: captions.extend(captioner.caption(stacked)))
        wordings = [
            Wording(record, written(record), text, captioner.fingerprint)
            for (record, _), text in zip(shown, captions, strict=True)
        ]
        updates = caption_updates(self._parts.index, self._parts.encoder, wordings)
        patiently(self._parts.index.set_captions, updates)
        self._report.captioned += len(updates)
        _log.info(event("captioned", images=len(updates), empty=captions.count("")))
