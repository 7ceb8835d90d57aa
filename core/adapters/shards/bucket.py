"""Tars in a bucket of Amazon S3, or of a compatible store."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from urllib.parse import quote, unquote

from core.adapters.shards.address import SCHEME, SUFFIX, ShardAddress
from core.adapters.shards.block_cache import BLOCK, BlockCache
from core.adapters.shards.shard import Shard, Unusable, explain_name
from core.adapters.stores.circuit_breaker import TransientError
from core.adapters.stores.s3 import S3Store
from core.adapters.stores.s3_client import ConditionRefused
from core.adapters.stores.s3_errors import map_errors
from core.adapters.stores.s3_listing import Entry, parse_size, parse_tag, parse_time
from core.domain.etag import UNKNOWN_TIME, bare_tag, from_time_and_size, is_same_tag, told_tag
from core.domain.file_rules import is_hidden, is_rubbish
from core.errors import ImageGone, ImageUnavailable, StoreError
from core.settings import Settings

_CHUNK = 2**18
_CHANGED = "its shard has changed since it was listed; the next ingest reads it anew"
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

        It is compared by its ETag, however that is spelled, as soon as the answer begins.
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
        return self._make_shard(name, entry) if name.lower().endswith(SUFFIX) else None

    def _ask(self, name: str) -> Shard | Unusable:
        """Ask for one tar by name."""
        if (reason := explain_name(name)) is not None:
            return Unusable(name, reason)
        key = self._prefix + name
        try:
            headers = self._list_breaker.call(name, partial(self._client.head, key)).headers
        except ImageGone:
            return Unusable(name, "is missing")
        except ImageUnavailable as error:
            return Unusable(name, error.reason)
        size = parse_size(headers.get("content-length"))
        tag = parse_tag(headers.get("etag"), size)
        return self._make_shard(name, Entry(key, tag, size, parse_time(headers.get("last-modified"))))

    def _make_shard(self, name: str, entry: Entry) -> Shard | Unusable:
        if entry.size is None:
            return Unusable(name, "cannot be read in ranges: the store does not tell its size")
        etag = bare_tag(entry.tag) if entry.tag else from_time_and_size(entry.modified_at, entry.size)
        return Shard(name, self.prefix + quote(name), etag, entry.size, entry.modified_at or UNKNOWN_TIME)

    def _get_range(self, shard: Shard, start: int, length: int) -> bytes:
        key = unquote(shard.uri.removeprefix(self._bucket_prefix))
        try:
            answer = self._client.get(key, byte_range=f"bytes={start}-{start + length - 1}")
        except ConditionRefused as error:
            raise ImageUnavailable(_CHANGED) from error
        with closing(answer.body), map_errors(self._request.of(key)):
            self._check(answer.headers, shard, start)
            data = bytearray()
            while len(data) < length and (chunk := answer.body.read(min(_CHUNK, length - len(data)))):
                data += chunk
        if len(data) != length:
            raise TransientError(f"the body was cut at {len(data):,} of {length:,} bytes", service_wide=False)
        return bytes(data)

    def _check(self, headers: Mapping[str, str], shard: Shard, start: int) -> None:
        told = _RANGE.fullmatch(headers.get("content-range", ""))
        if told is None and start:
            raise StoreError(f"{self._request.endpoint} does not answer for ranges of bytes, which shards need")
        size, listed, tag = told[3] if told else "*", told_tag(shard.etag), parse_tag(headers.get("etag"), shard.size)
        other = listed is not None and tag is not None and not is_same_tag(listed, tag)
        if other or size not in ("*", str(shard.size)):
            raise ImageUnavailable(_CHANGED)
