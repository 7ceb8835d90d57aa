"""Asks many hosts politely: so many requests to one at once, and patience with those that are down for a while."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from core.adapters.stores.circuit_breaker import CircuitBreaker, TransientError
from core.errors import ImageUnavailable, StoreError

T = TypeVar("T")

_TRIES = 3  # of one address whose host answers others
_PAUSE = 0.3  # seconds, longer each time


class HostSilent(Exception):
    """A host gave no answer. `alive`: something else did on the way (a name server, the host's refusal), so that the
    network is not to blame.
    """

    def __init__(self, reason: str, *, alive: bool) -> None:
        super().__init__(reason)
        self.alive = alive


class Busy(Exception):
    """A host answers, but asks to come again later, after so many seconds if it says so."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class _Host:
    def __init__(self, name: str, patience_s: float) -> None:
        self.name = name
        self.under_way = 0
        self.answers = 0
        self.not_before = 0.0
        self.breaker = CircuitBreaker(name, patience_s)
        self.given_up: str | None = None


class Hosts:
    """A circuit breaker for each host, and one for the network that all of them are reached by.

    A host that does not answer is waited for: `patience_s` if it has answered before in this run, or if nothing else
    answers either; otherwise `stranger_s`. After that its addresses fail for this run with ImageUnavailable. Where
    nothing answers at all for `patience_s`, StoreError says so.
    """

    def __init__(self, *, at_once: int, patience_s: float, stranger_s: float) -> None:
        self._at_once = at_once
        self._patience = patience_s
        self._stranger = min(stranger_s, patience_s)
        self._network = CircuitBreaker("the network", patience_s)
        self._changed = threading.Condition()
        self._hosts: dict[str, _Host] = {}
        self._alive = 0  # signs of life, from anywhere
        self._stopped = False

    def call(self, name: str, what: str, attempt: Callable[[], T]) -> T:
        """What `attempt` returns or raises; HostSilent, Busy and TransientError make it be tried again."""
        with self._turn(name) as host:
            if host.given_up is not None:
                raise ImageUnavailable(host.given_up)
            return self._network.call(name, lambda: self._at_host(host, what, attempt))

    def stop(self) -> None:
        """End all waiting, with StoreError."""
        with self._changed:
            self._stopped = True
            breakers = [host.breaker for host in self._hosts.values()]
            self._changed.notify_all()
        for breaker in [self._network, *breakers]:
            breaker.stop()

    @contextmanager
    def _turn(self, name: str) -> Iterator[_Host]:
        with self._changed:
            host = self._hosts.get(name)
            if host is None:
                host = self._hosts[name] = _Host(name, self._stranger)
            self._changed.wait_for(lambda: self._stopped or host.under_way < self._at_once)
            self._check()
            host.under_way += 1
        try:
            yield host
        finally:
            with self._changed:
                host.under_way -= 1
                self._changed.notify_all()

    def _at_host(self, host: _Host, what: str, attempt: Callable[[], T]) -> T:
        """Call one host. Raises TransientError where nothing answers anywhere, so that the network breaker waits."""
        before, seen, breaker = self._alive, host.answers, host.breaker
        silence = "its host does not answer"
        silences = 0

        def once() -> T:
            nonlocal silence, silences
            self._wait(host.not_before - time.monotonic())
            try:
                result = self._attempt(host, attempt)
            except HostSilent as error:
                silence = str(error)
                silences += 1
                if error.alive:
                    self._sign_of_life()
                if silences >= _TRIES and host.answers > seen:
                    raise ImageUnavailable(f"{error}, {silences} times, while its host answers others") from error
                raise TransientError(silence) from error
            except Busy as error:
                silence = str(error)
                self._sign_of_life()
                host.not_before = time.monotonic() + min(error.seconds, self._patience / 2)
                raise TransientError(silence) from error
            except BaseException:
                self._answered(host)
                raise
            self._answered(host)
            return result

        try:
            return breaker.call(what, once)
        except TransientError as error:
            raise ImageUnavailable(f"{silence}, again and again; the next run tries again") from error
        except StoreError as error:
            if type(error) is not StoreError:
                raise
            self._check()
            if self._alive == before:
                host.breaker = CircuitBreaker(host.name, self._stranger)
                raise TransientError(silence) from error
            host.given_up = f"{silence}; its host was given up for this run, and the next run tries again"
            raise ImageUnavailable(host.given_up) from error

    def _attempt(self, host: _Host, attempt: Callable[[], T]) -> T:
        """What comes damaged from a host that answers is asked for so many times."""
        for n in range(1, _TRIES + 1):
            try:
                return attempt()
            except TransientError as error:
                self._answered(host)
                if n == _TRIES:
                    raise ImageUnavailable(f"{error}, {n} times; the next run tries again") from error
            self._wait(_PAUSE * n)
        raise AssertionError

    def _sign_of_life(self) -> None:
        with self._changed:
            self._alive += 1

    def _answered(self, host: _Host) -> None:
        with self._changed:
            self._alive += 1
            host.answers += 1
            if host.answers == 1:
                host.breaker = CircuitBreaker(host.name, self._patience)

    def _wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, max(0.0, seconds))
            self._check()

    def _check(self) -> None:
        if self._stopped:
            raise StoreError("stopped")
