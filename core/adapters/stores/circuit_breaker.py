"""Retries and a circuit breaker for a service that fails now and then, or is down for a while."""

import logging
import random
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from core.adapters.local.daemon_threads import DaemonThreads
from core.errors import Notice, StoreError
from core.errors.hints import TryAgain

_log = logging.getLogger(__name__)

T = TypeVar("T")

_OPEN_AFTER = 5  # failures in a row, of whatever calls, that look like an outage
_WARN_AFTER = 10.0  # seconds without an answer; shorter ones are a busy service's everyday
_MAX_BLAME = 24  # of one call, while others are answered; at so much it is given up
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 15.0


class TransientError(Exception):
    """A call without a usable answer; the same call may succeed soon.

    `service_wide` says that the service is at fault. Otherwise the fault may lie with the item that was requested.
    """

    def __init__(self, reason: str, *, service_wide: bool = True) -> None:
        super().__init__(reason)
        self.service_wide = service_wide


class CircuitBreaker:
    """A circuit breaker around one service, shared by several threads.

    A failed call is repeated after a growing, random pause. After several failures in a row the circuit opens: every
    caller waits while one at a time probes the service. The first answer closes it. After `patience_s` seconds without
    any answer, this call and all later ones raise StoreError.
    """

    def __init__(self, service: str, patience_s: float) -> None:
        self._service = service
        self._patience = patience_s
        self._longest_pause = min(_LONGEST_PAUSE, patience_s / 10)
        self._warn_after = min(_WARN_AFTER, patience_s / 4)
        self._changed = threading.Condition()
        self._in_flight: set[SimpleQueue[tuple[BaseException | None, Any]]] = set()
        self._threads = DaemonThreads("attempt")
        self._failing: set[str] = set()
        self._failures = 0  # in a row
        self._since: float | None = None  # when the first of them began
        self._answers = 0
        self._probing = False
        self._next_probe = 0.0
        self._ended: Notice | None = None
        self._warned = False

    def call(self, what: str, attempt: Callable[[], T], shortcut: Callable[[], T | None] | None = None) -> T:
        """Call `attempt` until it raises no TransientError, and return its result; other errors pass through.

        A `shortcut` is called first, while the service answers: in this thread, so it has to end within a second. None
        means that it has no result.
        Raises StoreError once the service is given up. Raises TransientError where other calls succeed meanwhile, so
        that the fault seems to lie with `what`.
        """
        if shortcut is not None and not self._failures and self._ended is None and (found := shortcut()) is not None:
            self._record_answer()
            return found
        tries, blame, seen = 0, 0, self._answers
        while True:
            self._admit()
            began = time.monotonic()
            try:
                result = self._attempt(attempt)
            except TransientError as error:
                against, seen = self._record_failure(what, error, began, seen)
                tries += against
                blame += against * (1 if error.service_wide else 3)
                if blame >= _MAX_BLAME:
                    raise
                self._pause(tries)
            except BaseException:
                self._record_answer()
                raise
            else:
                self._record_answer()
                return result

    def stop(self) -> None:
        """End every call with StoreError. Attempts in flight are abandoned, and their outcome is lost."""
        self._end(Notice("stopped"))
        with self._changed:
            left, self._in_flight = self._in_flight, set()
        for outcome in left:
            outcome.put((StoreError("stopped"), None))

    def _attempt(self, attempt: Callable[[], T]) -> T:
        """Run `attempt` in another thread, so that a slow service cannot delay `stop`; return what it returns."""
        outcome: SimpleQueue[tuple[BaseException | None, Any]] = SimpleQueue()  # what is put first counts
        with self._changed:
            if self._ended is not None:
                raise StoreError(self._ended.reason, self._ended.hint)
            self._in_flight.add(outcome)

        def run() -> None:
            try:
                result = attempt()
            except BaseException as error:
                outcome.put((error, None))
            else:
                outcome.put((None, result))

        self._threads.run(run)
        try:
            error, result = outcome.get()
        finally:
            with self._changed:
                self._in_flight.discard(outcome)
        if error is not None:
            raise error
        returned: T = result
        return returned

    def _admit(self) -> None:
        """Wait until this caller may try. Raises StoreError once the service is given up."""
        with self._changed:
            while True:
                if self._ended is not None:
                    raise StoreError(self._ended.reason, self._ended.hint)
                if self._failures < _OPEN_AFTER:
                    return
                wait = self._next_probe - time.monotonic()
                if not self._probing and wait <= 0:
                    self._probing = True
                    return
                self._changed.wait(None if self._probing else wait)

    def _record_failure(self, what: str, error: TransientError, began: float, seen: int) -> tuple[bool, int]:
        """Record a failure; return whether it counts against `what`, and the number of answers so far.

        It counts against `what` where others were answered since the last try, when the number of answers was `seen`.
        It does so too where `what` alone fails and the service is not at fault.
        """
        with self._changed:
            others = self._answers > seen
            self._since = began if self._since is None else self._since
            self._failures += 1
            self._failing.add(what)
            self._probing = False
            now = time.monotonic()
            _log.info("no answer from %s for %s: %s", self._service, what, error)
            if not self._warned and now - self._since >= self._warn_after:
                self._warned = True
                _log.warning("%s does not answer (%s); trying on for %.0f s", self._service, error, self._patience)
            if now - self._since >= self._patience:
                self._end(
                    Notice(
                        f"{self._service} has not answered for {now - self._since:.0f} s ({error})",
                        TryAgain("what has been done stays: see that the store and the network are well"),
                    )
                )
            self._next_probe = now + self._draw_pause(self._failures - _OPEN_AFTER)
            self._changed.notify_all()
            return others or (not error.service_wide and self._failing == {what}), self._answers

    def _record_answer(self) -> None:
        with self._changed:
            if self._warned and self._ended is None:
                _log.warning("%s answers again", self._service)
                self._warned = False
            self._answers += 1
            self._failures = 0
            self._since = None
            self._failing.clear()
            self._probing = False
            self._changed.notify_all()

    def _end(self, why: Notice) -> None:
        with self._changed:
            self._ended = self._ended or why
            self._changed.notify_all()

    def _pause(self, tries: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended is not None, self._draw_pause(tries))

    def _draw_pause(self, step: int) -> float:
        """Draw the seconds of a pause: exponential backoff with jitter, from half to the whole of a doubling pause."""
        return random.uniform(0.5, 1.0) * min(self._longest_pause, _FIRST_PAUSE * 2.0 ** max(0, min(step, 30)))
