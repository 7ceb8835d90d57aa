"""Objects of a bucket, read through obstore for a fraction of boto3's work.

It asks as boto3 asked before it: at the address and in the region that were answered, with the same credentials. What
it cannot do, or what goes wrong, is left to boto3, which says why in the store's own words.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit
from urllib.request import getproxies

from botocore.utils import should_bypass_proxies

from core.adapters.stores.circuit_breaker import TransientError
from core.adapters.stores.s3_errors import ConditionRefused
from core.settings.groups import S3Settings

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult
    from obstore.store import ClientConfig, S3Credential, S3Store

_log = logging.getLogger(__name__)

# what object_store normalises or refuses: an empty segment, "." or "..", and what is no printable text
_ODD_KEY = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|[\x00-\x1f\x7f\ud800-\udfff]")
_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^,]*/(?P<region>[^/,]+)/s3/aws4_request,")
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
_BEFORE_ANSWER = re.compile(r"(?:.{0,1000}?status code: \d{3})|.{0,300}")
_CREDENTIALS_LAST = timedelta(minutes=10)  # obstore asks again 5 minutes before they end
_LONGEST_REST = 300.0  # seconds
_QUICK_S = 0.75  # seconds in which a quick read has to end
_QUICK_PACE = 0.1  # seconds of a read, on average, up to which a store is quick
_NO_TIMEOUT = timedelta(days=1)  # of a whole body, however large: each wait for a part of it has its own


class SentRequest(Protocol):
    """A request as botocore sent it."""

    url: str
    headers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """Where a bucket is asked for: `url` without a "/" at its end, and the `region` of signatures, None without any."""

    url: str
    region: str | None


class ObstoreBody:
    """The body of an answer, read as a whole when it is first asked for."""

    def __init__(self, result: "GetResult", size: int, finish: Callable[[Exception | None], None]) -> None:
        """`finish` is told when the body has come, or why it has not."""
        self._result: GetResult | None = result
        self._size = size
        self._finish = finish
        self._rest = b""

    def read(self, most: int) -> bytes:
        """Return up to so many bytes; none at the end. Raises TransientError for a body that is cut."""
        if self._result is not None:
            result, self._result = self._result, None
            try:
                self._rest = next(iter(result.stream(self._size + 1)), b"")
            except _obstore_errors() as error:
                self._finish(error)
                raise TransientError("its bytes came damaged or not whole", service_wide=False) from error
            self._finish(None)
        part, self._rest = self._rest[:most], self._rest[most:]
        return part

    def close(self) -> None:
        """Let go of the connection, where the body has not been read."""
        self._result = None


class ObstoreClient:
    """Reads objects of one bucket, once boto3 has shown how it is asked for. Several threads may share it.

    A failure among objects that are read is forgiven; after others it rests, each time in a row for longer. A store
    that answers quickly can be asked `quickly`: within less than a second, so that who waits can be stopped in time.
    """

    def __init__(
        self, bucket: str, settings: S3Settings, find_credentials: Callable[[], Any] | None, ca_bundle: str
    ) -> None:
        """`find_credentials` returns botocore's; None: nothing is signed. `ca_bundle` is the path of a PEM file."""
        self._bucket = bucket
        self._settings = settings
        self._find_credentials = find_credentials
        self._ca_bundle = ca_bundle
        self._get: Callable[..., GetResult] | None = None
        self._get_quickly: Callable[..., GetResult] | None = None
        self._pace = _QUICK_S  # seconds of the last reads, on average
        self._learned = False
        self._lock = threading.Lock()
        self._failures = 0  # in a row, after each of which it rested
        self._has_read = False  # since the last failure
        self._rests_until = 0.0
        self._in_vain: set[str] = set()  # keys that were asked for quickly, and are now boto3's

    def learn(self, request: SentRequest, key: str | None) -> None:
        """Take the bucket's address from a request that was answered: for an object or, without a key, a listing."""
        if self._learned or not (key is None or is_plain(key)):
            return
        with self._lock:
            if not self._learned:
                self._learned = True
                address = find_address(request, key, signed=self._find_credentials is not None)
                if address is not None:
                    self._make_stores(address)

    def suits(self, key: str, *, quickly: bool = False) -> bool:
        """Whether it can be asked for this object now, and has not just been in vain."""
        if self._get is None or (self._failures and time.monotonic() < self._rests_until):
            return False
        if quickly:
            return self._pace <= _QUICK_PACE and is_plain(key)
        if key in self._in_vain:
            self._in_vain.discard(key)
            return False
        return is_plain(key)

    def get(
        self, key: str, version: str | None, if_match: str | None, byte_range: str | None, *, quickly: bool = False
    ) -> tuple[Mapping[str, str], ObstoreBody] | None:
        """Begin to read an object; return headers, with lower-case names, and body, or None where that failed.

        Raises ConditionRefused for If-Match.
        """
        options: GetOptions = {}  # a value of None is refused
        if if_match is not None:
            options["if_match"] = if_match
        if version is not None:
            options["version"] = version
        if byte_range is not None and (wanted := _RANGE.fullmatch(byte_range)):
            options["range"] = (int(wanted[1]), int(wanted[2]) + 1)
        get = self._get_quickly if quickly else self._get
        assert get is not None
        finish = partial(self._finish, time.monotonic(), quickly)
        try:
            result = get(key, options=options)
        except _obstore_errors() as error:
            if if_match is not None and type(error).__name__ == "PreconditionError":
                raise ConditionRefused from error
            if quickly:
                self._in_vain.add(key)
                finish(error)
            _log.info("%s, by obstore: %s", key, _describe(error))
            return None
        start, end = result.range
        headers = _read_headers(result, start, end, partial=byte_range is not None)
        return headers, ObstoreBody(result, end - start, finish)

    def rest(self) -> None:
        """Take note of what boto3 could read alone: leave the next seconds to it, unless that was one odd object."""
        with self._lock:
            forgiven, self._has_read = self._has_read, False
            now = time.monotonic()
            if forgiven:
                return
            if not self._failures or now >= self._rests_until:  # others that were under way fail too
                self._failures += 1
                self._rests_until = now + min(_LONGEST_REST, 2.0**self._failures)

    def _finish(self, began: float, quickly: bool, error: Exception | None) -> None:
        """Take note of a body that has come, or has not."""
        if error is None:
            self._failures = 0
            self._has_read = True
            self._pace += (time.monotonic() - began - self._pace) / 4
        elif quickly:
            self._pace = _QUICK_S
        else:
            self.rest()

    def _make_stores(self, address: BucketAddress) -> None:
        try:
            import_module("obstore")
        except ImportError as error:  # also of a library that it is built on
            _log.warning("obstore cannot be imported, so boto3 reads, at several times its CPU: %s", error)
            return
        try:
            self._get_quickly = self._make_store(address, timedelta(seconds=_QUICK_S)).get
            self._get = self._make_store(address, _NO_TIMEOUT).get
        except _obstore_errors() as error:  # such as for AWS_… variables that it alone reads
            _log.info("obstore cannot be used: %s", _describe(error))

    def _make_store(self, address: BucketAddress, timeout: timedelta) -> "S3Store":
        from obstore.store import S3Store

        signing: dict[str, Any] = {"skip_signature": True}
        if address.region is not None and self._find_credentials is not None:
            provide = partial(_freeze_credentials, self._find_credentials())
            signing = {"skip_signature": False, "region": address.region, "credential_provider": provide}
        return S3Store(
            self._bucket,
            endpoint=address.url,
            aws_endpoint_url_s3=address.url,  # the environment's would come first
            virtual_hosted_style_request=True,  # which takes the address as that of the bucket
            request_payer=self._settings.requester_pays,
            s3_express=False,
            client_options=self._make_client_options(address.url, timeout),
            retry_config={"max_retries": 0},
            **signing,
        )

    def _make_client_options(self, url: str, timeout: timedelta) -> "ClientConfig":
        parts = urlsplit(url)
        options: ClientConfig = {
            "allow_http": parts.scheme == "http",
            "allow_invalid_certificates": False,
            "connect_timeout": timedelta(seconds=self._settings.connect_timeout),
            "read_timeout": timedelta(seconds=self._settings.read_timeout),
            "timeout": timeout,
            "default_headers": {"accept-encoding": "identity"},
        }
        if parts.scheme == "https":
            options["root_certificate"] = Path(self._ca_bundle).read_bytes()
        proxies = getproxies()
        proxy = proxies.get(parts.scheme)
        if proxy and not should_bypass_proxies(url):
            options["proxy_url"] = proxy
        elif proxies and parts.hostname:  # of which obstore would choose by rules of its own
            options["proxy_url"] = next(iter(proxies.values()))
            options["proxy_excludes"] = parts.hostname
        return options


def is_plain(key: str) -> bool:
    """Whether obstore asks for this very key; others it refuses, or changes."""
    if key.isprintable() and "//" not in key and "/." not in key and key[:1] not in "./" and key[-1] != "/":
        return True  # nearly all: the pattern takes ten times as long
    return _ODD_KEY.search(key) is None


def find_address(request: SentRequest, key: str | None, *, signed: bool) -> BucketAddress | None:
    """Find out where a request was sent; None where it was signed in a way of which obstore knows nothing."""
    url = request.url.partition("?")[0]
    if key is not None:
        path = f"/{quote(key, safe='/~')}"
        if not url.endswith(path):
            return None
        url = url.removesuffix(path)
    authorization = request.headers.get("Authorization", "")
    if isinstance(authorization, bytes):
        authorization = authorization.decode("latin-1")
    scope = _SCOPE.match(authorization)
    if signed != (scope is not None) or (not signed and authorization):
        return None
    return BucketAddress(url.rstrip("/"), scope["region"] if scope else None)


def _freeze_credentials(credentials: Any) -> "S3Credential":
    """Return what botocore signs with now; it renews that in time."""
    frozen = credentials.get_frozen_credentials()
    return {
        "access_key_id": frozen.access_key,
        "secret_access_key": frozen.secret_key,
        "token": frozen.token,
        "expires_at": datetime.now(UTC) + _CREDENTIALS_LAST,
    }


def _read_headers(result: "GetResult", start: int, end: int, *, partial: bool) -> Mapping[str, str]:
    meta = result.meta
    modified_at = meta["last_modified"].replace(tzinfo=None)  # which is UTC; printed with its zone it takes 14 µs
    headers = {
        "content-length": str(end - start),
        "etag": meta["e_tag"],
        "x-amz-version-id": meta["version"],
        "last-modified": modified_at.isoformat(),  # of 1970 where none was told
        "content-encoding": result.attributes.get("Content-Encoding"),
        "content-range": f"bytes {start}-{end - 1}/{meta['size']}" if partial else None,
    }
    return {name: value for name, value in headers.items() if value is not None}


def _describe(error: Exception) -> str:
    """Describe an error without what a store answered: it may quote the session token of the request."""
    found = _BEFORE_ANSWER.match(str(error))
    return found[0] if found else ""


def _obstore_errors() -> tuple[type[Exception], ...]:
    """Return what obstore raises: errors of its own, and those of Python for keys, objects, settings and forks."""
    from obstore.exceptions import BaseError

    return (BaseError, OSError, ValueError, RuntimeError)
