"""Threads that run calls one after another: how many there are, and when they end."""

import threading
from queue import SimpleQueue

import pytest

from core.adapters.local.daemon_threads import DaemonThreads


def run_and_wait(threads: DaemonThreads) -> threading.Thread:
    """Run a call, wait for it, and return the thread that it ran in."""
    ran: SimpleQueue[threading.Thread] = SimpleQueue()
    threads.run(lambda: ran.put(threading.current_thread()))
    return ran.get(timeout=10)


def test_calls_one_after_another_share_a_thread() -> None:
    threads = DaemonThreads("test")
    first = run_and_wait(threads)
    for _ in range(200):  # a thread is idle only a moment after its call is over
        if run_and_wait(threads) is first:
            break
    else:
        raise AssertionError("no thread was used twice")
    assert first.daemon and first.name == "test"


def test_calls_at_once_have_a_thread_each() -> None:
    threads, meeting = DaemonThreads("test"), threading.Barrier(4, timeout=10)
    ran: SimpleQueue[int] = SimpleQueue()

    def meet() -> None:
        meeting.wait()
        ran.put(threading.get_ident())

    for _ in range(4):
        threads.run(meet)
    assert len({ran.get(timeout=10) for _ in range(4)}) == 4


def test_a_thread_without_calls_ends_and_the_next_call_has_a_new_one() -> None:
    threads = DaemonThreads("test", idle_s=0.02)
    first = run_and_wait(threads)
    first.join(10)
    assert not first.is_alive()
    assert run_and_wait(threads) is not first


def test_no_call_is_lost_where_threads_end_all_the_time() -> None:
    threads = DaemonThreads("test", idle_s=0.0)
    for _ in range(300):
        run_and_wait(threads)


def test_what_is_submitted_tells_its_result_or_its_error() -> None:
    threads = DaemonThreads("test")
    assert threads.submit(lambda: 7).result(10) == 7
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(10)
