"""Calls of a Qdrant server: tried again where that helps, and their errors as ours.

A call is tried again where the server cannot be reached, has too much to do, or is starting. It is not where the server
refuses what is asked. Every call of the adapter may be repeated: points are written whole, under their own ids.
"""

import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import ceil
from typing import Any, TypeVar
from urllib.parse import urlsplit

import grpc
from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from core.adapters.local.daemon_threads import DaemonThreads
from core.errors import LibraryError, LibraryReadOnly, LibraryRefused, LibraryUnreachable, ServerLibraryMissing
from core.errors.hints import Advice

T = TypeVar("T")

_log = logging.getLogger(__name__)
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 5.0
_TELLS_AFTER_S = 10.0  # shorter silences are a busy server's everyday
_LISTENS_S = 2.0
_SHOWN = 200  # characters of what a server says
_AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
_AGAIN_HTTP = {408, 425, 429, 502, 503, 504}
_NO_KEY = {grpc.StatusCode.UNAUTHENTICATED, 401}
_KEY_WITHOUT_RIGHT = {grpc.StatusCode.PERMISSION_DENIED, 403}
_FAULTS = (grpc.RpcError, ResponseHandlingException, UnexpectedResponse, QdrantException)
_GRPC_OPTIONS = {  # else a channel that lost its server looks for it every two minutes
    "grpc.initial_reconnect_backoff_ms": 500,
    "grpc.max_reconnect_backoff_ms": 5000,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
}


def connect(
    url: str,
    *,
    api_key: str | None = None,
    timeout_s: float = 10.0,
    prefer_grpc: bool = True,
    grpc_port: int = 6334,
    patience_s: float = 10.0,
    stop: threading.Event | None = None,
    guard: Callable[[], None] | None = None,
) -> "Server":
    """Over gRPC, or over REST where nothing listens at the gRPC port. Asks nothing yet. `stop` ends all waiting.

    `guard` is called before every write, and may refuse it.
    """
    host = urlsplit(url).hostname
    client = QdrantClient(
        url=url,
        headers={"api-key": api_key} if api_key else None,
        timeout=ceil(timeout_s),
        prefer_grpc=prefer_grpc and host is not None and _is_listening(host, grpc_port),
        grpc_port=grpc_port,
        grpc_options=dict(_GRPC_OPTIONS),
        check_compatibility=False,
    )
    return Server(client, url, patience_s, stop, guard)


def _is_listening(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_LISTENS_S).close()
    except OSError:
        return False
    return True


class Server:
    """One server's client, for several threads.

    `patience_s` is how long a call that the server does not answer is tried again, unless `stop` is set.
    `guard` is called before every try of a write. What it raises is raised, but that the server does not answer.
    """

    def __init__(
        self,
        client: QdrantClient,
        address: str,
        patience_s: float = 10.0,
        stop: threading.Event | None = None,
        guard: Callable[[], None] | None = None,
    ) -> None:
        self.address = address
        self._client = client
        self._patience_s = patience_s
        self._stop = stop or threading.Event()
        self._guard = guard
        self._told = False  # that it does not answer
        self._threads = DaemonThreads("ask-server")

    def gather(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Make calls that do not depend on one another side by side: together they take as long as the longest.

        Raises what the first of them raises that fails. Calls may gather calls of their own.
        """
        if len(calls) < 2:
            return [call() for call in calls]
        others = [self._threads.submit(call) for call in calls[1:]]
        return [calls[0](), *(other.result() for other in others)]

    def ask(self, call: Callable[[QdrantClient], T], *, writes: bool = False) -> T:
        """Raises LibraryUnreachable, LibraryRefused, LibraryReadOnly where it `writes`, ServerLibraryMissing,
        LibraryError.
        """
        began = time.monotonic()
        wait = _FIRST_WAIT_S
        while True:
            try:
                if writes and self._guard is not None:
                    self._guard()
                answer = call(self._client)
            except (*_FAULTS, LibraryUnreachable) as error:
                known = isinstance(error, LibraryUnreachable)
                fault = error if known else self._map_error(error, writes=writes)
                pause = min(max(wait * random.uniform(0.5, 1.0), _retry_after_s(error)), _LONGEST_WAIT_S)
                waited = time.monotonic() - began
                if not isinstance(fault, LibraryUnreachable) or waited + pause > self._patience_s:
                    raise fault from error
                self._tell(fault, waited)
                if self._stop.wait(pause):
                    raise fault from error
                wait *= 2
            else:
                if self._told:
                    self._told = False
                    _log.warning("the Qdrant server %s answers again", self.address)
                return answer

    def close(self) -> None:
        self._client.close()

    def _tell(self, fault: LibraryUnreachable, waited: float) -> None:
        _log.info("asking again server=%s waited=%.1f error=%s", self.address, waited, fault.cause)
        if waited > _TELLS_AFTER_S and not self._told:
            self._told = True
            _log.warning("%s; trying on for %.0f s", fault.reason, self._patience_s)

    def _map_error(self, error: Exception, *, writes: bool) -> LibraryError:
        if isinstance(error, QdrantException):
            return LibraryUnreachable(self.address, f"it has too much to do ({error})")
        if isinstance(error, ResponseHandlingException):
            return LibraryUnreachable(self.address, str(error.source) or type(error.source).__name__)
        if isinstance(error, UnexpectedResponse):
            code: Any = error.status_code
            told = _error_message(error)
            missing, again = code == 404, code in _AGAIN_HTTP
        else:
            assert isinstance(error, grpc.Call)
            code = error.code()
            told = error.details() or code.name
            missing, again = code == grpc.StatusCode.NOT_FOUND, code in _AGAIN
        if missing:
            return ServerLibraryMissing(self.address, told)
        if code in _KEY_WITHOUT_RIGHT and writes:
            return LibraryReadOnly(self.address, told)
        if code in _NO_KEY | _KEY_WITHOUT_RIGHT:
            return LibraryRefused(self.address, told)
        if again:
            return LibraryUnreachable(self.address, told)
        return LibraryError(f"the Qdrant server {self.address} failed: {told}", Advice("its log tells more"))


def _error_message(error: UnexpectedResponse) -> str:
    with suppress(ValueError, KeyError, TypeError):
        return str(error.structured()["status"]["error"])
    told = error.content.decode(errors="replace").strip()[:_SHOWN]
    return f"{error.status_code} {told or error.reason_phrase}".strip()


def _retry_after_s(error: Exception) -> float:
    return float(error.retry_after_s) if isinstance(error, ResourceExhaustedResponse) else 0.0
