"""What files say of themselves, in the terminal, over HTTP and in Python."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from bucketlens import Library
from core.commands.status import status
from core.errors import InvalidQuery
from search_ui.commands.facets import facets
from search_ui.commands.search import search
from tests.support.api_client import Served, ready, served
from tests.support.small_library import SmallLibrary, build, tell_of_themselves

COUNT = 8
RAW = "scene-001.CR3"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    made = build(tmp_path_factory.mktemp("told"), COUNT)
    tell_of_themselves(made)
    return made


@pytest.fixture(scope="module")
def api(library: SmallLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(library.data, tmp_path_factory.mktemp("audit") / "opened", api_rate="0") as server:
        ready(server)
        yield server


def ask(library: SmallLibrary, *arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(search, [*arguments, "--json", "--data", str(library.data)])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def numbers(library: SmallLibrary, found: dict[str, Any]) -> list[int]:
    by_id = {image_id: number for number, image_id in library.ids.items()}
    return sorted(by_id[hit["id"]] for hit in found["hits"])


FILTERS: list[tuple[list[str], dict[str, Any], list[int]]] = [
    (["--camera", "CANON"], {"camera": "canon"}, [1]),
    (["--camera", "eos r5", "--camera", "iphone"], {"camera": ["eos r5", "iphone"]}, [1, 2]),
    (["--camera", "R50"], {"camera": "R50"}, []),
    (["--lens", "*50mm*"], {"lens": "*50mm*"}, [1]),
    (["--near", "48.1,11.6,5km"], {"near": "48.1,11.6,5km"}, [1]),
    (["--near", "48.137,11.575,1m"], {"near": {"latitude": 48.137, "longitude": 11.575, "meters": 1}}, [1]),
    (["--near", "48.1,11.6,1mi"], {"near": "48.1,11.6,1mi"}, []),
    (["--rating", "4.."], {"rating": {"min": 4}}, [1]),
    (["--rating", "..3"], {"rating": "..3"}, [2]),
    (["--keyword", "gulls", "--keyword", "sea"], {"all": [{"keyword": "gulls"}, {"keyword": "sea"}]}, [1]),
    (["--person", "anna"], {"person": "anna"}, [1]),
    (["--incomplete"], {"incomplete": True}, [4]),
    (["--complete", "--must", "rocket"], {"incomplete": False, "word": "rocket"}, []),
    (["--taken", "2020"], {"taken": "2020"}, [1]),
    (["--taken", "2019-12-31"], {"taken": "2019-12-31"}, []),
    (["--taken", "2020-01-01T00:30:00Z"], {"taken": "2020-01-01T00:30:00Z"}, [1]),  # the clock counts
    (["--must", "lighthouse"], {"word": "lighthouse"}, [1]),
    (["--phrase", "old lighthouse"], {"phrase": "old lighthouse"}, [1]),
    (["--phrase", "sea side"], {"phrase": "sea side"}, [1]),
    (["--captioned", "file"], {"caption_origin": "file"}, [1]),
    (["camera:canon rating:4 -person:bob incomplete:no"], {"camera": "canon"}, [1]),
    (["--place", "munich"], {"place": "germany munich"}, [1]),
    (["--box", "48,11,49,12"], {"box": {"south": 48, "west": 11, "north": 49, "east": 12}}, [1]),
    (["near:48.1,11.6,5km"], {"near": "48.1,11.6,5km"}, [1]),
]  # fmt: skip


@pytest.mark.parametrize(("options", "filter", "passing"), FILTERS, ids=lambda one: " ".join(map(str, one)))
def test_filters_by_what_files_say(
    library: SmallLibrary, api: Served, options: list[str], filter: dict[str, Any], passing: list[int]
) -> None:
    assert numbers(library, ask(library, *options)) == passing
    assert numbers(library, api.search(filter=filter)) == passing


def test_a_hit_tells_what_its_file_says(library: SmallLibrary, api: Served) -> None:
    found = ask(library, "--camera", "canon")
    (hit,) = found["hits"]
    assert hit == {**api.search(filter={"camera": "canon"})["hits"][0]}
    assert (hit["taken_at"], hit["taken_instant"]) == ("2020-01-01T00:30:00+09:00", "2019-12-31T15:30:00+00:00")
    assert (hit["taken_from"], hit["taken_precision"]) == ("EXIF DateTimeOriginal", "second")
    assert (hit["caption"], hit["caption_origin"]) == ("An old lighthouse at noon", "file")
    assert hit["texts"][0] == {"text": "An old lighthouse at noon", "origin": "XMP description"}
    assert hit["texts"][1]["origin"] == "generated" and len(hit["texts"]) == len(hit["captions"]) == 2
    assert (hit["keywords"], hit["people"], hit["rating"]) == (["sea side", "gulls"], ["Anna Smith"], 4)
    assert (hit["latitude"], hit["longitude"], hit["lens"]) == (48.137, 11.575, "EF50mm f/1.8 STM")
    assert (hit["pair"], hit["copies"], hit["raws"], found["total"]) == (RAW, 2, 1, 2)
    (vague,) = ask(library, "--camera", "iphone")["hits"]
    assert (vague["taken_at"], vague["taken_precision"]) == ("2019-07-01T00:00:00", "month")
    assert "taken_instant" not in vague
    (torn,) = ask(library, "--incomplete")["hits"]
    assert torn["incomplete"] == 0.62


def test_people_read_where_a_caption_comes_from_and_what_is_missing(library: SmallLibrary) -> None:
    def printed(*arguments: str) -> str:
        return CliRunner().invoke(search, [*arguments, "--data", str(library.data)]).output

    assert "An old lighthouse at noon [XMP description] (RAW + JPEG)" in printed("--camera", "canon")
    assert "2 of 2 pictures (1 RAW of JPEGs: --no-fold lists them)" in printed("--camera", "canon")
    assert RAW in printed("--camera", "canon", "--no-fold")
    assert "(62 % of the picture is there)" in printed("--incomplete")
    told = CliRunner().invoke(status, ["--data", str(library.data)]).output
    assert "of these, 1 incomplete (`bucketlens search --incomplete` lists them)" in told


def test_facets_of_what_files_say(library: SmallLibrary, api: Served) -> None:
    wanted = {
        "camera": [("Canon EOS R5", 2), ("iPhone 12", 1)],
        "country": [("Germany", 2)],
        "region": [("Bavaria", 2)],
        "city": [("Munich", 2)],
        "lens": [("EF50mm f/1.8 STM", 2)],
        "rating": [("4", 2), ("2", 1)],
        "keyword": [("gulls", 2), ("sea side", 2)],
        "person": [("Anna Smith", 2)],
        "incomplete": [("yes", 1)],
        "taken": [("2020", 2), ("2019", 1)],
    }
    fields = [part for field in wanted for part in ("--field", field)]
    told = CliRunner().invoke(facets, [*fields, "--json", "--data", str(library.data)])
    counted = json.loads(told.stdout)["facets"]
    assert {name: [(one["value"], one["count"]) for one in values] for name, values in counted.items()} == wanted
    assert json.loads(api.post("/api/facets", {"fields": [*wanted]}).body)["facets"] == counted


def test_python_asks_with_the_same_fields(library: SmallLibrary) -> None:
    with Library.open(library.data) as opened:
        (hit,) = opened.search(filter={"camera": "canon", "near": "48.1,11.6,5km", "rating": "4.."})
        assert hit.record.camera == "Canon EOS R5" and hit.raws == 1
        with pytest.raises(InvalidQuery, match="latitude"):
            opened.search(filter={"near": "111.6,48.1,5km"})
