"""The first pass: makes the images of one source searchable."""

import queue
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from core.domain.image import UNREAD_ETAG, ImageRecord
from core.domain.vectors import Matrix
from core.errors import StoreError
from core.imaging.decoder import DecodeRequest
from core.ports.encoders import Encoder
from core.ports.image_store import ImageStore, Remote
from core.ports.vector_index import Point
from core.search.tile_encoding import encode_pictures
from ingest.pipeline.caption_updates import Wording, caption_updates
from ingest.pipeline.fetch_and_decode import Failed, Gone, Outcome, Preparer, Ready, Reworded, Touched, Withheld
from ingest.pipeline.plan import Step, seen_in_part
from ingest.pipeline.planner import Planner
from ingest.pipeline.points import Donors, adopted_point, failed_point, indexed_point
from ingest.pipeline.run_context import Parts, patiently
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.observer import timed
from ingest.telemetry.report import Progress, Report

_log = get_logger(__name__)

_TICK = 0.2  # seconds between two looks at the clock
_ENCODINGS = 2  # batches given to the device at once: one at work, one waiting
_WRITE_POINTS = 256
_WRITE_SECONDS = 2.0


class ImagePass:
    """Reads, decodes, encodes and writes what a planner says, all four at once, with a bounded look-ahead.

    Preparing runs in threads (over the decode workers' processes), encoding in a thread of its own; this object is used
    by one thread, which plans ahead, gathers batches and writes. `withheld` counts, by reason, what could not be read.
    """

    def __init__(self, parts: Parts, store: ImageStore, planner: Planner, report: Report) -> None:
        self.withheld: Counter[str] = Counter()
        self._parts = parts
        self._store = store
        self._planner = planner
        self._report = report
        self._outcomes: queue.SimpleQueue[Future[Outcome]] = queue.SimpleQueue()
        self._under_way = 0
        self._done = 0
        self._batch: list[Ready] = []
        self._batched_at = 0.0
        self._encodings: deque[tuple[list[Ready], Future[tuple[Matrix, float]]]] = deque()
        self._points: list[tuple[Step, Point]] = []
        self._touched: list[Step] = []
        self._reworded: list[Step] = []
        self._written_at = time.monotonic()
        self._readers = max(parts.options.readers, store.readers if isinstance(store, Remote) else 0)
        self._broken: StoreError | None = None
        self._reframed = 0

    def run(self) -> Iterator[Progress]:
        """Works until everything that is planned has been written, or `stop`; yields often.

        Raises StoreError where the store as a whole cannot be read any more, after having written what was read.
        """
        step = self._first_step()
        if step is None:
            return
        encoder = self._parts.encoder()
        if encoder.remark and encoder.remark not in self._report.notices:
            self._report.notices.append(encoder.remark)
        started = time.monotonic()
        request = DecodeRequest(encoder.pixels, self._parts.options.thumbnail_px, tiles=True)
        prepare = Preparer(self._store, self._parts.decoder, self._parts.thumbnails, request, self._parts.observer)
        readers = ThreadPoolExecutor(self._readers, "prepare")
        device = ThreadPoolExecutor(1, "encode")
        try:
            self._submit(readers, prepare, step)
            while not (self._parts.stop.is_set() or self._broken) and self._working():
                self._look_ahead(readers, prepare)
                self._gather()
                self._encode(device, encoder)
                self._collect(encoder, _ENCODINGS if self._under_way else 0)
                self._write()
                yield self._progress()
        finally:
            if self._parts.stop.is_set():
                self._parts.decoder.close()  # ends what the readers wait for
                if isinstance(self._store, Remote):
                    self._store.stop()
            readers.shutdown(cancel_futures=True)
            device.shutdown(cancel_futures=True)
            self._report.image_seconds += time.monotonic() - started
            _log.info(
                "first_pass_ended", seconds=self._report.image_seconds, encode_seconds=self._report.encode_seconds
            )
        self._collect(encoder, 0)
        self._write(whole=True)
        if self._reframed:
            self._report.notices.append(
                f"{self._reframed:,} pictures that are longer than 2 : 1 were encoded anew: until now searches knew "
                "only the middle of them"
            )
        yield self._progress()
        if self._broken is not None:
            raise self._broken

    def _first_step(self) -> Step | None:
        while not self._parts.stop.is_set():
            step = self._planner.next(_TICK)
            if step is not None or self._planner.ended:
                return step
        return None

    def _working(self) -> bool:
        return bool(not self._planner.ended or self._under_way or self._batch or self._encodings)

    def _progress(self) -> Progress:
        return Progress("images", self._done, self._planner.total, self._report)

    def _submit(self, readers: ThreadPoolExecutor, prepare: Preparer, step: Step) -> None:
        self._under_way += 1
        readers.submit(prepare, step).add_done_callback(self._outcomes.put)

    def _look_ahead(self, readers: ThreadPoolExecutor, prepare: Preparer) -> None:
        """Keep a bounded number of images under way, those that wait for the device included."""
        most = 4 * max(self._parts.options.batch_size, self._readers)
        while self._under_way + len(self._batch) < most:
            idle = not (self._under_way or self._batch or self._encodings)
            step = self._planner.next(_TICK if idle else 0)
            if step is None:
                return
            self._submit(readers, prepare, step)

    def _gather(self) -> None:
        """Take what has been prepared, until a batch is full or nothing has come for a while."""
        while self._under_way and len(self._batch) < self._parts.options.batch_size:
            try:
                outcome = self._outcomes.get(timeout=_TICK).result()
            except queue.Empty:
                return
            except StoreError as error:
                self._broken = error
                return
            self._under_way -= 1
            match outcome:
                case Ready():
                    self._batched_at = self._batched_at if self._batch else time.monotonic()
                    self._batch.append(outcome)
                case Touched(step):
                    self._touched.append(step)
                case Reworded(step):
                    self._reworded.append(step)
                case Failed():
                    self._fail(outcome)
                case Withheld(step, reason):
                    self._done += 1
                    self.withheld[reason] += 1
                    _log.info("withheld", uri=step.ref.uri, reason=reason)
                case Gone(step):
                    self._done += 1
                    self._planner.forget(step)
                    _log.info("gone_before_read", uri=step.ref.uri)

    def _fail(self, failure: Failed) -> None:
        step = failure.step
        _log.info("image_failed", uri=step.ref.uri, reason=failure.reason)
        known = step.known
        if known is not None and known.status == "indexed" and (failure.stays or known.etag == UNREAD_ETAG):
            self._report.failed += 1
            self._done += 1
            if known.etag == UNREAD_ETAG and not failure.for_now:
                patiently(self._parts.index.set_refs, [(step.id, step.ref)])  # there is no use in reading it again
            self._report.notices.append(f"{step.ref.uri} stays as it was indexed: {failure.reason}")
        else:
            self._points.append((step, failed_point(failure, self._parts.index.info.fingerprint)))

    def _encode(self, device: ThreadPoolExecutor, encoder: Encoder) -> None:
        """Hand a batch to the device when it is full, when nothing more comes, or when it has waited for long."""
        if not self._batch:
            return
        full = len(self._batch) >= self._parts.options.batch_size
        waited = time.monotonic() - self._batched_at > _WRITE_SECONDS
        if not (full or waited or (self._planner.ended and not self._under_way)):
            return
        batch, self._batch = self._batch, []
        donors = Donors(self._parts.index, (ready.decoded.content_hash for ready in batch))
        new = []
        for ready in batch:
            point = adopted_point(ready.step, ready.decoded, self._parts.index, encoder)
            point = point or donors.point(ready.step, ready.decoded)
            if point is None:
                new.append(ready)
            else:
                self._points.append((ready.step, point))
                self._report.reused += 1
        if new:
            self._encodings.append((new, device.submit(_timed_encode, encoder, new)))

    def _collect(self, encoder: Encoder, most: int) -> None:
        """Make points of finished encodings, waiting while over `most` are under way."""
        while self._encodings and (len(self._encodings) > most or self._encodings[0][1].done()):
            batch, encoding = self._encodings.popleft()
            if encoding.cancelled():
                continue
            vectors, seconds = encoding.result()
            self._report.encode_seconds += seconds
            self._parts.observer.took("encode", seconds)
            for ready, vector in zip(batch, vectors, strict=True):
                point = indexed_point(ready.step, ready.decoded, vector, self._parts.index, encoder)
                self._points.append((ready.step, point))

    def _write(self, *, whole: bool = False) -> None:
        """Write when there is much to write, or some of it has waited; count what has been acknowledged."""
        now = time.monotonic()
        waiting = len(self._points) + len(self._touched) + len(self._reworded)
        if waiting and (whole or waiting >= _WRITE_POINTS or now - self._written_at > _WRITE_SECONDS):
            self._write_points()
            self._write_touched()
            self._write_words()
            self._done += waiting
        elif waiting:
            return
        self._written_at = time.monotonic()

    def _write_points(self) -> None:
        written, self._points = self._points, []
        if not written:
            return
        with timed(self._parts.observer, "upsert"):
            patiently(self._parts.index.upsert, [point for _, point in written])
        self._reframed += sum(
            point.record.framing == "tiles" and step.known is not None and seen_in_part(step.known)
            for step, point in written
        )
        counts = Counter(step.kind if point.record.status == "indexed" else "failed" for step, point in written)
        self._report.added += counts["add"]
        self._report.updated += counts["update"]
        self._report.failed += counts["failed"]
        self._parts.thumbnails.delete(step.id for step, point in written if point.record.status == "failed")

    def _write_touched(self) -> None:
        touched, self._touched = self._touched, []
        if touched:
            patiently(self._parts.index.set_refs, [(step.id, step.ref) for step in touched])
            self._report.updated += len(touched)

    def _write_words(self) -> None:
        reworded, self._reworded = self._reworded, []
        words = [_wording(step.known, step.ref.captions) for step in reworded if step.known is not None]
        if words:
            updates = caption_updates(self._parts.index, self._parts.encoder, words)
            patiently(self._parts.index.set_captions, updates)
            self._report.human_captions += len(words)


def _wording(known: ImageRecord, human: tuple[str, ...]) -> Wording:
    """A captioner's words make way for people's, unless they were asked for beside them."""
    both = known.caption_origin == "human"
    return Wording(known, human, known.generated if both else None, known.captioner if both else None)


def _timed_encode(encoder: Encoder, batch: list[Ready]) -> tuple[Matrix, float]:
    """(N, D) vectors of a batch, and the seconds that they took."""
    started = time.perf_counter()
    pixels = [ready.decoded.pixels for ready in batch]
    vectors = encode_pictures(encoder, [each for each in pixels if each is not None])
    return vectors, time.perf_counter() - started
