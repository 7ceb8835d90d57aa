"""Runs of one process over the same sources. Each run opens the library, does its work and releases the library."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from core.bootstrap import Container
from core.errors import BucketLensError, LibraryUnreachable, ModelError, Notice
from core.ports.image_store import ImageStore
from core.ports.vector_index import VectorIndex
from ingest.captions.caption_files import CaptionFileCache
from ingest.captions.human_captions import SourceCaptions
from ingest.captions.recaption_checkpoint import RecaptionCheckpoint
from ingest.jobs.full_sync import run_captions, run_ingest, run_text_reading
from ingest.jobs.partial_sync import sync_paths
from ingest.jobs.run_lock import RunLock
from ingest.pipeline.interrupts import Interrupted, Signals
from ingest.pipeline.removal import is_inside
from ingest.pipeline.run_context import Options, RunContext
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.observer import NULL_OBSERVER, Observer, RunOutcome
from ingest.telemetry.report import Progress, Report

_SETTLE_SECONDS = 10.0  # since a file was written to, while folders are watched

_log = get_logger(__name__)

Show = Callable[[Iterator[Progress]], None]


class Runner:
    """Does runs one after the other, in the main thread. Models that one run has loaded stay for the next.

    `watching`: folders are watched between the runs. So the encoder is loaded even where there is nothing to encode
    yet, and a picture that is still being written is left for the next run.
    `text`: text in pictures is read, where the settings say so.
    """

    def __init__(
        self,
        container: Container,
        sources: Sequence[str],
        signals: Signals,
        show: Show,
        *,
        caption_files: Sequence[Path] = (),
        captions: bool = True,
        text: bool = True,
        caption_all: bool = False,
        retry_failed: bool = False,
        confirm_deletes: bool = False,
        observer: Observer = NULL_OBSERVER,
        watching: bool = False,
    ) -> None:
        container.write(until=signals.stop)
        self._container = container
        self._sources = sources
        self._signals = signals
        self._show = show
        self._observer = observer
        self._watching = watching
        self._caption_files = caption_files
        self._caption_cache = CaptionFileCache()
        self._names: dict[str, str] = {}
        self._mirror_updated_at = time.monotonic()
        settings = container.settings
        self._options = Options(
            batch_size=settings.batch_size,
            thumbnail_px=settings.decode.thumbnail_px,
            readers=(settings.decode.workers or os.cpu_count() or 1) + 2,
            captions=captions,
            caption_all=caption_all,
            retry_failed=retry_failed,
            confirm_deletes=confirm_deletes,
            settle_seconds=_SETTLE_SECONDS if watching else 0.0,
            recheck=settings.recheck,
            text=text and container.reads_text,
        )

    @property
    def stopped(self) -> bool:
        """Whether a signal has come."""
        return self._signals.stop.is_set()

    def stores(self) -> list[ImageStore]:
        """Open the stores of all sources. Raises SourceNotFound."""
        stores = [self._container.sources.open(source) for source in self._sources]
        self._names = {store.source: name for name, store in zip(self._sources, stores, strict=True)}
        return stores

    def sync(self) -> Report:
        """Make the library equal to its sources. Raises BucketLensError where that could not even be begun."""
        report = Report()
        stores = self.stores()
        human_captions = self._read_caption_files()
        self._run(
            "full",
            report,
            lambda context, sweep: run_ingest(context, stores, report, human_captions=human_captions, sweep=sweep),
        )
        if report.exit_code != 1 and not report.interrupted:
            ended = datetime.now(UTC)
            if not report.incomplete_sources:
                self._observer.sync_completed(ended)
            try:
                self._container.files.last_run.write(
                    ended, {store.source for store in stores} - report.incomplete_sources
                )
            except OSError as error:
                report.notices.append(f"when this run ended could not be put on record: {error}")
        return report

    def reindex(self, carry: Callable[[RunContext, Report], Iterator[Progress]], *, texts: VectorIndex) -> Report:
        """Sync as `sync` does, into an index version not in use yet, and then `carry`. Raises BucketLensError.

        `texts`: the index whose texts are taken over where the bytes are the same.
        """
        report = Report()
        stores = self.stores()
        human_captions = self._read_caption_files()

        def work(context: RunContext, _: bool) -> Iterator[Progress]:
            yield from run_ingest(context, stores, report, human_captions=human_captions, texts=texts)
            if not context.stop.is_set():
                yield from carry(context, report)

        self._run("reindex", report, work)
        return report

    def sync_paths(self, paths: Mapping[str, Sequence[bytes]], stores: Mapping[str, ImageStore]) -> Report:
        """Bring the files that a watcher has seen to change up to date.

        Raises BucketLensError, as where the library has been deleted: only a full run makes one.
        """
        report = Report()
        human_captions = self._read_caption_files()
        self._run(
            "watch",
            report,
            lambda context, _: sync_paths(context, paths, stores, report, human_captions=human_captions),
        )
        return report

    def caption(self, *, redo: bool) -> Report:
        """Caption what has no caption; with `redo` renew what a captioner wrote. Raises BucketLensError."""
        report = Report()
        mark = RecaptionCheckpoint(self._container.files.recaption_checkpoint) if redo else None
        self._run("caption", report, lambda context, _: run_captions(context, report, mark))
        return report

    def read_text(self, *, redo: bool) -> Report:
        """Read the text in images that nobody has read; with `redo` that in all. Raises BucketLensError."""
        report = Report()
        mark = RecaptionCheckpoint(self._container.files.text_checkpoint) if redo else None
        self._run("text", report, lambda context, _: run_text_reading(context, report, mark))
        return report

    def _read_caption_files(self) -> list[SourceCaptions]:
        """Read the captions of people for each source: those of the command, and its own of bucketlens.toml.

        A source inside another is read with it, so its captions are for the outer one. Raises InvalidCaptionFile.
        """
        own = {source.name: source.caption_files for source in self._container.settings.sources}
        sources_of: dict[Path, list[str]] = {}
        for source, name in self._names.items():
            around = next((other for other in self._names if is_inside(source, other)), source)
            for path in (*self._caption_files, *own.get(name, ())):
                sources_of.setdefault(path, []).append(around)
        return [
            SourceCaptions(self._caption_cache.read(path), tuple(dict.fromkeys(sources)))
            for path, sources in sources_of.items()
        ]

    def import_vectors(self, work: Callable[[RunContext, Report], Iterator[Progress]]) -> Report:
        """Take in vectors from files. Raises BucketLensError where that could not even be begun."""
        report = Report()
        self._run("import", report, lambda context, _: work(context, report))
        report.seconds = time.monotonic() - report.started
        return report

    def _run(self, kind: str, report: Report, work: Callable[[RunContext, bool], Iterator[Progress]]) -> None:
        _log.info("run_started", kind=kind)
        self._observer.run_started()
        started = time.monotonic()
        outcome: RunOutcome = "failed"
        try:
            self._run_locked(kind, report, work)
            behind = report.incomplete_sources or report.exit_code == 1
            outcome = "interrupted" if report.interrupted else "incomplete" if behind else "complete"
        except (Interrupted, LibraryUnreachable) as error:
            if isinstance(error, LibraryUnreachable) and not self.stopped:
                raise
            report.interrupted = True
            outcome = "interrupted"
        finally:
            self._observer.update_counts(report)
            self._observer.run_ended(outcome, time.monotonic() - started)
            counts = {name: count for name, count in report.to_dict().items() if isinstance(count, int | float)}
            _log.info("run_ended", kind=kind, outcome=outcome, **counts)

    def _run_locked(self, kind: str, report: Report, work: Callable[[RunContext, bool], Iterator[Progress]]) -> None:
        lock = RunLock(self._container.settings.data)
        try:
            lock.look()  # before a model is loaded for nothing
            # may fail for want of a model: nothing is written before it
            context = self._make_context(create=kind in ("full", "import"))
            with lock, self._container.lease():
                sweep = lock.unclean and kind == "full"
                self._show(self._report_progress(work(context, sweep), context, kind, report))
                if not report.interrupted and sweep == lock.unclean:
                    lock.ended_well()
                if not report.interrupted:
                    self._update_mirror(context, kind, report)
                    self._calibrate(context)
                if self._watching and not report.interrupted:
                    with suppress(ModelError):  # is reported when there is something to encode
                        context.encoder()
                self._observer.inspect_library(context.index)
        finally:
            self._container.let_go()

    def _report_progress(
        self, steps: Iterator[Progress], context: RunContext, kind: str, report: Report
    ) -> Iterator[Progress]:
        for step in steps:
            self._observer.update_counts(report)
            yield step
            if self._mirror_due():
                self._update_mirror(context, kind, report)

    def _mirror_due(self) -> bool:
        return time.monotonic() - self._mirror_updated_at > 60 * self._container.settings.mirror.minutes

    def _update_mirror(self, context: RunContext, kind: str, report: Report) -> None:
        """Bring the mirror up to date; after a watcher's runs only now and then.

        A copy that cannot be made does not fail the run, and neither does a signal meanwhile: the run itself is done.
        """
        settings = self._container.settings
        if not settings.mirror.enabled or (kind == "watch" and not self._mirror_due()):
            return
        self._mirror_updated_at = time.monotonic()

        def build() -> None:
            if problem := self._container.mirrors.try_build(lambda: self._container.index):
                _log.warning("mirror_not_made", error=str(problem))
                before = "the mirror that answers while the library cannot was not made: "
                report.notices.append(Notice.quoting(problem, before))

        with suppress(Interrupted):
            context.run_interruptible(build)

    def _calibrate(self, context: RunContext) -> None:
        """Measure the library for its searches, so that no search has to begin with it."""
        try:
            with suppress(Interrupted):
                context.run_interruptible(self._container.calibrate)
        except BucketLensError as error:
            _log.warning("library_not_measured", error=str(error))

    def _make_context(self, *, create: bool) -> RunContext:
        container, signals = self._container, self._signals
        index = signals.run_interruptible(container.create_index if create else lambda: container.index)
        if container.settings.model not in (None, index.info.model):
            # raises ModelMismatch unless it is the library's model under another name
            signals.run_interruptible(lambda: container.encoder)
        return RunContext(
            index=index,
            encoder=lambda: signals.run_interruptible(lambda: container.encoder),
            captioner=lambda: signals.run_interruptible(lambda: container.captioner),
            text_reader=lambda: signals.run_interruptible(lambda: container.text_reader),
            decoder=container.decoder,
            thumbnails=container.thumbnails,
            open_store=container.sources.open,
            options=self._options,
            places=container.places,
            stop=signals.stop,
            run_interruptible=signals.run_interruptible,
            observer=self._observer,
            unjudged=container.files.unjudged_captions,
        )
