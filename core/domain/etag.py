"""Etags, compared by what they mean: one version of a picture is spelled in several ways.

A store may quote its ETag in one answer and not in the next, or call it weak. A proxy hangs a suffix on it. Where a
store tells none, time and size stand in for it.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime

from core.domain.image import UNREAD_ETAG, UNTOLD_ETAG, ImageRecord, ImageRef
from core.domain.sidecars import bare_etag, sidecars_of

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""What a reference has for a time of modification that its store does not tell."""

_SUFFIX = re.compile(r"\"?(?:--?|;)(?:gzip|br|deflate|zstd|df)\"?$", re.IGNORECASE)
_DIGEST = re.compile(r"[0-9a-f]{32,}(-\d+)?", re.IGNORECASE)
_TIME_AND_SIZE = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?/(?P<size>\d+)?")


def bare_tag(tag: str) -> str:
    """Return an ETag without its quotes, the mark of a weak one, and what a compressing proxy has added."""
    text = tag.replace("&quot;", '"').strip()
    if text[:2] in ("W/", "w/"):
        text = text[2:]
    return _SUFFIX.sub("", text.strip('" ')).strip('" ')


def is_same_tag(one: str, other: str) -> bool:
    """Whether two ETags mean the same, however they are spelled."""
    return one == other or _canonical(one) == _canonical(other)


def spell_alike(etag: str) -> str:
    """Return an etag in the one spelling that all etags have which mean the same; its version stays."""
    tag, version = split_etag(etag)
    return _canonical(tag) if version is None else f"{_canonical(tag)} {version}"


def from_time_and_size(modified_at: datetime | None, size: int | None) -> str:
    """Make the etag of an image whose store tells no better one; of neither, it is UNTOLD_ETAG.

    Times count to the second: listings tell them finer than the answers about one object do.
    """
    known = modified_at is not None and modified_at > UNKNOWN_TIME
    time = modified_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if modified_at is not None and known else ""
    return f"{time}/{'' if size is None else size}" if time or size is not None else UNTOLD_ETAG


def split_etag(etag: str) -> tuple[str, str | None]:
    """Split an etag into that of the bytes and the version that was listed, which is None where it has none."""
    tag, _, version = etag.rpartition(" ")
    return (tag, version) if tag else (etag, None)


def told_tag(etag: str) -> str | None:
    """Return the ETag of the store in an etag; None where time and size stand in for it, or nothing does."""
    tag, _ = split_etag(etag)
    if tag in ("", UNTOLD_ETAG, UNREAD_ETAG) or _TIME_AND_SIZE.fullmatch(tag):
        return None
    return tag


def is_by_time(etag: str) -> bool:
    """Whether the time of modification is a part of what this etag says."""
    found = _TIME_AND_SIZE.fullmatch(split_etag(etag)[0])
    return found is not None and found["time"] is not None


def is_same_version(listed: ImageRef, known: ImageRef | ImageRecord) -> bool:
    """Whether an image that is listed, and the files beside it, are those that are known already, by their etags."""
    return sidecars_of(listed.etag) == sidecars_of(known.etag) and is_same_file(listed, known)


def is_same_file(listed: ImageRef, known: ImageRef | ImageRecord) -> bool:
    """Whether an image that is listed has the bytes of the one that is known already, by their etags.

    Where one of the two goes by time and size, so does the comparison. So nothing is read again because a store, or a
    setting, goes from one kind to the other.
    """
    listed, known = replace(listed, etag=bare_etag(listed.etag)), replace(known, etag=bare_etag(known.etag))
    if listed.etag == known.etag:
        return True
    if known.etag in ("", UNREAD_ETAG):
        return False
    (new, new_version), (old, old_version) = split_etag(listed.etag), split_etag(known.etag)
    if new_version != old_version:
        return False
    if _TIME_AND_SIZE.fullmatch(new):
        return new == _in_form_of(new, known)
    if _TIME_AND_SIZE.fullmatch(old):
        return old == _in_form_of(old, listed)
    return is_same_tag(new, old)


def _in_form_of(etag: str, image: ImageRef | ImageRecord) -> str:
    """Make the etag of an image from those of time and size that this one has."""
    form = _TIME_AND_SIZE.fullmatch(etag)
    assert form is not None
    return from_time_and_size(
        None if form["time"] is None else image.modified_at, None if form["size"] is None else image.bytes
    )


def _canonical(tag: str) -> str:
    bare = bare_tag(tag)
    return bare.lower() if _DIGEST.fullmatch(bare) else bare
