"""A bucket of Amazon S3, or of a compatible store, as a source."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from urllib.parse import quote, urlsplit

from core.adapters.stores.circuit_breaker import CircuitBreaker, TransientError
from core.adapters.stores.listing.exclusion import Exclusion
from core.adapters.stores.listing.sidecar_matcher import Listed, match_companions
from core.adapters.stores.s3_client import S3Client
from core.adapters.stores.s3_errors import RequestContext, describe_archive
from core.adapters.stores.s3_listing import Entry, ListingPage, parse_size, parse_tag, parse_time
from core.adapters.stores.s3_reader import ObjectReader
from core.domain.etag import UNKNOWN_TIME, from_time_and_size, is_by_time, spell_alike
from core.domain.file_rules import is_hidden, is_left_out, no_picture
from core.domain.image import ImageRef
from core.domain.sidecars import MAX_SIDECAR_BYTES, bare_etag
from core.errors import (
    ImageGone,
    ImageTooLarge,
    ImageUnavailable,
    InvalidSetting,
    Notice,
    SourceNotFound,
    StoreError,
)
from core.errors.hints import RAISE_BYTES, Advice, Configure
from core.ports.image_store import EXCLUDED
from core.settings import Settings
from core.text.sanitize import plain

_log = logging.getLogger(__name__)

_ARCHIVES = frozenset(("GLACIER", "DEEP_ARCHIVE"))
_KEYLESS = "objects are listed without a usable key"
_NEIGHBOURS = 5  # named to somebody whose prefix lists nothing
_MAX_NEIGHBOURS = 100
_EMPTY_PAGES = 1000  # one after the other, of a listing that does not end


class S3Store:
    """An ImageStore of every object below a prefix, except those that are plainly no pictures.

    It needs the rights List and Get. A prefix is a folder: `s3://bucket/photos` and `s3://bucket/photos/` are one
    source, without `photos2/`. Its canonical name ends with "/". It is taken literally, never percent-decoded. A key is
    the object's whole key. With `s3.versioned`, exactly the listed versions are read, and etags carry the version.

    Empty objects whose key ends with "/" (folder markers) are left out, and what every store leaves out by name. Hidden
    names and rubbish are recognised below the prefix. Archived objects are listed as withheld. An etag is the ETag as
    it is listed; where there is none, or by `s3.changed_by`, it is made of time and size.
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
        self._request = RequestContext(
            self.source,
            bucket,
            _describe_endpoint(settings.s3.endpoint_url),
            versioned=settings.s3.versioned,
            anonymous=settings.s3.anonymous,
        )
        self._list_breaker = CircuitBreaker(self._request.endpoint, settings.s3.patience)
        self._read_breaker = CircuitBreaker(self._request.endpoint, settings.s3.patience)

    def list(self) -> Iterator[ImageRef]:
        """Yield every image in the order of keys, as the pages arrive.

        Raises StoreError where the listing cannot be completed.
        """
        self.ignored.clear()
        yield from match_companions(self._list_entries(), self._pass_over)

    def _list_entries(self) -> Iterator[Listed]:
        total = 0
        for page in self._list_pages():
            for entry in page.entries:
                if self._belongs(entry):
                    yield self._to_listed(entry)
            if page.keyless:
                self.ignored[_KEYLESS] += page.keyless
                _log.warning("%s lists %d objects without a usable key", self.source, page.keyless)
            total += page.count
        if not total:
            self._check_for_object()

    def _list_pages(self) -> Iterator[ListingPage]:
        """Yield all pages of the listing. Raises StoreError, also for a store that never comes to an end."""
        following: Mapping[str, str] = {}
        seen: set[int] = set()
        empty = 0
        while True:
            page = self._list_page(following)
            yield page
            if not page.more:
                return
            following = page.following
            empty = 0 if page.count else empty + 1
            marks = {hash(tuple(following.items())), *(hash(entry) for entry in page.entries[:1])}
            if not following:
                raise self._make_listing_error("the store does not say where it goes on")
            if marks & seen or empty > _EMPTY_PAGES:
                raise self._make_listing_error("the store repeats itself")
            seen |= marks

    def read(self, ref: ImageRef) -> bytes:
        """Read the object, at most `decode.max_bytes` bytes, if it is still the one that was listed.

        Raises ImageGone, ImageChanged, ImageTooLarge, ImageWithheld, ImageUnavailable or another StoreError.
        """
        if ref.source != self.source:
            raise ImageGone(f"{ref.uri} is not of {self.source}")
        if (etag := bare_etag(ref.etag)) != ref.etag:
            ref = replace(ref, etag=etag)
        if ref.bytes > self._settings.decode.max_bytes:
            raise ImageTooLarge(
                f"{ref.bytes:,} bytes, over the limit of {self._settings.decode.max_bytes:,}", RAISE_BYTES
            )
        try:
            return self._read_breaker.call(
                ref.key, partial(self._reader.read, ref), partial(self._reader.read_quickly, ref)
            )
        except TransientError as error:
            raise ImageUnavailable(f"the store could not deliver it, tried again and again: {error}") from error

    def explain_empty(self) -> Notice:
        """Say what to check where the first listing had no image."""
        if passed_over := self.ignored.total():
            return Notice(f"{self.source} holds {passed_over:,} objects, and none that can be a picture by its name")
        if not self._prefix:
            return Notice(f"{self.source} is empty", Configure("see that it is the bucket at {}", ("s3_endpoint_url",)))
        around = self._prefix.removesuffix("/").rpartition("/")[0]
        around = f"{around}/" if around else ""
        try:
            folders = self._client.list_page(around, {}, limit=_MAX_NEIGHBOURS, delimiter="/").folders
        except (StoreError, TransientError):
            folders = ()
        there = [folder.removeprefix(around) for folder in folders if folder != self._prefix]
        beside = f"; beside it are {', '.join(map(plain, there[:_NEIGHBOURS]))}" if there else ""
        return Notice(
            f"{self.source} lists nothing: no key of the bucket {self._bucket} begins with {self._prefix}{beside}",
            Advice("see that the prefix is written as the keys are: upper and lower case count, and %20 is no blank"),
        )

    def explain_rereading(self, count: int, known: int, example: ImageRef) -> Notice:
        """Say why objects were read again although their bytes are those on record."""
        told, way_out = ("times", "size") if is_by_time(bare_etag(example.etag)) else ("ETags", "time")
        return Notice(
            f"{count:,} of {known:,} objects of {self.source} were read again, and their bytes have not changed: the "
            f"store tells other {told} of them than it did",
            Configure(
                f"where every run says so, its {told} do not hold still: set {{}} to {way_out}", ("s3_changed_by",)
            ),
        )

    def read_sidecar(self, ref: ImageRef, key: str) -> bytes:
        """Read an object beside the image. Raises ImageGone, ImageTooLarge, ImageUnavailable or another StoreError."""
        try:
            return self._read_breaker.call(key, partial(self._reader.read_sidecar, key, MAX_SIDECAR_BYTES))
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
    def _client(self) -> S3Client:
        return S3Client(self._settings, self._request)

    @cached_property
    def _reader(self) -> ObjectReader:
        return ObjectReader(self._client, self._look_up, self._settings.decode.max_bytes)

    def _list_page(self, following: Mapping[str, str]) -> ListingPage:
        try:
            return self._list_breaker.call("the listing", lambda: self._client.list_page(self._prefix, following))
        except TransientError as error:
            raise self._make_listing_error(str(error)) from error

    def _check_for_object(self) -> None:
        """Raise SourceNotFound where the source that lists nothing is the address of one object."""
        key = self._prefix.removesuffix("/")
        if not key:
            return
        try:
            self._client.head(key)
        except (StoreError, TransientError):
            return
        holder = f"s3://{self._bucket}/{key.rpartition('/')[0]}".removesuffix("/")
        raise SourceNotFound(
            f"s3://{self._bucket}/{key}",
            "is one object",
            Advice(f"give it the prefix that holds it, such as {holder}/"),
        )

    def _make_listing_error(self, why: str) -> StoreError:
        return StoreError(f"{self.source} could not be listed whole: {why}")

    def _belongs(self, entry: Entry) -> bool:
        """Tell whether an object is of this source: no folder marker, not hidden, not left out by patterns."""
        key = entry.key
        if key.endswith("/") and not entry.size:
            return False
        path = key.removeprefix(self._prefix)
        folder, slash, last = path.rpartition("/")
        name = last.encode()
        if is_hidden(name) or _is_left_out(folder + slash, self._prefix):
            return False
        if self._exclusion.excludes(path):
            self.ignored[EXCLUDED] += no_picture(name) is None
            return False
        return True

    def _pass_over(self, listed: Listed) -> None:
        reason = no_picture(listed.key.rpartition("/")[2].encode())
        self.ignored[str(reason)] += 1
        _log.info("ignored %s: %s", listed.key, reason)

    def _to_listed(self, entry: Entry) -> Listed:
        ref = self._make_ref(entry)
        is_picture = no_picture(entry.key.rpartition("/")[2].encode()) is None
        return Listed(entry.key, spell_alike(ref.etag), ref if is_picture else None)

    def _make_ref(self, entry: Entry) -> ImageRef:
        by = self._settings.s3.changed_by
        etag = entry.tag if by == "etag" and entry.tag else None
        etag = etag or from_time_and_size(None if by == "size" else entry.modified_at, entry.size)
        archived = entry.storage_class in _ARCHIVES and not entry.restored
        return ImageRef(
            source=self.source,
            key=entry.key,
            uri=self._uri(entry.key),
            etag=f"{etag} {entry.version}" if entry.version and self._settings.s3.versioned else etag,
            bytes=entry.size or 0,
            modified_at=entry.modified_at or UNKNOWN_TIME,
            withheld=describe_archive(entry.storage_class) if archived else None,
        )

    def _look_up(self, key: str) -> ImageRef:
        """Return what the listing says of this key now. Raises ImageGone."""
        try:
            entries = self._client.list_page(key, {}, limit=1).entries
        except StoreError:  # who may list the prefix need not be allowed to list one key
            entries = ()
        for entry in entries:
            if entry.key == key:
                return self._make_ref(entry)
        headers = self._client.head(key)
        size = parse_size(headers.get("content-length"))
        return self._make_ref(
            Entry(
                key=key,
                tag=parse_tag(headers.get("etag"), size),
                size=size,
                modified_at=parse_time(headers.get("last-modified")),
                version=headers.get("x-amz-version-id"),
            )
        )

    def _uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{quote(key)}"


@lru_cache(maxsize=1024)
def _is_left_out(folder: str, prefix: str) -> bool:
    """Whether what is in this folder below the prefix is left out; a `folder` ends with "/", but for the prefix's."""
    return is_left_out(folder.encode().split(b"/")[:-1], prefix.encode().rstrip(b"/").rpartition(b"/")[2])


def source_name(source: str) -> str:
    """Return the canonical name of a source, a bucket or a prefix. Raises SourceNotFound where it names no bucket."""
    bucket, _, prefix = source.partition("://")[2].partition("/")
    if not bucket:
        raise SourceNotFound(source, "names no bucket; a source is s3://BUCKET or s3://BUCKET/PREFIX")
    if prefix and not prefix.endswith("/"):
        prefix += "/"
    return f"s3://{bucket}/{prefix}"


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
