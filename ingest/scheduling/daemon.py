"""Keeps the library equal to its sources until it is stopped: full runs when it is time, and what watchers see."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from core.errors import BucketLensError, UsageError
from core.errors.hints import Configure
from core.ports.image_store import ImageStore, Watchable
from ingest.jobs.runner import Runner
from ingest.pipeline.removal import is_inside
from ingest.scheduling.folder_watcher import FolderWatch
from ingest.telemetry.log_events import event
from ingest.telemetry.report import Report

_log = logging.getLogger(__name__)


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Keeper:
    """The Work of a schedule. `tell` is given the report of every run, `complain` what kept a run from being done."""

    def __init__(
        self,
        runner: Runner,
        watch: FolderWatch | None,
        stores: Sequence[ImageStore],
        *,
        tell: Callable[[Report], None],
        complain: Callable[[BucketLensError | str], None],
    ) -> None:
        self.interrupted = False
        self._runner = runner
        self._watch = watch
        self._stores = {store.source: store for store in stores}
        self._tell = tell
        self._complain = complain
        self._suspended = False

    @property
    def stopped(self) -> bool:
        return self._runner.stopped

    @property
    def wanted(self) -> bool:
        return self._watch is not None and not self._suspended and self._watch.wanted

    def run(self) -> bool:
        report = self._attempt(self._full)
        self._suspended = report is None
        return report is not None and report.exit_code != 1

    def look(self) -> None:
        if self._watch is None or self._suspended:
            return
        touched = self._watch.take()
        if not touched:
            return
        _log.info(event("files_changed", files=sum(map(len, touched.values())), sources=len(touched)))
        if self._attempt(lambda: self._runner.touched(touched, self._stores)) is None:
            self._watch.failed()

    def backing_off(self, failures: int, until: datetime) -> None:
        _log.warning(event("back_off", failures=failures, until=until.isoformat(timespec="seconds")))

    def _full(self) -> Report:
        if self._watch is not None:
            self._watch.begin()
        return self._runner.full()

    def _attempt(self, run: Callable[[], Report]) -> Report | None:
        """The report of a run; None where it failed as a whole."""
        try:
            report = run()
        except BucketLensError as error:
            self._complain(error)
            return None
        except Exception as error:
            _log.exception("run_crashed")
            self._complain(f"{type(error).__name__}: {error}")
            return None
        self.interrupted = report.interrupted
        self._tell(report)
        return report


def watchable(stores: Sequence[ImageStore]) -> list[Watchable]:
    """The folders among the stores, each once, and without those that lie inside another. Raises UsageError."""
    outer = {
        store.source: store
        for store in stores
        if isinstance(store, Watchable) and not any(is_inside(store.source, other.source) for other in stores)
    }
    if not outer:
        raise UsageError(
            "only folders can be watched, and none of the sources is one",
            Configure("give {} or {} instead of {}", ("every", "cron", "watch")),
        )
    return list(outer.values())
