"""A throttle for requests to many hosts: a limit for each, and a circuit breaker for those that are down."""

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


class HostUnreachable(Exception):
    """A host that gave no response.

    `network_up` says that something on the way did respond, such as a name server, so the network is not at fault.
    """

    def __init__(self, reason: str, *, network_up: bool) -> None:
        super().__init__(reason)
        self.network_up = network_up


class HostBusy(Exception):
    """A host that asks to retry later, after `seconds` where it gives a time."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class _Host:
    def __init__(self, name: str, patience_s: float) -> None:
        self.name = name
        self.in_flight = 0
        self.answers = 0
        self.not_before = 0.0
        self.breaker = CircuitBreaker(name, patience_s)
        self.given_up: str | None = None


class HostThrottle:
    """A circuit breaker for each host, and one for the network; at most `at_once` requests to one host at a time.

    A host that has answered in this run is waited for `patience_s` seconds. So is any host while nothing else answers.
    A host that never answered is waited for `unknown_host_patience_s` seconds. After that, its addresses raise
    ImageUnavailable for the rest of the run. Where nothing answers at all for `patience_s`, StoreError is raised.
    """

    def __init__(self, *, at_once: int, patience_s: float, unknown_host_patience_s: float) -> None:
        self._at_once = at_once
        self._patience = patience_s
        self._unknown_host_patience = min(unknown_host_patience_s, patience_s)
        self._network = CircuitBreaker("the network", patience_s)
        self._changed = threading.Condition()
        self._hosts: dict[str, _Host] = {}
        self._signs_of_life = 0  # answers and refusals, from anywhere
        self._stopped = False

    def call(self, name: str, what: str, attempt: Callable[[], T]) -> T:
        """Call `attempt` until it raises no HostUnreachable, HostBusy or TransientError; return its result.

        Raises ImageUnavailable where the host or the address is given up, StoreError where the network is.
        """
        with self._reserve_slot(name) as host:
            if host.given_up is not None:
                raise ImageUnavailable(host.given_up)
            return self._network.call(name, lambda: self._call_host(host, what, attempt))

    def stop(self) -> None:
        """End all waiting, with StoreError."""
        with self._changed:
            self._stopped = True
            breakers = [host.breaker for host in self._hosts.values()]
            self._changed.notify_all()
        for breaker in [self._network, *breakers]:
            breaker.stop()

    @contextmanager
    def _reserve_slot(self, name: str) -> Iterator[_Host]:
        with self._changed:
            host = self._hosts.get(name)
            if host is None:
                host = self._hosts[name] = _Host(name, self._unknown_host_patience)
            self._changed.wait_for(lambda: self._stopped or host.in_flight < self._at_once)
            self._raise_if_stopped()
            host.in_flight += 1
        try:
            yield host
        finally:
            with self._changed:
                host.in_flight -= 1
                self._changed.notify_all()

    def _call_host(self, host: _Host, what: str, attempt: Callable[[], T]) -> T:
        """Call one host. Raises TransientError where nothing answers anywhere, so that the network breaker waits."""
        before, seen, breaker = self._signs_of_life, host.answers, host.breaker
        silence = "its host does not answer"
        silences = 0

        def once() -> T:
            nonlocal silence, silences
            self._wait(host.not_before - time.monotonic())
            try:
                result = self._attempt(host, attempt)
            except HostUnreachable as error:
                silence = str(error)
                silences += 1
                if error.network_up:
                    self._record_sign_of_life()
                if silences >= _TRIES and host.answers > seen:
                    raise ImageUnavailable(f"{error}, {silences} times, while its host answers others") from error
                raise TransientError(silence) from error
            except HostBusy as error:
                silence = str(error)
                self._record_sign_of_life()
                host.not_before = time.monotonic() + min(error.seconds, self._patience / 2)
                raise TransientError(silence) from error
            except BaseException:
                self._record_answer(host)
                raise
            self._record_answer(host)
            return result

        try:
            return breaker.call(what, once)
        except TransientError as error:
            raise ImageUnavailable(f"{silence}, again and again; the next run tries again") from error
        except StoreError as error:
            if type(error) is not StoreError:
                raise
            self._raise_if_stopped()
            if self._signs_of_life == before:
                host.breaker = CircuitBreaker(host.name, self._unknown_host_patience)
                raise TransientError(silence) from error
            host.given_up = f"{silence}; its host was given up for this run, and the next run tries again"
            raise ImageUnavailable(host.given_up) from error

    def _attempt(self, host: _Host, attempt: Callable[[], T]) -> T:
        """Repeat a request whose response from a live host was damaged, a few times. Raises ImageUnavailable."""
        for n in range(1, _TRIES + 1):
            try:
                return attempt()
            except TransientError as error:
                self._record_answer(host)
                if n == _TRIES:
                    raise ImageUnavailable(f"{error}, {n} times; the next run tries again") from error
            self._wait(_PAUSE * n)
        raise AssertionError

    def _record_sign_of_life(self) -> None:
        with self._changed:
            self._signs_of_life += 1

    def _record_answer(self, host: _Host) -> None:
        with self._changed:
            self._signs_of_life += 1
            host.answers += 1
            if host.answers == 1:
                host.breaker = CircuitBreaker(host.name, self._patience)

    def _wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, max(0.0, seconds))
            self._raise_if_stopped()

    def _raise_if_stopped(self) -> None:
        if self._stopped:
            raise StoreError("stopped")
