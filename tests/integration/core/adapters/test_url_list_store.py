"""Lists of web addresses over real HTTP: what is fetched, what is refused, and whose fault it is."""

import socket
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.adapters.url_list.reader import read_rows
from core.adapters.url_list.store import ListStore
from core.domain.image import UNTOLD_ETAG, ImageRef
from core.errors import (
    ImageError,
    ImageTooLarge,
    ImageUnavailable,
    ImageUnchanged,
    LinkDead,
    SourceNotFound,
    StoreError,
)
from core.settings import load_settings
from tests.support.servers.web_server import Handler, WebServer, picture

QUICK = {"list_connect_timeout": 0.5, "list_read_timeout": 0.3, "list_total_timeout": 2.0, "list_host_patience": 0.6}
RED = picture("red")


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as web:
        yield web


def store_of(folder: Path, *urls: str, **settings: Any) -> ListStore:
    path = folder / "list.txt"
    path.write_text("\n".join(urls) + "\n")
    given = {"list_allow_private": True, "list_patience": 1.5} | QUICK | settings
    return ListStore(f"list:{path}", load_settings(**given))


def fetch(folder: Path, url: str, **settings: Any) -> bytes:
    store = store_of(folder, url, **settings)
    (ref,) = store.list()
    return store.fetch(ref, "").data


def test_a_picture_comes_with_what_its_server_says_of_it(tmp_path: Path, web: WebServer) -> None:
    url = web.show("/a.png", RED, ETag='"1"', Last_Modified="Sat, 07 Mar 2026 10:00:00 GMT")
    store = store_of(tmp_path, url)
    (ref,) = store.list()
    assert (ref.key, ref.uri, ref.etag, ref.source) == (url, url, UNTOLD_ETAG, f"list://{tmp_path}/list.txt")
    found = store.fetch(ref, "")
    assert found.data == RED and found.ref.etag == 'etag "1"' and found.ref.bytes == len(RED)
    assert found.ref.modified_at.isoformat() == "2026-03-07T10:00:00+00:00"
    assert store.read(ref) == RED
    assert web.headers["/a.png"]["User-Agent"].startswith("BucketLens/")
    with pytest.raises(ImageUnchanged):
        store.fetch(ref, found.ref.etag)


def test_a_picture_is_told_from_a_later_one_by_its_date_too(tmp_path: Path, web: WebServer) -> None:
    store = store_of(tmp_path, web.show("/a.png", RED, Last_Modified="Sat, 07 Mar 2026 10:00:00 GMT"))
    (ref,) = store.list()
    with pytest.raises(ImageUnchanged):
        store.fetch(ref, store.fetch(ref, "").ref.etag)


def test_private_networks_are_refused_by_default(tmp_path: Path, web: WebServer) -> None:
    url = web.show("/a.png", RED)
    hosts = ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0"]
    for host in hosts:
        with pytest.raises(LinkDead, match="private network"):
            fetch(tmp_path, url.replace("127.0.0.1", host), list_allow_private=False)
    assert not web.asked
    assert fetch(tmp_path, url) == RED


def test_a_name_is_looked_up_once_and_that_address_is_connected_to(
    tmp_path: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that says something else the second time gains nothing."""
    url = web.show("/a.png", RED)
    answers = iter(["93.184.215.14", "127.0.0.1", "127.0.0.1"])
    connected: list[str] = []
    real = socket.getaddrinfo

    def lookup(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host == "rebinding.example":
            return real(next(answers), port, *args, **kwargs)
        connected.append(host)
        return real("127.0.0.1", 9, *args, **kwargs)  # nobody listens there

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises((ImageUnavailable, LinkDead)):
        fetch(tmp_path, url.replace("127.0.0.1", "rebinding.example"), list_allow_private=False)
    assert connected and set(connected) == {"93.184.215.14"} and not web.asked


def test_every_redirection_is_checked_again(tmp_path: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first host counts as public here, the one that it leads to is what it is."""
    from core.adapters.url_list import fetcher

    target = web.show("/secret.png", RED).replace("127.0.0.1", "127.0.0.2")
    url = web.redirect("/a.png", target)
    monkeypatch.setattr(fetcher, "is_public", lambda ip: ip == "127.0.0.1")
    with pytest.raises(LinkDead, match=r"127\.0\.0\.2"):
        fetch(tmp_path, url, list_allow_private=False)
    assert "/secret.png" not in web.asked


def test_redirections_are_followed_so_far(tmp_path: Path, web: WebServer) -> None:
    web.show("/end.png", RED)
    web.redirect("/2", "/end.png")
    url = web.redirect("/1", "/2")
    assert fetch(tmp_path, url) == RED
    with pytest.raises(LinkDead, match="more than 1 times"):
        fetch(tmp_path, url, list_redirects=1)
    for target in ("file:///etc/passwd", "ftp://example.org/a", "http://me:secret@example.org/a"):
        with pytest.raises(LinkDead, match="redirects to what is no") as error:
            fetch(tmp_path, web.redirect("/bad", target))
        assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "answers 404"), (410, "answers 410"), (403, "answers 403"), (204, "answers 204")]
)
def test_dead_links(tmp_path: Path, web: WebServer, status: int, reason: str) -> None:
    with pytest.raises(LinkDead, match=reason):
        fetch(tmp_path, web.status("/a.png", status))
    assert web.asked["/a.png"] == 1


def test_what_is_no_picture_is_not_downloaded(tmp_path: Path, web: WebServer) -> None:
    url = web.on("/a.png", lambda request: request.body(b"<html>", Content_Type="text/html; charset=utf-8"))
    with pytest.raises(LinkDead, match="not an image: it is text/html"):
        fetch(tmp_path, url)


@pytest.mark.parametrize("told", [True, False])
def test_500_mb_are_not_read(tmp_path: Path, web: WebServer, told: bool) -> None:
    url = web.flood("/a.png", 500 * 10**6, told=told)
    with pytest.raises(ImageTooLarge, match="over the limit" if told else "the limit"):
        fetch(tmp_path, url, decode_max_bytes=2**20)
    assert web.sent["/a.png"] < 50 * 2**20


def test_a_body_that_is_cut_is_asked_for_again(tmp_path: Path, web: WebServer) -> None:
    assert fetch(tmp_path, web.cut("/a.png", RED, times=2)) == RED
    with pytest.raises(ImageUnavailable, match="not whole"):
        fetch(tmp_path, web.cut("/b.png", RED, times=99))
    assert web.asked["/b.png"] == 3


def test_a_length_that_is_a_lie_is_no_picture(tmp_path: Path, web: WebServer) -> None:
    def answer(request: Handler) -> None:
        request.close_connection = True
        request.body(RED, length=len(RED) + 10)

    with pytest.raises(ImageUnavailable, match="not whole"):
        fetch(tmp_path, web.on("/a.png", answer))


@pytest.mark.parametrize("fault", ["stall", "drip_head"])
def test_an_address_that_hangs_costs_itself_while_its_host_answers(tmp_path: Path, web: WebServer, fault: str) -> None:
    bad, good = getattr(web, fault)("/a.png"), web.show("/b.png", RED)
    store = store_of(tmp_path, bad, good, list_patience=30.0, list_host_patience=30.0)
    hung, fine = store.list()
    done = threading.Event()

    def read_on() -> None:
        while not done.is_set():
            store.read(fine)

    reader = threading.Thread(target=read_on)
    reader.start()
    try:
        with pytest.raises(ImageUnavailable, match="no answer in time"):
            store.read(hung)
    finally:
        done.set()
        reader.join()


def test_a_host_that_is_busy_is_left_alone_for_as_long_as_it_says(tmp_path: Path, web: WebServer) -> None:
    def answer(request: Handler) -> None:
        if web.asked["/a.png"] == 1:
            request.body(b"", 429, Retry_After="1")
        else:
            request.body(RED)

    assert fetch(tmp_path, web.on("/a.png", answer), list_patience=20.0, list_host_patience=20.0) == RED
    assert web.asked["/a.png"] == 2


def test_a_host_that_refuses_is_given_up_for_this_run(tmp_path: Path, web: WebServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    dead = [f"http://127.0.0.1:{port}/{n}.png" for n in range(50)]
    store = store_of(tmp_path, *dead, web.show("/a.png", RED))
    for ref in store.list():
        if str(port) in ref.key:
            with pytest.raises(ImageUnavailable, match="refuses the connection"):
                store.read(ref)
        else:
            assert store.read(ref) == RED


def test_a_host_that_is_down_for_a_while_is_waited_for(tmp_path: Path) -> None:
    with WebServer() as web:
        port, urls = web.server_port, [web.show(f"/{n}.png", RED) for n in range(4)]
        store = store_of(tmp_path, *urls, list_patience=30.0)
        refs = list(store.list())
        assert store.read(refs[0]) == RED
    read: list[bytes] = []
    readers = [threading.Thread(target=lambda ref=ref: read.append(store.read(ref))) for ref in refs]  # type: ignore[misc]
    for reader in readers:
        reader.start()
    readers[0].join(timeout=1.0)
    assert not read
    with WebServer(port) as web:
        for n in range(4):
            web.show(f"/{n}.png", RED)
        for reader in readers:
            reader.join()
    assert read == [RED] * 4


def test_where_nothing_answers_the_run_ends_and_no_picture_is_blamed(tmp_path: Path, web: WebServer) -> None:
    store = store_of(tmp_path, web.stall("/a.png"), list_patience=1.0, list_host_patience=0.4)
    (ref,) = store.list()
    with pytest.raises(StoreError, match="the network has not answered") as error:
        store.read(ref)
    assert type(error.value) is StoreError


def test_stopping_ends_what_waits(tmp_path: Path, web: WebServer) -> None:
    store = store_of(tmp_path, web.stall("/a.png"), list_patience=300.0, list_host_patience=300.0)
    (ref,) = store.list()
    threading.Timer(0.5, store.stop).start()
    with pytest.raises(StoreError, match="stopped"):
        store.read(ref)


def test_so_many_at_once_from_one_host(tmp_path: Path, web: WebServer) -> None:
    lock, going, most = threading.Lock(), [0], [0]
    full = threading.Event()

    def answer(request: Handler) -> None:
        with lock:
            going[0] += 1
            most[0] = max(most[0], going[0])
            if going[0] == 2:
                full.set()
        full.wait(0.2)
        with lock:
            going[0] -= 1
        request.body(RED)

    urls = [web.on(f"/{n}.png", answer) for n in range(12)]
    store = store_of(tmp_path, *urls, list_per_host=2)
    threads = [threading.Thread(target=store.read, args=(ref,)) for ref in store.list()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 2


def listed(folder: Path, *rows: str) -> tuple[ListStore, list[ImageRef]]:
    store = store_of(folder, *rows)
    return store, list(store.list())


def test_rows_that_are_no_addresses_fail_with_their_reason(tmp_path: Path) -> None:
    bad = ["ftp://example.org/a.png", "http://me:secret@example.org/a.png", "http://exa mple.org/a", "nonsense"]
    store, refs = listed(tmp_path, *[f"http://example.org/{n}.png" for n in range(9)], *bad)
    assert len(refs) == 13
    for ref in refs[9:]:
        with pytest.raises(ImageError):
            store.read(ref)
        assert "secret" not in ref.key + ref.uri


def test_rows_of_one_picture_are_one_picture(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(
        "image,caption\nHTTP://Example.org:80/a.png,one\nhttp://example.org/a.png,two\nhttp://example.org/b.png,three\n"
        "http://example.org/a.png#x,four\n,five\n"
    )
    store = ListStore(f"list:{tmp_path / 'list.csv'}", load_settings())
    found = [(ref.key, ref.captions) for ref in store.list()]
    assert found == [("http://example.org/a.png", ("one", "two")), ("http://example.org/b.png", ("three",))]
    assert sum(store.ignored.values()) == 2


def test_a_list_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a%20b é.txt"
    path.write_text("http://example.org/a.png\n")
    store = ListStore(f"list:{path}", load_settings())
    assert ListStore(store.source, load_settings()).source == store.source
    assert len(list(ListStore(store.source, load_settings()).list())) == 1
    with pytest.raises(SourceNotFound, match="no such file"):
        ListStore("list:nowhere.csv", load_settings())


def test_a_long_list_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "list.tsv"
    with path.open("w") as file:
        file.writelines(f"a caption of some length number {n}\thttps://example.org/{n}.jpg\n" for n in range(60_000))
    tracemalloc.start()
    assert sum(1 for _ in read_rows(path)) == 60_000
    assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    tracemalloc.stop()
