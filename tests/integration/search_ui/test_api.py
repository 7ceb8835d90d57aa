"""The HTTP API over real HTTP, with a real library: what programs ask, and what they get."""

import base64
import re
import socket
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search_ui.api.schemas import ImageAnswer
from tests.support.api_client import DOCUMENT, Served, ready, schema_of, served
from tests.support.small_library import HOSTILE_CAPTION, TALL, UMBRELLAS, WIDE, SmallLibrary, build, take_for_copies

COUNT = 24
SAME = (9, 10)  # taken for pictures of the same bytes
UMBRELLA = "three red umbrellas at night"
NOBODY = "00000000-0000-4000-8000-000000000000"
TOKEN = "a token of the test's own"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    made = build(tmp_path_factory.mktemp("served"), COUNT)
    take_for_copies(made, *SAME)
    return made


@pytest.fixture(scope="module")
def api(library: SmallLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(library.data, tmp_path_factory.mktemp("audit") / "opened", api_rate="0") as server:
        ready(server)
        yield server


@pytest.fixture(scope="module")
def guarded(library: SmallLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Asks for a token, takes few requests and small bodies."""
    audit = tmp_path_factory.mktemp("audit") / "opened"
    with served(library.data, audit, api_token=TOKEN, api_rate="0.2", api_body_bytes="2000") as server:
        yield server


def ids(found: dict[str, Any]) -> list[str]:
    return [hit["id"] for hit in found["hits"]]


def test_words_find_and_the_answer_is_what_the_document_says(api: Served, library: SmallLibrary) -> None:
    found = api.search(terms=[{"text": UMBRELLA}], limit=3)
    assert (ids(found)[0], len(found["hits"]), found["total"]) == (library.id_of(UMBRELLAS), 3, COUNT)
    assert found["hits"][0]["why"]["words"] == ["three", "red", "umbrella", "night"]
    assert set(found["timings_ms"]) == {"wait", "encode", "rank", "judge", "count", "total"}
    assert any("demo" in notice for notice in found["notices"])


def test_strength_and_copies_are_told_and_asked_for(api: Served, library: SmallLibrary) -> None:
    asked = {"terms": [{"text": UMBRELLA}], "limit": COUNT}
    found = api.search(**asked)
    strengths = [hit["strength"] for hit in found["hits"]]
    assert found["verdict"] == "strong" and strengths[0] > 0.8 and min(strengths) < 0.5
    strong = api.search(**asked, min_strength=0.5)
    assert ids(strong) == [one for one, strength in zip(ids(found), strengths, strict=True) if strength >= 0.5]
    assert strong["total"] == len(strong["hits"]) < COUNT
    copies = {hit["id"]: hit["copies"] for hit in found["hits"]}
    first, second = (library.id_of(number) for number in SAME)
    assert sum(copies.values()) == COUNT and sorted(copies.values())[-2:] == [1, 2] and len(copies) == COUNT - 1
    assert {hit["copies"] for hit in api.search(**asked, fold=False)["hits"]} == {1}
    assert {first, second} <= set(ids(api.search(**asked, fold=False)))
    assert api.search()["verdict"] is None


def test_pictures_and_likes_find_and_push_away(api: Served, library: SmallLibrary) -> None:
    data = base64.b64encode((library.pictures / f"scene-{UMBRELLAS:03d}.jpg").read_bytes()).decode()
    by_picture = api.search(terms=[{"image": data}])
    by_id = api.search(terms=[{"like": library.id_of(UMBRELLAS)}])
    assert ids(by_picture)[0] == ids(by_id)[0] == library.id_of(UMBRELLAS)
    away = api.search(terms=[{"text": "red"}, {"like": library.id_of(UMBRELLAS), "weight": -1}], limit=COUNT)
    assert ids(away)[-1] == library.id_of(UMBRELLAS)
    alone = api.search(terms=[{"text": UMBRELLA}], weights={"image": 0, "caption": 0, "words": 1})
    assert 0 < alone["total"] < COUNT and "encode" in alone["timings_ms"]


def test_filters_nest_and_pages_join(api: Served, library: SmallLibrary) -> None:
    shapes = {"any": [{"orientation": "portrait"}, {"aspect": "1.5.."}], "none": [{"word": "zebra"}]}
    assert set(ids(api.search(filter=shapes))) == {library.id_of(WIDE), library.id_of(TALL)}
    assert api.search(filter={"all": [shapes, {"missing": "width"}]})["total"] == 0
    everything = ids(api.search(terms=[{"text": "red"}], limit=COUNT))
    pages = [ids(api.search(terms=[{"text": "red"}], limit=7, offset=start)) for start in range(0, COUNT, 7)]
    assert [one for page in pages for one in page] == everything and len(set(everything)) == COUNT - 1
    names = [hit["key"] for hit in api.search(sort="name", reverse=True, limit=COUNT)["hits"]]
    assert names[:2] == [f"scene-{COUNT:03d}.jpg", f"scene-{COUNT - 1:03d}.jpg"]


def test_facets_count_what_a_search_finds(api: Served) -> None:
    asked = {"filter": {"word": "red"}, "fields": ["word", "orientation"], "limit": 5}
    found = api.post("/api/facets", asked).json
    schema_of("FacetsAnswer").validate(found)
    total = api.search(filter={"word": "red"})["total"]
    assert list(found["facets"]) == ["word", "orientation"] and len(found["facets"]["word"]) == 5
    assert found["facets"]["word"][0] == {"value": "red", "count": total}
    words = {"terms": [{"text": "umbrella"}], "weights": {"image": 0, "caption": 0, "words": 1}}
    (source,) = api.post("/api/facets", words | {"fields": ["source"]}).json["facets"]["source"]
    assert source["count"] == api.search(**words)["total"]


def test_an_image_and_its_thumbnail_are_asked_for_once(api: Served, library: SmallLibrary) -> None:
    for path in (f"/api/images/{library.id_of(3)}", f"/api/images/{library.id_of(3)}/thumbnail"):
        first = api.get(path)
        assert first.status == 200 and first.headers["cache-control"] == "private, no-cache"
        again = api.get(path, If_None_Match=first.headers["etag"])
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert first.headers["content-type"] == "image/jpeg" and first.body[:3] == b"\xff\xd8\xff"
    told = api.get(f"/api/images/{library.id_of(3)}").json
    schema_of("ImageAnswer").validate(told)
    assert told["caption"] == HOSTILE_CAPTION and set(told) <= set(ImageAnswer.model_fields)
    for path in (f"/api/images/{NOBODY}", f"/api/images/{NOBODY}/thumbnail", "/api/images/passwd", "/api/x"):
        answer = api.get(path)
        assert (answer.status, answer.error["code"]) == (404, "not_found")
    assert api.get("/api/images/..%2f..%2f..%2fetc%2fpasswd").status == 400  # Streamlit lets no such path through


@pytest.mark.parametrize(
    ("given", "status", "code", "field"),
    [
        (b"{", 400, "not_json", None),
        (b"[" * 100_000, 400, "not_json", None),
        (b"\xff\xfe{}", 400, "not_json", None),
        ([], 422, "invalid_request", None),
        ({"limit": 0}, 422, "invalid_request", "limit"),
        ({"limit": "20"}, 422, "invalid_request", "limit"),
        ({"limits": 20}, 422, "invalid_request", "limits"),
        ({"terms": [{"text": "a", "like": NOBODY}]}, 422, "invalid_request", "terms.0"),
        ({"terms": [{"text": " "}]}, 422, "invalid_query", "text"),
        ({"terms": [{"text": "a", "weight": 0}]}, 422, "invalid_query", "weight"),
        ({"terms": [{"text": "a", "weight": float("nan")}]}, 422, "invalid_request", "terms.0.weight"),
        ({"terms": [{"image": "no base64"}]}, 422, "invalid_query", "image"),
        ({"terms": [{"image": base64.b64encode(b"no image").decode()}]}, 422, "image_unreadable", "image"),
        ({"terms": [{"like": NOBODY}]}, 422, "image_not_indexed", "like"),
        ({"sort": "colour"}, 422, "invalid_request", "sort"),
        ({"sort": "match"}, 422, "invalid_query", "sort"),
        ({"min_strength": 1.5, "terms": [{"text": "a"}]}, 422, "invalid_request", "min_strength"),
        ({"min_strength": 0.5}, 422, "invalid_query", "min_strength"),
        ({"diversity": 0.5}, 422, "invalid_query", "diversity"),
        ({"fold": 1}, 422, "invalid_request", "fold"),
        ({"filter": {"width": "wide"}}, 422, "invalid_query", "width"),
        ({"filter": {"width": 10**400}}, 422, "invalid_query", "width"),
        ({"filter": {"any": [{"colour": "red"}]}}, 422, "invalid_query", "filter field"),
        ({"filter": {"key": "*" * 100_000}}, 422, "invalid_query", "key"),
        ({"filter": {"word": ["dog"] * 501}}, 422, "invalid_query", "word"),
    ],
)
def test_what_cannot_be_asked_is_told(api: Served, given: object, status: int, code: str, field: str | None) -> None:
    answer = api.post("/api/search", given)
    assert (answer.status, answer.error["code"], answer.error["field"]) == (status, code, field)
    assert len(answer.body) < 2000 and b"Traceback" not in answer.body


def test_what_is_not_served_is_told(api: Served) -> None:
    assert api.post("/api/search", {}, Content_Type="text/plain").error["code"] == "not_json"
    wrong = api.get("/api/search")
    assert (wrong.status, wrong.error["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "POST")
    assert api.get("/api/openapi.json", Host="elsewhere.example").status == 400
    assert api.get("/api/openapi.json").json == DOCUMENT


def test_the_head_of_an_answer_can_be_asked_for_alone(api: Served, library: SmallLibrary) -> None:
    path = f"/api/images/{library.id_of(3)}"
    head = api.send("HEAD", path)
    assert (head.status, head.body, head.headers["etag"]) == (200, b"", api.get(path).headers["etag"])
    assert api.send("HEAD", "/api/search").status == 405


def test_the_documentation_is_served_without_anything_from_elsewhere(api: Served) -> None:
    page = api.get("/api/docs")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"] and b"//" not in page.body
    for source in re.findall(rb'(?:src|href)="(/[^"]+)"', page.body):
        asset = api.get(source.decode())
        assert asset.status == 200 and len(asset.body) > 100, source
    assert api.get("/api/docs/passwd").error["code"] == "not_found"


def test_who_hangs_up_is_counted_as_gone(api: Served) -> None:
    body = b'{"terms": [{"text": "a red dog"}], "limit": 24}'
    head = f"POST /api/search HTTP/1.1\r\nHost: {api.host}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    for _ in range(200):
        with socket.create_connection(api.host.split(":"), timeout=20) as connection:  # type: ignore[arg-type]
            connection.sendall(request)
        if 'bucketlens_api_requests_total{route="search",status="499"}' in api.get("/metrics").body.decode():
            return
    raise AssertionError("every answer was made to the end, though nobody waited")


def test_numbers_for_prometheus(api: Served) -> None:
    def count() -> float:
        text = api.get("/metrics").body.decode()
        assert f"bucketlens_library_images {float(COUNT)}" in text
        found = re.search(r'^bucketlens_api_requests_total\{route="search",status="200"\} (\S+)$', text, re.M)
        return float(found[1]) if found else 0.0

    before = count()
    api.search(limit=1)
    assert count() == before + 1


def test_a_token_a_rate_and_a_size(guarded: Served) -> None:
    right = {"Authorization": f"Bearer {TOKEN}"}
    refused = guarded.get("/metrics")  # the only one that is let in: the rate allows no two at once
    assert (refused.status, refused.error["code"]) == (401, "unauthorized")
    assert refused.headers["www-authenticate"] == "Bearer"
    late = guarded.get("/metrics", **right)
    assert (late.status, late.error["code"]) == (429, "too_many_requests")
    assert 1 <= int(late.headers["retry-after"]) <= 5
    assert guarded.get("/healthz").status == 200


def test_guards_of_a_body(library: SmallLibrary, tmp_path: Path) -> None:
    right = {"Authorization": f"bearer {TOKEN}"}
    with served(library.data, tmp_path / "opened", api_token=TOKEN, api_rate="0", api_body_bytes="2000") as server:
        assert server.get("/api/openapi.json", Authorization="Bearer wrong").status == 401
        assert server.get("/api/openapi.json", Authorization="Bearer \u00e9").status == 401
        assert "security" in server.get("/api/openapi.json", **right).json
        assert server.get("/api/docs").status == 200
        assert server.post("/api/search", {"limit": 1}, **right).status == 200
        assert server.post("/api/search", b" " * 2001, **right).error["code"] == "body_too_large"
        head = f"POST /api/search HTTP/1.1\r\nHost: {server.host}\r\nAuthorization: Bearer {TOKEN}\r\n"
        head += "Content-Type: application/json\r\n"
        chunks = b"".join(b"400\r\n" + b" " * 1024 + b"\r\n" for _ in range(3))
        for request in (b"Content-Length: 99999999999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n" + chunks):
            with socket.create_connection(server.host.split(":"), timeout=20) as connection:  # type: ignore[arg-type]
                connection.sendall(head.encode() + request)
                assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def hostile(folder: Path) -> list[str]:
    """200 texts that something might open, run, follow or choke on."""
    bait = folder / "bait.jpg"
    bait.write_bytes(b"never read")
    paths = [
        str(bait),
        f"file://{bait}",
        "/etc/passwd",
        "../../../../etc/passwd",
        "C:\\Windows\\win.ini",
        "~/.ssh/id_rsa",
    ]
    urls = [f"{scheme}://127.0.0.1:9/{bait.name}" for scheme in ("http", "https", "ftp", "s3", "gopher", "ws", "data")]
    markup = [HOSTILE_CAPTION, "<svg onload=alert(1)>", "{{7*7}}", "${jndi:ldap://127.0.0.1:9/a}", "'; DROP TABLE a;--"]
    odd = [
        "\0",
        "a\0b",
        "\u202egpj.exe",
        "\u200f\u05d0\u05d1",
        "👩‍👩‍👧‍👦" * 50,
        "\ud800",
        "a\udfffb",
        "\ufeff",
        "\r\n\r\nHTTP/1.1",
    ]
    long = ["a" * 2**20, "a " * 5000, "é" * 9999, "\n" * 9000 + "x", "%" * 10_000, "(" * 10_000]
    bases = paths + urls + markup + odd + long
    wraps = ["{}", " {} ", "a {} b", '"{}"', "{}\0", "image: {}", "[{}]"]
    made = [wrap.format(base) for wrap in wraps for base in bases]
    return (made + list(string.printable))[:200]


def test_no_text_opens_a_file_or_a_connection(api: Served, library: SmallLibrary, tmp_path: Path) -> None:
    texts = hostile(tmp_path)
    assert len(set(texts)) == 200
    for field in ("word", "key"):
        api.post(
            "/api/search", {"terms": [{"text": "a red dog"}], "filter": {field: "dog"}}
        )  # what is made at first use
    before = len(api.opened())
    seen = set()
    for text in texts:
        for body in ({"terms": [{"text": text}], "limit": 1}, {"filter": {"any": [{"word": text}, {"source": text}]}}):
            answer = api.post("/api/search", body)
            seen.add(answer.status)
            assert answer.status in (200, 422) and b"Traceback" not in answer.body and b'File "' not in answer.body
            assert answer.status == 200 or answer.error
    assert seen == {200, 422}
    for event in api.opened()[before:]:
        own = (str(library.data / "index"), str(library.data / "edition.json"))
        assert event.startswith("open ") and any(path in event for path in own), event
