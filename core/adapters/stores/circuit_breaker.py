"""Getting through to a service that fails now and then, or that answers nothing for a while."""

import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

from core.errors import Notice, StoreError
from core.errors.hints import TryAgain

_log = logging.getLogger(__name__)

T = TypeVar("T")

_OPENS_AFTER = 5  # failures in a row, of whatever calls, that look like an outage
_TELLS_AFTER = 10.0  # seconds without an answer; shorter ones are a busy service's everyday
_BLAME = 24  # so much of it, gathered while others get through, makes a call be given up
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 15.0


class NoAnswer(Exception):
    """A call brought no usable answer, which may be over soon.

    `everywhere`: the service is at fault, whatever was asked for. Otherwise it may be what was asked for.
    """

    def __init__(self, reason: str, *, everywhere: bool = True) -> None:
        super().__init__(reason)
        self.everywhere = everywhere


class Outage:
    """Calls one service from several threads, again and again where it gives no answer (a circuit breaker).

    A call that fails is tried again after a growing, random pause. When several calls in a row have failed, every
    caller waits and one at a time tries: its answer lets all of them go on. After `patience_s` seconds without any
    answer every call raises StoreError, also those that come later.
    """

    def __init__(self, service: str, patience_s: float) -> None:
        self._service = service
        self._patience = patience_s
        self._longest_pause = min(_LONGEST_PAUSE, patience_s / 10)
        self._tells_after = min(_TELLS_AFTER, patience_s / 4)
        self._changed = threading.Condition()
        self._under_way: set[Future[Any]] = set()
        self._failing: set[str] = set()
        self._failures = 0  # in a row
        self._since: float | None = None  # when the first of them began
        self._answers = 0
        self._probing = False
        self._next_probe = 0.0
        self._over: Notice | None = None
        self._told = False

    def call(self, what: str, attempt: Callable[[], T]) -> T:
        """What `attempt` returns or raises; only NoAnswer makes it be tried again.

        Raises NoAnswer in the end where the fault seems to lie with `what`: the others get through.
        """
        tries, blame, seen = 0, 0, self._answers
        while True:
            self._admit()
            began = time.monotonic()
            try:
                result = self._attempt(attempt)
            except NoAnswer as error:
                against, seen = self._failed(what, error, began, seen)
                tries += against
                blame += against * (1 if error.everywhere else 3)
                if blame >= _BLAME:
                    raise
                self._pause(tries)
            except BaseException:
                self._answered()
                raise
            else:
                self._answered()
                return result

    def stop(self) -> None:
        """End all waiting, with StoreError. Attempts that are under way are left behind, and their outcome is lost."""
        self._end(Notice("stopped"))
        with self._changed:
            left, self._under_way = self._under_way, set()
        for outcome in left:
            _settle(outcome, StoreError("stopped"))

    def _attempt(self, attempt: Callable[[], T]) -> T:
        """What `attempt` returns or raises. It runs in a thread of its own: a service may keep it waiting for long."""
        outcome: Future[T] = Future()
        with self._changed:
            if self._over is not None:
                raise StoreError(self._over.reason, self._over.hint)
            self._under_way.add(outcome)

        def run() -> None:
            try:
                result = attempt()
            except BaseException as error:
                _settle(outcome, error)
            else:
                _settle(outcome, None, result)

        threading.Thread(target=run, name="attempt", daemon=True).start()
        try:
            return outcome.result()
        finally:
            with self._changed:
                self._under_way.discard(outcome)

    def _admit(self) -> None:
        """Wait until this caller may try."""
        with self._changed:
            while True:
                if self._over is not None:
                    raise StoreError(self._over.reason, self._over.hint)
                if self._failures < _OPENS_AFTER:
                    return
                wait = self._next_probe - time.monotonic()
                if not self._probing and wait <= 0:
                    self._probing = True
                    return
                self._changed.wait(None if self._probing else wait)

    def _failed(self, what: str, error: NoAnswer, began: float, seen: int) -> tuple[bool, int]:
        """Take note. Returns whether this speaks against `what` rather than against the service, and how many answers
        there have been; `seen` of them before `what` was tried, or failed the last time.
        """
        with self._changed:
            others = self._answers > seen
            self._since = began if self._since is None else self._since
            self._failures += 1
            self._failing.add(what)
            self._probing = False
            now = time.monotonic()
            _log.info("no answer from %s for %s: %s", self._service, what, error)
            if not self._told and now - self._since >= self._tells_after:
                self._told = True
                _log.warning("%s does not answer (%s); trying on for %.0f s", self._service, error, self._patience)
            if now - self._since >= self._patience:
                self._end(
                    Notice(
                        f"{self._service} has not answered for {now - self._since:.0f} s ({error})",
                        TryAgain("what has been done stays: see that the store and the network are well"),
                    )
                )
            self._next_probe = now + self._length(self._failures - _OPENS_AFTER)
            self._changed.notify_all()
            return others or (not error.everywhere and self._failing == {what}), self._answers

    def _answered(self) -> None:
        with self._changed:
            if self._told and self._over is None:
                _log.warning("%s answers again", self._service)
                self._told = False
            self._answers += 1
            self._failures = 0
            self._since = None
            self._failing.clear()
            self._probing = False
            self._changed.notify_all()

    def _end(self, why: Notice) -> None:
        with self._changed:
            self._over = self._over or why
            self._changed.notify_all()

    def _pause(self, tries: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._over is not None, self._length(tries))

    def _length(self, step: int) -> float:
        """Exponential back-off with jitter: half to the whole of a pause that doubles up to the longest."""
        return random.uniform(0.5, 1.0) * min(self._longest_pause, _FIRST_PAUSE * 2.0 ** max(0, min(step, 30)))


def _settle(outcome: "Future[Any]", error: BaseException | None, result: object = None) -> None:
    """The first outcome counts: an attempt that was left behind may still come to one."""
    with suppress(InvalidStateError):
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)
