"""Tars in a bucket of Amazon S3, or of a compatible store."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from botocore.exceptions import ClientError

from core.adapters.shards.address import SCHEME, SUFFIX, ShardAddress
from core.adapters.shards.block_cache import BLOCK, BlockCache
from core.adapters.shards.shard import Shard, Unusable, explain_name
from core.adapters.stores.circuit_breaker import TransientError
from core.adapters.stores.s3 import S3Store
from core.adapters.stores.s3_errors import map_errors, read_status
from core.domain.file_rules import is_hidden, is_rubbish
from core.errors import ImageGone, ImageUnavailable, StoreError
from core.settings import Settings

_CHUNK = 2**18
_CHANGED = "its shard has changed since it was listed; the next ingest reads it anew"
_UNTAGGED = "@"  # begins what stands for the ETag of a store that gives none
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
            raise StoreError(f"{self._address.source} could not be listed whole: {error}") from error

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
        following: dict[str, str] = {}
        while True:
            page = self._list_breaker.call("the listing", partial(self._list_page, following))
            for entry in page.entries:
                if (found := self._to_shard(entry)) is not None:
                    yield found
            if not page.following:
                return
            if page.following == following:
                raise StoreError(f"{self._address.source} could not be listed whole: the store repeats itself")
            following = page.following

    def _to_shard(self, entry: dict[str, Any]) -> Shard | Unusable | None:
        name = str(entry["Key"]).removeprefix(self._prefix)
        *folders, last = name.encode().split(b"/")
        if is_hidden(last) or any(is_hidden(each) or is_rubbish(each) for each in folders):
            return None
        if (reason := explain_name(name)) is not None:
            return Unusable(name, reason)
        return self._make_shard(name, entry, int(entry["Size"])) if name.lower().endswith(SUFFIX) else None

    def _ask(self, name: str) -> Shard | Unusable:
        """Ask for one tar by name."""
        if (reason := explain_name(name)) is not None:
            return Unusable(name, reason)

        def head() -> dict[str, Any]:
            with map_errors(replace(self._request, key=self._prefix + name)):
                answer: dict[str, Any] = self._client.head_object(
                    Bucket=self._bucket, Key=self._prefix + name, **self._payer
                )
                return answer

        try:
            answer = self._list_breaker.call(name, head)
        except ImageGone:
            return Unusable(name, "is missing")
        except ImageUnavailable as error:
            return Unusable(name, error.reason)
        size = answer.get("ContentLength")
        if size is None:
            return Unusable(name, "cannot be read in ranges: the store does not tell its size")
        return self._make_shard(name, answer, int(size))

    def _make_shard(self, name: str, told: dict[str, Any], size: int) -> Shard:
        modified = told.get("LastModified")
        modified = _EPOCH if modified is None else modified.astimezone(UTC)
        etag = _bare(told.get("ETag")) or f"{_UNTAGGED}{modified.timestamp():.0f}-{size:x}"
        return Shard(name, self.prefix + quote(name), etag, size, modified)

    def _get_range(self, shard: Shard, start: int, length: int) -> bytes:
        key = unquote(shard.uri.removeprefix(self._bucket_prefix))
        wanted = {"Bucket": self._bucket, "Key": key, "Range": f"bytes={start}-{start + length - 1}", **self._payer}
        with map_errors(replace(self._request, key=key)):
            try:
                answer = self._client.get_object(**wanted)
            except ClientError as error:
                if read_status(error) == 416:
                    raise ImageUnavailable(_CHANGED) from error
                raise
            with closing(answer["Body"]) as body:
                self._check(answer, shard, start)
                data = bytearray()
                while len(data) < length and (chunk := body.read(min(_CHUNK, length - len(data)))):
                    data += chunk
        if len(data) != length:
            raise TransientError(f"the body was cut at {len(data):,} of {length:,} bytes", service_wide=False)
        return bytes(data)

    def _check(self, answer: dict[str, Any], shard: Shard, start: int) -> None:
        told = _RANGE.fullmatch(answer.get("ContentRange") or "")
        if told is None and start:
            raise StoreError(f"{self._request.endpoint} does not answer for ranges of bytes, which shards need")
        size, etag = told[3] if told else "*", _bare(answer.get("ETag"))
        other = etag and not shard.etag.startswith(_UNTAGGED) and etag != shard.etag
        if other or size not in ("*", str(shard.size)):
            raise ImageUnavailable(_CHANGED)


def _bare(etag: str | None) -> str:
    """Return an ETag without quotes, the mark of a weak one, and what proxies add that compress."""
    return re.sub(r"(-+|;)(gzip|br|deflate)$", "", (etag or "").removeprefix("W/").strip('"'))
