"""Places, from pictures with a position through `bucketlens ingest` to searches by name, by box and by facet."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bucketlens import Library
from bucketlens.cli import commands
from core.adapters.geography import town_table
from core.bootstrap import Container
from core.domain.filtering.parser import parse_filter
from core.domain.model_catalog import DEMO_WEIGHTS
from core.errors import PackageMissing
from core.ports.vector_index import Point
from core.settings import load_settings
from tests.support.metadata.blocks import exif_block, iptc_block, jpeg, xmp_packet

pytestmark = pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models")

NOON = {0x9003: "2023:07:01 12:00:00"}
TOKYO = {0x9003: "2023:07:01 12:00:00", 0x9011: "+09:00"}


def gps(latitude: float, longitude: float, clock: str = "") -> dict[int, Any]:
    def parts(degrees: float) -> list[tuple[int, int]]:
        return [(round(abs(degrees) * 1_000_000), 1_000_000), (0, 1), (0, 1)]

    told = {1: "S" if latitude < 0 else "N", 2: parts(latitude), 3: "W" if longitude < 0 else "E", 4: parts(longitude)}
    return told | ({7: [(int(part), 1) for part in clock.split(":")], 29: "2023:07:01"} if clock else {})


PICTURES: dict[str, bytes] = {
    "lisbon.jpg": jpeg(exif=exif_block({}, NOON, gps(38.7221, -9.1354))),
    "porto.jpg": jpeg(exif=exif_block({}, TOKYO, gps(41.1407, -8.6130))),
    "satellites.jpg": jpeg(exif=exif_block({}, NOON, gps(48.1374, 11.5755, "8:00:00"))),
    "fiji.jpg": jpeg(exif=exif_block({}, NOON, gps(-16.85, -179.99))),
    "taveuni.jpg": jpeg(exif=exif_block({}, NOON, gps(-16.85, 179.99))),
    "pacific.jpg": jpeg(exif=exif_block({}, NOON, gps(0, -140))),
    "pole.jpg": jpeg(exif=exif_block({}, {}, gps(90, 0))),
    "date-line.jpg": jpeg(exif=exif_block({}, {}, gps(30, 180))),
    "written.jpg": jpeg(
        exif=exif_block({}, NOON, gps(38.7118, -9.1300)),
        xmp=xmp_packet(photoshop_City="Lisboa", Iptc4xmpCore_Location="Miradouro"),
    ),
    "named.jpg": jpeg(exif=exif_block({}, NOON), iptc=iptc_block((90, "Sao Paulo"), (101, "Brasil"))),
    "nowhere.jpg": jpeg(exif=exif_block({}, NOON)),
}


def run(*arguments: str) -> str:
    done = CliRunner().invoke(commands, [*arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def ingest(data: Path, *options: str) -> dict[str, Any]:
    given = ["--data", str(data), "--model", "demo", "--no-captions", "--json", *options]
    return json.loads(run("ingest", str(data.parent / "pictures"), *given))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("placed")
    (folder / "pictures").mkdir()
    for name, picture in PICTURES.items():
        (folder / "pictures" / name).write_bytes(picture)
    assert ingest(folder / "data")["failed"] == 0
    return folder / "data"


def search(data: Path, *options: str) -> dict[str, Mapping[str, Any]]:
    found = json.loads(run("search", *options, "--json", "--limit", "50", "--no-fold", "--data", str(data)))
    return {hit["key"]: hit for hit in found["hits"]}


def test_places_and_zones_are_on_record(data: Path) -> None:
    hits = search(data)
    lisbon, porto, written = hits["lisbon.jpg"], hits["porto.jpg"], hits["written.jpg"]
    assert lisbon["places"] == ["Intendente", "Lisbon", "Portugal", "Lisboa"]
    assert [lisbon[name] for name in ("city", "region", "country")] == ["Lisbon", "Lisbon", "Portugal"]
    assert (lisbon["taken_at"], lisbon["time_zone"]) == ("2023-07-01T12:00:00+01:00", "Europe/Lisbon")
    assert lisbon["taken_instant"] == "2023-07-01T11:00:00+00:00"
    assert lisbon["taken_from"] == "EXIF DateTimeOriginal, zone of the place"
    assert (porto["taken_at"], porto["taken_from"]) == ("2023-07-01T12:00:00+09:00", "EXIF DateTimeOriginal")
    # by the satellites the clock was four hours ahead of UTC, wherever it was set
    assert (hits["satellites.jpg"]["city"], hits["satellites.jpg"]["taken_instant"]) == (
        "Munich",
        "2023-07-01T08:00:00+00:00",
    )
    assert written["places"][:2] == ["Miradouro", "Lisboa"] and {"Lisbon", "Portugal"} <= set(written["places"])
    assert (written["city"], written["country"]) == ("Lisboa", "Portugal")
    assert hits["pacific.jpg"]["places"] == hits["pole.jpg"]["places"] == ["sea"]
    assert not {"country", "time_zone", "taken_instant"} & hits["pacific.jpg"].keys()
    assert hits["named.jpg"]["places"] == ["Sao Paulo", "Brasil"]
    assert not {"city", "time_zone", "taken_instant"} & hits["nowhere.jpg"].keys()


@pytest.mark.parametrize(
    ("options", "filter", "found"),
    [
        (["--place", "Lisbon"], {"place": "Lisbon"}, {"lisbon", "written"}),
        (["--place", "portugal, LISBON"], {"place": "portugal, LISBON"}, {"lisbon", "written"}),
        (["--place", "são paulo"], {"place": "são paulo"}, {"named"}),
        (["--place", "porto", "--place", "fiji"], {"place": ["porto", "fiji"]}, {"porto", "fiji", "taveuni"}),
        (["--place", "Lis*"], {"place": "Lis*"}, {"lisbon", "written"}),
        (["--place", "lisboa"], {"place": "lisboa"}, {"lisbon", "written"}),
        (["--place", "sea"], {"place": "sea"}, {"pacific", "pole", "date-line"}),
        (["--place", "Deutschland"], {"place": "Deutschland"}, {"satellites"}),
        (
            ["place:Portugal -place:Porto"],
            {"place": "Portugal", "none": [{"place": "Porto"}]},
            {"lisbon", "written"},
        ),
        (["--box", "38,-10,42,-8"], {"box": "38,-10,42,-8"}, {"lisbon", "porto", "written"}),
        (
            ["--box", "-17,179,-16,-179"],
            {"box": {"south": -17, "west": 179, "north": -16, "east": -179}},
            {"fiji", "taveuni"},
        ),
        (["--box", "29,-180,31,-179"], {"box": "29,-180,31,-179"}, {"date-line"}),
        (["box:80,50,90,60"], {"box": "80,50,90,60"}, {"pole"}),
        (["--box", "-90,-180,90,180"], {"box": "-90,-180,90,180"}, {*PICTURES} - {"named.jpg", "nowhere.jpg"}),
        (["--filter", '{"missing": "country"}'], {"missing": "country"}, {"pacific", "pole", "date-line", "nowhere"}),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else str(value),
)  # fmt: skip
def test_pictures_are_found_by_place_and_by_box(
    data: Path, options: Sequence[str], filter: Mapping[str, Any], found: set[str]
) -> None:
    expected = {f"{name.removesuffix('.jpg')}.jpg" for name in found}
    assert search(data, *options).keys() == expected
    with Library.open(data) as library:
        assert {hit.record.key for hit in library.search(filter=filter, limit=50, fold=False)} == expected


def test_names_of_places_are_words_that_rank(data: Path) -> None:
    assert set([*search(data, "Portugal")][:3]) == {"lisbon.jpg", "porto.jpg", "written.jpg"}
    assert next(iter(search(data, "a picture of Munich"))) == "satellites.jpg"


def test_facets_count_countries_regions_and_cities(data: Path) -> None:
    told = json.loads(
        run("facets", "--field", "country", "--field", "region", "--field", "city", "--json", "--data", str(data))
    )["facets"]
    counted = {name: {one["value"]: one["count"] for one in values} for name, values in told.items()}
    assert counted["country"] == {"Portugal": 3, "Fiji": 2, "Germany": 1, "Brasil": 1}
    assert counted["city"] == {"Lisbon": 1, "Lisboa": 1, "Porto": 1, "Munich": 1, "Sao Paulo": 1}
    assert counted["region"] == {"Lisbon": 2, "Northern": 2, "Bavaria": 1, "Porto": 1}


def test_a_library_from_before_gets_its_places_and_another_run_changes_nothing(data: Path) -> None:
    known = search(data)
    assert ingest(data, "--recheck")["updated"] == 0
    with Container(load_settings(data=data)) as container:
        container.write()
        records = container.index.scroll(limit=100)
        vectors = container.index.vectors([record.id for record in records])
        bare = {"places": (), "city": None, "region": None, "country": None, "time_zone": None, "place_words": ()}
        old = [record for record in records if record.key not in ("named.jpg", "written.jpg")]
        container.index.upsert(
            [
                Point(
                    replace(
                        record,
                        **bare,  # type: ignore[arg-type]
                        taken_instant=record.taken_instant if record.key in ("porto.jpg", "satellites.jpg") else None,
                        taken_from=record.taken_from and record.taken_from.removesuffix(", zone of the place"),
                    ),
                    vectors[record.id],
                )
                for record in old
            ]
        )
        assert container.index.count(parse_filter({"place": "Fiji"})) == 0
    report = ingest(data)
    assert any("8 pictures" in notice and "names of places" in notice for notice in report["notices"])
    assert search(data) == known
    assert search(data, "--place", "Fiji").keys() == {"fiji.jpg", "taveuni.jpg"}
    assert not any("names of places" in notice for notice in ingest(data)["notices"])


def test_without_its_tables_pictures_are_indexed_and_it_is_said_why_they_have_no_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise PackageMissing("reverse_geocode", "naming places")

    (tmp_path / "pictures").mkdir()
    for name in ("lisbon.jpg", "porto.jpg"):
        (tmp_path / "pictures" / name).write_bytes(PICTURES[name])
    with monkeypatch.context() as patched:
        patched.setattr(town_table, "read_towns", refuse)
        report = ingest(tmp_path / "data")
    assert (report["added"], report["failed"]) == (2, 0)
    assert [notice for notice in report["notices"] if "places were not named" in notice and "reverse_geocode" in notice]
    assert ingest(tmp_path / "data")["failed"] == 0
    assert search(tmp_path / "data", "--place", "Portugal").keys() == {"lisbon.jpg", "porto.jpg"}


def test_a_run_that_is_killed_while_it_names_places_is_finished_by_the_next(data: Path) -> None:
    """The run is killed after its first page of names was written."""
    known = search(data)
    with Container(load_settings(data=data)) as container:
        container.write()
        records = container.index.scroll(limit=100)
        vectors = container.index.vectors([record.id for record in records])
        bare = {"places": (), "city": None, "region": None, "country": None, "time_zone": None, "place_words": ()}
        old = [replace(one, **bare) for one in records if one.latitude is not None and one.key != "written.jpg"]  # type: ignore[arg-type]
        container.index.upsert([Point(one, vectors[one.id]) for one in old])
    code = (
        "import os, signal\n"
        "from core.adapters.qdrant_edge.index import EdgeIndex\n"
        "write = EdgeIndex.set_places\n"
        "def write_one_and_die(self, updates):\n"
        "    write(self, updates[:1])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "EdgeIndex.set_places = write_one_and_die\n"
        "from bucketlens.cli import main\n"
        "main()\n"
    )
    given = ["ingest", str(data.parent / "pictures"), "--data", str(data), "--model", "demo", "--no-captions"]
    killed = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    report = ingest(data)
    assert any("names of places" in notice for notice in report["notices"])
    assert {key: hit["places"] for key, hit in search(data).items() if "places" in hit} == {
        key: hit["places"] for key, hit in known.items() if "places" in hit
    }


def test_a_search_by_place_loads_no_table(data: Path) -> None:
    code = (
        "import sys, bucketlens.cli, atexit\n"
        "heavy = {'torch', 'timezonefinder', 'scipy'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
        "bucketlens.cli.main()"
    )
    asked = [sys.executable, "-c", code, "search", "--place", "Portugal", "--json", "--data", str(data)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and '"lisbon.jpg"' in done.stdout
    assert done.stderr.splitlines()[-1] == "[]"
