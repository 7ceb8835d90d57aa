"""The pages of a bucket's listing, read from whatever a store writes into them.

botocore's own parser gives up a whole page for one odd entry: no date where one is due, no number, no key. This one
takes of each entry what can be understood.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from botocore.utils import parse_timestamp

from core.domain.etag import UNKNOWN_TIME, bare_tag

_EMPTY_DIGEST = "d41d8cd98f00b204e9800998ecf8427e"  # MD5 of no bytes: of a store that has not looked at them
_NO_TAGS = frozenset(("", "-", "0", "*", "null", "none", "nil", "undefined", "unknown", "0" * 32))
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NOT_XML_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,2})|([0-9]{1,2}));")
_ESCAPE = 0xF0000  # of a private plane of Unicode, where control characters wait for the XML to be parsed
_SHIFT_BACK = {_ESCAPE + code: code for code in range(0x20)}


class NoListing(Exception):
    """What was answered is no listing. `told`: what it is, for people. `whole`: it is not an answer cut short."""

    def __init__(self, told: str, *, whole: bool = True) -> None:
        super().__init__(told)
        self.told = told
        self.whole = whole


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as the listing tells of it; what it does not tell, or tells so that it makes no sense, is None."""

    key: str
    tag: str | None
    size: int | None
    modified_at: datetime | None
    version: str | None = None
    storage_class: str | None = None
    restored: bool = False


@dataclass(frozen=True, slots=True)
class ListingPage:
    """The objects of one page. `keyless` entries have no key. `more`: it is not the last page.

    `following` holds the parameters that ask for the next page. `count` is that of all entries, deleted ones too.
    `folders` are the prefixes in which keys are summed up, where a delimiter was given.
    """

    entries: tuple[Entry, ...]
    keyless: int
    count: int
    more: bool
    following: Mapping[str, str]
    folders: tuple[str, ...] = ()


def parse_page(body: bytes, *, versioned: bool) -> ListingPage:
    """Parse the answer to ListObjectsV2 or, where `versioned`, to ListObjectVersions. Raises NoListing."""
    root = _parse_xml(body)
    expected = "ListVersionsResult" if versioned else "ListBucketResult"
    if _name(root) == "Error":
        code = next((child.text for child in root if _name(child) == "Code"), None)
        raise NoListing(f"the error {code}", whole=False)
    if _name(root) != expected:
        raise NoListing(f"{_name(root)} instead of {expected}")
    told = {_local_name(child.tag): child.text or "" for child in root if not len(child)}
    encoded = told.get("EncodingType", "").strip().lower() == "url"
    found = list(_entries(root, "Version" if versioned else "Contents", encoded=encoded))
    names = (
        {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"}
        if versioned
        else {"ContinuationToken": "NextContinuationToken"}
    )
    following = {parameter: told[name] for parameter, name in names.items() if told.get(name)}
    if encoded and "KeyMarker" in following:
        following["KeyMarker"] = _decode_marker(root, following["KeyMarker"])
    prefixes = [part.text or "" for child in root if _local_name(child.tag) == "CommonPrefixes" for part in child]
    truncated = told.get("IsTruncated", "true" if following else "").strip().lower() in ("true", "1")
    return ListingPage(
        entries=tuple(entry for entry in found if entry is not None),
        keyless=found.count(None),
        count=sum(_local_name(child.tag) in ("Contents", "Version", "DeleteMarker") for child in root),
        more=truncated,
        following=following if truncated else {},
        folders=tuple(unquote_plus(prefix) if encoded else prefix for prefix in prefixes),
    )


def parse_time(told: str | None) -> datetime | None:
    """Parse a time as stores write them: ISO 8601, that of HTTP, or seconds. None for what is no time after 1970."""
    if not told or not told.strip():
        return None
    try:
        moment = datetime.fromisoformat(told.strip())
    except ValueError:
        try:
            moment = parse_timestamp(told.strip())
        except (ValueError, OverflowError, RuntimeError, TypeError):
            return None
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment > UNKNOWN_TIME else None


def parse_size(told: str | None) -> int | None:
    """Parse a number of bytes; None for what is none."""
    text = (told or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def parse_tag(told: str | None, size: int | None) -> str | None:
    """Return an ETag as it is spelled; None for one that cannot tell one object from another."""
    text = (told or "").strip()
    bare = bare_tag(text).lower()
    return None if bare in _NO_TAGS or (bare == _EMPTY_DIGEST and size != 0) else text


def _decode_marker(root: ElementTree.Element, marker: str) -> str:
    """Decode a marker, unless it is the page's last key as it is: Ceph's gateway encodes keys and no markers."""
    keys = [child.text or "" for element in root for child in element if _name(child) == "Key"]
    return (
        marker if keys and marker not in (keys[-1], "") and marker == unquote_plus(keys[-1]) else unquote_plus(marker)
    )


def _entries(root: ElementTree.Element, name: str, *, encoded: bool) -> Iterator[Entry | None]:
    """Yield the current objects of a page; None for one without a key."""
    before: str | None = None
    for element in root:
        if _local_name(element.tag) != name:
            continue
        told = {_local_name(child.tag): child.text or "" for child in element}
        key = told.get("Key", "")
        if not key.isascii():
            key = key.translate(_SHIFT_BACK)
        if encoded and ("%" in key or "+" in key):
            key = unquote_plus(key)
        if not key or "\ufffd" in key:  # a key that came as no UTF-8 cannot be asked for
            yield None
        elif key != before and told.get("IsLatest", "true").strip().lower() == "true":
            before = key
            yield _entry(element, told, key)


def _entry(element: ElementTree.Element, told: Mapping[str, str], key: str) -> Entry:
    size = parse_size(told.get("Size"))
    restore = (
        {_local_name(part.tag): part.text or "" for status in element if len(status) for part in status}
        if "RestoreStatus" in told
        else {}
    )
    restoring = restore.get("IsRestoreInProgress", "").strip().lower() == "true"
    return Entry(
        key=key,
        tag=parse_tag(told.get("ETag"), size),
        size=size,
        modified_at=parse_time(told.get("LastModified")),
        version=told.get("VersionId", "").strip() or None,
        storage_class=told.get("StorageClass", "").strip() or None,
        restored=bool(restore.get("RestoreExpiryDate")) and not restoring,
    )


def _parse_xml(body: bytes) -> ElementTree.Element:
    start = body[:500].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        raise NoListing("nothing", whole=False)
    if start.startswith((b"<!doctype html", b"<html")):
        raise NoListing("a web page")
    if not start.startswith(b"<") or b"<!doctype" in start or b"<!ENTITY" in body:
        raise NoListing("something that is no XML of S3")
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError:
        try:
            return ElementTree.fromstring(_escape_control_characters(body))
        except ElementTree.ParseError as error:
            raise NoListing("XML that is damaged, or cut short", whole=False) from error


def _escape_control_characters(body: bytes) -> str:
    """Put characters of a private plane in place of those that XML forbids, so that one odd key costs no page."""
    text = _NOT_XML.sub(lambda found: chr(_ESCAPE + ord(found[0])), body.decode("utf-8", "replace"))
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text.removeprefix("\ufeff"))
    return _NOT_XML_REFERENCE.sub(_escape_reference, text)


def _escape_reference(found: "re.Match[str]") -> str:
    code = int(found[1], 16) if found[1] else int(found[2])
    return found[0] if code >= 0x20 or code in (0x9, 0xA, 0xD) else chr(_ESCAPE + code)


def _name(element: ElementTree.Element) -> str:
    """Return the name of an element without its namespace."""
    return _local_name(element.tag)


@lru_cache(maxsize=256)
def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2]
