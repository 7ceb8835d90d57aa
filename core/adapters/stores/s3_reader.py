"""Reads one object as it was listed, from stores that tell of it differently in a listing and in an answer to GET.

Two answers that differ need not be two objects. So where they differ, the listing is asked about this one key again:
what it still tells as before is what was read.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import NamedTuple

from core.adapters.stores.body_encoding import TruncatedBody, decode_body
from core.adapters.stores.circuit_breaker import TransientError
from core.adapters.stores.s3_client import Answer, S3Client
from core.adapters.stores.s3_errors import ConditionRefused
from core.adapters.stores.s3_listing import parse_size, parse_tag, parse_time
from core.domain.etag import (
    UNKNOWN_TIME,
    bare_tag,
    is_by_time,
    is_same_tag,
    is_same_version,
    split_etag,
    told_tag,
)
from core.domain.image import ImageRef
from core.errors import ImageChanged, ImageTooLarge, ImageUnreadable, StoreError
from core.errors.hints import RAISE_BYTES

_CHUNK = 2**18
_QUICK_BYTES = 2**20  # of which the slowest network that is worth waiting for has all within a second
_NO_VERSION = "null"  # the version of what was stored while versions were off; it can be replaced
_RESTLESS = 3  # objects whose ETag changes while their bytes do not, until the ETags of a store count for nothing


class _Wanted(NamedTuple):
    """How a listed object is asked for: the ETag that was told, where it tells anything, version and If-Match."""

    tag: str | None
    version: str | None
    condition: str | None


class ObjectReader:
    """Reads objects of one bucket, in several threads at once. It remembers what the store does not do as S3 does."""

    def __init__(self, client: S3Client, look_up: Callable[[str], ImageRef], max_bytes: int) -> None:
        """`look_up` returns the object of a key as the listing tells of it now, and raises ImageGone."""
        self._client = client
        self._look_up = look_up
        self._max_bytes = max_bytes
        self._takes_conditions = True
        self._disputed: dict[str, str] = {}  # key to the SHA-256 of what was read of it; "" before anything was
        self._restless = 0
        self._lock = threading.Lock()

    def read(self, ref: ImageRef) -> bytes:
        """Try once to read the bytes of a listed object.

        Raises ImageChanged, ImageGone, ImageTooLarge, ImageUnreadable, and what map_errors raises.
        """
        wanted = self._name(ref)
        try:
            answer = self._client.get(ref.key, wanted.version, wanted.condition)
            data = self._take(answer, ref)
        except ConditionRefused:
            return self._settle(ref, wanted.version, None)
        if self._is_as_listed(ref, wanted, answer.headers):
            return data
        return self._settle(ref, wanted.version, data)

    def read_quickly(self, ref: ImageRef) -> bytes | None:
        """Read a listed object in less than a second. None: `read` it, which says what is the matter."""
        if ref.bytes > _QUICK_BYTES:
            return None
        wanted = self._name(ref)
        try:
            answer = self._client.get_quickly(ref.key, wanted.version, wanted.condition)
            data = None if answer is None else self._take(answer, ref)
        except (ConditionRefused, TransientError, StoreError):
            return None
        return data if answer is not None and self._is_as_listed(ref, wanted, answer.headers) else None

    def read_sidecar(self, key: str, limit: int) -> bytes:
        """Try once to read what is there under this key now, at most `limit` bytes.

        Raises ImageTooLarge, ImageUnreadable, and what map_errors raises.
        """
        answer = self._client.get(key, None, None)
        with closing(answer.body):
            data = self._read_body(answer, 0, limit)
        return self._unpack(data, answer.headers, limit)

    def _settle(self, ref: ImageRef, version: str | None, data: bytes | None) -> bytes:
        """Find out whether the object has changed since it was listed, or the store only spells it differently.

        `data` is None where a condition was refused. An object that has another ETag at every look, and the same bytes,
        has not changed. Raises ImageChanged.
        """
        if data is not None and self._restless >= _RESTLESS:
            return data
        now = self._look_up(ref.key)
        if is_same_version(now, ref):
            if data is None:
                self._takes_conditions = False
                data = self._get(ref, version)
            return data
        with self._lock:
            before = self._disputed.setdefault(ref.key, "")
        if data is None and not before:
            with self._lock:
                self._disputed[ref.key] = "refused"
            raise ImageChanged(now)
        if data is None:
            data = self._get(now, split_etag(now.etag)[1])
        digest = hashlib.sha256(data).hexdigest()
        with self._lock:
            if before != digest:
                self._disputed[ref.key] = digest
                raise ImageChanged(now)
            self._restless += 1
        return data

    def _name(self, ref: ImageRef) -> "_Wanted":
        tag = told_tag(ref.etag)
        condition = f'"{bare_tag(tag)}"' if tag is not None and self._takes_conditions else None
        return _Wanted(tag, split_etag(ref.etag)[1], condition)

    def _get(self, ref: ImageRef, version: str | None) -> bytes:
        """Read what is there now."""
        return self._take(self._client.get(ref.key, version), ref)

    def _take(self, answer: Answer, ref: ImageRef) -> bytes:
        with closing(answer.body):
            data = self._read_body(answer, ref.bytes, self._max_bytes)
        return self._unpack(data, answer.headers, self._max_bytes)

    def _read_body(self, answer: Answer, listed: int, limit: int) -> bytes:
        """Read a body, whose length need not be told; `listed` is that of the listing, 0 where it is not known.

        Raises ImageTooLarge, and TransientError for one that was cut.
        """
        size = parse_size(answer.headers.get("content-length"))
        if size is not None and size > limit:
            raise ImageTooLarge(f"{size:,} bytes, over the limit of {limit:,}", RAISE_BYTES)
        data = _read_unmeasured(answer, limit) if size is None else answer.body.read(size)
        expected = listed if size is None and _ends_with_connection(answer.headers) else size
        if (expected and len(data) != expected) or (not data and listed):
            raise TransientError(
                f"the body was cut at {len(data):,} of {expected or listed:,} bytes", service_wide=False
            )
        return data

    def _unpack(self, data: bytes, headers: Mapping[str, str], limit: int) -> bytes:
        try:
            return decode_body(data, headers.get("content-encoding"), limit)
        except TruncatedBody as error:
            if parse_size(headers.get("content-length")) is None and "transfer-encoding" not in headers:
                raise TransientError("the compressed body was cut", service_wide=False) from error
            raise ImageUnreadable("damaged: its gzip compression ends too early") from error

    def _is_as_listed(self, ref: ImageRef, wanted: "_Wanted", headers: Mapping[str, str]) -> bool:
        """Whether what was answered is the listed object, as far as the answer tells."""
        tag = wanted.tag
        if wanted.version not in (None, _NO_VERSION) and headers.get("x-amz-version-id") == wanted.version:
            return True
        if tag is not None and headers.get("etag") == tag:
            return True
        told = parse_tag(headers.get("etag"), None if ref.bytes else 0)
        if tag is not None and told is not None:
            return is_same_tag(tag, told)
        if tag is None and not is_by_time(ref.etag):
            return True
        modified_at = parse_time(headers.get("last-modified"))
        if modified_at is None or ref.modified_at <= UNKNOWN_TIME:
            return True
        return abs((modified_at - ref.modified_at).total_seconds()) < 1


def _read_unmeasured(answer: Answer, limit: int) -> bytes:
    """Read a body whose length is not told. Raises ImageTooLarge."""
    data = bytearray()
    while chunk := answer.body.read(_CHUNK):
        data += chunk
        if len(data) > limit:
            raise ImageTooLarge(f"over the limit of {limit:,} bytes", RAISE_BYTES)
    return bytes(data)


def _ends_with_connection(headers: Mapping[str, str]) -> bool:
    """Whether a body that is cut looks like a whole one, so that only the listing says how long it is."""
    compressed = (
        headers.get("content-encoding") or headers.get("x-goog-stored-content-encoding", "identity") != "identity"
    )
    return "transfer-encoding" not in headers and not compressed
