"""Keeps a library equal to its sources until it is stopped: full runs when they are due, and what watchers see."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from core.errors import BucketLensError, UsageError
from core.errors.hints import Configure
from core.ports.image_store import ImageStore, Watchable
from ingest.jobs.runner import Runner
from ingest.pipeline.removal import is_inside
from ingest.scheduling.folder_watcher import FolderWatch
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.report import Report

_log = get_logger(__name__)


class SystemClock:
    """The clock of the system."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Daemon:
    """A scheduled job that syncs a library, and what changed in folders between two runs.

    `on_report` is given the report of every run, `on_error` what kept a run from being done.
    """

    def __init__(
        self,
        runner: Runner,
        watch: FolderWatch | None,
        stores: Sequence[ImageStore],
        *,
        on_report: Callable[[Report], None],
        on_error: Callable[[BucketLensError | str], None],
    ) -> None:
        self.interrupted = False
        self._runner = runner
        self._watch = watch
        self._stores = {store.source: store for store in stores}
        self._on_report = on_report
        self._on_error = on_error
        self._suspended = False

    @property
    def stopped(self) -> bool:
        return self._runner.stopped

    @property
    def full_run_needed(self) -> bool:
        return self._watch is not None and not self._suspended and self._watch.full_run_needed

    def run(self) -> bool:
        """Do one full run."""
        report = self._attempt(self._full)
        self._suspended = report is None
        return report is not None and report.exit_code != 1

    def poll(self) -> None:
        """Do what a watcher has seen."""
        if self._watch is None or self._suspended:
            return
        changed = self._watch.take_settled()
        if not changed:
            return
        _log.info("files_changed", files=sum(map(len, changed.values())), sources=len(changed))
        if self._attempt(lambda: self._runner.sync_paths(changed, self._stores)) is None:
            self._watch.mark_failed()

    def report_back_off(self, failures: int, until: datetime) -> None:
        _log.warning("back_off", failures=failures, until=until.isoformat(timespec="seconds"))

    def _full(self) -> Report:
        if self._watch is not None:
            self._watch.begin_full_run()
        return self._runner.sync()

    def _attempt(self, run: Callable[[], Report]) -> Report | None:
        """Do a run and report it. Returns None where it failed as a whole."""
        try:
            report = run()
        except BucketLensError as error:
            self._on_error(error)
            return None
        except Exception as error:
            _log.exception("run_crashed")
            self._on_error(f"{type(error).__name__}: {error}")
            return None
        self.interrupted = report.interrupted
        if self._watch is not None:
            self._watch.look_again(report.unsettled)
        self._on_report(report)
        return report


def watchable(stores: Sequence[ImageStore]) -> list[Watchable]:
    """Return the folders among the stores, each once, without those inside another. Raises UsageError."""
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
