"""Runs of one process over the same sources: each takes the library, does its work and lets the library go."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from core.bootstrap import Wiring
from core.errors import BucketLensError, LibraryUnreachable, ModelError, Notice
from core.ports.image_store import ImageStore
from ingest.captions.caption_files import CaptionShelf
from ingest.captions.human_captions import Given
from ingest.captions.recaption_checkpoint import RedoMark
from ingest.jobs.full_sync import run_captions, run_ingest
from ingest.jobs.partial_sync import run_touched
from ingest.jobs.run_lock import RunLock
from ingest.pipeline.interrupts import Interrupted, Signals
from ingest.pipeline.removal import is_inside
from ingest.pipeline.run_context import Options, Parts
from ingest.telemetry.log_events import event
from ingest.telemetry.observer import SILENT, Observer, Outcome
from ingest.telemetry.report import Progress, Report

_log = logging.getLogger(__name__)

Show = Callable[[Iterator[Progress]], None]


class Runner:
    """Does runs one after the other, in the main thread; models that one has loaded stay for the next.

    `prompt`: load the encoder even where there is nothing to encode yet, so that the next run need not.
    """

    def __init__(
        self,
        wiring: Wiring,
        sources: Sequence[str],
        signals: Signals,
        show: Show,
        *,
        caption_files: Sequence[Path] = (),
        captions: bool = True,
        caption_all: bool = False,
        retry_failed: bool = False,
        confirm_deletes: bool = False,
        observer: Observer = SILENT,
        prompt: bool = False,
    ) -> None:
        wiring.write(until=signals.stop)
        self._wiring = wiring
        self._sources = sources
        self._signals = signals
        self._show = show
        self._observer = observer
        self._prompt = prompt
        self._caption_files = caption_files
        self._shelf = CaptionShelf()
        self._named: dict[str, str] = {}
        self._mirrored = time.monotonic()
        settings = wiring.settings
        self._options = Options(
            batch_size=settings.batch_size,
            thumbnail_px=settings.thumbnail_px,
            readers=(settings.decode_workers or os.cpu_count() or 1) + 2,
            captions=captions,
            caption_all=caption_all,
            retry_failed=retry_failed,
            confirm_deletes=confirm_deletes,
        )

    @property
    def stopped(self) -> bool:
        return self._signals.stop.is_set()

    def stores(self) -> list[ImageStore]:
        """Raises SourceNotFound."""
        stores = [self._wiring.store(source) for source in self._sources]
        self._named = {store.source: name for name, store in zip(self._sources, stores, strict=True)}
        return stores

    def full(self) -> Report:
        """Make the library equal to its sources. Raises BucketLensError where that could not even be begun."""
        report = Report()
        stores = self.stores()
        given = self._given()
        self._run("full", report, lambda parts, sweep: run_ingest(parts, stores, report, given=given, sweep=sweep))
        if report.exit_code != 1 and not report.interrupted:
            ended = datetime.now(UTC)
            if not report.behind:
                self._observer.completed(ended)
            try:
                self._wiring.last_run.write(ended, {store.source for store in stores} - report.behind)
            except OSError as error:
                report.notices.append(f"when this run ended could not be put on record: {error}")
        return report

    def reindex(self, carry: Callable[[Parts, Report], Iterator[Progress]]) -> Report:
        """As `full`, for an edition that is not in use yet; `carry` is what follows. Raises BucketLensError."""
        report = Report()
        stores = self.stores()
        given = self._given()

        def work(parts: Parts, _: bool) -> Iterator[Progress]:
            yield from run_ingest(parts, stores, report, given=given)
            if not parts.stop.is_set():
                yield from carry(parts, report)

        self._run("reindex", report, work)
        return report

    def touched(self, paths: Mapping[str, Sequence[bytes]], stores: Mapping[str, ImageStore]) -> Report:
        """Bring the files that a watcher has seen to change up to date.

        Raises BucketLensError, as where the library has been deleted: only a full run makes one.
        """
        report = Report()
        given = self._given()
        self._run("watch", report, lambda parts, _: run_touched(parts, paths, stores, report, given=given))
        return report

    def caption(self, *, redo: bool) -> Report:
        """Caption what has no caption; with `redo` renew what a captioner wrote. Raises BucketLensError."""
        report = Report()
        mark = RedoMark(self._wiring.redo_file) if redo else None
        self._run("caption", report, lambda parts, _: run_captions(parts, report, mark))
        return report

    def _given(self) -> list[Given]:
        """The captions of people for each source: those of the command, and its own of bucketlens.toml.

        Those of a source that lies inside another, which reads its images, are for that one. Raises InvalidCaptionFile.
        """
        own = {source.name: source.caption_files for source in self._wiring.settings.sources}
        spoken_of: dict[Path, list[str]] = {}
        for source, name in self._named.items():
            around = next((other for other in self._named if is_inside(source, other)), source)
            for path in (*self._caption_files, *own.get(name, ())):
                spoken_of.setdefault(path, []).append(around)
        return [Given(self._shelf.read(path), tuple(dict.fromkeys(sources))) for path, sources in spoken_of.items()]

    def importing(self, work: Callable[[Parts, Report], Iterator[Progress]]) -> Report:
        """Take in vectors from files. Raises BucketLensError where that could not even be begun."""
        report = Report()
        self._run("import", report, lambda parts, _: work(parts, report))
        report.seconds = time.monotonic() - report.started
        return report

    def _run(self, kind: str, report: Report, work: Callable[[Parts, bool], Iterator[Progress]]) -> None:
        _log.info(event("run_started", kind=kind))
        self._observer.run_started()
        started = time.monotonic()
        outcome: Outcome = "failed"
        try:
            self._locked(kind, report, work)
            behind = report.behind or report.exit_code == 1
            outcome = "interrupted" if report.interrupted else "incomplete" if behind else "complete"
        except (Interrupted, LibraryUnreachable) as error:
            if isinstance(error, LibraryUnreachable) and not self.stopped:
                raise
            report.interrupted = True
            outcome = "interrupted"
        finally:
            self._observer.counted(report)
            self._observer.run_ended(outcome, time.monotonic() - started)
            counts = {name: count for name, count in report.to_dict().items() if isinstance(count, int | float)}
            _log.info(event("run_ended", kind=kind, outcome=outcome, **counts))

    def _locked(self, kind: str, report: Report, work: Callable[[Parts, bool], Iterator[Progress]]) -> None:
        lock = RunLock(self._wiring.settings.data)
        try:
            lock.look()  # before a model is loaded for nothing
            # may fail for want of a model: nothing is written before it
            parts = self._parts(create=kind in ("full", "import"))
            with lock:
                sweep = lock.unclean and kind == "full"
                self._show(self._counting(work(parts, sweep), parts, kind, report))
                if not report.interrupted and sweep == lock.unclean:
                    lock.ended_well()
                if not report.interrupted:
                    self._mirror(parts, kind, report)
                    self._calibrate(parts)
                if self._prompt and not report.interrupted:
                    with suppress(ModelError):  # is told of when there is something to encode
                        parts.encoder()
                self._observer.library(parts.index)
        finally:
            self._wiring.let_go()

    def _counting(self, steps: Iterator[Progress], parts: Parts, kind: str, report: Report) -> Iterator[Progress]:
        for step in steps:
            self._observer.counted(report)
            yield step
            if self._mirror_due():
                self._mirror(parts, kind, report)

    def _mirror_due(self) -> bool:
        return time.monotonic() - self._mirrored > 60 * self._wiring.settings.mirror_minutes

    def _mirror(self, parts: Parts, kind: str, report: Report) -> None:
        """Bring the library's copy up to date; what a watcher sees is copied by and by.

        A copy that cannot be made is no reason for a run to fail, nor is a signal meanwhile: the run itself is done.
        """
        settings = self._wiring.settings
        if not settings.mirror or (kind == "watch" and not self._mirror_due()):
            return
        self._mirrored = time.monotonic()
        try:
            with suppress(Interrupted):
                parts.at_once(self._wiring.build_mirror)
        except (BucketLensError, OSError) as error:
            _log.warning(event("mirror_not_made", error=str(error)))
            before = "the copy that answers while the library cannot was not made: "
            report.notices.append(Notice.quoting(error, before))

    def _calibrate(self, parts: Parts) -> None:
        """So that no search of a large library has to begin with it."""
        try:
            with suppress(Interrupted):
                parts.at_once(self._wiring.calibrate)
        except BucketLensError as error:
            _log.warning(event("library_not_measured", error=str(error)))

    def _parts(self, *, create: bool) -> Parts:
        wiring, signals = self._wiring, self._signals
        index = signals.interruptible(wiring.create_index if create else lambda: wiring.index)
        if wiring.settings.model not in (None, index.info.model):
            # raises ModelMismatch unless it is the library's model under another name
            signals.interruptible(lambda: wiring.encoder)
        return Parts(
            index=index,
            encoder=lambda: signals.interruptible(lambda: wiring.encoder),
            captioner=lambda: signals.interruptible(lambda: wiring.captioner),
            decoder=wiring.decoder,
            thumbnails=wiring.thumbnails,
            open_store=wiring.store,
            options=self._options,
            stop=signals.stop,
            at_once=signals.interruptible,
            observer=self._observer,
        )
