"""`bucketlens search` over a real library: what programs read, what people read, what is drawn."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.adapters.qdrant_edge.index import EdgeIndex
from core.errors import BucketLensError, ImageUnreadable, InvalidQuery, LibraryMissing
from core.ports.vector_index import IndexInfo
from core.search.facets import FACETS
from search_ui.commands.facets import facets
from search_ui.commands.search import search
from search_ui.commands.ui import ui
from tests.support.made_up_images import point, vector
from tests.support.small_library import (
    HOSTILE,
    HOSTILE_CAPTION,
    HOSTILE_NAME,
    TALL,
    UMBRELLAS,
    UNCAPTIONED,
    WIDE,
    SmallLibrary,
    build,
    take_for_copies,
)

COUNT = 20
UMBRELLA = "three red umbrellas at night"

Search = Callable[..., Result]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    built = build(tmp_path_factory.mktemp("searched"), COUNT)
    CliRunner().invoke(search, [UMBRELLA, "--data", str(built.data)])  # the first one prepares the library
    return built


@pytest.fixture
def run(library: SmallLibrary) -> Search:
    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(search, [*arguments, "--data", str(library.data)])
        if isinstance(result.exception, BucketLensError):
            raise result.exception
        return result

    return run


def test_the_first_search_by_words_says_that_it_prepares_the_library(run: Search, library: SmallLibrary) -> None:
    for path in library.data.glob("prompts-*.npy"):
        path.unlink()
    said = [run(*arguments).stderr for arguments in (["--like", library.id_of(1), "--json"], [UMBRELLA, "--json"])]
    assert said[0] == ""  # a picture needs no words
    assert said[1] == "Note: preparing this library for searches by words; that is done once, and takes a moment\n"
    assert run(UMBRELLA, "--json").stderr == ""


def test_programs_get_exactly_the_result(run: Search, library: SmallLibrary) -> None:
    result = run(UMBRELLA, "--json", "--limit", "3")
    assert result.exit_code == 0 and result.stderr == ""
    found = json.loads(result.stdout)
    assert {"hits", "total", "backend", "degraded", "notices", "timings_ms", "verdict"} < set(found)
    assert (found["total"], found["backend"], found["degraded"], len(found["hits"])) == (COUNT, "edge", False, 3)
    first = found["hits"][0]
    assert first["id"] == library.id_of(UMBRELLAS)
    assert first["caption"] == UMBRELLA and first["words"] == ["three", "red", "umbrella", "night"]
    assert first["uri"].startswith("file:///") and -1 <= first["score"] <= 1
    assert any("demo" in notice for notice in found["notices"])
    assert result.stdout.isascii()


def test_people_get_a_table_and_notices_apart_from_it(run: Search) -> None:
    result = run(UMBRELLA, "--limit", "2")
    lines = result.stdout.splitlines()
    assert len(lines) == 3 and "score" in lines[0]
    assert lines[1].split()[0] == "1" and UMBRELLA in lines[1] and f"scene-{UMBRELLAS:03d}.jpg" in lines[1]
    assert "%" not in lines[1].split("file://")[0]
    assert "note: " in result.stderr and f"2 of {COUNT} pictures" in result.stderr


def test_without_a_question_the_newest_come_first(run: Search, library: SmallLibrary) -> None:
    hits = json.loads(run("--json", "--limit", "2").stdout)["hits"]
    assert [hit["id"] for hit in hits] == [library.id_of(COUNT), library.id_of(COUNT - 1)]
    assert hits[0]["score"] is None
    assert json.loads(run("--json", "--limit", "1", "--offset", "1").stdout)["hits"] == hits[1:]
    assert "score" not in run("--limit", "1").stdout


def test_filters_repeat(run: Search) -> None:
    captions = {
        hit["caption"]
        for hit in json.loads(run("--json", "--any", "umbrellas", "--any", "bell", "--not", "brown").stdout)["hits"]
    }
    assert UMBRELLA in captions
    assert all(("umbrella" in c or "bell" in c) and "brown" not in c for c in captions)
    both = json.loads(run("--json", "--must", "red", "--must", "night").stdout)["hits"]
    assert [hit["caption"] for hit in both] == [UMBRELLA]


def test_a_picture_finds_itself_and_words_can_pull_away(run: Search, library: SmallLibrary) -> None:
    path = str(library.pictures / f"scene-{UMBRELLAS:03d}.jpg")
    alone = json.loads(run("--image", path, "--json").stdout)["hits"]
    assert alone[0]["id"] == library.id_of(UMBRELLAS) and alone[0]["score"] > 0.99
    away = json.loads(run("--image", path, UMBRELLA, "--text-weight", "-0.9", "--json").stdout)["hits"]
    assert away[0]["score"] < alone[0]["score"]


def test_nothing_found_says_which_filter_and_what_to_do(run: Search) -> None:
    result = run("--must", "red", "--must", "night", "--must", "zebra")
    assert result.exit_code == 0 and result.stdout == ""
    assert result.stderr.splitlines() == ["nothing found", "  without “zebra” there is 1 picture"]
    assert "use a smaller --offset" in run("--offset", "500").stderr


def test_what_commands_a_terminal_is_shown_not_obeyed(run: Search) -> None:
    shown = run("--must", "script").stdout
    assert HOSTILE_CAPTION in shown
    assert "\u202e" in HOSTILE_NAME and "\u202e" not in shown and "\x1b" not in shown


def test_a_sheet_is_drawn(run: Search, tmp_path: Path) -> None:
    sheet = tmp_path / "found.png"
    assert "drawn: " in run(UMBRELLA, "--limit", "4", "--sheet", str(sheet)).stderr
    with Image.open(sheet) as image:
        assert image.format == "PNG" and image.width > 800
    result = run("--limit", "1", "--sheet", str(tmp_path / "no-folder" / "x.png"))
    assert result.exit_code == 2 and "cannot write" in result.stderr


def test_a_sheet_that_no_memory_holds_is_refused(run: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search_ui.commands.search._SHEET", 2)
    result = run("--limit", "3", "--sheet", str(tmp_path / "found.png"))
    assert result.exit_code == 2 and "smaller --limit" in result.stderr
    assert run("--limit", "2", "--sheet", str(tmp_path / "found.png")).exit_code == 0


def test_errors_are_typed(run: Search, library: SmallLibrary, tmp_path: Path) -> None:
    with pytest.raises(InvalidQuery, match="must"):
        run("--must", "the")
    with pytest.raises(InvalidQuery, match="weight"):
        run("red", "--text-weight", "-1")
    with pytest.raises(InvalidQuery, match="weight"):
        run("red", "--text-weight", "nan")
    text = tmp_path / "not.jpg"
    text.write_text("no picture")
    with pytest.raises(ImageUnreadable):
        run("--image", str(text))
    missing = CliRunner().invoke(search, ["--data", str(tmp_path / "none")])
    assert isinstance(missing.exception, LibraryMissing)
    assert run("--limit", "0").exit_code == 2


@pytest.mark.parametrize("command", [search, ui])
def test_help_explains_every_option(command: object) -> None:
    shown = CliRunner().invoke(command, ["--help"])  # type: ignore[arg-type]
    assert shown.exit_code == 0 and "--data" in shown.stdout and "--model" in shown.stdout


def _captions(run: Search, *arguments: str) -> list[str]:
    return [hit["caption"] or "" for hit in json.loads(run(*arguments, "--json").stdout)["hits"]]


def test_every_hit_says_why(run: Search, library: SmallLibrary) -> None:
    first = json.loads(run(UMBRELLA, "--json", "--limit", "1").stdout)["hits"][0]
    assert first["why"]["words"] == ["three", "red", "umbrella", "night"]
    assert first["why"]["lists"]["image"] == {"score": first["score"], "rank": 1}
    assert first["why"]["lists"]["words"]["rank"] == 1
    assert 0 < first["match"] <= 1
    header, row = run(UMBRELLA, "--limit", "1").stdout.splitlines()
    assert (
        header.split() == ["#", "match", "strength", "score", "caption", "file"]
        and row.split()[1] == f"{first['match']:.3f}"
    )
    assert "match" not in run(UMBRELLA, "--weigh", "words=0", "--weigh", "caption=0").stdout.splitlines()[0].split()


def test_words_alone(run: Search) -> None:
    found = json.loads(run("red umbrellas", "--words-only", "--json", "--limit", "100").stdout)
    assert found["hits"][0]["caption"] == UMBRELLA and found["hits"][0]["score"] is None
    assert all({"red", "umbrella"} & set(hit["words"]) for hit in found["hits"])
    assert found["total"] == len(found["hits"]) < COUNT and found["notices"] == []
    result = run("zebra", "--words-only")
    assert result.stdout == "" and "no caption holds any of these words" in result.stderr
    assert run("red", "--words-only", "--weigh", "image=1").exit_code == 2
    with pytest.raises(InvalidQuery, match="compared"):
        run("the", "--words-only")


def test_away_from_words_and_pictures(run: Search, library: SmallLibrary) -> None:
    assert "umbrella" in " ".join(_captions(run, "red", "--words-only"))
    assert "umbrella" not in _captions(run, "red", "--words-only", "--avoid", "umbrellas")[0]
    best = library.id_of(UMBRELLAS)
    hits = json.loads(run("--like", best, "--json", "--limit", "1").stdout)["hits"]
    assert hits[0]["id"] == best and hits[0]["score"] > 0.99
    other = library.id_of(1)
    away = json.loads(run("--like", best, "--unlike", other, "--json").stdout)["hits"]
    assert away[0]["id"] == best and away[-1]["id"] == other
    path = str(library.pictures / "scene-001.jpg")
    same = json.loads(run("--like", best, "--avoid-image", path, "--json").stdout)["hits"]
    assert same[-1]["id"] == other


@pytest.mark.parametrize(
    ("options", "passes"),
    [
        (["--width", "..319"], {TALL}),
        (["--height", "120", "--aspect", "2.."], {WIDE}),
        (["--orientation", "landscape"], {WIDE}),
        (["--orientation", "landscape", "--orientation", "portrait"], {WIDE, TALL}),
        (["--aspect", "1:1"], set(range(1, COUNT + 1)) - {WIDE, TALL}),
        (["--captioned", "no"], {UNCAPTIONED}),
        (["--captioned", "human"], set()),
        (["--key", "scene-01[0-2].*"], {10, 11, 12}),
        (["--prefix", "scene-02"], {20}),
        (["--modified", "2026-10-01T12:03..2026-10-01T12:04:30"], {3, 4}),
        (["--modified", "..2026-09"], set()),
        (["--taken", "2020.."], set()),
        (["--phrase", "RED umbrellas at Night"], {UMBRELLAS}),
        (["--phrase", "umbrellas red"], set()),
        (["--status", "failed"], set()),
        (["--filter", '{"any": [{"key": "scene-001.jpg"}, {"phrase": "red umbrellas"}]}'], {1, UMBRELLAS}),
    ],
)
def test_filters(run: Search, library: SmallLibrary, options: list[str], passes: set[int]) -> None:
    found = json.loads(run(*options, "--limit", "100", "--json").stdout)
    assert {hit["id"] for hit in found["hits"]} == {library.id_of(n) for n in passes}
    assert found["total"] == len(passes)


def test_filters_narrow_what_is_ranked(run: Search, library: SmallLibrary) -> None:
    found = json.loads(run("red", "--key", "scene-01[0-2].*", "--not", "absent", "--json").stdout)
    assert {hit["id"] for hit in found["hits"]} == {library.id_of(n) for n in (10, 11, 12)}
    assert found["total"] == 3 and found["hits"][0]["match"] >= found["hits"][2]["match"]


def test_a_source_is_named_as_it_was_given(run: Search, library: SmallLibrary) -> None:
    for name in (str(library.pictures), f"{library.pictures}/", library.pictures.as_uri()):
        assert json.loads(run("--source", name, "--json").stdout)["total"] == COUNT
    with pytest.raises(InvalidQuery, match="pictures") as caught:
        run("--source", "/nowhere")
    assert caught.value.field == "source"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (["--width", "wide"], "width"),
        (["--taken", "yesterday"], "taken"),
        (["--aspect", "0:0"], "aspect"),
        (["--phrase", "!"], "phrase"),
        (["--key", ""], "key"),
        (["--filter", "{"], "filter"),
        (["--filter", '{"colour": "red"}'], "filter field"),
        (["--weigh", "picture=1"], "weigh"),
        (["--like", "me"], "like"),
        (["--reverse", "red"], "reverse"),
        (["--within", "5"], "within"),
        (["--sort", "match"], "sort"),
    ],
)
def test_a_wrong_option_is_an_error_that_names_the_field(run: Search, options: list[str], field: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        run(*options)
    assert caught.value.field == field and caught.value.takes


def test_sorted_by_name_and_time(run: Search, library: SmallLibrary) -> None:
    def ids(*arguments: str) -> list[str]:
        return [hit["id"] for hit in json.loads(run(*arguments, "--json", "--limit", "100").stdout)["hits"]]

    numbers = [n for n in range(1, COUNT + 1) if n != HOSTILE]
    assert ids("--sort", "name") == [library.id_of(n) for n in (HOSTILE, *numbers)]
    assert ids("--sort", "modified", "--reverse") == [library.id_of(n) for n in range(1, COUNT + 1)]
    best = ids(UMBRELLA, "--limit", "5")[:5]
    found = json.loads(run(UMBRELLA, "--sort", "name", "--within", "5", "--json").stdout)
    assert found["total"] == 5 and {hit["id"] for hit in found["hits"]} == set(best)
    names = [hit["key"] for hit in found["hits"]]
    assert names == sorted(names)


def test_filters_other_than_words_are_blamed_too(run: Search) -> None:
    result = run("--must", "red", "--width", "5000..")
    assert "no picture passes the filters other than caption words" in result.stderr


def test_where_nothing_matches_it_is_said(run: Search) -> None:
    there, gone = run(UMBRELLA, "--limit", "3"), run("a dog on a skateboard", "--limit", "3")
    assert "nothing here matches well" not in there.stderr and "nothing here matches well" in gone.stderr
    assert json.loads(run(UMBRELLA, "--json").stdout)["verdict"] == "strong"
    assert json.loads(run("a dog on a skateboard", "--json").stdout)["verdict"] == "none"
    browsed = json.loads(run("--json").stdout)
    assert (browsed["verdict"], browsed["hits"][0]["strength"]) == (None, None)


def test_weak_matches_can_be_left_out(run: Search, library: SmallLibrary) -> None:
    strong = json.loads(run(UMBRELLA, "--min-strength", "0.8", "--json").stdout)
    assert strong["total"] == len(strong["hits"]) < COUNT and strong["hits"][0]["id"] == library.id_of(UMBRELLAS)
    assert all(hit["strength"] >= 0.8 for hit in strong["hits"])
    nothing = run("a dog on a skateboard", "--min-strength", "0.5")
    assert nothing.stdout == "" and "use a smaller --min-strength" in nothing.stderr
    assert run(UMBRELLA, "--min-strength", "2").exit_code == 2
    with pytest.raises(InvalidQuery, match="min_strength"):
        run("--min-strength", "0.5")


def test_the_first_hits_can_be_unlike_each_other(run: Search) -> None:
    def found(*options: str) -> list[str]:
        return [hit["id"] for hit in json.loads(run(UMBRELLA, "--json", *options).stdout)["hits"]]

    usual, varied = found(), found("--diversity", "0.8")
    assert varied[0] == usual[0] and varied != usual and sorted(varied) == sorted(usual)
    assert found("--diversity", "0") == usual
    assert found("--diversity", "0.8", "--limit", "4", "--offset", "3") == varied[3:7]
    with pytest.raises(InvalidQuery, match="diversity"):
        run("--diversity", "0.8")
    assert run(UMBRELLA, "--diversity", "1.5").exit_code == 2


def test_copies_are_one_hit_that_counts_them(tmp_path: Path) -> None:
    library = build(tmp_path, 5)
    take_for_copies(library, 2, 4, 5)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(search, [*arguments, "--data", str(library.data)], catch_exceptions=False)

    found = json.loads(run("--json").stdout)
    assert [(hit["id"], hit["copies"]) for hit in found["hits"]] == [
        (library.id_of(5), 3),
        (library.id_of(3), 1),
        (library.id_of(1), 1),
    ]
    assert found["total"] == 5
    shown = run("--limit", "2")
    assert "3 copies" in shown.stdout
    assert "4 of 5 pictures (2 of them copies: --no-fold lists them)" in shown.stderr
    assert len(json.loads(run("--json", "--no-fold").stdout)["hits"]) == 5
    same = json.dumps({"content_hash": found["hits"][0]["content_hash"]})
    copies = json.loads(run("--json", "--filter", same).stdout)["hits"]
    assert [hit["id"] for hit in copies] == [library.id_of(n) for n in (5, 4, 2)]
    assert {hit["copies"] for hit in copies} == {1}


def test_facets_count_what_passes_the_filters(library: SmallLibrary, run: Search) -> None:
    def facets_of(*arguments: str) -> Result:
        return CliRunner().invoke(facets, [*arguments, "--data", str(library.data)])

    found = json.loads(facets_of("--must", "red", "--json").stdout)["facets"]
    assert list(found) == list(FACETS)
    first = found["word"][0]
    total = json.loads(run("--must", "red", "--json").stdout)["total"]
    assert first == {"value": "red", "count": total} and total > 1
    for one in found["word"]:
        assert json.loads(run("--must", "red", "--must", one["value"], "--json").stdout)["total"] == one["count"]
    assert found["source"][0]["count"] == total and found["modified"] == [{"value": "2026", "count": total}]
    printed = facets_of("--field", "orientation").stdout.split()
    assert printed == ["orientation", str(COUNT - 2), "square", "1", "landscape", "1", "portrait"]
    assert facets_of("--limit", "0").exit_code == 2


def test_people_s_words_find_every_inflection_and_facets_show_words_that_exist(tmp_path: Path) -> None:
    told = [
        "children playing in a leaf pile",
        "A bare chested child plays",
        "the boy sat by autumn leaves",
        "cloudy skies over telegraph poles",
        "a girl swinging",
        "Skiing people in grey T-shirts",
        "a bear sits on its person",
        "they leave the ground",
    ]
    EdgeIndex.create(tmp_path / "index", IndexInfo("demo", "f00d", len(vector(1)))).close()
    index = EdgeIndex.open(tmp_path / "index", wait_s=2)
    index.upsert([point(n, caption) for n, caption in enumerate(told, 1)])
    index.close()

    def found_by(word: str) -> set[int]:
        result = CliRunner().invoke(search, ["--must", word, "--json", "--data", str(tmp_path)])
        return {int(hit["key"].removesuffix(".jpg")) for hit in json.loads(result.stdout)["hits"]}

    wanted = {
        "play": {1, 2},
        "sit": {3, 7},
        "leaf": {1, 3},
        "leaves": {1, 3, 8},
        "pole": {4},
        "swing": {5},
        "bear": {7},
    }
    wanted |= {"ski": {6}, "sky": {4}, "people": {6, 7}, "gray": {6}, "tshirt": {6}, "leave": {3, 8}}
    assert {word: found_by(word) for word in wanted} == wanted
    shown = CliRunner().invoke(facets, ["--field", "word", "--limit", "50", "--json", "--data", str(tmp_path)])
    counted = {one["value"]: one["count"] for one in json.loads(shown.stdout)["facets"]["word"]}
    assert counted.items() >= {"play": 2, "child": 2, "leaf": 2, "person": 2, "sky": 1, "pole": 1, "ground": 1}.items()
    assert not counted.keys() & {"playe", "pol", "loave", "grind"}
