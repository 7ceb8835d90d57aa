"""When a scheduled ingest runs next: pure decisions, and the loop that follows them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from croniter import croniter

from core.errors import InvalidSetting

RETRY_FIRST = timedelta(seconds=15)
RETRY_MOST = timedelta(hours=1)
RETRY_SPREAD = 0.2  # of a back-off, so that several libraries do not ask a store that is back at the same moment

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = timedelta(days=3650)
_REPEATED = timedelta(hours=1)  # of local time there is this much twice when summer ends
_HOUR = 1  # the field of a cron expression
_NEVER = datetime.max.replace(tzinfo=UTC)


class Schedule(Protocol):
    """When runs that succeed follow each other. Times are timezone-aware."""

    def first(self, now: datetime) -> datetime:
        """Return when the first run is due."""
        ...

    def next_after(self, started: datetime, ended: datetime) -> datetime:
        """Return a time later than `ended`: runs that were due during the last one are left out."""
        ...

    def clamp(self, due: datetime, now: datetime) -> datetime:
        """Return `due`, or what it should be where the clock has been set back."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """At once, and then at whole multiples of the interval after the start of a run."""

    interval: timedelta

    def first(self, now: datetime) -> datetime:
        return now

    def next_after(self, started: datetime, ended: datetime) -> datetime:
        return started + max(1, (ended - started) // self.interval + 1) * self.interval

    def clamp(self, due: datetime, now: datetime) -> datetime:
        return min(due, now + self.interval)


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields (minute, hour, day, month, weekday) in local time.

    A time that the clock skips is due as much later as the clock is put forward. A time that comes twice is due the
    first time. Where the hour is `*`, each hour that passes is an hour: nothing is moved, and all times count.
    """

    expression: str

    def first(self, now: datetime) -> datetime:
        return self.next_after(now, now)

    def next_after(self, started: datetime, ended: datetime) -> datetime:
        now = ended.astimezone().replace(tzinfo=None)
        times = croniter(self.expression, now - _REPEATED)
        every_hour = times.expanded[_HOUR] == ["*"]
        found: list[datetime] = []
        while True:
            local: datetime = times.get_next(datetime)
            found.extend(due for due in _moments(local, every_hour=every_hour) if due > ended)
            if found and local > now:
                return min(found)

    def clamp(self, due: datetime, now: datetime) -> datetime:
        return due


def _moments(local: datetime, *, every_hour: bool) -> list[datetime]:
    """Return the moments of a local time without a zone: one, or up to two of a schedule for every hour.

    By `timestamp`: `astimezone` of CPython 3.11 puts a time that the clock skips before the change.
    """
    first, second = (datetime.fromtimestamp(local.replace(fold=fold).timestamp(), UTC) for fold in (0, 1))
    if not every_hour:
        return [first.astimezone()]
    if first.astimezone().replace(tzinfo=None) != local:
        return []
    return [moment.astimezone() for moment in sorted({first, second})]


@dataclass(frozen=True, slots=True)
class Once:
    """At once, and never again unless it fails: what a folder that is watched needs."""

    def first(self, now: datetime) -> datetime:
        return now

    def next_after(self, started: datetime, ended: datetime) -> datetime:
        return _NEVER

    def clamp(self, due: datetime, now: datetime) -> datetime:
        return due


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run, and how many runs in a row have failed up to it."""

    started: datetime
    ended: datetime
    failures: int = 0


def next_run(schedule: Schedule, last: LastRun | None, now: datetime, jitter: float) -> datetime:
    """Decide when to run next: never before the last run has ended.

    `jitter` in [0, 1) is chance, for the back-off.
    """
    if last is None:
        return schedule.first(now)
    if last.failures:
        return last.ended + back_off(last.failures, jitter)
    return schedule.next_after(last.started, last.ended)


def back_off(failures: int, jitter: float) -> timedelta:
    """Return the wait after failures in a row.

    It doubles with every failure up to RETRY_MOST, and is shortened by up to RETRY_SPREAD of itself.
    """
    doubled = min(RETRY_MOST, RETRY_FIRST * (1 << min(failures - 1, 20)))
    return doubled * (1 - RETRY_SPREAD * jitter)


def parse_every(text: str) -> Every:
    """Parse an interval such as "30s", "15m", "2h" or "1d". Raises InvalidSetting."""
    found = re.fullmatch(r"\s*([0-9]{1,9})\s*([smhd])\s*", text)
    interval = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else timedelta()
    if not timedelta() < interval <= _LONGEST:
        raise InvalidSetting("every", text, "a number and s, m, h or d: 30s, 15m, 2h, 1d")
    return Every(interval)


def parse_cron(text: str) -> Cron:
    """Parse "minute hour day month weekday", or @hourly and its like. Raises InvalidSetting."""
    takes = 'five fields, minute hour day month weekday: "0 3 * * *" is every night at three'
    if len(text.split()) != 5 and not text.startswith("@"):
        raise InvalidSetting("cron", text, takes)
    schedule = Cron(text)
    try:
        schedule.first(datetime.now(UTC))
    except (ValueError, KeyError) as error:
        raise InvalidSetting("cron", text, f"{takes} ({error})") from error
    return schedule


class Clock(Protocol):
    """The time, and how to wait."""

    def now(self) -> datetime:
        """Return the time, timezone-aware."""
        ...

    def sleep(self, seconds: float) -> None: ...


class ScheduledJob(Protocol):
    """What is to be done, and whether to go on. Its runs never raise."""

    @property
    def stopped(self) -> bool: ...

    def run(self) -> bool:
        """Do one full run. Return whether it did everything."""
        ...

    def poll(self) -> None:
        """Do what has come up between two runs, if anything. Called several times a second."""
        ...

    @property
    def full_run_needed(self) -> bool:
        """Whether a full run is needed before it is due."""
        ...

    def report_back_off(self, failures: int, until: datetime) -> None: ...


_TICK = 0.2


def run_schedule(schedule: Schedule, job: ScheduledJob, clock: Clock, jitter: Callable[[], float]) -> None:
    """Run the job when it is due, one run after the other, until it is stopped."""
    last: LastRun | None = None
    while not job.stopped:
        due = next_run(schedule, last, clock.now(), jitter())
        if last is not None and last.failures:
            job.report_back_off(last.failures, due)
        while not job.stopped and (now := clock.now()) < due:
            if last is None or not last.failures:
                due = schedule.clamp(due, now)
                if job.full_run_needed:
                    break
            job.poll()
            clock.sleep(max(0.0, min(_TICK, (due - now).total_seconds())))
        if job.stopped:
            return
        started = clock.now()
        done = job.run()
        last = LastRun(started, clock.now(), 0 if done else (last.failures if last else 0) + 1)
