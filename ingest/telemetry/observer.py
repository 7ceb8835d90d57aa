"""Who is told what a run does while it does it, such as metrics."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Literal, Protocol

from core.ports.vector_index import VectorIndex
from ingest.telemetry.report import Report

Stage = Literal["list", "read", "decode", "encode", "upsert", "caption"]
Outcome = Literal["complete", "incomplete", "failed", "interrupted"]


class Observer(Protocol):
    """Told of times by several threads at once, of everything else by one."""

    def took(self, stage: Stage, seconds: float) -> None: ...

    def run_started(self) -> None: ...

    def counted(self, report: Report) -> None:
        """The report of the run that is going on has changed."""
        ...

    def run_ended(self, outcome: Outcome, seconds: float) -> None: ...

    def completed(self, ended: datetime) -> None:
        """A run over all sources was complete."""
        ...

    def library(self, index: VectorIndex) -> None:
        """A run has ended, and this is the library; it may be asked what it holds, and is to be forgotten then."""
        ...


class NoObserver:
    """Is told everything and makes nothing of it."""

    def took(self, stage: Stage, seconds: float) -> None:
        pass

    def run_started(self) -> None:
        pass

    def counted(self, report: Report) -> None:
        pass

    def run_ended(self, outcome: Outcome, seconds: float) -> None:
        pass

    def completed(self, ended: datetime) -> None:
        pass

    def library(self, index: VectorIndex) -> None:
        pass


@contextmanager
def timed(observer: Observer, stage: Stage) -> Iterator[None]:
    """Tell the observer how long this takes, where it succeeds."""
    started = time.perf_counter()
    yield
    observer.took(stage, time.perf_counter() - started)


SILENT = NoObserver()
