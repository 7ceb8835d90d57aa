"""Tar files of pictures as a source: one image a picture in a tar."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote, unquote

from core.adapters.shards.address import ShardAddress, parse_address
from core.adapters.shards.bucket import BucketShards
from core.adapters.shards.folder import FolderShards
from core.adapters.shards.index_cache import IndexCache
from core.adapters.shards.range_reader import ReadAhead
from core.adapters.shards.shard import Shard, ShardPlace, Unusable
from core.adapters.shards.tar_index import Member, TarIndex, index_tar
from core.adapters.stores.listing.exclusion import Exclusion
from core.domain.etag import is_by_time
from core.domain.image import ImageRef
from core.errors import ImageGone, ImageTooLarge, ImageUnavailable, ImageWithheld, Notice, SourceNotFound, StoreError
from core.errors.hints import Advice, Configure
from core.ports.image_store import EXCLUDED
from core.settings import Settings

_log = logging.getLogger(__name__)

_EXAMPLES = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ShardStore:
    """An ImageStore of the pictures in tars, with the captions of their samples (.txt, .json).

    A key is the tar's name within the source, "/", and the picture's name in the tar. An etag holds that of the tar,
    and the picture's place in it, so that reading needs no listing. Each tar is gone through once; then its index is
    kept in the library's folder for as long as the tar does not change.
    """

    def __init__(
        self, address: ShardAddress, place: ShardPlace, settings: Settings, patterns: Sequence[str] = ()
    ) -> None:
        """Wrap the place of an address; nothing is read yet. Raises InvalidSetting for an odd pattern."""
        self._exclusion = Exclusion(patterns)
        self.source = address.source
        self.ignored: Counter[str] = Counter()
        self._place = place
        self._max_bytes = settings.decode.max_bytes
        self._cache = IndexCache(settings.data, address.source)
        self._listed = False

    def list(self) -> Iterator[ImageRef]:
        """Yield every picture, tar by tar, each in the order of places.

        A tar that is missing, damaged or cannot be read raises StoreError after everything else was yielded.
        """
        self.ignored.clear()
        self._listed = True
        problems: list[str] = []
        names: set[str] = set()
        for shard in self._place.find():
            names.add(shard.name)
            if isinstance(shard, Unusable):
                problems.append(f"{shard.name} {shard.reason}")
                continue
            try:
                index = self._index(shard)
            except (ImageGone, ImageUnavailable, ImageWithheld) as error:
                problems.append(f"{shard.name}: {error.reason}")
                continue
            self.ignored.update(index.ignored)
            if index.problem is not None:
                problems.append(f"{shard.name} {index.problem}")
            for member in index.members:
                ref = self._to_ref(shard, member)
                if self._exclusion.excludes(ref.key):
                    self.ignored[EXCLUDED] += 1
                else:
                    yield ref
        if not names:
            raise SourceNotFound(self.source, "holds no .tar; give it the folder or the prefix of the shards")
        if problems:
            more = f" and {len(problems) - _EXAMPLES:,} more" if len(problems) > _EXAMPLES else ""
            raise StoreError(
                f"{self.source} could not be listed whole: {'; '.join(problems[:_EXAMPLES])}{more}",
                Advice("what else the shards hold is indexed: put these in order, or leave them out of the pattern"),
            )
        self._cache.retain(names)

    def read(self, ref: ImageRef) -> bytes:
        """Read the picture from its tar, if that is still the one that was listed.

        Raises ImageGone, ImageTooLarge, ImageWithheld, ImageUnavailable or another StoreError.
        """
        if ref.source != self.source:
            raise ImageGone(f"{ref.uri} is not of {self.source}")
        if ref.bytes > self._max_bytes:
            raise ImageTooLarge(f"{ref.bytes:,} bytes, over the limit of {self._max_bytes:,}")
        try:
            etag, size, start, length = _split_etag(ref.etag)
        except ValueError as error:
            raise ImageUnavailable("where it is in its shard is not known; the next ingest reads it") from error
        uri = ref.uri.partition("#")[0]
        shard = Shard(unquote(uri.removeprefix(self._place.prefix)), uri, etag, size, ref.modified_at)
        return self._place.read_member(shard, start, length, neighbours=self._listed)

    def resolve_name(self, name: str) -> tuple[str, str]:
        """Resolve TAR/NAME, the key of a picture. Raises ValueError."""
        shard, found, member = name.partition(".tar/")
        if not found or not member:
            raise ValueError(f"it is not TAR/NAME, such as 00000.tar/000000001.jpg, of {self.source}")
        return name, f"{self._place.prefix}{quote(shard)}.tar#{quote(member)}"

    def _index(self, shard: Shard) -> TarIndex:
        index = self._cache.load(shard)
        if index is None:
            _log.info("going through %s, %d bytes", shard.uri, shard.size)
            file = ReadAhead(partial(self._place.read_range, shard), shard.size, window=self._place.window)
            index = index_tar(file, shard.size)
            self._cache.save(shard, index)
        return index

    def _to_ref(self, shard: Shard, member: Member) -> ImageRef:
        raw = member.name.encode("utf-8", "surrogateescape")
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            name = "./" + quote(raw)  # no other name starts so
        return ImageRef(
            source=self.source,
            key=f"{shard.name}/{name}",
            uri=f"{shard.uri}#{quote(raw)}",
            etag=f"{shard.etag} {shard.size:x} {member.start:x}+{member.size:x}",
            bytes=member.size,
            modified_at=datetime.fromtimestamp(member.modified, UTC) if member.modified else shard.modified_at,
            captions=member.captions,
        )


class RemoteShardStore(ShardStore):
    """A ShardStore of a bucket: Remote, read by several readers at once. It explains what is strange of the bucket."""

    def __init__(
        self, address: ShardAddress, place: BucketShards, settings: Settings, patterns: Sequence[str] = ()
    ) -> None:
        """Wrap the bucket of an address, without a request. Raises InvalidSetting for an odd pattern."""
        super().__init__(address, place, settings, patterns)
        self.readers = place.readers
        self.stop = place.stop

    def explain_empty(self) -> Notice:
        """Say what to check where the first listing had no image."""
        return Notice(f"the shards of {self.source} hold no pictures", Advice("see that they are those of pictures"))

    def explain_rereading(self, count: int, known: int, example: ImageRef) -> Notice:
        """Say why pictures were read again although their bytes are those on record."""
        told, way_out = ("times", "size") if is_by_time(_split_etag(example.etag)[0]) else ("ETags", "time")
        return Notice(
            f"{count:,} of {known:,} pictures of {self.source} were read again, and their bytes have not changed: the "
            f"store tells other {told} of their shards than it did",
            Configure(
                f"where every run says so, its {told} do not hold still: set {{}} to {way_out}", ("s3_changed_by",)
            ),
        )


def open_shards(source: str, settings: Settings, patterns: Sequence[str] = ()) -> ShardStore:
    """Open shards:… as a user or the library names it. Raises SourceNotFound, InvalidSetting.

    `patterns` say what a person wants left out (core.adapters.stores.listing.exclusion); they are put to keys.
    """
    address = parse_address(source)
    if address.in_bucket:
        return RemoteShardStore(address, BucketShards(address, settings), settings, patterns)
    return ShardStore(address, FolderShards(address, exclude=[settings.data]), settings, patterns)


def source_name(source: str) -> str:
    """Return the canonical name of shards; they need not exist. Raises SourceNotFound."""
    return parse_address(source).source


def _split_etag(etag: str) -> tuple[str, int, int, int]:
    """Split an etag into that of the tar, the tar's size, and start and length. Raises ValueError."""
    tag, size, place = etag.rsplit(" ", 2)
    start, length = place.split("+")
    return tag, int(size, 16), int(start, 16), int(length, 16)
