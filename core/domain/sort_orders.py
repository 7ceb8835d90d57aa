"""The orders in which pictures can be listed, other than by how well they match."""

import re
from collections.abc import Iterable
from typing import Any

from core.domain.image import ImageRecord
from core.domain.query import Sort

_NUMBER = re.compile(r"(\d{1,18})", re.ASCII)


def name_key(key: str) -> tuple[Any, ...]:
    """Sort by the last part of the key as people count: case aside, 2.jpg before 10.jpg; then by the whole key."""
    name = key.rstrip("/").rsplit("/", 1)[-1].casefold()
    return [(int(part), "") if n % 2 else (-1, part) for n, part in enumerate(_NUMBER.split(name))], key


def encode_name_key(key: str) -> bytes:
    """Encode `name_key` as bytes that compare as it does."""
    name = key.rstrip("/").rsplit("/", 1)[-1].casefold()
    parts = [
        b"\0\1" + int(part).to_bytes(8, "big") if n % 2 else _encode_text(part)
        for n, part in enumerate(_NUMBER.split(name))
    ]
    return b"".join((*parts, b"\0\0", key.encode("utf-8", "surrogatepass")))


def _encode_text(text: str) -> bytes:
    """Text that ends before whatever is not text: NUL within it is escaped."""
    return text.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\xff")


def in_order(records: Iterable[ImageRecord], by: Sort, *, reverse: bool = False) -> list[ImageRecord]:
    """`modified` and `taken` from the latest on, `name` from A; `reverse` the other way round; equals by id.

    What has no time comes last either way, in the order of `modified`.
    """
    by_id = sorted(records, key=lambda record: record.id)
    if by == "name":
        return sorted(by_id, key=lambda record: name_key(record.key), reverse=reverse)
    if by == "modified":
        return sorted(by_id, key=lambda record: record.modified_at, reverse=not reverse)
    if by != "taken":
        raise ValueError(f"{by} is no order of records")
    dated = [(record.taken_at, record) for record in by_id if record.taken_at is not None]
    dated.sort(key=lambda pair: pair[0], reverse=not reverse)
    undated = [record for record in by_id if record.taken_at is None]
    return [record for _, record in dated] + in_order(undated, "modified", reverse=reverse)
