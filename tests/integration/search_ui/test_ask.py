"""Questions to pictures through the command line, Python and HTTP, with random models of the real classes."""

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from bucketlens import AnswererMissing, AnswerLate, ImageNotIndexed, InvalidQuery, Library, ModelUnavailable
from bucketlens.cli import commands
from core.bootstrap import Container
from core.bootstrap.lazy import Lazy
from core.errors import BucketLensError
from core.ports.encoders import Answer, Answerer
from core.settings import load_settings
from search_ui.api.app import Api
from search_ui.api.schemas import AskAnswer
from search_ui.library.live_library import LiveLibrary
from tests.support.api_client import schema_of
from tests.support.fakes import ColourAnswerer
from tests.support.model_folders import make_tiny_blip2, make_tiny_blip_vqa
from tests.support.small_library import SmallLibrary, build, file_name

COUNT = 6
CAR = "a red car?"
NOBODY = "00000000-0000-4000-8000-000000000000"
KINDS: dict[str, Callable[[Path], Path]] = {
    "blip-vqa": lambda folder: make_tiny_blip_vqa(folder, seed=7),
    "blip-2": lambda folder: make_tiny_blip2(folder, seed=7, answers=True),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    return build(tmp_path_factory.mktemp("asked"), COUNT)


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return KINDS[request.param](tmp_path_factory.mktemp("answerers") / request.param)


@pytest.fixture(scope="module")
def opened(library: SmallLibrary, model: Path) -> Iterator[Library]:
    with Library.open(library.data, answerer=str(model), device="cpu") as opened:
        yield opened


def _run(library: SmallLibrary, *arguments: str) -> Result:
    result = CliRunner().invoke(commands, ["ask", *arguments, "--data", str(library.data)])
    if isinstance(result.exception, BucketLensError):
        raise result.exception
    return result


def _first_picture(library: SmallLibrary) -> Path:
    return library.pictures / file_name(1)


def test_all_surfaces_give_the_same_answer(library: SmallLibrary, model: Path, opened: Library) -> None:
    image_id, picture = library.id_of(1), _first_picture(library)
    by_id, by_file = opened.ask(image_id, CAR), opened.ask(picture, CAR)
    assert by_id.text and by_id.text == by_file.text == opened.ask(picture.read_bytes(), CAR).text
    assert (by_id.asked_of, by_id.record and by_id.record.id, by_file.record) == ("picture", image_id, None)
    assert _run(library, image_id.upper(), CAR, "--answerer", str(model)).stdout == f"{by_id.text}\n"
    told = json.loads(_run(library, str(picture), CAR, "--answerer", str(model), "--json").stdout)
    assert told == {"question": CAR, "answerer": str(model), "answers": [by_file.to_dict()]}


def test_the_best_hits_of_a_search_are_asked_in_their_order(
    library: SmallLibrary, model: Path, opened: Library
) -> None:
    found = opened.search("a red car", limit=3)
    answers = opened.ask(found, CAR)
    assert [answer.record for answer in answers] == [hit.record for hit in found]
    assert all(answer.text and answer.asked_of == "picture" for answer in answers)
    asked = ("--top", "3", "a red car", CAR, "--answerer", str(model))
    told = json.loads(_run(library, *asked, "--json").stdout)
    assert told["search"] == "a red car" and told["answers"] == [answer.to_dict() for answer in answers]
    assert (told["notices"], told["verdict"]) == (list(found.result.notices), found.result.verdict)
    if model.name == "blip-2":
        return
    table = _run(library, *asked).stdout
    assert table.splitlines()[0].split() == ["#", "answer", "file"] and len(table.splitlines()) == 4
    assert all(
        (answer.text or "") in table and hit.record.uri in table for answer, hit in zip(answers, found, strict=True)
    )


def test_a_query_is_searched_as_before(opened: Library) -> None:
    from bucketlens import Query, TextTerm

    assert len(opened.ask(Query(terms=(TextTerm("a red car"),), limit=2))) == 2
    with pytest.raises(InvalidQuery, match="search the query first"):
        opened.ask(Query(), "what?")  # type: ignore[call-overload]
    for odd in (["a.png", "b.png"], 7, np.zeros((8, 8, 3), np.uint8)):
        with pytest.raises(InvalidQuery, match="a hit, or several hits"):
            opened.ask(odd, "what?")  # type: ignore[call-overload]


def test_what_cannot_be_asked_is_refused(library: SmallLibrary, model: Path, opened: Library, tmp_path: Path) -> None:
    for question in ("", "\u200b \u202e", "x" * 501, "what\x07?"):
        with pytest.raises(InvalidQuery, match="question"):
            opened.ask(library.id_of(1), question)
        with pytest.raises(InvalidQuery, match="question"):
            _run(library, library.id_of(1), question, "--answerer", str(model))
    with pytest.raises(ImageNotIndexed):
        _run(library, NOBODY, CAR, "--answerer", str(model))
    with pytest.raises(InvalidQuery, match="the id of a picture of the library; with --top, a search"):
        _run(library, "a red car", CAR, "--answerer", str(model))
    assert "0<=x<=" not in _run(library, "--top", "51", "a car", CAR).output
    assert _run(library, "--top", "51", "a car", CAR).exit_code == 2
    with pytest.raises(ModelUnavailable, match="it is no folder, and no answerer of the table"):
        _run(library, library.id_of(1), CAR, "--answerer", "gpt-9")


def test_without_a_model_the_way_out_is_told(library: SmallLibrary) -> None:
    with pytest.raises(AnswererMissing, match="set `answerer` to blip-vqa-base or blip2"):
        _run(library, library.id_of(1), CAR)
    with pytest.raises(AnswererMissing):
        _run(library, library.id_of(1), CAR, "--answerer", "")
    with Library.open(library.data) as opened, pytest.raises(AnswererMissing):
        opened.ask(library.id_of(1), CAR)


def test_an_answer_ends_when_its_time_is_over(library: SmallLibrary, model: Path) -> None:
    with Library.open(library.data, answerer=str(model), ask_seconds=1e-6) as opened:
        try:
            answer = opened.ask(library.id_of(1), "two umbrellas")
        except AnswerLate as late:
            assert late.seconds == 1e-6
        else:
            assert len((answer.text or "").split()) <= 1


def test_the_settings_limit_the_length(library: SmallLibrary, model: Path) -> None:
    with Library.open(library.data, answerer=str(model), ask_tokens=3) as opened:
        answers = opened.ask(opened.search(limit=COUNT), CAR)
    assert all(len((answer.text or "").split()) <= 3 for answer in answers)
    assert "length" in {answer.truncated for answer in answers}


def test_a_picture_that_is_away_is_asked_of_its_thumbnail(
    library: SmallLibrary, model: Path, opened: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = library.pictures / opened.search(like=library.id_of(2), limit=1)[0].record.key
    away = picture.rename(picture.with_suffix(".away"))
    try:
        result = _run(library, library.id_of(2), CAR, "--answerer", str(model))
    finally:
        away.rename(picture)
    assert result.stdout.strip() and "asked of the thumbnail: " in result.stderr


class Gate(ColourAnswerer):
    """Answers once it is let, and tells that it has begun."""

    def __init__(self) -> None:
        super().__init__({"slow?": 0})
        self.begun, self.go = threading.Event(), threading.Event()

    def answer(self, pixels: np.ndarray, question: str, **how: Any) -> list[Answer]:
        self.begun.set()
        assert self.go.wait(20)
        return super().answer(pixels, question, **how)


async def _post(api: Api, path: str, given: object) -> tuple[int, dict[str, str], Any]:
    """Ask the app itself, as a server would."""
    body, sent = [json.dumps(given).encode()], []

    async def receive() -> dict[str, Any]:
        if body:
            return {"type": "http.request", "body": body.pop(), "more_body": False}
        await asyncio.Event().wait()
        return {}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    await api(scope | {"headers": headers, "client": ("here", 1), "app": None}, receive, send)  # type: ignore[arg-type]
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


def _serve(library: SmallLibrary, fake: Answerer | None, use: Callable[[Api], Any], **settings: Any) -> None:
    container = Container(load_settings(data=library.data, **settings))
    if fake is not None:
        container._answerer = Lazy(lambda: fake, fake)
    live = LiveLibrary(container)
    api = Api(live)

    async def scenario() -> None:
        async with asyncio.timeout(60):
            await use(api)

    try:
        with ThreadPoolExecutor(1) as thread:  # an open browser keeps a loop going in this one
            thread.submit(lambda: asyncio.run(scenario())).result()
    finally:
        api.close()
        live.close()


REFUSED: list[tuple[dict[str, Any], int, str | None]] = [
    ({"id": NOBODY, "question": CAR}, 404, None),
    ({"id": "nobody", "question": CAR}, 422, "id"),
    ({"question": CAR}, 422, None),
    ({"id": NOBODY, "image": "", "question": CAR}, 422, None),
    ({"id": NOBODY}, 422, "question"),
    ({"id": NOBODY, "question": " "}, 422, "question"),
    ({"id": NOBODY, "question": "x" * 501}, 422, "question"),
    ({"id": NOBODY, "question": ["what?"]}, 422, "question"),
    ({"image": "not base64", "question": CAR}, 422, "image"),
    ({"image": base64.b64encode(b"no picture").decode(), "question": CAR}, 422, "image"),
    ({"search": {"terms": [{"text": "a"}]}, "top": 51, "question": CAR}, 422, "top"),
    ({"search": {"filter": {"odd": 1}}, "question": CAR}, 422, "filter field"),
    ({"search": {"terms": [{"like": NOBODY}]}, "question": CAR}, 422, "like"),
    ({"id": NOBODY, "question": CAR, "seconds": 1e9}, 422, "seconds"),
    ({"image": "A" * 300_000, "question": CAR}, 413, None),
]


def test_programs_ask_by_id_by_picture_and_by_search(library: SmallLibrary, tmp_path: Path) -> None:
    picture = base64.b64encode(_first_picture(library).read_bytes()).decode()
    ways = {
        "id": {"id": library.id_of(1)},
        "image": {"image": picture},
        "search": {"search": {"filter": {"width": "1.."}}, "top": 2},
    }

    async def use(api: Api) -> None:
        answers = {}
        for name, given in ways.items():
            status, _, told = await _post(api, "/api/ask", {"question": CAR} | given)
            assert status == 200, told
            schema_of("AskAnswer").validate(told)
            assert set(told) == set(AskAnswer.model_fields)
            answers[name] = told["answers"]
        assert answers["id"][0]["answer"] == answers["image"][0]["answer"] != ""
        assert answers["id"][0]["id"] == library.id_of(1) and answers["image"][0]["id"] is None
        assert len(answers["search"]) == 2 and all(answer["answer"] for answer in answers["search"])
        for given, status, field in REFUSED:
            found, _, told = await _post(api, "/api/ask", given)
            assert (found, told["error"]["field"]) == (status, field), (given, told)

    _serve(library, None, use, answerer=str(KINDS["blip-2"](tmp_path / "blip-2")), api_body_bytes=200_000, api_rate=0)


def test_questions_wait_for_each_other_within_bounds_and_searches_do_not(library: SmallLibrary) -> None:
    gate = Gate()
    asked = {"id": library.id_of(1), "question": "what colour?"}

    async def use(api: Api) -> None:
        first = asyncio.create_task(_post(api, "/api/ask", asked))
        while not gate.begun.is_set():
            await asyncio.sleep(0.01)
        second = asyncio.create_task(_post(api, "/api/ask", asked))
        await asyncio.sleep(0.05)
        status, headers, told = await _post(api, "/api/ask", asked)
        assert (status, told["error"]["code"]) == (503, "overloaded") and int(headers["retry-after"]) > 0
        status, _, told = await _post(api, "/api/search", {"filter": {}})
        assert status == 200 and told["total"] == COUNT, "a search does not wait for an answer"
        gate.go.set()
        answers = [(await one)[2]["answers"][0]["answer"] for one in (first, second)]
        assert answers[0] == answers[1] != "" and len(gate.asked) == 2
        status, _, told = await _post(api, "/api/ask", asked | {"question": "slow?"})
        assert (status, told["error"]["code"]) == (504, "answer_late")

    _serve(library, gate, use, ask_waiting=1)


def test_a_server_without_a_model_says_what_to_set(library: SmallLibrary) -> None:
    async def use(api: Api) -> None:
        status, _, told = await _post(api, "/api/ask", {"id": library.id_of(1), "question": CAR})
        assert (status, told["error"]["code"]) == (503, "answerer_missing")
        assert told["error"]["what_to_do"].startswith("on the server: set `answerer` to blip-vqa-base or blip2")

    _serve(library, None, use)
