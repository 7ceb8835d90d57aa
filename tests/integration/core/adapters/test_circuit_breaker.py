"""A service that fails: when callers wait, when they give up, and whose fault it is."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from core.adapters.stores.circuit_breaker import CircuitBreaker, TransientError
from core.errors import ImageGone, StoreError


def failing(times: float, *, service_wide: bool = True) -> Callable[[], str]:
    """An attempt that succeeds after so many failures."""
    turns = count()

    def attempt() -> str:
        if next(turns) < times:
            raise TransientError("busy", service_wide=service_wide)
        return "answer"

    return attempt


def test_failures_are_tried_again() -> None:
    assert CircuitBreaker("it", 2.0).call("a", failing(12)) == "answer"


def test_other_errors_are_answers() -> None:
    breaker, turns = CircuitBreaker("it", 2.0), count()

    def attempt() -> None:
        if next(turns) % 7 < 6:
            raise TransientError("busy")
        raise ImageGone("no longer there")

    for _ in range(3):  # together longer than its patience
        with pytest.raises(ImageGone):
            breaker.call("a", attempt)


def test_without_any_answer_everybody_ends_and_stays_ended() -> None:
    breaker = CircuitBreaker("it", 0.5)
    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(breaker.call, str(n), failing(float("inf"))) for n in range(6)]
        for call in calls:
            with pytest.raises(StoreError, match=r"it has not answered for .*busy"):
                call.result()
    with pytest.raises(StoreError, match="has not answered"):
        breaker.call("late", lambda: pytest.fail("it was tried again"))


def test_while_it_is_out_one_at_a_time_tries() -> None:
    breaker, lock = CircuitBreaker("it", 6.0), threading.Lock()
    at_once, most, tried, up = 0, 0, 0, time.monotonic() + 1.5

    def attempt() -> str:
        nonlocal at_once, most, tried
        with lock:
            at_once, tried = at_once + 1, tried + 1
            most = max(most, at_once if tried > 16 else 0)
        try:
            time.sleep(0.02)
            if time.monotonic() < up:
                raise TransientError("busy")
            return "answer"
        finally:
            with lock:
                at_once -= 1

    with ThreadPoolExecutor(8) as pool:
        answers = [call.result() for call in [pool.submit(breaker.call, str(n), attempt) for n in range(8)]]
    assert answers == ["answer"] * 8 and tried < 8 * 5


@pytest.mark.parametrize("service_wide", [True, False])
def test_what_fails_while_others_get_through_is_given_up(service_wide: bool) -> None:
    breaker, done = CircuitBreaker("it", 1.0), threading.Event()

    def others() -> None:
        while not done.is_set():
            breaker.call("other", lambda: "answer")
            time.sleep(0.01)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(others)
        with pytest.raises(TransientError):
            breaker.call("a", failing(float("inf"), service_wide=service_wide))
        done.set()
    assert breaker.call("a", lambda: "answer") == "answer"


def test_the_only_one_that_fails_is_given_up_unless_the_service_is_at_fault() -> None:
    with pytest.raises(TransientError):
        CircuitBreaker("it", 3.0).call("a", failing(9, service_wide=False))
    assert CircuitBreaker("it", 3.0).call("a", failing(9, service_wide=True)) == "answer"


def test_stopping_ends_those_who_wait() -> None:
    breaker = CircuitBreaker("it", 100.0)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(breaker.call, "a", failing(float("inf")))
        time.sleep(0.1)
        breaker.stop()
        with pytest.raises(StoreError, match="stopped"):
            call.result(timeout=5)


def test_stopping_leaves_behind_an_attempt_that_is_kept_waiting() -> None:
    breaker, kept = CircuitBreaker("it", 60.0), threading.Event()
    began = threading.Semaphore(0)

    def attempt() -> bool:
        began.release()
        return kept.wait(60)

    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(breaker.call, str(n), attempt) for n in range(3)]
        for _ in calls:
            began.acquire()
        breaker.stop()
        for call in calls:
            with pytest.raises(StoreError, match="stopped"):
                call.result(timeout=20)
    kept.set()
    with pytest.raises(StoreError, match="stopped"):
        breaker.call("late", lambda: pytest.fail("it was tried again"))


def test_a_shortcut_saves_the_attempt_while_the_service_answers() -> None:
    breaker, turns = CircuitBreaker("it", 5.0), count()
    here = threading.get_ident()
    assert breaker.call("a", lambda: pytest.fail("it was attempted"), lambda: threading.get_ident()) == here
    assert breaker.call("a", lambda: "attempt", lambda: None) == "attempt"

    def attempt() -> str:
        if next(turns) == 0:
            assert breaker.call("b", lambda: "attempt", lambda: "shortcut") == "shortcut"
            raise TransientError("busy")
        if next(turns) == 2:  # the service has failed last, and nothing has been answered since
            assert breaker.call("b", lambda: "attempt", lambda: "shortcut") == "attempt"
        return "answer"

    assert breaker.call("a", attempt) == "answer"


def test_a_shortcut_ends_with_the_breaker() -> None:
    breaker = CircuitBreaker("it", 5.0)
    breaker.stop()
    with pytest.raises(StoreError, match="stopped"):
        breaker.call("a", lambda: "attempt", lambda: "shortcut")
