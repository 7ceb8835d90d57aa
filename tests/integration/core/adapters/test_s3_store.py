"""Buckets over real HTTP: which objects count, under which keys, what is read, and what the errors say."""

import logging
import os
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import unquote

import pytest

from core.adapters.stores.s3 import S3Store
from core.domain.image import ImageRef
from core.errors import (
    BucketLensError,
    ImageChanged,
    ImageGone,
    ImageTooLarge,
    ImageUnavailable,
    ImageWithheld,
    InvalidSetting,
    SourceNotFound,
    StoreError,
)
from core.ports.image_store import EXCLUDED
from core.settings import load_settings
from ingest.pipeline.removal import is_inside
from tests.support.servers.s3_server import ENVIRONMENT, s3_client
from tests.support.servers.s3_stub import Answer, Asked, Bucket, listing, refusal, s3_stub

_numbers = count()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def s3(s3_endpoint: str) -> Any:
    return s3_client(s3_endpoint)


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"store-{next(_numbers)}"
    s3.create_bucket(Bucket=name)
    return name


def open_store(source: str, endpoint: str, **settings: object) -> S3Store:
    quick = {"s3_patience": 1.0, "s3_connect_timeout": 1.0, "s3_read_timeout": 1.0}
    return S3Store(source, load_settings(s3_endpoint_url=endpoint, **quick | settings))


def put(s3: Any, bucket: str, *keys: str, **options: object) -> None:
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), **options)


def keys(store: S3Store) -> list[str]:
    return [ref.key for ref in store.list()]


def test_a_reference_holds_what_the_listing_says(s3: Any, bucket: str, s3_endpoint: str) -> None:
    put(s3, bucket, "in/ä b.jpg")
    store = open_store(f"s3://{bucket}/in", s3_endpoint)
    (ref,) = store.list()
    head = s3.head_object(Bucket=bucket, Key="in/ä b.jpg")
    assert (ref.source, ref.key) == (f"s3://{bucket}/in/", "in/ä b.jpg")
    assert (ref.uri, ref.etag, ref.bytes) == (f"s3://{bucket}/in/%C3%A4%20b.jpg", head["ETag"], 11)
    assert ref.modified_at.replace(microsecond=0) == head["LastModified"] and ref.modified_at.tzinfo is UTC
    assert store.read(ref) == "in/ä b.jpg".encode()


def test_a_prefix_is_a_folder(s3: Any, bucket: str, s3_endpoint: str) -> None:
    put(s3, bucket, "photos/1.jpg", "photos2/2.jpg", "photos", "photos//3.jpg", "a%20b/4.jpg", "a b/5.jpg")
    for named in ("photos", "photos/"):
        store = open_store(f"s3://{bucket}/{named}", s3_endpoint)
        assert store.source == f"s3://{bucket}/photos/" == open_store(store.source, s3_endpoint).source
        assert keys(store) == ["photos//3.jpg", "photos/1.jpg"]
    assert keys(open_store(f"s3://{bucket}/photos//", s3_endpoint)) == ["photos//3.jpg"]
    assert keys(open_store(f"s3://{bucket}/a%20b", s3_endpoint)) == ["a%20b/4.jpg"]
    assert len(keys(open_store(f"s3://{bucket}", s3_endpoint))) == 6
    assert open_store(f"s3://{bucket}", s3_endpoint).source == f"s3://{bucket}/"


@pytest.mark.parametrize(
    ("inner", "outer", "inside"),
    [
        ("s3://b/photos/", "s3://b/", True),
        ("s3://b/photos/a/", "s3://b/photos/", True),
        ("s3://b/photos//", "s3://b/photos/", True),
        ("s3://b/photos/", "s3://b/photos//", False),
        ("s3://b/photos2/", "s3://b/photos/", False),
        ("s3://bb/", "s3://b/", False),
        ("s3://b/", "s3://b/", False),
        ("file:///a/b", "file:///a", True),
        ("file:///ab", "file:///a", False),
        ("file:///a", "file:///", True),
        ("file:///a/.hidden/b", "file:///a", False),
        ("file:///a/%40eaDir", "file:///a", False),
        ("file:///a/.hidden/b", "file:///a/.hidden", True),
        ("s3://b/photos/.trash/", "s3://b/photos/", False),
    ],
)
def test_sources_inside_one_another(inner: str, outer: str, inside: bool) -> None:
    assert is_inside(inner, outer) is inside


ODD_KEYS = [
    "a//b.jpg",
    "//lead.jpg",
    "a/../b.jpg",
    "../up.jpg",
    "./c.jpg",
    "plus+and space.jpg",
    "percent%2Fand%20.jpg",
    "what?#&=;:@!$'()*,[].jpg",
    'back\\slash"<>|{}^`~.jpg',
    unicodedata.normalize("NFC", "café.jpg"),
    unicodedata.normalize("NFD", "café.jpg"),
    "鍵🦊.jpg",
    "tab\tand\x7f.jpg",
    "k" * 1024,
    "ü" * 512,
]


def test_keys_of_every_kind_are_never_paths_and_never_normalised(s3: Any, bucket: str, s3_endpoint: str) -> None:
    put(s3, bucket, *ODD_KEYS)
    store = open_store(f"s3://{bucket}", s3_endpoint, decode_max_bytes=2048)
    refs = list(store.list())
    assert sorted(ref.key for ref in refs) == sorted(ODD_KEYS)
    assert len({ref.uri for ref in refs}) == len(ODD_KEYS)
    for ref in refs:
        assert store.read(ref) == ref.key.encode()
        assert unquote(ref.uri) == f"s3://{bucket}/{ref.key}"


def test_keys_that_moto_cannot_serve() -> None:
    odd = {key: key.encode() for key in ("new\nline.jpg", "\r.jpg", "bell\x07.jpg", "\x01/\x1f.jpg")}
    with s3_stub(Bucket(odd)) as endpoint:
        store = open_store("s3://bucket", endpoint)
        assert [store.read(ref).decode() for ref in store.list()] == list(odd)


def test_what_is_no_picture_is_left_out_as_in_a_folder(s3: Any, bucket: str, s3_endpoint: str) -> None:
    put(s3, bucket, "p/a.JPG", "p/no suffix", "p/notes.txt", "p/Thumbs.db", "p/.hidden.jpg", "p/.git/x.jpg")
    put(s3, bucket, "p/@eaDir/t.jpg", ".cache/shown.jpg")
    s3.put_object(Bucket=bucket, Key="p/", Body=b"")
    s3.put_object(Bucket=bucket, Key="p/sub/", Body=b"")
    s3.put_object(Bucket=bucket, Key="p/empty.jpg", Body=b"")
    store = open_store(f"s3://{bucket}/p", s3_endpoint)
    assert keys(store) == ["p/a.JPG", "p/empty.jpg", "p/no suffix"]
    assert dict(store.ignored) == {".txt files are no pictures": 1, ".db files are no pictures": 1}
    assert keys(open_store(f"s3://{bucket}/.cache", s3_endpoint)) == [".cache/shown.jpg"]


def test_pages_are_asked_for_one_after_the_other() -> None:
    bucket = Bucket({f"{number:03d}.jpg": b"x" for number in range(25)}, page=10)
    with s3_stub(bucket) as endpoint:
        refs = open_store("s3://bucket", endpoint).list()
        next(refs)
        assert len(bucket.asked) == 1
        assert len(list(refs)) == 24 and len(bucket.asked) == 3


@pytest.mark.parametrize("following", ["same", ""])
def test_a_listing_that_does_not_end_properly_is_not_complete(following: str) -> None:
    with s3_stub(lambda asked: listing({"a.jpg": b"x"}, following)) as endpoint:
        listed = open_store("s3://bucket", endpoint).list()
        assert next(listed).key == "a.jpg" if following else True
        with pytest.raises(StoreError, match="could not be listed whole"):
            list(listed)


def test_a_replaced_object_is_told_with_what_is_there_now(s3: Any, bucket: str, s3_endpoint: str) -> None:
    put(s3, bucket, "a.jpg", "b.jpg")
    store = open_store(f"s3://{bucket}", s3_endpoint)
    replaced, gone = store.list()
    s3.put_object(Bucket=bucket, Key="a.jpg", Body=b"other")
    s3.delete_object(Bucket=bucket, Key="b.jpg")
    with pytest.raises(ImageChanged) as caught:
        store.read(replaced)
    assert caught.value.ref == next(store.list())
    assert store.read(caught.value.ref) == b"other"
    with pytest.raises(ImageGone):
        store.read(gone)


def test_a_store_that_does_not_heed_if_match_is_seen_through() -> None:
    bucket = Bucket({"a.jpg": b"first"})
    with s3_stub(bucket) as endpoint:
        store = open_store("s3://bucket", endpoint)
        (ref,) = store.list()
        assert store.read(ref) == b"first"
        assert bucket.asked[-1].headers["if-match"] == ref.etag
        bucket.keys["a.jpg"] = b"second, longer"
        with pytest.raises(ImageChanged) as caught:
            store.read(ref)
        assert caught.value.ref.bytes == 14 and store.read(caught.value.ref) == b"second, longer"


def test_versions_are_read_as_listed(s3: Any, bucket: str, s3_endpoint: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(s3, bucket, "a.jpg", "b.jpg", "deleted.jpg")
    s3.put_object(Bucket=bucket, Key="b.jpg", Body=b"newer")
    s3.delete_object(Bucket=bucket, Key="deleted.jpg")
    store = open_store(f"s3://{bucket}", s3_endpoint, s3_versioned=True)
    one, two = store.list()
    assert (one.key, two.key, store.read(two)) == ("a.jpg", "b.jpg", b"newer")
    assert one.etag.endswith(f" {s3.head_object(Bucket=bucket, Key='a.jpg')['VersionId']}")
    put_again = s3.put_object(Bucket=bucket, Key="a.jpg", Body=b"a.jpg")
    assert store.read(one) == b"a.jpg"
    s3.delete_object(Bucket=bucket, Key="b.jpg", VersionId=two.etag.split()[-1])
    with pytest.raises(ImageGone):
        store.read(two)
    same_bytes = next(store.list())
    assert same_bytes.etag != one.etag and same_bytes.etag.endswith(put_again["VersionId"])
    assert {ref.key for ref in open_store(f"s3://{bucket}", s3_endpoint).list()} == {"a.jpg", "b.jpg"}


def test_archived_objects_are_listed_but_withheld(s3: Any, bucket: str, s3_endpoint: str) -> None:
    put(s3, bucket, "cold.jpg", StorageClass="DEEP_ARCHIVE")
    put(s3, bucket, "cool.jpg", StorageClass="STANDARD_IA")
    cold, cool = open_store(f"s3://{bucket}", s3_endpoint).list()
    assert cold.withheld and "DEEP_ARCHIVE" in cold.withheld and cool.withheld is None


def test_a_restored_object_can_be_read_and_an_archive_tier_withholds() -> None:
    entry = (
        "<Contents><Key>{0}</Key><LastModified>2026-03-01T12:00:00.000Z</LastModified><ETag>e</ETag><Size>3</Size>"
        "<StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>{1}</IsRestoreInProgress>{2}"
        "</RestoreStatus></Contents>"
    )
    until = "<RestoreExpiryDate>2027-01-01T00:00:00.000Z</RestoreExpiryDate>"
    entries = entry.format("back.jpg", "false", until) + entry.format("coming.jpg", "true", "")

    def answer(asked: Asked) -> Answer:
        if asked.path:
            return refusal(403, "InvalidObjectState")
        assert asked.headers["x-amz-optional-object-attributes"] == "RestoreStatus"
        return Answer(body=f"<ListBucketResult>{entries}</ListBucketResult>".encode())

    with s3_stub(answer) as endpoint:
        store = open_store("s3://bucket", endpoint)
        back, coming = store.list()
        assert back.withheld is None and coming.withheld
        with pytest.raises(ImageWithheld):
            store.read(back)


@pytest.mark.parametrize("pays", [True, False])
def test_the_reader_pays_where_it_is_said(pays: bool) -> None:
    bucket = Bucket({"a.jpg": b"x"})
    with s3_stub(bucket) as endpoint:
        store = open_store("s3://bucket", endpoint, s3_requester_pays=pays)
        store.read(next(store.list()))
    assert {asked.headers.get("x-amz-request-payer") for asked in bucket.asked} == {"requester" if pays else None}


def test_public_buckets_are_read_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    bucket = Bucket({"a.jpg": b"x"})
    with s3_stub(bucket) as endpoint:
        with pytest.raises(StoreError, match="no credentials"):
            keys(open_store("s3://bucket", endpoint))
        assert keys(open_store("s3://bucket", endpoint, s3_anonymous=True)) == ["a.jpg"]
    assert all("authorization" not in asked.headers for asked in bucket.asked)


def test_objects_over_the_limit_are_not_read(s3: Any, bucket: str, s3_endpoint: str) -> None:
    put(s3, bucket, "long name.jpg")
    store = open_store(f"s3://{bucket}", s3_endpoint, decode_max_bytes=8)
    (ref,) = store.list()
    with pytest.raises(ImageTooLarge, match="13 bytes"):
        store.read(ref)
    understated = ImageRef(ref.source, ref.key, ref.uri, ref.etag, 1, ref.modified_at)
    with pytest.raises(ImageTooLarge, match="13 bytes"):
        store.read(understated)


def test_references_of_other_sources_are_not_read(s3_endpoint: str) -> None:
    ref = ImageRef("s3://other/", "a.jpg", "s3://other/a.jpg", "e", 1, datetime.now(UTC))
    with pytest.raises(ImageGone):
        open_store("s3://bucket", s3_endpoint).read(ref)


def test_a_bucket_that_is_not_there(s3_endpoint: str) -> None:
    with pytest.raises(SourceNotFound, match=r"no bucket nowhere at http.*`s3_endpoint_url`"):
        keys(open_store("s3://nowhere/x", s3_endpoint))
    with pytest.raises(SourceNotFound, match="cannot be the name of a bucket"):
        keys(open_store("s3://no such name", s3_endpoint))
    for source in ("s3://", "s3:///photos"):
        with pytest.raises(SourceNotFound, match="names no bucket"):
            open_store(source, s3_endpoint)


REFUSALS = [
    (refusal(403, "AccessDenied"), StoreError, "s3:ListBucket"),
    (refusal(400, "ExpiredToken"), StoreError, "credentials have expired"),
    (refusal(403, "InvalidAccessKeyId"), StoreError, "`s3_profile` and `s3_endpoint_url`"),
    (refusal(403, "SignatureDoesNotMatch"), StoreError, "secret key"),
    (refusal(403, "RequestTimeTooSkewed"), StoreError, "clock"),
    (refusal(400, "AuthorizationHeaderMalformed", Region="eu-west-1"), StoreError, "region eu-west-1"),
    (refusal(301, "PermanentRedirect"), StoreError, "`s3_region`"),
    (refusal(404, "NoSuchBucket"), SourceNotFound, "no bucket"),
    (Answer(404, b"<html>Not here</html>"), SourceNotFound, "`s3_endpoint_url`"),
    (refusal(501, "NotImplemented"), StoreError, "S3 store"),
    (refusal(400, "InvalidArgument", "what?"), StoreError, r"what\?"),
]


@pytest.mark.parametrize(("answer", "kind", "advice"), REFUSALS, ids=lambda value: str(value)[:60])
def test_refused_listings_say_what_to_do(answer: Answer, kind: type[StoreError], advice: str) -> None:
    with s3_stub(lambda asked: answer) as endpoint, pytest.raises(StoreError, match=advice) as caught:
        keys(open_store("s3://bucket", endpoint))
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (refusal(403, "AccessDenied"), ImageUnavailable, "s3:GetObject"),
        (refusal(404, "NoSuchKey"), ImageGone, "deleted"),
        (refusal(404, "NoSuchBucket"), SourceNotFound, "no bucket"),
        (refusal(400, "ExpiredToken"), StoreError, "expired"),
        (refusal(400, "InvalidRequest", "SSE-C"), ImageUnavailable, "SSE-C"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refused_reads_say_whose_fault_it_is(answer: Answer, kind: type[StoreError], says: str) -> None:
    bucket = Bucket({"a.jpg": b"x"})
    with s3_stub(lambda asked: answer if asked.path else bucket(asked)) as endpoint:
        store = open_store("s3://bucket", endpoint)
        (ref,) = store.list()
        with pytest.raises(StoreError, match=says) as caught:
            store.read(ref)
    assert type(caught.value) is kind


def test_no_error_of_the_vendor_escapes_unmapped() -> None:
    import inspect

    from botocore import exceptions

    from core.adapters.stores.circuit_breaker import TransientError
    from core.adapters.stores.s3_errors import RequestContext, map_errors

    kinds = [kind for _, kind in inspect.getmembers(exceptions, inspect.isclass)]
    kinds = [kind for kind in kinds if issubclass(kind, exceptions.BotoCoreError)]
    assert len(kinds) > 80
    for kind in kinds:
        error = kind.__new__(kind)
        Exception.__init__(error, "secret")
        with (
            pytest.raises((StoreError, TransientError)) as caught,
            map_errors(RequestContext("s3://b/", "b", "here", "k")),
        ):
            raise error
        assert "secret" not in str(caught.value)


def test_addresses_and_profiles_that_cannot_be() -> None:
    for endpoint in ("localhost:9000", "ftp://host", "http://", "http://[::1"):
        with pytest.raises(InvalidSetting, match="s3_endpoint_url"):
            open_store("s3://bucket", endpoint)
    with pytest.raises(InvalidSetting) as caught:
        open_store("s3://bucket", "http://me:password@host:9000")
    assert "password@" not in str(caught.value) and "me:" not in str(caught.value)
    with pytest.raises(InvalidSetting, match="nobody"):
        keys(open_store("s3://bucket", "http://127.0.0.1:9", s3_profile="nobody"))


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    levels = {name: logging.getLogger(name).level for name in ("boto3", "botocore", "urllib3")}
    caplog.set_level(logging.DEBUG)
    yield caplog
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_secrets_are_never_logged(everything_logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-secret")
    with s3_stub(Bucket({"a.jpg": b"x", "notes.txt": b"y"})) as endpoint:
        store = open_store("s3://bucket", endpoint)
        store.read(next(store.list()))
    with s3_stub(lambda asked: refusal(503, "SlowDown")) as endpoint, pytest.raises(BucketLensError):
        keys(open_store("s3://bucket", endpoint, s3_patience=3.0))
    said = everything_logged.text
    assert "does not answer" in said
    for secret in (os.environ["AWS_SECRET_ACCESS_KEY"], "session-secret", "Signature", "Credential"):
        assert secret not in said


def test_sidecars_and_pairs_are_found_in_a_bucket(s3: Any, bucket: str, s3_endpoint: str) -> None:
    put(s3, bucket, "p/IMG_1.CR2", "p/IMG_1.JPG", "p/IMG_1.xmp", "p/IMG_10.JPG", "p/sub/IMG_1.JPG.json", "p/x.json")
    store = open_store(f"s3://{bucket}/p", s3_endpoint)
    found = {ref.key: ref for ref in store.list()}
    assert {key: (ref.sidecars, ref.pair) for key, ref in found.items()} == {
        "p/IMG_1.CR2": (("p/IMG_1.xmp",), "p/IMG_1.JPG"),
        "p/IMG_1.JPG": (("p/IMG_1.xmp",), "p/IMG_1.CR2"),
        "p/IMG_10.JPG": ((), None),
    }
    assert store.ignored == {".json files are no pictures": 2}
    ref = found["p/IMG_1.JPG"]
    assert store.read(ref) == b"p/IMG_1.JPG" and store.read_sidecar(ref, "p/IMG_1.xmp") == b"p/IMG_1.xmp"
    with pytest.raises(ImageGone):
        store.read_sidecar(ref, "p/gone.xmp")
    s3.put_object(Bucket=bucket, Key="p/IMG_1.xmp", Body=bytes(2**20 + 1))
    with pytest.raises(ImageTooLarge):
        store.read_sidecar(ref, "p/IMG_1.xmp")
    again = {each.key: each for each in store.list()}
    assert again["p/IMG_1.JPG"].etag != ref.etag and again["p/IMG_10.JPG"] == found["p/IMG_10.JPG"]


def test_patterns_leave_out_objects(s3: Any, bucket: str, s3_endpoint: str) -> None:
    put(s3, bucket, "p/a.jpg", "p/raw/1.jpg", "p/raw/deep/2.jpg", "p/raw/notes.txt", "p/b.gif")
    settings = load_settings(s3_endpoint_url=s3_endpoint)
    store = S3Store(f"s3://{bucket}/p", settings, ["raw/", "*.gif"])
    assert keys(store) == ["p/a.jpg"] and store.ignored == {EXCLUDED: 3}
