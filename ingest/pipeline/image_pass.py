"""The first pass: makes the images of one source searchable."""

import queue
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from core.domain.etag import is_same_file
from core.domain.image import UNREAD_ETAG, ImageRef
from core.domain.vectors import Matrix
from core.errors import StoreError
from core.imaging.decode_request import DecodeRequest
from core.ports.encoders import Encoder
from core.ports.image_store import ImageStore, Remote
from core.search.tile_encoding import encode_pictures
from ingest.pipeline.fetch_and_decode import (
    Archived,
    CaptionsChanged,
    Failed,
    FetchResult,
    Gone,
    ImageLoader,
    Ready,
    Unchanged,
)
from ingest.pipeline.places import PlaceNamer
from ingest.pipeline.plan import Step
from ingest.pipeline.planner import Planner
from ingest.pipeline.point_writer import WRITE_SECONDS, PointWriter
from ingest.pipeline.points import (
    Donors,
    build_failed_point,
    build_imported_point,
    build_indexed_point,
)
from ingest.pipeline.run_context import RunContext, optimize_at_times, retry_while_busy
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.report import Progress, Report

_log = get_logger(__name__)

_TICK = 0.2  # seconds between two looks at the clock
_ENCODINGS = 2  # batches given to the device at once: one at work, one waiting


class ImagePass:
    """Reads, decodes, encodes and writes what a planner says, all four at once, with a bounded look-ahead.

    Images are loaded in threads, over the processes of the decode workers, and encoded in a thread of its own.
    The object itself is used by one thread, which plans ahead, gathers batches and writes.
    `archived` counts, by reason, what could not be read.
    `reread` counts what was read again for another etag, and has the bytes on record; `reread_example` is one of those.
    """

    def __init__(self, context: RunContext, store: ImageStore, planner: Planner, report: Report) -> None:
        self.archived: Counter[str] = Counter()
        self.reread = 0
        self.reread_example: ImageRef | None = None
        self._context = context
        self._store = store
        self._namer = PlaceNamer(context, report)
        self._planner = planner
        self._report = report
        self._outcomes: queue.SimpleQueue[Future[FetchResult]] = queue.SimpleQueue()
        self._under_way = 0
        self._done = 0
        self._batch: list[Ready] = []
        self._batched_at = 0.0
        self._encodings: deque[tuple[list[Ready], Future[tuple[Matrix, float]]]] = deque()
        self._writer = PointWriter(context, report)
        self._readers = max(context.options.readers, store.readers if isinstance(store, Remote) else 0)
        self._store_error: StoreError | None = None

    def run(self) -> Iterator[Progress]:
        """Work until everything that is planned has been written, or `stop`. Yields often.

        Raises StoreError, after having written what was read, where the store as a whole cannot be read any more.
        """
        step = self._first_step()
        if step is None:
            return
        encoder = self._context.encoder()
        if encoder.remark and encoder.remark not in self._report.notices:
            self._report.notices.append(encoder.remark)
        started = time.monotonic()
        options = self._context.options
        loader = ImageLoader(
            self._store,
            self._context.decoder,
            self._context.thumbnails,
            DecodeRequest(encoder.pixels, options.thumbnail_px, tiles=True, text_look=options.text),
            self._context.observer,
            settle_seconds=options.settle_seconds,
            refresh=options.recheck,
        )
        readers = ThreadPoolExecutor(self._readers, "prepare")
        device = ThreadPoolExecutor(1, "encode")
        try:
            self._submit(readers, loader, step)
            while not (self._context.stop.is_set() or self._store_error) and self._has_work():
                self._look_ahead(readers, loader)
                self._gather()
                self._encode(device, encoder)
                self._collect(encoder, _ENCODINGS if self._under_way else 0)
                before, self._done = self._done, self._done + self._writer.write()
                optimize_at_times(self._context, before, self._done)
                yield self._progress()
        finally:
            if self._context.stop.is_set():
                self._context.decoder.close()  # ends what the readers wait for
                if isinstance(self._store, Remote):
                    self._store.stop()
            readers.shutdown(cancel_futures=True)
            device.shutdown(cancel_futures=True)
            self._report.image_seconds += time.monotonic() - started
            _log.info(
                "first_pass_ended", seconds=self._report.image_seconds, encode_seconds=self._report.encode_seconds
            )
        self._collect(encoder, 0)
        self._done += self._writer.write(whole=True)
        self._report_sidecars(loader.unread_sidecars)
        if anew := self._writer.reencoded:
            self._report.notices.append(
                f"{anew:,} pictures that are longer than 2 : 1 were encoded anew: until now searches knew only the "
                "middle of them"
            )
        yield self._progress()
        if self._store_error is not None:
            raise self._store_error

    @property
    def skipped(self) -> int:
        """How many images were read again and are as before."""
        return self._writer.skipped

    def _first_step(self) -> Step | None:
        while not self._context.stop.is_set():
            step = self._planner.next(_TICK)
            if step is not None or self._planner.ended:
                return step
        return None

    def _has_work(self) -> bool:
        return bool(not self._planner.ended or self._under_way or self._batch or self._encodings)

    def _progress(self) -> Progress:
        return Progress("images", self._done, self._planner.total, self._report)

    def _submit(self, readers: ThreadPoolExecutor, loader: ImageLoader, step: Step) -> None:
        self._under_way += 1
        readers.submit(loader.load, step).add_done_callback(self._outcomes.put)

    def _look_ahead(self, readers: ThreadPoolExecutor, loader: ImageLoader) -> None:
        """Keep a bounded number of images under way, with those that wait for the device."""
        most = 4 * max(self._context.options.batch_size, self._readers)
        while self._under_way + len(self._batch) < most:
            idle = not (self._under_way or self._batch or self._encodings)
            step = self._planner.next(_TICK if idle else 0)
            if step is None:
                return
            self._submit(readers, loader, step)

    def _gather(self) -> None:
        """Take what has been loaded, until a batch is full or nothing has come for a while."""
        while self._under_way and len(self._batch) < self._context.options.batch_size:
            try:
                outcome = self._outcomes.get(timeout=_TICK).result()
            except queue.Empty:
                return
            except StoreError as error:
                self._store_error = error
                return
            self._under_way -= 1
            if outcome.step.kind == "recheck" and self._context.options.recheck:
                self._report.rechecked += not isinstance(outcome, Archived | Gone)
            match outcome:
                case Ready(step, decoded):
                    outcome = Ready(step, replace(decoded, metadata=self._namer.name(decoded.metadata)))
                    self._batched_at = self._batched_at if self._batch else time.monotonic()
                    self._batch.append(outcome)
                case Unchanged(step, metadata):
                    told = None if metadata is None else self._namer.name(metadata)
                    self._writer.add_unchanged(Unchanged(step, told))
                    self._count_reread(step)
                case CaptionsChanged(step):
                    self._writer.add_captions(step)
                case Failed():
                    self._record_failure(outcome)
                case Archived(step, reason):
                    self._done += 1
                    self.archived[reason] += 1
                    _log.info("withheld", uri=step.ref.uri, reason=reason)
                case Gone(step):
                    self._done += 1
                    self._planner.forget(step)
                    _log.info("gone_before_read", uri=step.ref.uri)

    def _count_reread(self, step: Step) -> None:
        known = step.known
        if known is not None and known.etag not in ("", UNREAD_ETAG) and not is_same_file(step.ref, known):
            self.reread += 1
            self.reread_example = step.ref

    def _record_failure(self, failure: Failed) -> None:
        step = failure.step
        _log.info("image_failed", uri=step.ref.uri, reason=failure.reason)
        if failure.unsettled:
            self._report.unsettled.append(step.ref)
        known = step.known
        if known is not None and known.status == "indexed" and (failure.keep_indexed or known.etag == UNREAD_ETAG):
            self._report.failed += 1
            self._done += 1
            if known.etag == UNREAD_ETAG and not failure.transient:
                retry_while_busy(
                    self._context.index.set_refs, [(step.id, step.ref)]
                )  # there is no use in reading it again
            self._report.notices.append(f"{step.ref.uri} stays as it was indexed: {failure.reason}")
        else:
            self._writer.add_point(step, build_failed_point(failure, self._context.index.info.fingerprint))

    def _encode(self, device: ThreadPoolExecutor, encoder: Encoder) -> None:
        """Give a batch to the device when it is full, when nothing more comes, or when it has waited for long."""
        if not self._batch:
            return
        full = len(self._batch) >= self._context.options.batch_size
        waited = time.monotonic() - self._batched_at > WRITE_SECONDS
        if not (full or waited or (self._planner.ended and not self._under_way)):
            return
        batch, self._batch = self._batch, []
        donors = Donors(self._context.index, (ready.decoded.content_hash for ready in batch))
        new = []
        for ready in batch:
            point = build_imported_point(ready.step, ready.decoded, self._context.index, encoder)
            point = point or donors.point(ready.step, ready.decoded)
            if point is None:
                new.append(ready)
            else:
                self._writer.add_point(ready.step, point)
                self._report.reused += 1
        if new:
            self._encodings.append((new, device.submit(_encode_timed, encoder, new)))

    def _collect(self, encoder: Encoder, most: int) -> None:
        """Make points of encodings that are done, and wait while over `most` are under way."""
        while self._encodings and (len(self._encodings) > most or self._encodings[0][1].done()):
            batch, encoding = self._encodings.popleft()
            if encoding.cancelled():
                continue
            vectors, seconds = encoding.result()
            self._report.encode_seconds += seconds
            self._context.observer.observe_duration("encode", seconds)
            for ready, vector in zip(batch, vectors, strict=True):
                point = build_indexed_point(ready.step, ready.decoded, vector, self._context.index, encoder)
                self._writer.add_point(ready.step, point)

    def _report_sidecars(self, unread: list[str]) -> None:
        if unread:
            more = f" … and {len(unread) - 1:,} more" if len(unread) > 1 else ""
            self._report.notices.append(f"sidecars could not be read, their pictures were: {unread[0]}{more}")


def _encode_timed(encoder: Encoder, batch: list[Ready]) -> tuple[Matrix, float]:
    """Encode a batch. Return its vectors, (N, D), and the seconds that they took."""
    started = time.perf_counter()
    pixels = [ready.decoded.pixels for ready in batch]
    vectors = encode_pictures(encoder, [each for each in pixels if each is not None])
    return vectors, time.perf_counter() - started
