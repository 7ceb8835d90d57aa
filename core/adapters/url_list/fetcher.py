"""A fetcher of pictures from untrusted web addresses, with limits, and without access to private networks."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import urljoin

from urllib3 import HTTPResponse, PoolManager, Timeout
from urllib3 import exceptions as vendor
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from core.adapters.stores.circuit_breaker import TransientError
from core.adapters.stores.web_address import WebAddress, is_public, parse
from core.adapters.url_list.host_throttle import HostBusy, HostUnreachable
from core.errors import ImageTooLarge, LinkDead
from core.errors.hints import RAISE_BYTES, TRUST_LIST

_CHUNK = 2**16
_NO_NAME = {getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name)}
_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (429, 503)
_NO_PICTURE = ("text/html", "application/xhtml", "application/json", "video/", "audio/")
_LONGEST_VALIDATOR = 1024


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Limits of a download: sizes in bytes, times in seconds; `total_s` bounds one picture, redirects included."""

    max_bytes: int
    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 60.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class FetchResponse:
    """A downloaded picture. `validator` is its ETag or date for conditional requests; "" where it has neither."""

    data: bytes
    validator: str
    modified_at: datetime | None


class _DeadlineConnection(HTTPConnection):
    """A connection whose response headers have to arrive whole within one read time-out."""

    def getresponse(self) -> Any:
        timeout = self.timeout if isinstance(self.timeout, int | float) else None
        with _close_after(self.sock, timeout) as cut:
            answer = super().getresponse()
        if cut.is_set():  # what looks like the end of the head is where it was cut
            answer.close()
            raise TimeoutError("timed out")
        return answer


class _DeadlineTlsConnection(_DeadlineConnection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _DeadlineConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _DeadlineTlsConnection


class WebFetcher:
    """An HTTP client that several threads may share, without proxies, cookies or credentials of this machine."""

    def __init__(self, limits: WebLimits, *, allow_private: bool, user_agent: str, at_once: int) -> None:
        self._limits = limits
        self._allow_private = allow_private
        self._headers = {"User-Agent": user_agent, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
        self._pools = PoolManager(num_pools=4 * at_once, maxsize=at_once, retries=False)
        self._pools.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def fetch(self, address: WebAddress, validator: str) -> FetchResponse | None:
        """Try once to download a picture; None where it is unchanged since `validator` was given with it.

        Raises LinkDead or ImageTooLarge. Raises HostUnreachable, HostBusy or TransientError for faults that may be over
        soon.
        """
        deadline = time.monotonic() + self._limits.total_s
        for _ in range(self._limits.redirects + 1):
            with self._open(address, validator, deadline) as answer:
                if answer.status not in _REDIRECTS:
                    return self._read_response(answer, deadline)
                target = answer.headers.get("Location", "")
            try:
                address = parse(urljoin(str(address), target))
            except ValueError as error:
                raise LinkDead(f"it redirects to what is no picture's address: {error}") from error
        raise LinkDead(f"it redirects more than {self._limits.redirects} times")

    @contextmanager
    def _open(self, address: WebAddress, validator: str, deadline: float) -> Iterator[HTTPResponse]:
        """Yield the response, its headers read. The connection is reused only where the whole body was read."""
        answer = None
        addresses, named = self._resolve(address)
        for n, ip in enumerate(addresses):
            try:
                answer = self._request(address, ip, validator, deadline)
                break
            except (vendor.ConnectTimeoutError, vendor.NewConnectionError) as error:
                if n == len(addresses) - 1:
                    slow = isinstance(error, vendor.ConnectTimeoutError) and not isinstance(
                        error, vendor.NewConnectionError
                    )
                    refused = isinstance(error.__cause__, ConnectionRefusedError)
                    why = "no connection in time" if slow else f"no connection ({_describe(error)})"
                    raise HostUnreachable(why, network_up=named or refused) from error
            except (vendor.SSLError, vendor.HTTPError, OSError) as error:
                if _is_certificate_error(error):
                    raise LinkDead("its host does not prove its identity: the certificate is not trusted") from error
                raise HostUnreachable(_describe(error), network_up=named) from error
        assert answer is not None
        try:
            yield answer
        except (vendor.HTTPError, OSError) as error:
            raise TransientError(
                f"its bytes came damaged or not whole ({type(error).__name__})", service_wide=False
            ) from error
        finally:
            answer.close()
            answer.release_conn()

    def _request(self, address: WebAddress, ip: str, validator: str, deadline: float) -> HTTPResponse:
        """Connect to this IP address and to no other; check the certificate against the host's name."""
        named = {"server_hostname": address.host, "assert_hostname": address.host} if address.scheme == "https" else {}
        pool = self._pools.connection_from_host(ip, address.port, address.scheme, pool_kwargs=named or None)
        headers = self._headers | {"Host": address.authority} | _make_conditional_headers(validator)
        left = _check_deadline(deadline)
        answer = pool.urlopen(
            "GET",
            address.target,
            headers=headers,
            redirect=False,
            retries=False,
            timeout=Timeout(connect=min(self._limits.connect_s, left), read=min(self._limits.read_s, left)),
            preload_content=False,
            assert_same_host=False,
        )
        assert isinstance(answer, HTTPResponse)
        return answer

    def _resolve(self, address: WebAddress) -> tuple[list[str], bool]:
        """Resolve the host to its allowed IP addresses, and tell whether a name server did so.

        Raises LinkDead, HostUnreachable.
        """
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            missing = isinstance(error, socket.gaierror) and error.errno in _NO_NAME
            says = "its host does not exist" if missing else "its host's name cannot be looked up"
            raise HostUnreachable(f"{says} ({address.host})", network_up=missing) from error
        every = list(dict.fromkeys(str(each[4][0]) for each in found))
        allowed = [ip for ip in every if self._allow_private or is_public(ip)]
        if not allowed:
            raise LinkDead(
                f"its host {address.host} is inside a private network ({every[0]}), where a list may not lead",
                TRUST_LIST,
            )
        return allowed, address.host not in every

    def _read_response(self, answer: HTTPResponse, deadline: float) -> FetchResponse | None:
        status, headers = answer.status, answer.headers
        if status == 304:
            return None
        if status in _BUSY:
            raise HostBusy(
                f"its host asks to come later ({status})", _parse_retry_after(headers.get("Retry-After", ""))
            )
        if status >= 500:
            raise TransientError(f"its host failed with {status}", service_wide=False)
        if status != 200:
            raise LinkDead(f"dead link: its host answers {status} {answer.reason or ''}".rstrip())
        kind = headers.get("Content-Type", "").strip().lower()
        if kind.startswith(_NO_PICTURE):
            raise LinkDead(f"not an image: it is {kind.partition(';')[0]}")
        most, declared = self._limits.max_bytes, headers.get("Content-Length", "")
        if declared.isdecimal() and int(declared) > most:
            raise ImageTooLarge(f"{int(declared):,} bytes, over the limit of {most:,}", RAISE_BYTES)
        data = bytearray()
        while chunk := answer.read1(_CHUNK, decode_content=True):
            data += chunk
            if len(data) > most:
                raise ImageTooLarge(f"more than {most:,} bytes, the limit", RAISE_BYTES)
            if time.monotonic() > deadline:
                raise TransientError(f"it was not there whole after {self._limits.total_s:g} s", service_wide=False)
        return FetchResponse(bytes(data), _read_validator(headers), _parse_date(headers.get("Last-Modified", "")))


@contextmanager
def _close_after(sock: Any, seconds: float | None) -> Iterator[threading.Event]:
    """Shut the socket down after so many seconds, however slowly it delivers; the event says that it was."""
    cut = threading.Event()
    if sock is None or seconds is None:
        yield cut
        return

    def shut() -> None:
        cut.set()
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    except (OSError, HTTPException) as error:
        if cut.is_set():
            raise TimeoutError("timed out") from error
        raise
    finally:
        timer.cancel()


def _check_deadline(deadline: float) -> float:
    """Return the seconds left. Raises TransientError where there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TransientError("it took too long, redirects included", service_wide=False)
    return left


def _make_conditional_headers(validator: str) -> dict[str, str]:
    kind, _, value = validator.partition(" ")
    return {"etag": {"If-None-Match": value}, "date": {"If-Modified-Since": value}}.get(kind, {})


def _read_validator(headers: Any) -> str:
    for kind, name in (("etag", "ETag"), ("date", "Last-Modified")):
        value = headers.get(name, "").strip()
        if value and len(value) <= _LONGEST_VALIDATOR and value.isascii() and value.isprintable():
            return f"{kind} {value}"
    return ""


def _parse_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _parse_retry_after(text: str) -> float:
    """Parse a Retry-After header, seconds or a date, into seconds; 0 where it is neither."""
    if text.strip().isdecimal():
        return float(text)
    until = _parse_date(text)
    return 0.0 if until is None else max(0.0, (until - datetime.now(UTC)).total_seconds())


def _is_certificate_error(error: BaseException) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(error) or "doesn't match" in str(error)


def _describe(error: BaseException) -> str:
    """Describe a connection error without quoting addresses."""
    cause = error.__cause__ or error
    if isinstance(cause, ConnectionRefusedError):
        return "it refuses the connection"
    if isinstance(cause, TimeoutError | vendor.ReadTimeoutError):
        return "no answer in time"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return f"the connection broke: {type(error).__name__}"
