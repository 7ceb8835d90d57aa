"""Threads that run one call after another, and do not hold up the end of the process.

Those of concurrent.futures are waited for when the interpreter ends, so a call that hangs would hang the process too.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

_IDLE_S = 30.0  # after which a thread that has nothing to do ends


class DaemonThreads:
    """As many daemon threads as calls run at once. Several threads may share it."""

    def __init__(self, name: str, idle_s: float = _IDLE_S) -> None:
        """Start none yet; `idle_s` seconds without a call end a thread."""
        self._name = name
        self._idle_s = idle_s
        self._idle: deque[queue.SimpleQueue[Callable[[], None]]] = deque()

    def run(self, call: Callable[[], None]) -> None:
        """Begin to run `call`, which raises nothing, and return."""
        try:
            calls = self._idle.pop()  # the one that ran last: others may end
        except IndexError:
            calls = queue.SimpleQueue()
            threading.Thread(target=self._serve, args=(calls,), name=self._name, daemon=True).start()
        calls.put(call)

    def submit(self, call: Callable[[], T]) -> "Future[T]":
        """Begin to run `call`, and return what tells its result, or what it raised."""
        answer: Future[T] = Future()

        def run() -> None:
            try:
                result = call()
            except BaseException as error:
                answer.set_exception(error)
            else:
                answer.set_result(result)

        self.run(run)
        return answer

    def _serve(self, calls: "queue.SimpleQueue[Callable[[], None]]") -> None:
        while True:
            try:
                call = calls.get(timeout=self._idle_s)
            except queue.Empty:
                try:
                    self._idle.remove(calls)
                except ValueError:  # it was just taken, and a call is on its way
                    continue
                return
            call()
            del call
            self._idle.append(calls)
