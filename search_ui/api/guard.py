"""Who may ask the HTTP API, how often, and how much at once."""

import hmac
import json
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from core.settings import Settings
from search_ui.api.api_errors import Refusal

_CLIENTS = 10_000  # remembered at most


class Rate:
    """A token bucket for every client: `per_second` requests on the average, twice as many at once; 0: no limit."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_second
        self._burst = max(1.0, 2 * per_second)
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when there were so many
        self._lock = threading.Lock()

    def wait_s(self, client: str) -> float:
        """Takes a token: 0. Or leaves it, and tells in how many seconds there is one."""
        if not self._rate:
            return 0.0
        now = self._clock()
        with self._lock:
            tokens, since = self._left.pop(client, (self._burst, now))
            tokens = min(self._burst, tokens + (now - since) * self._rate)
            self._left[client] = (tokens - 1 if tokens >= 1 else tokens, now)
            if len(self._left) > _CLIENTS:
                self._left.popitem(last=False)
        return 0.0 if tokens >= 1 else (1 - tokens) / self._rate


class Guard:
    def __init__(self, settings: Settings) -> None:
        self._token = settings.api.token.get_secret_value().encode() if settings.api.token else None
        self._rate = Rate(settings.api.rate)
        self._most_bytes = settings.api.body_bytes

    def admit(self, request: Request) -> None:
        """Raises Refusal: 429, or 401."""
        if wait := self._rate.wait_s(request.client.host if request.client else ""):
            seconds = math.ceil(wait)
            told = "too many requests from this address (setting api.rate)"
            raise Refusal(429, "too_many_requests", told, f"wait {seconds} s", retry_after=seconds)
        if self._token is not None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token)
            if scheme.lower() != "bearer" or not right:
                raise Refusal(
                    401,
                    "unauthorized",
                    "this needs the token of the server (setting api.token)",
                    "send the header Authorization: Bearer TOKEN",
                    headers={"WWW-Authenticate": "Bearer"},
                )

    async def json_of(self, request: Request) -> Any:
        """The body. Raises Refusal: 415, 413, 400. Pages of other sites cannot send this type unasked."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            what = "send JSON, with the header Content-Type: application/json"
            raise Refusal(415, "not_json", "the body is not said to be JSON", what)
        told = request.headers.get("content-length", "")
        if told.isdecimal() and int(told[:20]) > self._most_bytes:
            raise self._too_large()
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > self._most_bytes:
                raise self._too_large()
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:  # UnicodeDecodeError is one
            told = f"the body is not JSON: {error}"[:300]
            raise Refusal(400, "not_json", told, "send a JSON object, in UTF-8") from error

    def _too_large(self) -> Refusal:
        told = f"the body has over {self._most_bytes:,} bytes (setting api.body_bytes)"
        return Refusal(
            413, "body_too_large", told, "send less, such as a smaller picture", headers={"Connection": "close"}
        )
