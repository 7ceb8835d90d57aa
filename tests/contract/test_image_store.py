"""What a bucket has to do, put to moto's server, and to a real store where BUCKETLENS_TEST_S3_ENDPOINT_URL names one.

Objects are read once by obstore, as far as it goes, and once by boto3 alone. tests.support.servers.real_store says what
else can be set. What only a real store can do is skipped on moto's.
"""

import os
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest

from core.adapters.stores.obstore_client import ObstoreClient
from core.adapters.stores.s3 import S3Store
from core.adapters.stores.s3_client import S3Client
from core.domain.etag import is_same_version
from core.errors import (
    ImageChanged,
    ImageGone,
    ImageTooLarge,
    ImageUnavailable,
    InvalidSetting,
    SourceNotFound,
    StoreError,
)
from core.settings import load_settings
from tests.support.servers import real_store
from tests.support.servers.fault_proxy import FaultProxy
from tests.support.servers.s3_server import ENVIRONMENT

STORES = ["moto", *(["real"] if os.environ.get(real_store.URL) else [])]
NOT_ON_MOTO = ("new\nline.jpg", "carriage\rreturn.jpg", "\r\n.jpg")  # moto answers 404 for them
KEYS = (
    "plain.jpg",
    "a//b.jpg",
    "//lead.jpg",
    "./c.jpg",
    "a/./d.jpg",
    "../up.jpg",
    "a/../e.jpg",
    "a/b..jpg",
    "plus+and space.jpg",
    " lead and trail .jpg ",
    "percent%2Fand%20.jpg",
    "what?#&=;:@!$'()*,[].jpg",
    'back\\slash"<>|{}^`~.jpg',
    unicodedata.normalize("NFC", "café.jpg"),
    unicodedata.normalize("NFD", "café.jpg"),
    "鍵🦊.jpg",
    "\u202eright to left.jpg",
    "tab\t.jpg",
    "delete\x7f.jpg",
    "bell\x07.jpg",
    "k" * 1024,
    *NOT_ON_MOTO,
)


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "moto":
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
    return str(request.param)


@pytest.fixture(params=["obstore", "boto3"], autouse=True)
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who reads the objects that both can read."""
    if request.param == "boto3":
        monkeypatch.setattr(ObstoreClient, "suits", lambda self, key, *, quickly=False: False)
    return str(request.param)


@pytest.fixture
def endpoint(kind: str, request: pytest.FixtureRequest) -> str:
    return os.environ[real_store.URL] if kind == "real" else request.getfixturevalue("s3_endpoint")


@pytest.fixture
def s3(endpoint: str) -> Any:
    return real_store.client(endpoint)


@pytest.fixture
def bucket(kind: str, s3: Any) -> Iterator[str]:
    with real_store.own_bucket(s3, kept=kind == "moto") as name:  # moto's goes with its server
        yield name


def open_store(bucket: str, endpoint: str, **settings: object) -> S3Store:
    quick = {"s3_patience": 5.0, "s3_connect_timeout": 1.0, "s3_read_timeout": 2.0}
    return S3Store(f"s3://{bucket}", load_settings(s3_endpoint_url=endpoint, **quick | settings))


def put(s3: Any, bucket: str, *keys: str, **options: object) -> None:
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), **options)


def test_keys_of_every_kind_are_listed_and_read(kind: str, s3: Any, bucket: str, endpoint: str) -> None:
    keys = [key for key in KEYS if kind == "real" or key not in NOT_ON_MOTO]
    assert len(KEYS) == 24
    put(s3, bucket, *keys)
    store = open_store(bucket, endpoint)
    refs = list(store.list())
    assert sorted(ref.key for ref in refs) == sorted(keys)
    assert len({ref.uri for ref in refs}) == len(keys)
    assert [store.read(ref).decode() for ref in refs] == [ref.key for ref in refs]
    assert list(store.list()) == refs


def test_odd_keys_between_ordinary_ones_cost_neither(
    kind: str, s3: Any, bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages begin and end at odd keys, and an object has the name of a folder."""
    odd = [key for key in KEYS if kind == "real" or key not in NOT_ON_MOTO]
    between = [f"{key[:8].strip()}-{n}.jpg" for n, key in enumerate(odd) if key[0].isalpha()]
    keys = sorted([*odd, *between, "a", "folder", "folder/x.jpg"], key=str.encode)
    put(s3, bucket, *keys)
    _list_by(monkeypatch, 3)
    for versioned in (False, True):
        store = open_store(bucket, endpoint, s3_versioned=versioned)
        refs = list(store.list())
        assert sorted((ref.key for ref in refs), key=str.encode) == keys
        assert [store.read(ref).decode() for ref in refs] == [ref.key for ref in refs]


def test_an_object_that_was_uploaded_in_parts_is_read_whole(s3: Any, bucket: str, endpoint: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts.jpg")["UploadId"]
    parts = []
    for number, body in enumerate((b"a" * 5 * 2**20, b"b" * 1000), start=1):
        part = s3.upload_part(Bucket=bucket, Key="parts.jpg", UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    assert list(open_store(bucket, endpoint).list()) == []
    s3.complete_multipart_upload(Bucket=bucket, Key="parts.jpg", UploadId=upload, MultipartUpload={"Parts": parts})
    store = open_store(bucket, endpoint)
    (ref,) = store.list()
    assert "-2" in ref.etag and store.read(ref) == b"a" * 5 * 2**20 + b"b" * 1000
    with pytest.raises(ImageTooLarge):
        open_store(bucket, endpoint, decode_max_bytes=5 * 2**20).read(ref)


def test_a_replaced_object_is_told_and_a_deleted_one_is_gone(s3: Any, bucket: str, endpoint: str) -> None:
    put(s3, bucket, "a.jpg", "b.jpg")
    store = open_store(bucket, endpoint)
    replaced, deleted = store.list()
    s3.put_object(Bucket=bucket, Key="a.jpg", Body=b"other")
    s3.delete_object(Bucket=bucket, Key="b.jpg")
    with pytest.raises(ImageChanged) as caught:
        store.read(replaced)
    assert caught.value.ref == next(store.list()) and not is_same_version(caught.value.ref, replaced)
    assert store.read(caught.value.ref) == b"other"
    with pytest.raises(ImageGone):
        store.read(deleted)


def test_exactly_the_listed_versions_are_read(s3: Any, bucket: str, endpoint: str) -> None:
    put(s3, bucket, "before.jpg")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(s3, bucket, "a.jpg", "deleted.jpg")
    s3.delete_object(Bucket=bucket, Key="deleted.jpg")
    store = open_store(bucket, endpoint, s3_versioned=True)
    first, before = store.list()
    assert (first.key, before.key) == ("a.jpg", "before.jpg")
    s3.put_object(Bucket=bucket, Key="a.jpg", Body=b"newer")
    assert (store.read(first), store.read(before)) == (b"a.jpg", b"before.jpg")
    newer = next(store.list())
    assert not is_same_version(newer, first) and store.read(newer) == b"newer"


def _list_by(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Have every page hold so many entries."""
    whole = S3Client.list_page
    monkeypatch.setattr(
        S3Client,
        "list_page",
        lambda self, prefix, following, **how: whole(self, prefix, following, **how | {"limit": size}),
    )


def test_a_listing_of_many_pages_is_complete(
    s3: Any, bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _list_by(monkeypatch, 2)
    put(s3, bucket, *(f"{n} +%.jpg" for n in range(7)))
    for versioned in (False, True):
        keys = [ref.key for ref in open_store(bucket, endpoint, s3_versioned=versioned).list()]
        assert keys == [f"{n} +%.jpg" for n in range(7)]


def test_a_source_that_lists_nothing_says_what_is_there(s3: Any, bucket: str, endpoint: str) -> None:
    put(s3, bucket, "in/a.jpg", "other/b.jpg")
    for source, kind, says in (("In", StoreError, ""), ("in/a.jpg", SourceNotFound, "is one object")):
        settings = load_settings(s3_endpoint_url=endpoint)
        store = S3Store(f"s3://{bucket}/{source}", settings)
        if kind is SourceNotFound:
            with pytest.raises(SourceNotFound, match=says):
                list(store.list())
        else:
            assert list(store.list()) == [] and "in/, other/" in store.explain_empty()


def test_mistakes_are_told_by_their_names(
    kind: str, s3: Any, bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceNotFound, match="no bucket"):
        list(open_store(f"{bucket}-not", endpoint).list())
    if kind == "moto":
        return
    with pytest.raises(StoreError, match=r"denied.*not public"):
        list(open_store(bucket, endpoint, s3_anonymous=True).list())
    with monkeypatch.context() as wrong, pytest.raises(StoreError, match="secret key does not fit"):
        wrong.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        list(open_store(bucket, endpoint).list())
    with monkeypatch.context() as wrong, pytest.raises(StoreError, match="does not know the access key"):
        wrong.setenv("AWS_ACCESS_KEY_ID", "nobody")
        list(open_store(bucket, endpoint).list())
    with pytest.raises(StoreError, match="does not speak https"):
        list(open_store(bucket, endpoint.replace("http:", "https:")).list())
    with pytest.raises(InvalidSetting):
        list(open_store(bucket, "nowhere").list())


def test_a_public_bucket_is_read_without_keys_and_a_denied_object_costs_itself(
    kind: str, s3: Any, bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "moto":
        pytest.skip("moto denies nothing")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    put(s3, bucket, "private.jpg")
    put(s3, bucket, "public.jpg", ACL="public-read")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    store = open_store(bucket, endpoint, s3_anonymous=True)
    private, public = store.list()
    with pytest.raises(ImageUnavailable, match="denied; it takes the right s3:GetObject"):
        store.read(private)
    assert store.read(public) == b"public.jpg"


def test_only_what_is_new_is_asked_for(s3: Any, bucket: str, endpoint: str) -> None:
    put(s3, bucket, "a.jpg", "b.jpg")
    known = {ref.key: ref for ref in open_store(bucket, endpoint).list()}
    put(s3, bucket, "c.jpg")
    s3.put_object(Bucket=bucket, Key="b.jpg", Body=b"longer than before")
    with FaultProxy(endpoint) as proxy:
        store = open_store(bucket, proxy.endpoint)
        for ref in store.list():
            if ref.key not in known or not is_same_version(ref, known[ref.key]):
                store.read(ref)
        assert proxy.requests == {"GET list": 1, "GET object": 2}


@real_store.MAY_BE_KILLED
def test_a_real_store_that_stays_away_ends_the_reading_with_an_error() -> None:
    endpoint = os.environ[real_store.URL]
    s3 = real_store.client(endpoint)
    with real_store.own_bucket(s3) as bucket:
        put(s3, bucket, "a.jpg")
        store = open_store(bucket, endpoint, s3_patience=2.0, s3_read_timeout=0.5)
        (ref,) = store.list()
        real_store.control("hang")
        try:
            with pytest.raises(StoreError, match="has not answered for"):
                store.read(ref)
        finally:
            real_store.control("back")
        assert open_store(bucket, endpoint).read(ref) == b"a.jpg"
