"""Observers of a run, such as metrics."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Literal, Protocol

from core.ports.vector_index import VectorIndex
from ingest.telemetry.report import Report

Stage = Literal["list", "read", "decode", "encode", "upsert", "caption", "text"]
RunOutcome = Literal["complete", "incomplete", "failed", "interrupted"]


class Observer(Protocol):
    """Hears what a run does. `observe_duration` is called by several threads at once, everything else by one."""

    def observe_duration(self, stage: Stage, seconds: float) -> None: ...

    def run_started(self) -> None: ...

    def update_counts(self, report: Report) -> None:
        """Take the counts of the run that is going on."""
        ...

    def run_ended(self, outcome: RunOutcome, seconds: float) -> None: ...

    def sync_completed(self, ended: datetime) -> None:
        """Hear that a run over all sources was complete."""
        ...

    def inspect_library(self, index: VectorIndex) -> None:
        """Count what the library holds after a run. The index must not be kept."""
        ...


class NullObserver:
    """An observer that does nothing."""

    def observe_duration(self, stage: Stage, seconds: float) -> None:
        pass

    def run_started(self) -> None:
        pass

    def update_counts(self, report: Report) -> None:
        pass

    def run_ended(self, outcome: RunOutcome, seconds: float) -> None:
        pass

    def sync_completed(self, ended: datetime) -> None:
        pass

    def inspect_library(self, index: VectorIndex) -> None:
        pass


@contextmanager
def time_stage(observer: Observer, stage: Stage) -> Iterator[None]:
    """Measure how long this takes, and give it to the observer where it succeeds."""
    started = time.perf_counter()
    yield
    observer.observe_duration(stage, time.perf_counter() - started)


NULL_OBSERVER = NullObserver()
