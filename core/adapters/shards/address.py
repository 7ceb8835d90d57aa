"""How a user names shards: a folder, a prefix of a bucket, or a pattern with ranges in braces."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from urllib.parse import quote, unquote_to_bytes

from core.errors import SourceNotFound

SCHEME = "shards:"
SUFFIX = ".tar"
_MOST_SHARDS = 1_000_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})(?:\.\.(\d{1,9}))?")
_TAKES = "shards are shards:FOLDER, shards:s3://BUCKET/PREFIX/, or a pattern such as shards:FOLDER/{00000..00099}.tar"


@dataclass(frozen=True, slots=True)
class ShardAddress:
    """Where shards are. `source` is the canonical name.

    `base` is the folder, or the bucket with its prefix, that shards are named within; it ends with "/".
    `pattern` is relative to it; None stands for every tar below it.
    """

    source: str
    base: str
    pattern: str | None

    @property
    def in_bucket(self) -> bool:
        """Whether the shards are objects."""
        return self.base.startswith("s3://")

    def names(self) -> Iterator[str]:
        """Yield the names that the pattern stands for, relative to the base. Raises SourceNotFound."""
        assert self.pattern is not None
        expanded = expand_braces(self.source, self.pattern)
        return expanded if self.in_bucket else (os.fsdecode(unquote_to_bytes(name)) for name in expanded)


def parse_address(source: str) -> ShardAddress:
    """Parse shards:… as a user writes it, or a canonical name. Raises SourceNotFound."""
    place = source.removeprefix(SCHEME)
    if not place:
        raise SourceNotFound(source, f"names no place; {_TAKES}")
    if place.lower().startswith("s3://"):
        return _parse_bucket(source, place[5:])
    if "://" in place and not place.lower().startswith("file://"):
        raise SourceNotFound(source, f"cannot be read; {_TAKES}")
    return _parse_folder(place)


def expand_braces(source: str, pattern: str) -> Iterator[str]:
    """Yield what {0..9}, {00..99..3} and {a,b} stand for, in the order of the pattern. Raises SourceNotFound."""
    pieces = _BRACES.split(pattern)  # texts and insides of braces take turns
    if any("{" in text or "}" in text for text in pieces[::2]):
        raise SourceNotFound(source, "its braces do not pair, or are nested")
    choices: list[list[str] | tuple[str]] = []
    count = 1
    for place, piece in enumerate(pieces):
        options = (piece,) if place % 2 == 0 else _expand(source, piece)
        count *= len(options)
        if count > _MOST_SHARDS:
            raise SourceNotFound(source, f"stands for more than {_MOST_SHARDS:,} shards")
        choices.append(options)
    return map("".join, product(*choices))


def _expand(source: str, inside: str) -> list[str]:
    found = _RANGE.fullmatch(inside)
    if found is None:
        if "," not in inside:
            raise SourceNotFound(source, f"{{{inside}}} is neither a range such as {{000..099}} nor a list {{a,b}}")
        return inside.split(",")
    first, last, step = int(found[1]), int(found[2]), int(found[3] or 1)
    if last < first or not step:
        raise SourceNotFound(source, f"{{{inside}}} is no range that counts upwards")
    if (last - first) // step >= _MOST_SHARDS:
        raise SourceNotFound(source, f"stands for more than {_MOST_SHARDS:,} shards")
    padded = any(len(end) > 1 and end.startswith("0") for end in (found[1], found[2]))
    width = max(len(found[1]), len(found[2])) if padded else 0
    return [str(number).zfill(width) for number in range(first, last + 1, step)]


def _parse_bucket(source: str, place: str) -> ShardAddress:
    bucket, _, key = place.partition("/")
    if not bucket or "{" in bucket:
        raise SourceNotFound(source, f"names no bucket; {_TAKES}")
    if "{" not in key and not key.endswith(SUFFIX):
        prefix = f"{key.rstrip('/')}/" if key else ""
        base = f"s3://{bucket}/{prefix}"
        return ShardAddress(SCHEME + base, base, None)
    before = key.partition("{")[0].rpartition("/")
    folder = before[0] + before[1]
    pattern = key.removeprefix(folder)
    _check_pattern(source, pattern)
    base = f"s3://{bucket}/{folder}"
    return ShardAddress(SCHEME + base + pattern, base, pattern)


def _parse_folder(place: str) -> ShardAddress:
    """Parse a path. In a canonical name braces of a pattern stand as they are, and those of a path are quoted."""
    if place.startswith("///") or place.lower().startswith("file:"):
        quoted = re.sub("^file:(//(localhost)?)?", "", place, flags=re.IGNORECASE).removeprefix("//")
    else:
        path = os.path.expanduser(place)
        quoted = quote(os.fsencode(path), safe="/" if os.path.exists(path) else "/{},")
    if "{" not in quoted and not (quoted.endswith(SUFFIX) and not os.path.isdir(unquote_to_bytes(quoted))):
        root = _resolve(quoted)
        return ShardAddress(f"{SCHEME}//{root}", root if root.endswith("/") else f"{root}/", None)
    before = quoted.partition("{")[0].rpartition("/")
    pattern = quoted.removeprefix(before[0] + before[1])
    _check_pattern(SCHEME + place, pattern)
    root = _resolve((before[0] + before[1]) or ".").removesuffix("/") + "/"
    return ShardAddress(f"{SCHEME}//{root}{pattern}", root, pattern)


def _check_pattern(source: str, pattern: str) -> None:
    if not pattern.endswith(SUFFIX):
        raise SourceNotFound(source, f"a pattern ends with {SUFFIX}; {_TAKES}")
    expand_braces(source, pattern)


def _resolve(quoted: str) -> str:
    return quote(os.path.realpath(unquote_to_bytes(quoted)))
