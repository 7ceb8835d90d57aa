"""Who may ask the HTTP API, how often, and how large a body may be."""

import hmac
import json
import math
import time
from fractions import Fraction
from typing import Any

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.requests import Request

from core.settings import Settings
from search_ui.api.api_errors import Refusal

_LONGEST_WINDOW = 24 * 3600
_SHORTEST_WINDOW = 2


class RateLimit:
    """A limit of requests for every client, in windows that begin with a client's first request."""

    def __init__(self, per_second: float) -> None:
        """`per_second` requests on the average; 0 for no limit."""
        self._window = _rate_window(per_second) if per_second else None
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def wait_s(self, client: str) -> float:
        """Count a request and return 0; or, where too many came, the seconds until the next one is let in."""
        if self._window is None or await self._limiter.hit(self._window, client):
            return 0.0
        stats = await self._limiter.get_window_stats(self._window, client)
        return max(stats.reset_time - time.time(), 0.001)


def _rate_window(per_second: float) -> RateLimitItem:
    """So many requests in so many whole seconds, two at least, that their quotient is the rate."""
    rate = Fraction(per_second).limit_denominator(_LONGEST_WINDOW) or Fraction(1, _LONGEST_WINDOW)
    times = math.ceil(_SHORTEST_WINDOW / rate.denominator)
    return RateLimitItemPerSecond(rate.numerator * times, rate.denominator * times)


class JsonRequest(Request):
    """A request whose body has been read and parsed."""

    def __init__(self, request: Request, body: bytes, content: object) -> None:
        super().__init__(request.scope, request.receive)
        self._read = body
        self._content = content

    async def body(self) -> bytes:
        return self._read

    async def json(self) -> Any:
        return self._content


class Guard:
    """Admits requests and reads their bodies, before anything else is done for them."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.api.token.get_secret_value().encode() if settings.api.token else None
        self._rate = RateLimit(settings.api.rate)
        self._max_bytes = settings.api.body_bytes

    async def admit(self, request: Request) -> None:
        """Raises Refusal: 429, or 401."""
        if wait := await self._rate.wait_s(request.client.host if request.client else ""):
            seconds = math.ceil(wait)
            message = "too many requests from this address (setting api.rate)"
            raise Refusal(429, "too_many_requests", message, f"wait {seconds} s", retry_after=seconds)
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

    async def read_json(self, request: Request) -> JsonRequest:
        """Read the body. Raises Refusal: 415, 413, 400. Pages of other sites cannot send this type unasked."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            what = "send JSON, with the header Content-Type: application/json"
            raise Refusal(415, "not_json", "the body is not said to be JSON", what)
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._max_bytes:
            raise self._too_large()
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._max_bytes:
                raise self._too_large()
        try:
            return JsonRequest(request, bytes(body), json.loads(body))
        except (ValueError, RecursionError) as error:  # UnicodeDecodeError is one
            message = f"the body is not JSON: {error}"[:300]
            raise Refusal(400, "not_json", message, "send a JSON object, in UTF-8") from error

    def _too_large(self) -> Refusal:
        message = f"the body has over {self._max_bytes:,} bytes (setting api.body_bytes)"
        return Refusal(
            413, "body_too_large", message, "send less, such as a smaller picture", headers={"Connection": "close"}
        )
