"""Prometheus metrics of the HTTP API."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from core.availability.recall import Recall

_SECONDS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class ApiMetrics:
    """Counts requests, searches and pictures. Any thread may use it; `in_flight` counts requests at work or waiting."""

    def __init__(self, in_flight: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "bucketlens_api_requests", "Requests answered.", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "bucketlens_api_request_seconds",
            "Time to the answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._stages = Histogram(
            "bucketlens_search_seconds",
            "Time of searches by stage: wait, encode, rank, judge, count, total.",
            ["stage"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        Gauge("bucketlens_api_held", "Requests at work or waiting.", registry=self._registry).set_function(in_flight)
        self._images = Gauge("bucketlens_library_images", "Images that can be searched.", registry=self._registry)
        self._failed = Gauge("bucketlens_library_failed_images", "Images on record as failed.", registry=self._registry)
        self._recall = Gauge(
            "bucketlens_recall_at_10",
            "Mean recall@10 of the last searches that were compared with exact ones; NaN before the first.",
            registry=self._registry,
        )
        self._recall.set(float("nan"))
        self._recalls = Gauge(
            "bucketlens_recall_searches", "Searches that bucketlens_recall_at_10 is of.", registry=self._registry
        )

    def record_answer(self, route: str, status: int, seconds: float) -> None:
        """Count an answer, and the time to it."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def record_search(self, timings_ms: Mapping[str, float]) -> None:
        """Observe the times of a search's stages, in milliseconds."""
        for stage, ms in timings_ms.items():
            self._stages.labels(stage).observe(ms / 1000)

    def set_library(self, images: int, failed: int) -> None:
        """Set how many pictures the library holds."""
        self._images.set(images)
        self._failed.set(failed)

    def set_recall(self, figure: Recall | None) -> None:
        """Set the recall of the last searches that were compared; None before the first."""
        self._recall.set(float("nan") if figure is None else figure.mean)
        self._recalls.set(0 if figure is None else figure.count)

    def render(self) -> bytes:
        """Render all metrics in Prometheus' text format."""
        return generate_latest(self._registry)
