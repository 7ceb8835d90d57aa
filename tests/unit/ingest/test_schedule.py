"""When the next run is: pure, and the loop under a clock that is moved by hand."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidSetting
from ingest.scheduling.schedule import (
    RETRY_FIRST,
    RETRY_MOST,
    RETRY_SPREAD,
    Cron,
    Every,
    LastRun,
    Once,
    Schedule,
    back_off,
    next_run,
    parse_cron,
    parse_every,
    run_schedule,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def vienna(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is that of Vienna. Summer 2026: from 29 March, 01:00 UTC, to 25 October, 01:00 UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Vienna"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("15m", 900), (" 2 h ", 7200), ("1d", 86_400)])
def test_durations(text: str, seconds: int) -> None:
    assert parse_every(text) == Every(timedelta(seconds=seconds))


@pytest.mark.parametrize("text", ["", "15", "m", "0s", "-5m", "1.5h", "1w", "15 minutes", "999999999d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidSetting, match="15m") as caught:
        parse_every(text)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["", "* * * *", "* * * * * *", "61 * * * *", "x y z a b", "0 0 31 2 *", "@sometimes"])
def test_what_is_no_cron_expression(text: str) -> None:
    with pytest.raises(InvalidSetting, match="five fields"):
        parse_cron(text)


def test_the_first_run_is_at_once_or_when_cron_says() -> None:
    assert next_run(parse_every("1d"), None, NOW, 0) == NOW
    assert next_run(Once(), None, NOW, 0) == NOW
    assert next_run(parse_cron("30 * * * *"), None, NOW, 0).astimezone(UTC) == NOW + 30 * MINUTE


@given(st.integers(1, 100_000), st.integers(0, 1_000_000))
def test_runs_never_overlap_and_what_was_missed_is_left_out(interval: int, took: int) -> None:
    ended = NOW + took * SECOND
    due = next_run(Every(interval * SECOND), LastRun(NOW, ended), ended, 0)
    assert ended < due <= ended + interval * SECOND
    assert (due - NOW) % (interval * SECOND) == timedelta()


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_back_off_doubles_up_to_its_limit(failures: int, jitter: float) -> None:
    full = min(RETRY_MOST, RETRY_FIRST * 2 ** min(failures - 1, 30))
    assert full * (1 - RETRY_SPREAD) <= back_off(failures, jitter) <= full


@pytest.mark.parametrize("schedule", [parse_every("30s"), parse_every("1d"), Cron("0 3 * * *"), Once()])
def test_a_failed_run_is_tried_again_after_its_back_off_whatever_the_schedule(schedule: Schedule) -> None:
    waits = [next_run(schedule, LastRun(NOW, NOW + SECOND, n), NOW, 0) - (NOW + SECOND) for n in range(1, 12)]
    assert waits[:3] == [RETRY_FIRST, 2 * RETRY_FIRST, 4 * RETRY_FIRST]
    assert waits == sorted(waits) and waits[-1] == RETRY_MOST


def test_a_clock_that_is_set_back_does_not_hold_up_the_next_run() -> None:
    assert parse_every("15m").clamp(NOW + timedelta(days=300), NOW) == NOW + 15 * MINUTE


def test_cron_follows_local_time_through_both_changes_of_the_clock(vienna: None) -> None:
    nightly = Cron("30 3 * * *")
    times = [datetime(2026, 3, 27, 12, tzinfo=UTC)]
    while len(times) < 4:
        times.append(nightly.next_after(times[-1], times[-1]).astimezone(UTC))
    assert [each.hour for each in times[1:]] == [2, 1, 1]
    quarterly = Cron("*/15 * * * *")
    times = [datetime(2026, 10, 24, 23, 59, tzinfo=UTC)]
    while len(times) < 14:
        times.append(quarterly.next_after(times[-1], times[-1]).astimezone(UTC))
    assert {b - a for a, b in pairwise(times[1:])} == {15 * MINUTE}


def runs_between(expression: str, start: datetime, end: datetime) -> list[str]:
    """Return the times in UTC, day and time of day, at which a schedule runs; each run takes a second."""
    schedule, ended, runs = parse_cron(expression), start - SECOND, []
    while (due := schedule.next_after(ended, ended)) < end:
        runs.append(due.astimezone(UTC).strftime("%d %H:%M"))
        ended = due + SECOND
    return runs


SPRING = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "spring", "autumn"),
    [
        ("30 2 * * *", ["29 01:30"], ["25 00:30"]),
        ("0 2 * * *", ["29 01:00"], ["25 00:00"]),
        ("15 0 * * *", ["28 23:15"], ["24 22:15"]),
        ("15 1 * * *", ["29 00:15"], ["24 23:15"]),
        ("0 3 * * *", ["29 01:00"], ["25 02:00"]),
        ("30 2,3 * * *", ["29 01:30"], ["25 00:30", "25 02:30"]),
        ("0 1-4 * * *", ["29 00:00", "29 01:00", "29 02:00"], ["24 23:00", "25 00:00", "25 02:00", "25 03:00"]),
        ("*/30 2 * * *", ["29 01:00", "29 01:30"], ["25 00:00", "25 00:30"]),
        ("@daily", ["28 23:00"], ["24 22:00"]),
    ],
)
def test_a_time_of_day_comes_once_when_the_clock_changes_and_never_early(
    vienna: None, expression: str, spring: list[str], autumn: list[str]
) -> None:
    assert runs_between(expression, *SPRING) == spring
    assert runs_between(expression, *AUTUMN) == autumn


@pytest.mark.parametrize("expression", ["15 * * * *", "@hourly", "*/20 */1 * * *"])
def test_what_runs_every_hour_runs_in_each_hour_that_passes(vienna: None, expression: str) -> None:
    for start, end in (SPRING, AUTUMN):
        runs = runs_between(expression, start, end)
        assert len(runs) == len(set(runs)) == (72 if "20" in expression else 24)


class HandClock:
    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=max(seconds, 0.001))


class Script:
    """Does runs that take and end as they are told, then stops. Records when they began."""

    def __init__(self, clock: HandClock, *runs: tuple[float, bool]) -> None:
        self.clock = clock
        self.runs = list(runs)
        self.began: list[float] = []
        self.looks: list[float] = []
        self.backed_off: list[int] = []
        self.wanted_at: float | None = None

    @property
    def stopped(self) -> bool:
        return not self.runs

    @property
    def full_run_needed(self) -> bool:
        return self.wanted_at is not None and self._seconds() >= self.wanted_at

    def run(self) -> bool:
        self.began.append(round(self._seconds()))
        self.wanted_at = None
        took, done = self.runs.pop(0)
        self.clock.time += timedelta(seconds=took)
        return done

    def poll(self) -> None:
        self.looks.append(self._seconds())

    def report_back_off(self, failures: int, until: datetime) -> None:
        self.backed_off.append(failures)

    def _seconds(self) -> float:
        return (self.clock.time - NOW).total_seconds()


def test_runs_follow_each_other() -> None:
    clock = HandClock()
    job = Script(clock, (1, True), (25, True), (1, True), (1, True))
    run_schedule(parse_every("10s"), job, clock, lambda: 0.0)
    assert job.began == [0, 10, 40, 50] and not job.backed_off


def test_failures_back_off_until_one_succeeds() -> None:
    clock = HandClock()
    job = Script(clock, (0, False), (0, False), (0, True), (0, False), (0, True))
    run_schedule(parse_every("60s"), job, clock, lambda: 0.0)
    assert job.began == [0, 15, 45, 105, 120] and job.backed_off == [1, 2, 1]


def test_what_comes_up_between_runs_is_looked_at_several_times_a_second_and_may_want_a_run() -> None:
    clock = HandClock()
    job = Script(clock, (0, True), (0, True))
    job.wanted_at = None

    def jitter() -> float:
        job.wanted_at = 3.0 if job.began else None
        return 0.0

    run_schedule(Once(), job, clock, jitter)
    assert job.began == [0, 3] and len(job.looks) >= 12


def test_it_stops_while_it_waits() -> None:
    clock = HandClock()
    job = Script(clock, (0, True), (0, True))
    job.poll = lambda: job.runs.clear() if clock.time > NOW + 5 * SECOND else None  # type: ignore[method-assign]
    run_schedule(parse_every("1d"), job, clock, lambda: 0.0)
    assert job.began == [0] and clock.time < NOW + 6 * SECOND
