"""Pictures in a bucket of Amazon S3, or of a store that speaks its language, as a source."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from core.adapters.stores.circuit_breaker import NoAnswer, Outage
from core.adapters.stores.s3_errors import Asked, mapped, status_of
from core.domain.file_rules import is_hidden, is_rubbish, no_picture
from core.domain.image import ImageRef
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
    """Every object below a prefix that is not plainly something else; an ImageStore. Needs the rights List and Get.

    A prefix is a folder: `s3://bucket/photos` and `s3://bucket/photos/` are the same source, whose canonical name ends
    with "/", and `photos2/` is not in it. It is taken literally, never percent-decoded. A key is the object's whole
    key, never a path. With `s3.versioned` exactly the listed versions are read, and etags carry the version.

    Left out: objects of no bytes whose key ends with "/" (folder markers), and by name what every store leaves out;
    hidden names and rubbish are judged below the prefix. Archived objects are listed, but withheld.
    """

    def __init__(self, source: str, settings: Settings) -> None:
        """No request is made. Raises SourceNotFound, InvalidSetting."""
        self.source = source_name(source)
        bucket, _, prefix = self.source.partition("://")[2].partition("/")
        self.readers = settings.s3.readers
        self.ignored: Counter[str] = Counter()
        self._bucket = bucket
        self._prefix = prefix
        self._settings = settings
        self._asked = Asked(self.source, bucket, _address(settings.s3.endpoint_url))
        self._payer = {"RequestPayer": "requester"} if settings.s3.requester_pays else {}
        self._listing = Outage(self._asked.endpoint, settings.s3.patience)
        self._reading = Outage(self._asked.endpoint, settings.s3.patience)

    def list(self) -> Iterator[ImageRef]:
        """Every image in the order of keys, as the pages arrive."""
        self.ignored.clear()
        following: dict[str, str] = {}
        while True:
            try:
                page = self._listing.call("the listing", partial(self._page, following))
            except NoAnswer as error:
                raise StoreError(f"{self.source} could not be listed whole: {error}") from error
            for entry in page.entries:
                if (ref := self._ref(entry)) is not None:
                    yield ref
            if not page.following:
                return
            if page.following == following:
                raise StoreError(f"{self.source} could not be listed whole: the store repeats itself")
            following = page.following

    def read(self, ref: ImageRef) -> bytes:
        """The object's bytes, at most `decode.max_bytes` of them, if it is still the one that was listed."""
        if ref.source != self.source:
            raise ImageGone(f"{ref.uri} is not of {self.source}")
        if ref.bytes > self._settings.decode.max_bytes:
            raise ImageTooLarge(f"{ref.bytes:,} bytes, over the limit of {self._settings.decode.max_bytes:,}")
        try:
            return self._reading.call(ref.key, partial(self._get, ref))
        except NoAnswer as error:
            raise ImageUnavailable(f"the store could not deliver it, tried again and again: {error}") from error

    def named(self, name: str) -> tuple[str, str]:
        """By address, by whole key, or by what stands behind the prefix."""
        key = name.removeprefix(f"s3://{self._bucket}/")
        if not key.startswith(self._prefix):
            if name.startswith("s3://"):
                raise ValueError(f"it is not of {self.source}")
            key = self._prefix + key
        return key, self._uri(key)

    def stop(self) -> None:
        self._listing.stop()
        self._reading.stop()

    @cached_property
    def _client(self) -> Any:
        """Safe to use from several threads."""
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

    def _page(self, following: dict[str, str]) -> _Page:
        wanted = {"Bucket": self._bucket, "Prefix": self._prefix, "OptionalObjectAttributes": ["RestoreStatus"]}
        with mapped(self._asked):
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

    def _ref(self, entry: dict[str, Any]) -> ImageRef | None:
        key, size = entry["Key"], int(entry["Size"])
        if not size and key.endswith("/"):
            return None
        *folders, name = key.removeprefix(self._prefix).encode().split(b"/")
        if is_hidden(name) or any(is_hidden(folder) or is_rubbish(folder) for folder in folders):
            return None
        reason = no_picture(name)
        if reason is not None:
            self.ignored[reason] += 1
            _log.info("ignored %s: %s", key, reason)
            return None
        etag, version = entry["ETag"], entry.get("VersionId")
        return ImageRef(
            source=self.source,
            key=key,
            uri=self._uri(key),
            etag=f"{etag} {version}" if version else etag,
            bytes=size,
            modified_at=_time(entry.get("LastModified")),
            withheld=_withheld(entry),
        )

    def _uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{quote(key)}"

    def _get(self, ref: ImageRef) -> bytes:
        """One attempt at the bytes. An object that was replaced meanwhile raises ImageChanged."""
        etag, version = _parts(ref.etag) if self._settings.s3.versioned else (ref.etag, None)
        wanted = {"Bucket": self._bucket, "Key": ref.key, **self._payer, **({"VersionId": version} if version else {})}
        with mapped(Asked(self.source, self._bucket, self._asked.endpoint, ref.key)):
            try:
                answer = self._client.get_object(**wanted, IfMatch=etag)
            except ClientError as error:
                if status_of(error) != 412:
                    raise
                answer = self._client.head_object(**wanted)
                raise ImageChanged(self._current(ref, answer)) from error
            with closing(answer["Body"]) as body:
                if answer["ETag"] != etag:
                    raise ImageChanged(self._current(ref, answer))
                size = int(answer["ContentLength"])
                if size > self._settings.decode.max_bytes:
                    raise ImageTooLarge(f"{size:,} bytes, over the limit of {self._settings.decode.max_bytes:,}")
                data = bytearray()
                while len(data) <= size and (chunk := body.read(_CHUNK)):
                    data += chunk
        if len(data) != size:
            raise NoAnswer(f"the body was cut at {len(data):,} of {size:,} bytes", everywhere=False)
        return bytes(data)

    def _current(self, ref: ImageRef, answer: dict[str, Any]) -> ImageRef:
        """The reference of what is there now, as the answer to a request for it says."""
        etag, version = answer["ETag"], answer.get("VersionId")
        return ImageRef(
            source=ref.source,
            key=ref.key,
            uri=ref.uri,
            etag=f"{etag} {version}" if version and self._settings.s3.versioned else etag,
            bytes=int(answer["ContentLength"]),
            modified_at=_time(answer.get("LastModified")),
        )


def source_name(source: str) -> str:
    """The canonical name of a bucket's or a prefix's source. Raises SourceNotFound where it names no bucket."""
    bucket, _, prefix = source.partition("://")[2].partition("/")
    if not bucket:
        raise SourceNotFound(source, "names no bucket; a source is s3://BUCKET or s3://BUCKET/PREFIX")
    if prefix and not prefix.endswith("/"):
        prefix += "/"
    return f"s3://{bucket}/{prefix}"


def _parts(etag: str) -> tuple[str, str | None]:
    """ETag and version of an etag; of one without a version, None."""
    bare, _, version = etag.rpartition(" ")
    return (bare, version) if bare else (etag, None)


def _withheld(entry: dict[str, Any]) -> str | None:
    """Why an entry of a listing cannot be read, or None. A restored copy can be until it expires."""
    storage, restored = entry.get("StorageClass"), entry.get("RestoreStatus", {})
    if storage not in _ARCHIVES or (restored.get("RestoreExpiryDate") and not restored.get("IsRestoreInProgress")):
        return None
    return f"in the storage class {storage}, which has to be restored before it can be read"


def _time(moment: datetime | None) -> datetime:
    return _EPOCH if moment is None else moment.astimezone(UTC)


def _address(endpoint: str | None) -> str:
    """How a message names the store. Raises InvalidSetting for what is no plain address."""
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
