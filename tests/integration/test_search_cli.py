"""`bucketlens search` over a real library: what programs read, what people read, what is drawn."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.errors import BucketLensError, ImageUnreadable, InvalidQuery, LibraryMissing
from search_ui.cli import search, ui
from tests.ui.small_library import HOSTILE_CAPTION, HOSTILE_NAME, UMBRELLAS, SmallLibrary, build

COUNT = 20
UMBRELLA = "three red umbrellas at night"

Search = Callable[..., Result]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    return build(tmp_path_factory.mktemp("searched"), COUNT)


@pytest.fixture
def run(library: SmallLibrary) -> Search:
    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(search, [*arguments, "--data", str(library.data)])
        if isinstance(result.exception, BucketLensError):
            raise result.exception
        return result

    return run


def test_programs_get_exactly_the_result(run: Search, library: SmallLibrary) -> None:
    result = run(UMBRELLA, "--json", "--limit", "3")
    assert result.exit_code == 0 and result.stderr == ""
    found = json.loads(result.stdout)
    assert set(found) == {"hits", "total", "backend", "degraded", "notices", "timings_ms"}
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
    monkeypatch.setattr("search_ui.cli._SHEET", 2)
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
