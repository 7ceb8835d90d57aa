"""Who is told what a run does while it does it, such as metrics."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Literal, Protocol

from core.ports.vector_index import VectorIndex
from ingest.telemetry.report import Report

Stage = Literal["list", "read", "decode", "encode", "upsert", "caption"]
RunOutcome = Literal["complete", "incomplete", "failed", "interrupted"]


class Observer(Protocol):
    """Told of times by several threads at once, of everything else by one."""

    def observe_duration(self, stage: Stage, seconds: float) -> None: ...

    def run_started(self) -> None: ...

    def update_counts(self, report: Report) -> None:
        """The report of the run that is going on has changed."""
        ...

    def run_ended(self, outcome: RunOutcome, seconds: float) -> None: ...

    def sync_completed(self, ended: datetime) -> None:
        """A run over all sources was complete."""
        ...

    def inspect_library(self, index: VectorIndex) -> None:
        """A run has ended, and this is the library; it may be asked what it holds, and is to be forgotten then."""
        ...


class NullObserver:
    """Is told everything and makes nothing of it."""

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
    """Tell the observer how long this takes, where it succeeds."""
    started = time.perf_counter()
    yield
    observer.observe_duration(stage, time.perf_counter() - started)


NULL_OBSERVER = NullObserver()
