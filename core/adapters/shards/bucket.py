"""Tars in a bucket of Amazon S3, or of a compatible store."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from urllib.parse import quote, unquote

from core.adapters.shards.address import SCHEME, SUFFIX, ShardAddress
from core.adapters.shards.block_cache import BLOCK, BlockCache
from core.adapters.shards.shard import CHANGED, Shard, Unusable, explain_name
from core.adapters.stores.circuit_breaker import TransientError
from core.adapters.stores.s3 import S3Store
from core.adapters.stores.s3_errors import ConditionRefused
from core.adapters.stores.s3_listing import Entry, parse_size, parse_tag, parse_time
from core.domain.etag import (
    UNKNOWN_TIME,
    from_time_and_size,
    is_same_file,
    is_same_tag,
    spell_alike,
    told_tag,
)
from core.domain.file_rules import is_hidden, is_rubbish
from core.domain.image import ImageRef
from core.errors import ImageGone, ImageUnavailable, StoreError
from core.settings import Settings

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class BucketShards(S3Store):
    """A ShardPlace of the tars below a prefix, or of those that a pattern names.

    Tars below a prefix are listed. Each one that a pattern names is asked for, which takes no right to list.
    """

    window = (2**16, BLOCK)

    def __init__(self, address: ShardAddress, settings: Settings) -> None:
        """Check address and settings, without a request. Raises SourceNotFound, InvalidSetting."""
        versions_left_out = settings.s3.model_copy(update={"versioned": False})
        super().__init__(address.base, settings.model_copy(update={"s3": versions_left_out}))
        self._request = replace(self._request, source=address.source)
        self._address = address
        self._cache = BlockCache()
        self._settled: set[tuple[str, str]] = set()  # names and etags of shards that GET only tells of otherwise
        self._bucket_prefix = f"{SCHEME}s3://{self._bucket}/"
        self.prefix = self._bucket_prefix + quote(self._prefix)

    def find(self) -> Iterator[Shard | Unusable]:
        """Yield every tar, in the order of names. Raises SourceNotFound, StoreError."""
        try:
            yield from self._find_below() if self._address.pattern is None else map(self._ask, self._address.names())
        except TransientError as error:
            raise self._make_listing_error(str(error)) from error

    def read_member(self, shard: Shard, start: int, length: int, *, neighbours: bool) -> bytes:
        """Read as `read_range` does, by whole blocks where `neighbours` are read too."""
        if not neighbours or length > BLOCK or not length:
            return self.read_range(shard, start, length)
        fetch = partial(self.read_range, shard)
        return self._cache.read(shard.name, shard.etag, shard.size, range(start, start + length), fetch)

    def read_range(self, shard: Shard, start: int, length: int) -> bytes:
        """Read exactly these bytes of the very object that was listed.

        It is compared by its ETag, however that is spelled, as soon as the answer begins. Where they
        differ, the store is asked about this one object again, as in core.adapters.stores.s3_reader.
        Raises ImageGone, ImageUnavailable, ImageWithheld or another StoreError.
        """
        if not length:
            return b""
        try:
            return self._read_breaker.call(shard.name, partial(self._get_range, shard, start, length))
        except TransientError as error:
            raise ImageUnavailable(f"the store could not deliver it, tried again and again: {error}") from error

    def _find_below(self) -> Iterator[Shard | Unusable]:
        for page in self._list_pages():
            for entry in page.entries:
                if (found := self._to_shard(entry)) is not None:
                    yield found

    def _to_shard(self, entry: Entry) -> Shard | Unusable | None:
        name = entry.key.removeprefix(self._prefix)
        *folders, last = name.encode().split(b"/")
        if is_hidden(last) or any(is_hidden(each) or is_rubbish(each) for each in folders):
            return None
        if (reason := explain_name(name)) is not None:
            return Unusable(name, reason)
        if not name.lower().endswith(SUFFIX):
            return None
        return self._ask(name) if entry.size is None else self._make_shard(name, entry)

    def _ask(self, name: str) -> Shard | Unusable:
        """Ask for one tar by name."""
        if (reason := explain_name(name)) is not None:
            return Unusable(name, reason)
        key = self._prefix + name
        try:
            headers = self._list_breaker.call(name, partial(self._client.head, key))
            size = parse_size(headers.get("content-length"))
            if size is None:
                size = self._list_breaker.call(name, partial(self._ask_for_size, key))
        except ImageGone:
            return Unusable(name, "is missing")
        except ImageUnavailable as error:
            return Unusable(name, error.reason)
        tag = parse_tag(headers.get("etag"), size)
        return self._make_shard(name, Entry(key, tag, size, parse_time(headers.get("last-modified"))))

    def _ask_for_size(self, key: str) -> int | None:
        """Ask for the first byte of an object, with which a store tells how many there are."""
        try:
            answer = self._client.get(key, byte_range="bytes=0-0")
        except ConditionRefused:
            return None
        answer.body.close()
        told = _RANGE.fullmatch(answer.headers.get("content-range", ""))
        return parse_size(told[3]) if told else None

    def _make_shard(self, name: str, entry: Entry) -> Shard | Unusable:
        if entry.size is None:
            return Unusable(name, "cannot be read in ranges: the store does not tell its size")
        etag = spell_alike(self._make_ref(entry).etag)
        return Shard(name, self.prefix + quote(name), etag, entry.size, entry.modified_at or UNKNOWN_TIME)

    def _get_range(self, shard: Shard, start: int, length: int) -> bytes:
        key = self._key(shard)
        try:
            answer = self._client.get(key, byte_range=f"bytes={start}-{start + length - 1}")
        except ConditionRefused as error:
            raise ImageUnavailable(CHANGED) from error
        with closing(answer.body):
            self._check(answer.headers, shard, start)
            data = bytearray()
            while len(data) < length and (chunk := answer.body.read(length - len(data))):
                data += chunk
        if len(data) != length:
            raise TransientError(f"the body was cut at {len(data):,} of {length:,} bytes", service_wide=False)
        return bytes(data)

    def _check(self, headers: Mapping[str, str], shard: Shard, start: int) -> None:
        told = _RANGE.fullmatch(headers.get("content-range", ""))
        if told is None and start:
            raise StoreError(f"{self._request.endpoint} does not answer for ranges of bytes, which shards need")
        same_size = told is None or told[3] in ("*", str(shard.size))
        if not same_size or not (_is_as_listed(headers, shard) or self._settle(shard)):
            raise ImageUnavailable(CHANGED)

    def _settle(self, shard: Shard) -> bool:
        """Find out whether a shard is as it was listed, although the answer to GET tells otherwise.

        Of one that has another ETag at every look, time and size decide.
        """
        if (shard.name, shard.etag) in self._settled:
            return True
        now = self._look_up(self._key(shard))
        before = replace(now, etag=shard.etag, bytes=shard.size, modified_at=shard.modified_at)
        known_time = now.modified_at > UNKNOWN_TIME
        same_moment = known_time and _time_and_size(now) == _time_and_size(before)
        if not (same_moment or is_same_file(now, before)):
            return False
        self._settled.add((shard.name, shard.etag))
        return True

    def _key(self, shard: Shard) -> str:
        return unquote(shard.uri.removeprefix(self._bucket_prefix))


def _is_as_listed(headers: Mapping[str, str], shard: Shard) -> bool:
    """Tell whether what was answered is the listed shard, as far as the answer tells."""
    listed, tag = told_tag(shard.etag), parse_tag(headers.get("etag"), shard.size)
    return listed is None or tag is None or is_same_tag(listed, tag)


def _time_and_size(ref: ImageRef) -> str:
    return from_time_and_size(ref.modified_at, ref.bytes)
