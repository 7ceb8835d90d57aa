"""One tar of a source, and the Protocol of where tars are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

CHANGED = "its shard has changed since it was listed; the next ingest reads it anew"


@dataclass(frozen=True, slots=True)
class Shard:
    """A tar as its place lists it. `name` is relative to the source; another `etag` means other bytes."""

    name: str
    uri: str
    etag: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Unusable:
    """A tar that is named or listed, but cannot be read, and why."""

    name: str
    reason: str


class ShardPlace(Protocol):
    """Where the tars of a source are: a folder or a bucket."""

    prefix: str
    """What stands before a shard's name in its uri."""

    window: tuple[int, int]
    """The fewest and the most bytes that are worth one read while a tar is gone through in sequence."""

    def find(self) -> Iterator[Shard | Unusable]:
        """Yield every shard, in the order of names. Raises SourceNotFound, StoreError."""
        ...

    def read_range(self, shard: Shard, start: int, length: int) -> bytes:
        """Read exactly these bytes. Raises ImageGone, ImageUnavailable, ImageWithheld or another StoreError."""
        ...

    def read_member(self, shard: Shard, start: int, length: int, *, neighbours: bool) -> bytes:
        """Read as `read_range` does. `neighbours`: what stands beside it is read soon."""
        ...


def explain_name(name: str) -> str | None:
    """Say why a file of this name is a shard that cannot be read; None where it may be one, or is none."""
    lower = name.lower()
    for suffix, tool in _COMPRESSED.items():
        if lower.endswith(suffix):
            return f"is compressed, so that its pictures cannot be read one by one; unpack it with {tool} first"
    return None


_COMPRESSED = {
    ".tar.gz": "gunzip",
    ".tgz": "gunzip",
    ".tar.zst": "unzstd",
    ".tar.bz2": "bunzip2",
    ".tar.xz": "unxz",
    ".tar.lz4": "unlz4",
}
