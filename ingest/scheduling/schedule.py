"""When an ingest that keeps going runs next: pure decisions, and the loop that follows them."""

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
_NEVER = datetime.max.replace(tzinfo=UTC)


class Schedule(Protocol):
    """When runs that succeed follow each other. Times are timezone-aware."""

    def first(self, now: datetime) -> datetime: ...

    def following(self, started: datetime, ended: datetime) -> datetime:
        """Later than `ended`: what should have begun while the run went on is left out, not made up for."""
        ...

    def no_later(self, due: datetime, now: datetime) -> datetime:
        """`due`, or what it should be where the clock has been set back."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """At once, and then at whole multiples of the interval after the start of a run."""

    interval: timedelta

    def first(self, now: datetime) -> datetime:
        return now

    def following(self, started: datetime, ended: datetime) -> datetime:
        return started + max(1, (ended - started) // self.interval + 1) * self.interval

    def no_later(self, due: datetime, now: datetime) -> datetime:
        return min(due, now + self.interval)


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields (minute, hour, day, month, weekday) in local time."""

    expression: str

    def first(self, now: datetime) -> datetime:
        return self.following(now, now)

    def following(self, started: datetime, ended: datetime) -> datetime:
        now = ended.astimezone().replace(tzinfo=None)
        times = croniter(self.expression, now - _REPEATED)
        found: list[datetime] = []
        while True:
            local: datetime = times.get_next(datetime)
            first, second = (local.replace(fold=fold).astimezone() for fold in (0, 1))
            found.extend(due for due in (first, max(first, second)) if due > ended)
            if found and local > now:
                return min(found)

    def no_later(self, due: datetime, now: datetime) -> datetime:
        return due


@dataclass(frozen=True, slots=True)
class Once:
    """At once, and never again unless it fails: what a folder that is watched needs."""

    def first(self, now: datetime) -> datetime:
        return now

    def following(self, started: datetime, ended: datetime) -> datetime:
        return _NEVER

    def no_later(self, due: datetime, now: datetime) -> datetime:
        return due


@dataclass(frozen=True, slots=True)
class Past:
    """The last run, and how many runs in a row have failed up to it."""

    started: datetime
    ended: datetime
    failures: int = 0


def next_run(schedule: Schedule, past: Past | None, now: datetime, jitter: float) -> datetime:
    """When to run next. `jitter` in [0, 1) is chance, for the back-off. Never before the last run has ended."""
    if past is None:
        return schedule.first(now)
    if past.failures:
        return past.ended + back_off(past.failures, jitter)
    return schedule.following(past.started, past.ended)


def back_off(failures: int, jitter: float) -> timedelta:
    """Doubles with every failure up to RETRY_MOST, shortened by up to RETRY_SPREAD of itself."""
    doubled = min(RETRY_MOST, RETRY_FIRST * (1 << min(failures - 1, 20)))
    return doubled * (1 - RETRY_SPREAD * jitter)


def every(text: str) -> Every:
    """ "30s", "15m", "2h" or "1d". Raises InvalidSetting."""
    found = re.fullmatch(r"\s*([0-9]{1,9})\s*([smhd])\s*", text)
    interval = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else timedelta()
    if not timedelta() < interval <= _LONGEST:
        raise InvalidSetting("every", text, "a number and s, m, h or d: 30s, 15m, 2h, 1d")
    return Every(interval)


def cron(text: str) -> Cron:
    """ "minute hour day month weekday", or @hourly and its like. Raises InvalidSetting."""
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
    def now(self) -> datetime:
        """Timezone-aware."""
        ...

    def sleep(self, seconds: float) -> None: ...


class Work(Protocol):
    """What is to be done, and whether to go on. Its runs never raise: they say how many succeeded in a row."""

    @property
    def stopped(self) -> bool: ...

    def run(self) -> bool:
        """One full run. Did it do everything?"""
        ...

    def look(self) -> None:
        """Between two runs, several times a second: do what has come up, where anything has."""
        ...

    @property
    def wanted(self) -> bool:
        """Is a full run needed before it is due?"""
        ...

    def backing_off(self, failures: int, until: datetime) -> None: ...


_TICK = 0.2


def keep_going(schedule: Schedule, work: Work, clock: Clock, jitter: Callable[[], float]) -> None:
    """Run when it is time, one run after the other, until the work is stopped."""
    past: Past | None = None
    while not work.stopped:
        due = next_run(schedule, past, clock.now(), jitter())
        if past is not None and past.failures:
            work.backing_off(past.failures, due)
        while not work.stopped and (now := clock.now()) < due:
            if past is None or not past.failures:
                due = schedule.no_later(due, now)
                if work.wanted:
                    break
            work.look()
            clock.sleep(max(0.0, min(_TICK, (due - now).total_seconds())))
        if work.stopped:
            return
        started = clock.now()
        done = work.run()
        past = Past(started, clock.now(), 0 if done else (past.failures if past else 0) + 1)
