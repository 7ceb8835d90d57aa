"""A bucket of Amazon S3, or of a compatible store, as a source."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from core.adapters.stores.circuit_breaker import CircuitBreaker, TransientError
from core.adapters.stores.listing.exclusion import Exclusion
from core.adapters.stores.listing.sidecar_matcher import Listed, match_companions
from core.adapters.stores.s3_errors import RequestContext, map_errors, read_status
from core.domain.file_rules import is_hidden, is_left_out, no_picture
from core.domain.image import ImageRef
from core.domain.sidecars import MAX_SIDECAR_BYTES, bare_etag
from core.errors import (
    ImageChanged,
    ImageGone,
    ImageTooLarge,
    ImageUnavailable,
    InvalidSetting,
    SourceNotFound,
    StoreError,
)
from core.errors.hints import Configure
from core.ports.image_store import EXCLUDED
from core.settings import Settings

_log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ARCHIVES = frozenset(("GLACIER", "DEEP_ARCHIVE"))
_CHUNK = 2**18
_ATTEMPTS = 2  # botocore's own of one call; core.adapters.stores.circuit_breaker tries again above them


@dataclass(frozen=True, slots=True)
class _Page:
    entries: list[dict[str, Any]]
    following: dict[str, str]  # the parameters that ask for the next page; empty behind the last one


class S3Store:
    """An ImageStore of every object below a prefix, except those that are plainly no pictures.

    It needs the rights List and Get. A prefix is a folder: `s3://bucket/photos` and `s3://bucket/photos/` are one
    source, without `photos2/`. Its canonical name ends with "/". It is taken literally, never percent-decoded. A key is
    the object's whole key. With `s3.versioned`, exactly the listed versions are read, and etags carry the version.

    Empty objects whose key ends with "/" (folder markers) are left out, and what every store leaves out by name. Hidden
    names and rubbish are recognised below the prefix. Archived objects are listed as withheld.
    """

    def __init__(self, source: str, settings: Settings, patterns: Sequence[str] = ()) -> None:
        """Check source and settings, without a request. Raises SourceNotFound, InvalidSetting.

        `patterns` say what a person wants left out (core.adapters.stores.listing.exclusion).
        """
        self.source = source_name(source)
        bucket, _, prefix = self.source.partition("://")[2].partition("/")
        self.readers = settings.s3.readers
        self.ignored: Counter[str] = Counter()
        self._bucket = bucket
        self._prefix = prefix
        self._settings = settings
        self._exclusion = Exclusion(patterns)
        self._request = RequestContext(self.source, bucket, _describe_endpoint(settings.s3.endpoint_url))
        self._payer = {"RequestPayer": "requester"} if settings.s3.requester_pays else {}
        self._list_breaker = CircuitBreaker(self._request.endpoint, settings.s3.patience)
        self._read_breaker = CircuitBreaker(self._request.endpoint, settings.s3.patience)

    def list(self) -> Iterator[ImageRef]:
        """Yield every image in the order of keys, as the pages arrive.

        Raises StoreError where the listing cannot be completed.
        """
        self.ignored.clear()
        yield from match_companions(self._list_entries(), self._pass_over)

    def _list_entries(self) -> Iterator[Listed]:
        following: dict[str, str] = {}
        while True:
            try:
                page = self._list_breaker.call("the listing", partial(self._list_page, following))
            except TransientError as error:
                raise StoreError(f"{self.source} could not be listed whole: {error}") from error
            for entry in page.entries:
                if self._belongs(entry):
                    yield Listed(entry["Key"], entry["ETag"], self._to_ref(entry))
            if not page.following:
                return
            if page.following == following:
                raise StoreError(f"{self.source} could not be listed whole: the store repeats itself")
            following = page.following

    def read(self, ref: ImageRef) -> bytes:
        """Read the object, at most `decode.max_bytes` bytes, if it is still the one that was listed.

        Raises ImageGone, ImageChanged, ImageTooLarge, ImageWithheld, ImageUnavailable or another StoreError.
        """
        if ref.source != self.source:
            raise ImageGone(f"{ref.uri} is not of {self.source}")
        ref = replace(ref, etag=bare_etag(ref.etag))
        if ref.bytes > self._settings.decode.max_bytes:
            raise ImageTooLarge(f"{ref.bytes:,} bytes, over the limit of {self._settings.decode.max_bytes:,}")
        try:
            return self._read_breaker.call(ref.key, partial(self._get, ref))
        except TransientError as error:
            raise ImageUnavailable(f"the store could not deliver it, tried again and again: {error}") from error

    def read_sidecar(self, ref: ImageRef, key: str) -> bytes:
        """Read an object beside the image. Raises ImageGone, ImageTooLarge, ImageUnavailable or another StoreError."""
        try:
            return self._read_breaker.call(key, partial(self._get_sidecar, key))
        except TransientError as error:
            raise ImageUnavailable(f"the store could not deliver it, tried again and again: {error}") from error

    def resolve_name(self, name: str) -> tuple[str, str]:
        """Resolve an address, a whole key, or a key relative to the prefix. Raises ValueError."""
        key = name.removeprefix(f"s3://{self._bucket}/")
        if not key.startswith(self._prefix):
            if name.startswith("s3://"):
                raise ValueError(f"it is not of {self.source}")
            key = self._prefix + key
        return key, self._uri(key)

    def stop(self) -> None:
        """End all waiting for the store, with StoreError."""
        self._list_breaker.stop()
        self._read_breaker.stop()

    @cached_property
    def _client(self) -> Any:
        """The boto3 client, which several threads may share. Raises InvalidSetting."""
        settings = self._settings
        for vendor in ("boto3", "botocore", "urllib3"):
            logging.getLogger(vendor).setLevel(logging.WARNING)  # below, they print headers that hold credentials
        try:
            session = boto3.Session(profile_name=settings.s3.profile, region_name=settings.s3.region)
            return session.client(
                "s3",
                endpoint_url=settings.s3.endpoint_url,
                config=Config(
                    connect_timeout=settings.s3.connect_timeout,
                    read_timeout=settings.s3.read_timeout,
                    retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                    max_pool_connections=settings.s3.readers + 2,
                    signature_version=UNSIGNED if settings.s3.anonymous else None,
                ),
            )
        except (BotoCoreError, ValueError) as error:
            takes = f"what fits ~/.aws/config and the store ({type(error).__name__})"
            hint = Configure("see that {} is right too", ("s3_endpoint_url",))
            raise InvalidSetting("s3_profile", settings.s3.profile, takes, hint) from error

    def _list_page(self, following: dict[str, str]) -> _Page:
        wanted = {"Bucket": self._bucket, "Prefix": self._prefix, "OptionalObjectAttributes": ["RestoreStatus"]}
        with map_errors(self._request):
            if self._settings.s3.versioned:
                found = self._client.list_object_versions(**wanted, **self._payer, **following)
                entries = [entry for entry in found.get("Versions", ()) if entry.get("IsLatest")]
                markers = {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"}
            else:
                found = self._client.list_objects_v2(**wanted, **self._payer, **following)
                entries = found.get("Contents", [])
                markers = {"ContinuationToken": "NextContinuationToken"}
        after = {name: found[key] for name, key in markers.items() if found.get(key)}
        if found.get("IsTruncated") and not after:
            raise StoreError(f"{self.source} could not be listed whole: the store does not say where it goes on")
        return _Page(entries, after if found.get("IsTruncated") else {})

    def _belongs(self, entry: dict[str, Any]) -> bool:
        """Tell whether an object is of this source: no folder marker, not hidden, not left out by patterns."""
        key = entry["Key"]
        if key.endswith("/") and not int(entry["Size"]):
            return False
        path = key.removeprefix(self._prefix)
        *folders, name = path.encode().split(b"/")
        if is_hidden(name) or is_left_out(folders, self._prefix.encode().rstrip(b"/").rpartition(b"/")[2]):
            return False
        if self._exclusion.excludes(path):
            self.ignored[EXCLUDED] += no_picture(name) is None
            return False
        return True

    def _pass_over(self, listed: Listed) -> None:
        reason = no_picture(listed.key.rpartition("/")[2].encode())
        self.ignored[str(reason)] += 1
        _log.info("ignored %s: %s", listed.key, reason)

    def _to_ref(self, entry: dict[str, Any]) -> ImageRef | None:
        key, size = entry["Key"], int(entry["Size"])
        if no_picture(key.rpartition("/")[2].encode()) is not None:
            return None
        etag, version = entry["ETag"], entry.get("VersionId")
        return ImageRef(
            source=self.source,
            key=key,
            uri=self._uri(key),
            etag=f"{etag} {version}" if version else etag,
            bytes=size,
            modified_at=_to_utc(entry.get("LastModified")),
            withheld=_explain_archived(entry),
        )

    def _uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{quote(key)}"

    def _get(self, ref: ImageRef) -> bytes:
        """Try once to read the bytes. Raises ImageChanged for an object that was replaced meanwhile."""
        etag, version = _split_etag(ref.etag) if self._settings.s3.versioned else (ref.etag, None)
        wanted = {"Bucket": self._bucket, "Key": ref.key, **self._payer, **({"VersionId": version} if version else {})}
        with map_errors(RequestContext(self.source, self._bucket, self._request.endpoint, ref.key)):
            try:
                answer = self._client.get_object(**wanted, IfMatch=etag)
            except ClientError as error:
                if read_status(error) != 412:
                    raise
                answer = self._client.head_object(**wanted)
                raise ImageChanged(self._describe_current(ref, answer)) from error
            with closing(answer["Body"]) as body:
                if answer["ETag"] != etag:
                    raise ImageChanged(self._describe_current(ref, answer))
                size = int(answer["ContentLength"])
                if size > self._settings.decode.max_bytes:
                    raise ImageTooLarge(f"{size:,} bytes, over the limit of {self._settings.decode.max_bytes:,}")
                data = bytearray()
                while len(data) <= size and (chunk := body.read(_CHUNK)):
                    data += chunk
        if len(data) != size:
            raise TransientError(f"the body was cut at {len(data):,} of {size:,} bytes", service_wide=False)
        return bytes(data)

    def _get_sidecar(self, key: str) -> bytes:
        with map_errors(RequestContext(self.source, self._bucket, self._request.endpoint, key)):
            answer = self._client.get_object(Bucket=self._bucket, Key=key, **self._payer)
            with closing(answer["Body"]) as body:
                data: bytes = body.read(MAX_SIDECAR_BYTES + 1)
        if len(data) > MAX_SIDECAR_BYTES:
            raise ImageTooLarge(f"over the limit of {MAX_SIDECAR_BYTES:,} bytes")
        return data

    def _describe_current(self, ref: ImageRef, answer: dict[str, Any]) -> ImageRef:
        """Return the reference of the object that the response describes."""
        etag, version = answer["ETag"], answer.get("VersionId")
        return ImageRef(
            source=ref.source,
            key=ref.key,
            uri=ref.uri,
            etag=f"{etag} {version}" if version and self._settings.s3.versioned else etag,
            bytes=int(answer["ContentLength"]),
            modified_at=_to_utc(answer.get("LastModified")),
        )


def source_name(source: str) -> str:
    """Return the canonical name of a source, a bucket or a prefix. Raises SourceNotFound where it names no bucket."""
    bucket, _, prefix = source.partition("://")[2].partition("/")
    if not bucket:
        raise SourceNotFound(source, "names no bucket; a source is s3://BUCKET or s3://BUCKET/PREFIX")
    if prefix and not prefix.endswith("/"):
        prefix += "/"
    return f"s3://{bucket}/{prefix}"


def _split_etag(etag: str) -> tuple[str, str | None]:
    """Split an etag into ETag and version; the version is None where it has none."""
    bare, _, version = etag.rpartition(" ")
    return (bare, version) if bare else (etag, None)


def _explain_archived(entry: dict[str, Any]) -> str | None:
    """Explain why a listed object cannot be read; None where it can, as a restored copy until it expires."""
    storage, restored = entry.get("StorageClass"), entry.get("RestoreStatus", {})
    if storage not in _ARCHIVES or (restored.get("RestoreExpiryDate") and not restored.get("IsRestoreInProgress")):
        return None
    return f"in the storage class {storage}, which has to be restored before it can be read"


def _to_utc(moment: datetime | None) -> datetime:
    return _EPOCH if moment is None else moment.astimezone(UTC)


def _describe_endpoint(endpoint: str | None) -> str:
    """Return the name of the store for messages. Raises InvalidSetting for an endpoint that is no plain address."""
    if endpoint is None:
        return "Amazon S3"
    try:
        parts = urlsplit(endpoint)
        plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:
        plain = None
    if not plain:
        raise InvalidSetting("s3_endpoint_url", endpoint.rpartition("@")[2], "http(s)://HOST[:PORT], no password in it")
    return endpoint
