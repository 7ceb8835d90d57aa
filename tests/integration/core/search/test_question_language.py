"""One question, one answer: the terminal, the API, Python and the page read every case of the table alike."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import pytest
from click.testing import CliRunner

import core.adapters.models.encoders.loader as encoders
from bucketlens import Library
from core.adapters.qdrant_edge.index import EdgeIndex
from core.bootstrap import Container
from core.ports.vector_index import Point
from core.settings import load_settings
from search_ui.commands.search import search
from search_ui.page.page_state import from_params
from tests.support.api_client import Served, ready, served
from tests.support.question_cases import CASES
from tests.support.small_library import UMBRELLAS, UNCAPTIONED, SmallLibrary, build

COUNT = 20
KEYS = {1: "2024/IMG_1234.JPG", 2: "2024/raw/img_12.jpg", 4: "photos/2024/IMG 7.jpg", 8: "a[1].png"}
TAKEN = {1: 2019, 2: 2020, 4: 2021, UMBRELLAS: 2019, 8: 1995}
UMBRELLA = "three red umbrellas at night"
LIMIT = 20
RAW = [case for case in CASES if case.operators or case.guesses][::6]
ASKED = [(case, False) for case in CASES] + [(case, True) for case in RAW]


@dataclass(frozen=True)
class Answer:
    """What a surface found, in order, and what it told."""

    ids: tuple[str, ...]
    total: int
    notices: tuple[str, ...]


Ask = Callable[[str, bool], Answer]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """Some of its pictures have other names, and say when they were taken."""
    made = build(tmp_path_factory.mktemp("asked"), COUNT)
    with Container(load_settings(data=made.data)) as container:
        index = container.index
        numbers = KEYS.keys() | TAKEN.keys()
        ids = {number: made.id_of(number) for number in numbers}
        records, vectors = index.fetch(list(ids.values())), index.vectors(list(ids.values()))
        points = []
        for number, image_id in ids.items():
            record = records[image_id]
            taken = datetime(TAKEN[number], 6, 15, tzinfo=UTC) if number in TAKEN else None
            record = replace(record, key=KEYS.get(number, record.key), taken_at=taken)
            points.append(Point(record, vectors[image_id]))
        index.upsert(points)
    return made


@pytest.fixture(scope="module")
def one_model() -> Iterator[None]:
    """The terminal loads its model and the library once for all the cases; who waits for the library still gets it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(encoders, "load_encoder", lru_cache(encoders.load_encoder))
        patched.setattr(EdgeIndex, "close", lambda _: None)
        yield


@pytest.fixture(scope="module")
def api(library: SmallLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(library.data, tmp_path_factory.mktemp("audit") / "opened", api_rate="0") as server:
        ready(server)
        yield server


def from_json(found: Any) -> Answer:
    return Answer(tuple(hit["id"] for hit in found["hits"]), found["total"], tuple(found["notices"]))


@pytest.fixture(scope="module")
def surfaces(library: SmallLibrary, api: Served, one_model: None) -> Iterator[dict[str, Ask]]:
    def terminal(question: str, raw: bool) -> Answer:
        options = ["--json", "--limit", str(LIMIT), "--data", str(library.data), *(["--raw"] if raw else [])]
        result = CliRunner().invoke(search, [*options, "--", question])
        assert result.exit_code == 0, result.output
        return from_json(json.loads(result.stdout))

    def http(question: str, raw: bool) -> Answer:
        return from_json(api.search(terms=[{"text": question}], limit=LIMIT, raw=raw))

    with Library.open(library.data, device="cpu") as opened:

        def python(question: str, raw: bool) -> Answer:
            return from_json(opened.search(question, limit=LIMIT, raw=raw).result.to_dict())

        def page(question: str, raw: bool) -> Answer:
            state = from_params({"q": [question], "raw": ["1"] if raw else []})
            return from_json(opened.ask(replace(state.query(None), limit=LIMIT)).result.to_dict())

        made = {"terminal": terminal, "api": http, "python": python, "page": page}
        yield {name: lru_cache(None)(ask) for name, ask in made.items()}


def test_every_surface_gives_the_same_answer(surfaces: dict[str, Ask]) -> None:
    found = {  # one surface after the other: they hand the library over to each other
        name: {(case.typed, raw): ask(case.typed, raw) for case, raw in ASKED} for name, ask in surfaces.items()
    }
    for case, raw in ASKED:
        answers = {name: told[case.typed, raw] for name, told in found.items()}
        told = answers["python"]
        assert answers == dict.fromkeys(answers, told), case
        restricted = bool(case.operators) and not raw
        assert restricted or told.total == COUNT, case
        assert any(notice.startswith("read as: ") for notice in told.notices) == restricted, case
        for guess in case.guesses if not raw else ():
            assert any("is searched as words" in notice for notice in told.notices), (case, guess)


@pytest.mark.parametrize(
    ("question", "numbers"),
    [
        ("file:IMG_12*", {1, 2}),
        ("file:img_1234", {1}),
        ("file:2024/*", {1, 2, 4}),
        ("file:/2024/*", {1, 2}),
        ('file:"img 7.jpg"', {4}),
        ("file:a[1].png", {8}),
        ("umbrella file:IMG* -file:raw/", {1, 4}),
        ("taken:2019", {1, UMBRELLAS}),
        ("taken:2019..2021 -file:img_12*", {4, UMBRELLAS}),
        ("-taken:2019..2021 file:*.png", {8}),
        ('"red umbrellas"', {UMBRELLAS}),
        ('"THREE red umbrellas" taken:2019', {UMBRELLAS}),
        ('"umbrellas red"', set()),
        ("file:nowhere", set()),
    ],
)
def test_operators_let_pass_what_they_say(
    surfaces: dict[str, Ask], library: SmallLibrary, question: str, numbers: set[int]
) -> None:
    for ask in surfaces.values():
        found = ask(question, False)
        assert set(found.ids) == {library.id_of(number) for number in numbers} and found.total == len(numbers)


@pytest.mark.parametrize("pattern", ["2024/IMG_12*", "2024/img_12*.JPG", "*/Img_12*"])
def test_patterns_of_keys_take_either_case_everywhere(library: SmallLibrary, api: Served, pattern: str) -> None:
    both = {library.id_of(1), library.id_of(2)} if pattern.startswith("*") else {library.id_of(1)}
    result = CliRunner().invoke(search, ["--json", "--key", pattern, "--data", str(library.data)])
    assert set(from_json(json.loads(result.stdout)).ids) == both
    assert set(from_json(api.search(filter={"key": pattern})).ids) == both
    with Library.open(library.data) as opened:
        assert {hit.record.id for hit in opened.search(filter={"key": pattern})} == both


def test_what_is_left_out_is_not_there_and_nothing_else_is_lost(
    surfaces: dict[str, Ask], library: SmallLibrary
) -> None:
    red = {image_id for image_id, told in library.captions.items() if told and " red " in f" {told} "}
    assert library.id_of(UMBRELLAS) in red
    for ask in surfaces.values():
        found = ask("umbrellas -red", False)
        assert set(found.ids) == set(library.captions) - red and found.total == COUNT - len(red)
        assert library.id_of(UNCAPTIONED) in found.ids
        assert ask("umbrellas -red", True).ids[0] == library.id_of(UMBRELLAS)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("IMG_1234", "“IMG_1234” is searched as words; file:IMG_1234 finds 1 picture"),
        ("img_12* umbrella", "“img_12*” is searched as words; file:img_12* finds 2 pictures"),
        ("IMG_9999", "“IMG_9999” is searched as words, and no file is called so"),
        ("DSC_0001.jpg at night", "“DSC_0001.jpg” is searched as words, and no file is called so"),
        ("umbrellas 2019", "“2019” is searched as words; taken:2019 finds 2 pictures"),
        ("umbrellas -2019", f"“-2019” is searched as words; -taken:2019 finds {COUNT - 2} pictures"),
        ("2030", "“2030” is searched as words; taken:2030 finds nothing: no picture is known to be taken then"),
        ("file:nowhere", "no file is called “nowhere”"),
        ("taken:2030", "no picture is known to be taken 2030"),
        ('"red umbrella"', "no caption says “red umbrella”: without the quotes, pictures are searched for it"),
        ("file:img_1234 taken:1995", "no picture passes all of that together"),
        ("umbrellas -red", "read as: without “red” (raw, the very words are searched)"),
        (
            "taken:2019 -file:x",
            "read as: only pictures taken 2019, no files “x” (raw, the very words are searched)",
        ),
        ("-red", "nothing is looked for, only left out by what captions say: these are the newest of the others"),
    ],
)
def test_the_answer_tells_what_was_understood_and_what_may_be_meant(
    surfaces: dict[str, Ask], question: str, told: str
) -> None:
    assert told in surfaces["python"](question, False).notices


def test_a_guess_that_may_be_a_word_is_told_only_where_it_finds_something(surfaces: dict[str, Ask]) -> None:
    def guessed(question: str) -> bool:
        return any("is searched as words" in notice for notice in surfaces["python"](question, False).notices)

    assert not guessed("a boeing-747 at night") and not guessed("1080 stars")
    assert guessed("a scene-010 at night") and guessed("boeing-747")


def test_the_terminal_says_how_a_hyphen_is_typed(library: SmallLibrary) -> None:
    for arguments in (["umbrella", "-red"], ["-red umbrella"], ["--limit", "3", "-red"]):
        result = CliRunner().invoke(search, [*arguments, "--data", str(library.data)])
        assert result.exit_code == 2 and '"umbrella -red"' in result.stderr and '-- "-red umbrella"' in result.stderr
    mistyped = CliRunner().invoke(search, ["--mst", "red"])
    assert mistyped.exit_code == 2 and "--must" in mistyped.stderr and "umbrella" not in mistyped.stderr


def test_the_terminal_says_which_operator_to_drop(library: SmallLibrary) -> None:
    def told(*arguments: str) -> list[str]:
        result = CliRunner().invoke(search, [*arguments, "--data", str(library.data)])
        return [line.strip() for line in result.stderr.splitlines()]

    assert "without “file:nowhere” there are 2 pictures" in told("taken:2019 file:nowhere")
    both = told("file:img_1234 taken:1995", "--must", "zebra")
    assert "no single filter is to blame: drop several of them" in both
    assert "the library holds no pictures yet" not in told("file:nowhere", "--width", "9999..")


def test_facets_of_the_api_count_what_the_question_lets_pass(api: Served) -> None:
    asked = {"terms": [{"text": "umbrella taken:2019"}], "fields": ["taken"]}
    assert api.post("/api/facets", asked).json["facets"]["taken"] == [{"value": "2019", "count": 2}]
    assert len(api.post("/api/facets", asked | {"raw": True}).json["facets"]["taken"]) == len(set(TAKEN.values()))


def test_a_question_is_never_opened(api: Served, library: SmallLibrary) -> None:
    secret = library.pictures / "secret.jpg"
    for question in (f"file:{secret}", str(secret), f"-{secret}", f'"{secret}"', "file:http://127.0.0.1:9/x.jpg"):
        api.search(terms=[{"text": question}])
    assert not any("secret.jpg" in event or "127.0.0.1', 9" in event for event in api.opened())
