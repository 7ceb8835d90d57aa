"""Etags by their meaning: which spellings are one, which are not, and how time and size stand in for them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.domain.etag import (
    UNKNOWN_TIME,
    bare_tag,
    from_time_and_size,
    is_by_time,
    is_same_tag,
    is_same_version,
    spell_alike,
    split_etag,
    told_tag,
)
from core.domain.image import UNREAD_ETAG, UNTOLD_ETAG, ImageRef

DIGEST = "9e107d9d372bb6826bd81d3542a419d6"
TIME = datetime(2026, 3, 1, 12, 0, 0, 345_000, tzinfo=UTC)
REF = ImageRef("s3://b/", "k", "s3://b/k", f'"{DIGEST}"', 1234, TIME)

ONE = [
    f'"{DIGEST}"',
    DIGEST,
    f'W/"{DIGEST}"',
    f'w/"{DIGEST}"',
    f"W/{DIGEST}",
    f'"{DIGEST.upper()}"',
    f"&quot;{DIGEST}&quot;",
    f' "{DIGEST}" ',
    f'"{DIGEST}-gzip"',
    f'"{DIGEST}--gzip"',
    f'"{DIGEST};gzip"',
    f'"{DIGEST}"-gzip',
    f'"{DIGEST}";br',
    f'W/"{DIGEST}-br"',
    f'"{DIGEST}-zstd"',
]
OTHERS = [f'"{DIGEST}-2"', f'"{DIGEST[:-1]}7"', '"gzip"', '"Abc"', '"abc"', "", UNTOLD_ETAG]


@pytest.mark.parametrize("spelling", ONE)
def test_spellings_of_one_etag(spelling: str) -> None:
    assert bare_tag(spelling).lower() == DIGEST
    assert all(is_same_tag(spelling, other) for other in ONE)
    assert not any(is_same_tag(spelling, other) for other in OTHERS)


def test_what_means_the_same_can_be_spelled_alike() -> None:
    assert {spell_alike(spelling.strip()) for spelling in ONE} == {DIGEST}
    assert {spell_alike(f"{spelling.strip()} v1") for spelling in ONE} == {f"{DIGEST} v1"}
    assert len({spell_alike(other) for other in OTHERS}) == len(OTHERS)
    assert spell_alike("2026-03-01T12:00:00Z/1234") == "2026-03-01T12:00:00Z/1234"


def test_other_etags_are_others() -> None:
    for n, one in enumerate(OTHERS):
        assert [m for m, other in enumerate(OTHERS) if is_same_tag(one, other)] == [n]


def test_time_and_size_make_an_etag_to_the_second() -> None:
    assert from_time_and_size(TIME, 1234) == "2026-03-01T12:00:00Z/1234"
    assert from_time_and_size(TIME.astimezone(timezone(timedelta(hours=5))), 0) == "2026-03-01T12:00:00Z/0"
    assert from_time_and_size(None, 1234) == from_time_and_size(UNKNOWN_TIME, 1234) == "/1234"
    assert from_time_and_size(TIME, None) == "2026-03-01T12:00:00Z/"
    assert from_time_and_size(None, None) == UNTOLD_ETAG


@pytest.mark.parametrize(
    ("etag", "tag", "by_time"),
    [
        (f'"{DIGEST}"', f'"{DIGEST}"', False),
        (f'"{DIGEST}" v1', f'"{DIGEST}"', False),
        ("2026-03-01T12:00:00Z/1234", None, True),
        ("2026-03-01T12:00:00Z/1234 v1", None, True),
        ("/1234", None, False),
        (UNTOLD_ETAG, None, False),
        (UNREAD_ETAG, None, False),
        ("", None, False),
    ],
)
def test_what_an_etag_is_made_of(etag: str, tag: str | None, by_time: bool) -> None:
    assert (told_tag(etag), is_by_time(etag)) == (tag, by_time)


def test_the_version_is_behind_the_last_blank() -> None:
    assert split_etag('"a b" v1') == ('"a b"', "v1") and split_etag('"a"') == ('"a"', None)


def same(listed: str, known: str, **known_fields: object) -> bool:
    return is_same_version(replace(REF, etag=listed), replace(REF, etag=known, **known_fields))


def test_versions_are_compared_by_meaning() -> None:
    assert same(DIGEST, f'"{DIGEST}"') and not same(DIGEST, '"other"')
    assert same(f'W/"{DIGEST}" v1', f'"{DIGEST}" v1') and not same(f'"{DIGEST}" v2', f'"{DIGEST}" v1')
    assert not same(f'"{DIGEST}" v1', f'"{DIGEST}"')  # versions were switched on
    assert not same(f'"{DIGEST}"', "") and not same(f'"{DIGEST}"', UNREAD_ETAG) and not same("/1234", "")
    assert not same(f'"{DIGEST}"', UNTOLD_ETAG)


def test_a_change_of_kind_reads_nothing_again() -> None:
    by_time = from_time_and_size(TIME, 1234)
    for listed, known in ((by_time, f'"{DIGEST}"'), (f'"{DIGEST}"', by_time), ("/1234", by_time), (by_time, "/1234")):
        assert same(listed, known)
        assert not same(listed, known.replace("1234", "99"), bytes=99)
    assert not same(by_time, f'"{DIGEST}"', modified_at=TIME - timedelta(seconds=1))
    assert same("/1234", f'"{DIGEST}"', modified_at=TIME - timedelta(days=1))


def test_etags_of_folders_are_as_they_were() -> None:
    assert same("18a5c3-4d2", "18a5c3-4d2") and not same("18a5c3-4d2", "18a5c3-4d3")
