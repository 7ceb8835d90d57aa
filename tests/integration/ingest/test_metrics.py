"""Metrics as Prometheus reads them, and the log lines that programs read."""

import logging
import socket
import urllib.request
from datetime import UTC, datetime

import pytest

from core.errors import InvalidSetting
from core.ports.vector_index import IndexInfo
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.metrics import PrometheusMetrics
from ingest.telemetry.report import Report
from tests.support.fakes import MemoryIndex
from tests.support.made_up_images import DIMENSION, failed_point, point


def scrape(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def test_what_runs_do_can_be_read_over_http() -> None:
    metrics = PrometheusMetrics(datetime(2026, 1, 1, tzinfo=UTC))
    port = metrics.serve("127.0.0.1", 0)
    first = scrape(port)
    assert first['bucketlens_images_total{outcome="failed"}'] == first['bucketlens_runs_total{outcome="failed"}'] == 0
    assert first["bucketlens_last_complete_run_timestamp_seconds"] == datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    for _ in range(2):
        report = Report()
        metrics.run_started()
        for report.added in (3, 3, 5):
            metrics.update_counts(report)
        assert scrape(port)["bucketlens_run_in_progress"] == 1
        metrics.observe_duration("decode", 0.02)
        metrics.run_ended("incomplete", 7.5)
    index = MemoryIndex(IndexInfo("colours", "colours-1", DIMENSION))
    index.upsert([point(1, "a red picture"), point(2), failed_point(3)])
    metrics.inspect_library(index)
    second = scrape(port)
    assert second['bucketlens_images_total{outcome="added"}'] == 10
    assert second['bucketlens_runs_total{outcome="incomplete"}'] == 2
    assert second['bucketlens_stage_seconds_bucket{le="0.03",stage="decode"}'] == 2
    assert second["bucketlens_last_run_seconds"] == 7.5 and second["bucketlens_run_in_progress"] == 0
    held = [second[f"bucketlens_library_{name}"] for name in ("images", "failed_images", "pending_captions")]
    assert held == [2, 1, 1]


def test_a_port_that_is_taken_is_an_invalid_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InvalidSetting, match="metrics_port"):
        PrometheusMetrics(None).serve("127.0.0.1", taken.getsockname()[1])


def test_events_are_names_and_values(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        get_logger("ingest.runs").info(
            "run", kind="full", none=None, seconds=1.5, why='two "words"', path="a\nb", empty="", interrupted=False
        )
    assert caplog.record_tuples == [
        (
            "ingest.runs",
            logging.INFO,
            'run kind=full seconds=1.500 why="two \\"words\\"" path=a\\nb empty= interrupted=False',
        )
    ]


def test_an_event_below_the_level_is_not_rendered(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        get_logger("ingest.runs").info("run")
    assert caplog.records == []


def test_an_event_of_an_exception_has_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("odd")
    except ValueError:
        get_logger("ingest.runs").exception("run_crashed", run=1)
    (record,) = caplog.records
    assert record.getMessage() == "run_crashed run=1" and record.levelname == "ERROR"
    assert record.exc_info is not None and record.exc_info[0] is ValueError
