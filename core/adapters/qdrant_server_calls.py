"""Calls of a Qdrant server: tried again where that helps, and their errors as ours.

A call is tried again where the server cannot be reached, has too much to do, or is starting; and not where it refuses
what is asked. Every call of the adapter may be repeated: points are written whole, under their own ids.
"""

import logging
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

import grpc
from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from core.errors import LibraryError, LibraryRefused, LibraryUnreachable, ServerLibraryMissing

T = TypeVar("T")

_log = logging.getLogger(__name__)
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 5.0
_AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
_AGAIN_HTTP = {408, 425, 429, 502, 503, 504}
_REFUSED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
_REFUSED_HTTP = {401, 403}
_FAULTS = (grpc.RpcError, ResponseHandlingException, UnexpectedResponse, ResourceExhaustedResponse)


def connect(
    url: str, *, api_key: str | None = None, timeout_s: int = 10, grpc_port: int = 6334, patience_s: float = 10.0
) -> "Server":
    """Over gRPC, or over REST where nothing listens at the gRPC port. Asks nothing yet."""
    host = urlsplit(url).hostname
    open_ = host is not None and _listens(host, grpc_port)
    client = QdrantClient(
        url=url, api_key=api_key, timeout=timeout_s, prefer_grpc=open_, grpc_port=grpc_port, check_compatibility=False
    )
    return Server(client, url, patience_s)


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


class Server:
    """One server's client. `patience_s` is how long a call that the server does not answer is tried again."""

    def __init__(self, client: QdrantClient, address: str, patience_s: float = 10.0) -> None:
        self.address = address
        self._client = client
        self._patience_s = patience_s

    def ask(self, call: Callable[[QdrantClient], T]) -> T:
        """Raises LibraryUnreachable, LibraryRefused, ServerLibraryMissing, LibraryError."""
        until = time.monotonic() + self._patience_s
        wait = _FIRST_WAIT_S
        while True:
            try:
                return call(self._client)
            except _FAULTS as error:
                fault = self._mapped(error)
                pause = min(max(wait * random.uniform(0.5, 1.0), _asked_to_wait(error)), _LONGEST_WAIT_S)
                if not isinstance(fault, LibraryUnreachable) or time.monotonic() + pause > until:
                    raise fault from error
                _log.info("asking again server=%s pause=%.1f error=%s", self.address, pause, fault.reason)
                time.sleep(pause)
                wait *= 2

    def close(self) -> None:
        self._client.close()

    def _mapped(self, error: Exception) -> LibraryError:
        if isinstance(error, ResourceExhaustedResponse):
            return LibraryUnreachable(self.address, f"it has too much to do ({error})")
        if isinstance(error, ResponseHandlingException):
            return LibraryUnreachable(self.address, str(error.source) or type(error.source).__name__)
        if isinstance(error, UnexpectedResponse):
            code: Any = error.status_code
            told = _told(error)
            missing, refused, again = code == 404, code in _REFUSED_HTTP, code in _AGAIN_HTTP
        else:
            assert isinstance(error, grpc.Call)
            code = error.code()
            told = error.details() or code.name
            missing, refused, again = code == grpc.StatusCode.NOT_FOUND, code in _REFUSED, code in _AGAIN
        if missing:
            return ServerLibraryMissing(self.address, told)
        if refused:
            return LibraryRefused(self.address, told)
        if again:
            return LibraryUnreachable(self.address, told)
        return LibraryError(f"the Qdrant server {self.address} failed: {told}; its log tells more")


def _told(error: UnexpectedResponse) -> str:
    with suppress(ValueError, KeyError, TypeError):
        return str(error.structured()["status"]["error"])
    return f"{error.status_code} {error.reason_phrase}".strip()


def _asked_to_wait(error: Exception) -> float:
    return float(error.retry_after_s) if isinstance(error, ResourceExhaustedResponse) else 0.0
