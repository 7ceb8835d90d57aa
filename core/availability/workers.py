"""Threads that are kept: each runs one piece of work at a time, and waits for the next one."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")

_Job = Callable[[], None]


class Workers:
    """As many threads as have been busy at once. Safe to use from several threads.

    Work that hangs keeps its thread, and others go on. The threads are daemons: they keep no process from ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle: list[SimpleQueue[_Job | None]] = []
        self._closed = False

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Begin the work at once, in a thread that is idle or in a new one."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                answer = work()
            except BaseException as error:
                self._idle.append(jobs)  # before the answer, so that whoever had it finds this thread idle
                future.set_exception(error)
            else:
                self._idle.append(jobs)
                future.set_result(answer)

        try:
            jobs = self._idle.pop()
        except IndexError:
            jobs = SimpleQueue()
            threading.Thread(target=self._serve, args=(jobs,), name=self._name, daemon=True).start()
        jobs.put(run)
        return future

    def close(self) -> None:
        """Let the threads end, each with the work that it is at."""
        self._closed = True
        while self._idle:
            self._idle.pop().put(None)

    def _serve(self, jobs: "SimpleQueue[_Job | None]") -> None:
        while (job := jobs.get()) is not None:
            job()
            del job  # and with it the answer
            if self._closed:
                return
