"""The third pass: reads what is written in pictures, from their sources."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import SEEN, UNREAD, Filter
from core.domain.image import ImageRecord
from core.domain.text_lines import LOOKED, UNREADABLE
from core.errors import BucketLensError, ImageError, Notice
from core.errors.hints import Hint, ReadTextAgain, UpdateLibrary
from core.imaging.decode_request import Decoded
from core.ports.text_reader import TextReader, TextReading
from core.ports.vector_index import TextUpdate
from ingest.captions.recaption_checkpoint import RecaptionCheckpoint, renew_sources
from ingest.pipeline.interrupts import Interrupted
from ingest.pipeline.picture_source import PictureReader, read_ahead
from ingest.pipeline.run_context import RunContext, retry_while_busy, scroll_while_busy
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.observer import time_stage
from ingest.telemetry.report import Progress, Report

_log = get_logger(__name__)

_BATCH = 8  # pictures: a few seconds of reading, and some 100 MB of pixels
_EXAMPLES = 10
_TRIED_AGAIN = SEEN & Filter(any=(Filter(all=(UNREAD,)), Match("text_reader", (UNREADABLE,))))

_Seen = Decoded | ImageError | str  # a picture, what is wrong with it, or why it cannot be had


class TextPass:
    """Reads images that nobody has looked at, in the order of their ids; each batch is written before the next.

    A picture in which a look finds no text is not read. `sources`: those whose pictures are read; None for all.
    `needed`: pictures that could not be read are tried again, and a reader that cannot be loaded is an error.
    With a checkpoint (`redo`) all pictures are read anew, source by source.
    """

    def __init__(
        self,
        context: RunContext,
        report: Report,
        redo: RecaptionCheckpoint | None = None,
        *,
        sources: Sequence[str] | None = None,
        needed: bool = False,
    ) -> None:
        self._context = context
        self._report = report
        self._checkpoint = redo
        self._needed = needed
        self._pictures = PictureReader(context, report)
        self._missed: list[str] = []
        self._failed: list[str] = []
        which = UNREAD if redo is None and not needed else _TRIED_AGAIN if redo is None else SEEN
        self._which = which if sources is None else which & Filter(all=(Match("source", tuple(sources)),))

    def run(self) -> Iterator[Progress]:
        """Read the pictures, and yield often. A reader that cannot be loaded becomes a notice, unless it is `needed`.

        Raises BucketLensError where it is.
        """
        total = retry_while_busy(self._context.index.count, self._which)
        if not total or self._context.stop.is_set() or self._context.text_reader is None:
            return
        try:
            reader = self._context.text_reader()
        except BucketLensError as error:
            if self._needed:
                raise
            self._report.notices.append(Notice.quoting(error, f"the text in {total:,} images has not been read: "))
            return
        with ThreadPoolExecutor(self._context.options.readers, "text") as readers:
            try:
                for done in self._fill(readers, reader) if self._checkpoint is None else self._renew(readers, reader):
                    yield Progress("text", done, total, self._report)
                    if self._context.stop.is_set():
                        return
            except Interrupted:
                return  # while a picture was being read: nothing has been written by half
            finally:
                if self._context.stop.is_set():
                    self._pictures.stop()
                readers.shutdown(wait=False, cancel_futures=True)
                self._report_examples()

    def _fill(self, readers: ThreadPoolExecutor, reader: TextReader) -> Iterator[int]:
        """Read what nobody has read. Yields how many have been dealt with."""
        done = 0
        yield done
        for batch in self._batches(readers, reader, self._which, None):
            self._read(reader, batch)
            done += len(batch)
            yield done

    def _renew(self, readers: ThreadPoolExecutor, reader: TextReader) -> Iterator[int]:
        assert self._checkpoint is not None
        if self._checkpoint.begin(reader.fingerprint):
            self._report.notices.append("going on with the renewal of texts that was cut off")
        yield from renew_sources(
            self._context,
            self._report,
            self._checkpoint,
            self._pictures,
            self._which,
            lambda which, after: self._batches(readers, reader, which, after),
            lambda batch: self._read(reader, batch),
        )

    def _batches(
        self, readers: ThreadPoolExecutor, reader: TextReader, which: Filter, after: str | None
    ) -> Iterator[list[tuple[ImageRecord, _Seen]]]:
        """Yield batches of records with their pictures, of which a few are decoded ahead."""
        return read_ahead(
            self._context,
            readers,
            scroll_while_busy(self._context.index, which, after=after),
            lambda record: self._pictures.read_picture(record, reader.longest_px),
            size=_BATCH,
            most=_BATCH + self._context.options.readers,
        )

    def _read(self, reader: TextReader, batch: list[tuple[ImageRecord, _Seen]]) -> None:
        """Read the pictures of a batch, and write what was found. One that cannot be had is left for the next time."""
        updates = [update for record, seen in batch if (update := self._make_update(reader, record, seen)) is not None]
        retry_while_busy(self._context.index.set_texts, updates)
        read = [update for update in updates if update.reader != UNREADABLE]
        self._report.text_read += len(read)
        self._report.text_found += sum(bool(update.lines) for update in read)
        self._report.unread_lines += sum(update.unread for update in read)
        _log.info("text_read", images=len(read), found=sum(bool(update.lines) for update in read))

    def _make_update(self, reader: TextReader, record: ImageRecord, seen: _Seen) -> TextUpdate | None:
        """Read one picture. What the reader fails at costs that picture alone."""
        if isinstance(seen, str):
            _log.warning("text_missed", uri=record.uri, reason=seen)
            self._report.text_missed += 1
            self._missed += [f"  {record.uri}: {seen}"] if len(self._missed) < _EXAMPLES else []
            return None
        if isinstance(seen, ImageError):
            return self._fail(record, str(seen))
        if seen.may_hold_text is False:
            return TextUpdate(record.id, (), LOOKED)
        picture, readings = seen.picture, list[TextReading]()
        assert picture is not None
        try:
            with time_stage(self._context.observer, "text"):
                self._context.run_interruptible(lambda: readings.append(reader.read(picture)))
        except Exception as error:  # what a runtime raises for one picture is not for us to list
            return self._fail(record, f"{type(error).__name__}: {error}")
        return TextUpdate(record.id, readings[0].lines, reader.fingerprint, readings[0].unread)

    def _fail(self, record: ImageRecord, reason: str) -> TextUpdate:
        """Leave the text as it is, to be tried again."""
        _log.warning("text_unreadable", uri=record.uri, reason=reason)
        self._report.text_failed += 1
        self._failed += [f"  {record.uri}: {reason}"] if len(self._failed) < _EXAMPLES else []
        return TextUpdate(record.id, record.text_lines, UNREADABLE, record.unread_lines or 0)

    def _report_examples(self) -> None:
        missed, failed = self._report.text_missed, self._report.text_failed
        self._tell(missed, self._missed, "because their pictures cannot be had", UpdateLibrary())
        self._tell(failed, self._failed, "because reading them failed", ReadTextAgain())

    def _tell(self, count: int, examples: Sequence[str], why: str, hint: Hint) -> None:
        if examples:
            more = f"\n  … {count - len(examples):,} more" if count > len(examples) else ""
            reason = f"the text in {count:,} images has not been read, {why}:\n" + "\n".join(examples) + more
            self._report.notices.append(Notice(reason, hint))
