"""Prometheus metrics of runs."""

from contextlib import suppress
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import start_wsgi_server

from core.domain.filtering.filters import FAILED, INDEXED, UNCAPTIONED, UNREAD
from core.errors import InvalidSetting, LibraryError
from core.ports.vector_index import VectorIndex
from ingest.telemetry.observer import RunOutcome, Stage
from ingest.telemetry.report import Report

_COUNTED = ("added", "updated", "skipped", "deleted", "failed", "captioned", "text_read", "text_found")
_STAGES: tuple[Stage, ...] = ("list", "read", "decode", "encode", "upsert", "caption", "text")
_RUN_OUTCOMES: tuple[RunOutcome, ...] = ("complete", "incomplete", "failed", "interrupted")
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class PrometheusMetrics:
    """An observer whose metrics are served over HTTP. `observe_duration` is for any thread, the rest for one."""

    def __init__(self, last_complete: datetime | None) -> None:
        self._registry = CollectorRegistry()
        self._images = Counter(
            "bucketlens_images", "Images that runs have dealt with, by outcome.", ["outcome"], registry=self._registry
        )
        self._runs = Counter("bucketlens_runs", "Runs that have ended.", ["outcome"], registry=self._registry)
        self._stages = Histogram(
            "bucketlens_stage_seconds",
            "Time per page (list), image (read, decode, text) or batch (encode, upsert, caption).",
            ["stage"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._indexed = self._gauge("bucketlens_library_images", "Images that can be searched.")
        self._failed = self._gauge("bucketlens_library_failed_images", "Images on record as failed.")
        self._pending = self._gauge("bucketlens_library_pending_captions", "Images that have no caption yet.")
        self._unread = self._gauge(
            "bucketlens_library_pending_text", "Images that nobody has looked at for text that is written in them."
        )
        self._complete = self._gauge(
            "bucketlens_last_complete_run_timestamp_seconds", "When the last complete run ended; 0: there was none."
        )
        self._seconds = self._gauge("bucketlens_last_run_seconds", "How long the last run took.")
        self._running = self._gauge("bucketlens_run_in_progress", "1 while a run goes on.")
        for name in _COUNTED:
            self._images.labels(name)
        for outcome in _RUN_OUTCOMES:
            self._runs.labels(outcome)
        for stage in _STAGES:
            self._stages.labels(stage)
        if last_complete is not None:
            self._complete.set(last_complete.timestamp())
        self._counted = dict.fromkeys(_COUNTED, 0)

    def serve(self, host: str, port: int) -> int:
        """Serve /metrics from now on, in a thread that ends with the process.

        Returns the port: for 0 the one that was found. Raises InvalidSetting where it cannot listen.
        """
        try:
            server, _ = start_wsgi_server(port, host, self._registry)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InvalidSetting("metrics_port", port, f"a port that is free on {host} ({reason})") from error
        return int(server.server_port)

    def observe_duration(self, stage: Stage, seconds: float) -> None:
        self._stages.labels(stage).observe(seconds)

    def run_started(self) -> None:
        self._counted = dict.fromkeys(_COUNTED, 0)
        self._running.set(1)

    def update_counts(self, report: Report) -> None:
        for name, before in self._counted.items():
            now: int = getattr(report, name)
            if now > before:
                self._images.labels(name).inc(now - before)
                self._counted[name] = now

    def run_ended(self, outcome: RunOutcome, seconds: float) -> None:
        self._runs.labels(outcome).inc()
        self._seconds.set(seconds)
        self._running.set(0)

    def sync_completed(self, ended: datetime) -> None:
        self._complete.set(ended.timestamp())

    def inspect_library(self, index: VectorIndex) -> None:
        with suppress(LibraryError):  # they are but numbers to look at
            for gauge, which in (
                (self._indexed, INDEXED),
                (self._failed, FAILED),
                (self._pending, UNCAPTIONED),
                (self._unread, UNREAD),
            ):
                gauge.set(index.count(which))

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(name, what, registry=self._registry)
