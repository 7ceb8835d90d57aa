"""What obstore reads of a bucket, what is left to boto3, and that both ask for the same and answer the same."""

import gzip
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from core.adapters.stores import obstore_client
from core.adapters.stores.obstore_client import ObstoreClient, is_plain
from core.adapters.stores.s3 import S3Store
from core.domain.image import ImageRef
from core.errors import ImageChanged, ImageGone, ImageTooLarge, ImageUnavailable, StoreError
from core.settings import load_settings
from tests.contract.test_image_store import KEYS
from tests.support.servers.fake_s3 import fake_s3
from tests.support.servers.s3_server import ENVIRONMENT
from tests.support.servers.s3_stub import Answer, Asked, Bucket, refusal, s3_stub

READS_UNTIL_QUICK = 12


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(obstore_client, "_QUICK_PACE", 0.5)  # so that a busy machine's store counts as quick too


@pytest.fixture(params=["obstore", "boto3"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "boto3":
        monkeypatch.setattr(ObstoreClient, "suits", lambda self, key, *, quickly=False: False)
    return str(request.param)


def open_store(endpoint: str, **settings: object) -> S3Store:
    quick = {"s3_patience": 5.0, "s3_connect_timeout": 1.0, "s3_read_timeout": 5.0}
    return S3Store("s3://bucket", load_settings(s3_endpoint_url=endpoint, **quick | settings))


def is_of_obstore(asked: Asked) -> bool:
    return asked.headers["user-agent"].startswith("object_store/")


def reads(bucket: Bucket) -> list[Asked]:
    """The requests for objects."""
    return [asked for asked in bucket.asked if asked.path]


def warm_up(store: S3Store, ref: ImageRef) -> None:
    """Have the store known as a quick one."""
    for _ in range(READS_UNTIL_QUICK):
        store.read(ref)


def test_odd_keys_between_ordinary_ones_are_listed_and_read(client: str) -> None:
    ordinary = [f"{key}.{n}.jpg" for n in range(4) for key in ("a/plain", "0", "z/ü ~", "~")]
    bucket = Bucket({key: key.encode() for key in sorted([*KEYS, *ordinary])}, page=5)
    with s3_stub(bucket) as endpoint:
        store = open_store(endpoint)
        refs = list(store.list())
        assert [ref.key for ref in refs] == list(bucket.keys)
        assert [store.read(ref).decode() for ref in refs] == [ref.key for ref in refs]
    by_obstore = {asked.path for asked in reads(bucket) if is_of_obstore(asked)}
    assert by_obstore == ({key for key in bucket.keys if is_plain(key)} if client == "obstore" else set())
    assert len(reads(bucket)) == len(refs)


@pytest.mark.parametrize(
    ("key", "plain"),
    [
        ("a.jpg", True),
        (".hidden/a.jpg", True),
        ("a..jpg", True),
        ("a/...", True),
        ("a/.b/c", True),
        ("no-break\u202fspace.jpg", True),
        ("\u202eright to left.jpg", True),
        ("percent%2Fand%20.jpg", True),
        ("", False),
        ("/", False),
        ("folder/", False),
        ("/a", False),
        ("a//b", False),
        (".", False),
        ("./a", False),
        ("a/.", False),
        ("a/./b", False),
        ("..", False),
        ("a/../b", False),
        ("a/..", False),
        ("line\n", False),
        ("\x7f", False),
        ("\udcff.jpg", False),
    ],
)
def test_what_is_left_to_boto3_is_told_by_the_key(key: str, plain: bool) -> None:
    assert is_plain(key) is plain


def test_what_a_folder_marker_holds_is_read_under_its_own_name(client: str) -> None:
    bucket = Bucket({"folder": b"object", "folder/": b"marker with bytes", "folder/a.jpg": b"a"})
    with s3_stub(bucket) as endpoint:
        store = open_store(endpoint)
        assert {ref.key: store.read(ref) for ref in store.list()} == bucket.keys


@pytest.mark.parametrize("asked_quickly", [False, True])
def test_both_answer_alike_for_what_changes_goes_or_is_refused(client: str, asked_quickly: bool) -> None:
    zipped = gzip.compress(b"zipped body", mtime=0)
    bucket = Bucket({"a.jpg": b"a", "changed.jpg": b"one", "denied.jpg": b"no", "gone.jpg": b"g", "zipped.jpg": zipped})

    def answer(asked: Asked) -> Answer:
        given = bucket(asked)
        if asked.path == "denied.jpg":
            return refusal(403, "AccessDenied")
        if asked.path == "zipped.jpg":
            return Answer(given.status, given.body, {**given.headers, "Content-Encoding": "gzip"})
        return given

    with s3_stub(answer) as endpoint:
        store = open_store(endpoint)
        refs = {ref.key: ref for ref in store.list()}
        if asked_quickly:
            warm_up(store, refs["a.jpg"])
        assert (store.read(refs["a.jpg"]), store.read(refs["zipped.jpg"])) == (b"a", b"zipped body")
        bucket.keys["changed.jpg"] = b"longer"
        del bucket.keys["gone.jpg"]
        with pytest.raises(ImageChanged) as caught:
            store.read(refs["changed.jpg"])
        assert store.read(caught.value.ref) == b"longer"
        with pytest.raises(ImageGone):
            store.read(refs["gone.jpg"])
        before = len(bucket.asked)
        with pytest.raises(ImageUnavailable, match="it takes the right s3:GetObject"):
            store.read(refs["denied.jpg"])
        assert len(bucket.asked) - before == (2 if client == "obstore" else 1)
        with pytest.raises(ImageTooLarge):
            open_store(endpoint, decode_max_bytes=2).read(ImageRef(*_without_size(refs["changed.jpg"])))
        before = len(bucket.asked)
        assert store.read(refs["a.jpg"]) == b"a"  # what was refused was the objects' own: nobody rests for that
        assert is_of_obstore(bucket.asked[before]) is (client == "obstore")


def _without_size(ref: ImageRef) -> tuple[Any, ...]:
    return (ref.source, ref.key, ref.uri, '"other"', 0, ref.modified_at)


def test_a_profile_tells_both_where_how_and_as_whom_to_ask(
    client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket({"a.jpg": b"a"})
    with s3_stub(bucket) as endpoint:
        count, process, config = tmp_path / "count", tmp_path / "process.py", tmp_path / "config"
        process.write_text(
            "import json, datetime, pathlib\n"
            f"count = pathlib.Path({str(count)!r})\n"
            "count.write_text(count.read_text() + 'x' if count.exists() else 'x')\n"
            "until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60)\n"
            "print(json.dumps({'Version': 1, 'AccessKeyId': 'key', 'SecretAccessKey': 's',\n"
            "    'SessionToken': count.read_text(), 'Expiration': until.isoformat()}))\n"
        )
        config.write_text(
            f"[profile p]\ncredential_process = {sys.executable} {process}\nregion = eu-test-9\n"
            f"endpoint_url = {endpoint}\n"
        )
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        monkeypatch.setattr(obstore_client, "_CREDENTIALS_LAST", obstore_client.timedelta(seconds=1))
        store = S3Store("s3://bucket", load_settings(s3_profile="p"))
        (ref,) = store.list()
        tokens = []
        for _ in range(2):
            assert store.read(ref) == b"a"
            asked = bucket.asked[-1]
            assert is_of_obstore(asked) is (client == "obstore")
            assert "Credential=key/" in asked.headers["authorization"]
            assert "/eu-test-9/s3/aws4_request" in asked.headers["authorization"]
            tokens.append(asked.headers["x-amz-security-token"])
            time.sleep(0.2)  # obstore asks for credentials at most every tenth of a second
    assert 1 < len(tokens[0]) < len(tokens[1])  # they are renewed as botocore renews them


def test_the_region_that_the_store_names_is_signed_for(client: str) -> None:
    bucket = Bucket({"a.jpg": b"a"})

    def answer(asked: Asked) -> Answer:
        if "/eu-west-9/s3/" not in asked.headers["authorization"]:
            return refusal(400, "AuthorizationHeaderMalformed", Region="eu-west-9")
        return bucket(asked)

    with s3_stub(answer) as endpoint:
        store = open_store(endpoint)
        assert [store.read(ref) for ref in store.list()] == [b"a"]
    assert [is_of_obstore(asked) for asked in reads(bucket)] == [client == "obstore"]


def test_variables_that_obstore_alone_reads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
        "AWS_REQUEST_PAYER": "requester",
        "AWS_S3_EXPRESS": "true",
        "AWS_BUCKET": "other",
        "AWS_REGION": "elsewhere",
        "AWS_TIMEOUT": "1ms",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = Bucket({"a.jpg": b"a"})
    with s3_stub(bucket) as endpoint:
        store = open_store(endpoint)
        assert [store.read(ref) for ref in store.list()] == [b"a"]
    (asked,) = reads(bucket)
    assert is_of_obstore(asked) and "x-amz-request-payer" not in asked.headers
    assert f"/{ENVIRONMENT['AWS_DEFAULT_REGION']}/s3/aws4_request" in asked.headers["authorization"]


def test_a_store_that_is_no_proxy_s_business_is_asked_directly(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket({"a.jpg": b"a"})
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with s3_stub(bucket) as endpoint:
        store = open_store(endpoint)
        assert [store.read(ref) for ref in store.list()] == [b"a"]
    assert [is_of_obstore(asked) for asked in reads(bucket)] == [client == "obstore"]


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A folder with ca.pem, and the key and certificate that it has signed for 127.0.0.1."""
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    new = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    for command in (
        f"{new} -x509 -days 1 -subj /CN=authority -keyout ca.key -out ca.pem",
        f"{new} -subj /CN=store -keyout key.pem -out request.pem",
        "openssl x509 -req -days 1 -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out c.pem",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_an_authority_of_one_s_own_is_trusted_by_both(
    client: str, variable: str, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket({"a.jpg": b"a"})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "c.pem", authority / "key.pem")
    with s3_stub(bucket, tls=context) as endpoint:
        for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(variable, str(authority / "ca.pem"))
        store = open_store(endpoint)
        assert [store.read(ref) for ref in store.list()] == [b"a"]
    assert [is_of_obstore(asked) for asked in reads(bucket)] == [client == "obstore"]


def test_what_obstore_cannot_read_is_read_by_boto3_which_goes_on_for_a_while() -> None:
    with fake_s3({f"{n}.jpg": b"body" for n in range(4)}, length="chunked") as fake:
        store = open_store(fake.endpoint)
        refs = list(store.list())
        fake.gets()
        assert [store.read(ref) for ref in refs] == [b"body"] * 4
        assert fake.gets() == ["0.jpg", "0.jpg", "1.jpg", "2.jpg", "3.jpg"]


def test_an_odd_object_among_others_costs_itself_a_request() -> None:
    bucket = Bucket({"a.jpg": b"a", "odd.jpg": b"o", "z.jpg": b"z"})

    def answer(asked: Asked) -> Answer:
        given = bucket(asked)
        odd = {"x-amz-meta-title": "caf\xe9"} if asked.path == "odd.jpg" else {}  # in Latin-1, as some tools write it
        return Answer(given.status, given.body, {**given.headers, **odd})

    with s3_stub(answer) as endpoint:
        store = open_store(endpoint)
        assert {ref.key: store.read(ref) for ref in store.list()} == bucket.keys
    read = [(asked.path, is_of_obstore(asked)) for asked in reads(bucket)]
    assert read == [("a.jpg", True), ("odd.jpg", True), ("odd.jpg", False), ("z.jpg", True)]


def test_what_a_store_quotes_of_a_request_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-of-the-session")
    bucket = Bucket({"a.jpg": b"a"})

    def answer(asked: Asked) -> Answer:
        quoted = f"GET x-amz-security-token:{asked.headers['x-amz-security-token']}"
        return refusal(403, "SignatureDoesNotMatch", CanonicalRequest=quoted) if asked.path else bucket(asked)

    with s3_stub(answer) as endpoint, caplog.at_level("DEBUG", "core"), pytest.raises(StoreError):
        store = open_store(endpoint)
        store.read(next(store.list()))
    assert "a.jpg, by obstore: " in caplog.text and "403" in caplog.text
    assert "token-of-the-session" not in caplog.text


def test_where_obstore_cannot_be_imported_boto3_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "obstore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "obstore", None)
    bucket = Bucket({f"{n}.jpg": b"picture" for n in range(3)})
    with s3_stub(bucket) as endpoint:
        store = open_store(endpoint)
        assert [store.read(ref) for ref in store.list()] == [b"picture"] * 3
    assert not any(is_of_obstore(asked) for asked in reads(bucket))


def test_after_its_rest_obstore_reads_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket({"a.jpg": b"a"})
    broken = [True]

    def answer(asked: Asked) -> Answer:
        given = bucket(asked)
        if asked.path and broken[0] and is_of_obstore(asked):
            return refusal(500, "InternalError")
        return given

    with s3_stub(answer) as endpoint:
        store = open_store(endpoint)
        (ref,) = store.list()
        assert [store.read(ref), store.read(ref)] == [b"a", b"a"]
        assert [is_of_obstore(asked) for asked in reads(bucket)] == [True, False, False]
        broken[0] = False
        now = time.monotonic()
        monkeypatch.setattr(obstore_client.time, "monotonic", lambda: now + 3.0)
        assert store.read(ref) == b"a" and is_of_obstore(bucket.asked[-1])


@pytest.mark.parametrize("asked_quickly", [False, True])
def test_stopping_ends_a_read_that_a_store_keeps_waiting(client: str, asked_quickly: bool) -> None:
    bucket, hang, asked_for = Bucket({"a.jpg": b"a"}), threading.Event(), threading.Event()
    answering = threading.Event()

    def answer(asked: Asked) -> Answer:
        if asked.path and hang.is_set():
            asked_for.set()
            answering.wait(60)
        return bucket(asked)

    caught: list[BaseException] = []

    def read(store: S3Store, ref: ImageRef) -> None:
        try:
            store.read(ref)
        except StoreError as error:
            caught.append(error)

    with s3_stub(answer) as endpoint:
        store = open_store(endpoint, s3_read_timeout=60.0, s3_patience=600.0)
        (ref,) = store.list()
        if asked_quickly:
            warm_up(store, ref)
        hang.set()
        reader = threading.Thread(target=read, args=(store, ref), daemon=True)
        reader.start()
        assert asked_for.wait(10)
        store.stop()
        reader.join(20)
        answering.set()
    assert not reader.is_alive() and "stopped" in str(caught[0])


def test_a_quick_store_that_takes_its_time_is_waited_for() -> None:
    bucket = Bucket({"a.jpg": b"a", "slow.jpg": b"slow"})

    def answer(asked: Asked) -> Answer:
        if asked.path == "slow.jpg":
            time.sleep(1.0)
        return bucket(asked)

    with s3_stub(answer) as endpoint:
        store = open_store(endpoint)
        plain, slow = store.list()
        warm_up(store, plain)
        assert store.read(slow) == b"slow" and store.read(slow) == b"slow"
        paths = [asked.path for asked in reads(bucket)]
    assert paths[READS_UNTIL_QUICK:] == ["slow.jpg"] * 3  # the first one twice: then it is known as slow


def test_a_body_that_is_cut_is_never_taken_for_a_whole_one_by_obstore() -> None:
    bucket = Bucket({"a.jpg": b"whole body"})
    cut = [3]

    def answer(asked: Asked) -> Answer:
        given = bucket(asked)
        if asked.path and cut[0]:
            cut[0] -= 1
            return Answer(
                given.status, given.body[:4], {**given.headers, "Content-Length": "10", "Connection": "close"}
            )
        return given

    with s3_stub(answer) as endpoint:
        store = open_store(endpoint)
        assert [store.read(ref) for ref in store.list()] == [b"whole body"]


def test_obstore_is_imported_when_a_bucket_has_answered_and_not_before() -> None:
    code = (
        "import sys; from core.adapters.stores.s3 import S3Store; from core.settings import load_settings\n"
        "S3Store('s3://bucket', load_settings()); print('obstore' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[4]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
