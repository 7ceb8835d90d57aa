"""What a store answers that S3 would not: listings that never end, refusals in its own words, no S3 at all."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.adapters.stores.s3 import S3Store
from core.commands.hints import render_message
from core.domain.image import ImageRef
from core.errors import ImageTooLarge, ImageUnavailable, SourceNotFound, StoreError
from core.settings import load_settings
from tests.support.servers.fake_s3 import StoredObject, fake_s3
from tests.support.servers.s3_server import ENVIRONMENT
from tests.support.servers.s3_stub import Answer, refusal, s3_stub

SKIPPED = "<Contents><LastModified>2026-03-01T12:00:00.000Z</LastModified><ETag>e</ETag><Size>3</Size></Contents>"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def open_store(endpoint: str, source: str = "s3://bucket", **settings: object) -> S3Store:
    quick = {"s3_patience": 1.0, "s3_connect_timeout": 1.0, "s3_read_timeout": 1.0}
    return S3Store(source, load_settings(s3_endpoint_url=endpoint, **quick | settings))


def refused(endpoint: str, source: str = "s3://bucket", **settings: object) -> StoreError:
    """What a listing is refused with."""
    with pytest.raises(StoreError) as caught:
        list(open_store(endpoint, source, **settings).list())
    return caught.value


@pytest.mark.parametrize("tokens", ["same", "cycle", "none", "endless"])
def test_a_listing_that_goes_round_in_circles_ends_with_an_error(tokens: str) -> None:
    with fake_s3({f"{n}.jpg": b"x" for n in range(6)}, page=2, tokens=tokens) as fake:
        assert "could not be listed whole" in str(refused(fake.endpoint))
        assert len(fake.asked) < 5


@pytest.mark.parametrize(
    "odd",
    [
        SKIPPED,
        SKIPPED.replace("<LastModified>", "<Key></Key><LastModified>"),
        "<Contents/>",
        "<Contents>text</Contents>",
        "<Unknown><Key>x</Key></Unknown>",
        "<KeyCount>many</KeyCount><MaxKeys/>",
        SKIPPED.replace("<LastModified>", "<Key>%FF.jpg</Key><LastModified>"),
    ],
)
def test_an_odd_entry_costs_itself_alone(odd: str) -> None:
    with fake_s3({"a.jpg": b"x", "b.jpg": b"y"}, odd_entries=odd) as fake:
        store = open_store(fake.endpoint)
        assert [ref.key for ref in store.list()] == ["a.jpg", "b.jpg"]
        assert store.ignored.total() == ("Contents" in odd)


def test_keys_with_control_characters_that_are_not_encoded_cost_nothing() -> None:
    keys = {"\x01/bell\x07.jpg": b"a", "plain+ %41.jpg": b"b", "tab\t.jpg": b"c"}
    with fake_s3(keys, encoded=False) as fake:
        store = open_store(fake.endpoint)
        assert {ref.key: store.read(ref) for ref in store.list()} == keys


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(body=b"<!DOCTYPE html><html><body>Console</body></html>"), "a web page"),
        (Answer(body=b"<html><meta><br>Console</html>"), "a web page"),
        (Answer(body=b'{"message": "hello"}'), "no XML"),
        (Answer(body=b"<ListAllMyBucketsResult></ListAllMyBucketsResult>"), "ListAllMyBucketsResult"),
        (Answer(body=b'<!DOCTYPE x [<!ENTITY a "b">]><ListBucketResult/>'), "no XML"),
        (Answer(body=b""), "nothing"),
        (Answer(body=b"<ListBucketResult><Contents><Key>a.jpg</Key>"), "cut short"),
        (Answer(body=b"\xff\xfe\x00"), "no XML"),
        (Answer(status=204), "nothing"),
        (Answer(status=400, body=b"<html>The plain HTTP request was sent to HTTPS port</html>"), "https://"),
        (Answer(status=400, body=b"Client sent an HTTP request to an HTTPS server.\n"), "https://"),
        (Answer(status=301, headers={"Location": "https://elsewhere/bucket"}), "with https://"),
        (Answer(status=301, headers={"Location": "http://elsewhere/bucket"}), "`s3_region` or `s3_endpoint_url`"),
        (refusal(200, "SlowDown"), "SlowDown"),
        (Answer(status=308, headers={"Location": "https://elsewhere/bucket"}), "leads on to https"),
        (Answer(status=307, headers={"Location": "http://elsewhere/bucket"}), "at another address"),
        (Answer(status=401, body=b"who?"), "denied"),
        (Answer(status=418, body=b"<not xml"), "418"),
        (refusal(400, "InvalidArgument", "S3 API Requests must be made to API port."), "API port.*console"),
        (refusal(400, "AuthorizationHeaderMalformed", "unexpected scope", Region="garage"), "region garage"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_no_listing_is_an_error_that_says_what_it_is(answer: Answer, says: str) -> None:
    with s3_stub(lambda asked: answer) as endpoint:
        with pytest.raises(StoreError, match=f"(?s){says}"):
            list(open_store(endpoint).list())


DENIALS = {
    "Garage, wrong key": ("AccessDenied", "Forbidden: No such key: GK123", 403),
    "Garage, wrong secret": ("AccessDenied", "Forbidden: Invalid signature", 403),
    "no rights": ("AccessDenied", "Access Denied", 403),
}


@pytest.mark.parametrize("denial", DENIALS.values(), ids=DENIALS)
def test_a_denied_listing_names_key_secret_and_rights(denial: tuple[str, str, int]) -> None:
    with fake_s3({}, refuse=denial) as fake:
        told = str(refused(fake.endpoint))
        assert denial[1] in told and "access key and its secret are right" in told and "s3:ListBucket" in told
        assert "not public: leave `s3_anonymous` away" in str(refused(fake.endpoint, s3_anonymous=True))


def test_a_clock_that_is_wrong_is_seen_by_the_date_of_the_answer() -> None:
    with fake_s3({}, refuse=("AccessDenied", "no", 403), clock="Mon, 01 Jan 2024 00:00:00 GMT") as fake:
        assert "minutes fast" in str(refused(fake.endpoint))
    with fake_s3({}, refuse=("AccessDenied", "no", 403), clock="no date") as fake:
        assert "clock" not in str(refused(fake.endpoint))


@pytest.mark.parametrize("versions", ["not implemented", "ignored"])
def test_a_store_without_versions_says_to_leave_the_option_away(versions: str) -> None:
    with fake_s3({"a.jpg": b"x"}, versions=versions) as fake:
        error = refused(fake.endpoint, s3_versioned=True)
        assert "leave `s3_versioned` away" in str(error) and "leave --versioned away" in render_message(error)
        assert [ref.key for ref in open_store(fake.endpoint).list()] == ["a.jpg"]


def test_virtual_addressing_is_asked_for_in_the_store_s_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_s3({"a.jpg": b"x"}, addressing="virtual") as fake:
        monkeypatch.setenv("HTTP_PROXY", fake.endpoint)  # so that bucket.store.test needs no name server
        error = refused("http://store.test")
        assert "Please use virtual hosted style" in str(error) and "`s3_addressing`" in str(error)
        assert "--s3-addressing" in render_message(error)
        store = open_store("http://store.test", s3_addressing="virtual")
        assert [store.read(ref) for ref in store.list()] == [b"x"]


def test_an_endpoint_that_names_the_bucket_already_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_s3({"a.jpg": b"x"}) as fake:
        monkeypatch.setenv("HTTP_PROXY", fake.endpoint)
        error = refused("http://bucket.store.test/")
        assert isinstance(error, SourceNotFound) and "names the bucket already" in str(error)
        assert "names the bucket already" in str(refused(f"{fake.endpoint}/bucket"))


def test_https_where_none_is_spoken_is_told_at_once() -> None:
    with fake_s3({}) as fake:
        error = refused(fake.endpoint.replace("http://", "https://"), s3_patience=600.0)
        assert "does not speak https" in str(error) and "`s3_endpoint_url` with http://" in str(error)


def test_http_where_https_is_spoken_is_told_at_once(tmp_path: Path) -> None:
    with tls_server(tmp_path) as port:
        told = str(refused(f"https://127.0.0.1:{port}", s3_patience=600.0))
        assert "does not prove its identity" in told and "AWS_CA_BUNDLE" in told


@contextmanager
def tls_server(folder: Path) -> Iterator[int]:
    """The port of a server with a certificate that nobody has signed."""
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=store -keyout k -out c"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "c", folder / "k")
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def test_bodies_without_a_length_are_read_up_to_the_limit() -> None:
    for length in ("chunked", "close", "odd"):
        with fake_s3({"a.jpg": bytes(3000)}, length=length, sizes="none") as fake:
            (ref,) = open_store(fake.endpoint).list()
            assert open_store(fake.endpoint).read(ref) == bytes(3000)
            with pytest.raises(ImageTooLarge, match="limit of 2,999"):
                open_store(fake.endpoint, decode_max_bytes=2999).read(ref)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\0",
    ],
)
def test_a_body_that_is_cut_is_never_taken_for_a_whole_one(answer: bytes) -> None:
    with fake_s3({"a.jpg": b"abcdef", "b.jpg": b"b"}) as fake, raw_server(answer) as endpoint:
        ref = next(open_store(fake.endpoint).list())
        with pytest.raises(StoreError) as caught:
            open_store(endpoint).read(ref)
        assert isinstance(caught.value, ImageUnavailable) or "has not answered" in str(caught.value)


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """A server that answers every connection with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_an_object_that_was_replaced_is_still_seen_where_no_etag_is_told() -> None:
    with fake_s3({"a.jpg": b"first"}, listed_tag="none", told_tag="none") as fake:
        store = open_store(fake.endpoint)
        (ref,) = store.list()
        old = fake.objects["a.jpg"]
        fake.objects["a.jpg"] = StoredObject(b"second, longer", modified_at=old.modified_at.replace(hour=14))
        with pytest.raises(StoreError) as caught:
            store.read(ref)
        now: ImageRef = caught.value.ref  # type: ignore[attr-defined]
        assert now == next(store.list()) and store.read(now) == b"second, longer"
