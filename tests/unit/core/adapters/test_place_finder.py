"""Names of positions, against a table that was made independently, and against plain geometry."""

import csv
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.adapters.geography import town_table
from core.adapters.geography.country_table import read_countries
from core.adapters.geography.place_finder import TOWN_LIMIT, OfflinePlaceFinder
from core.adapters.geography.town_table import TownTable, read_towns
from core.domain.places import NOWHERE, Place
from core.errors import PackageMissing
from core.text.analysis import tokenize
from infra.make_countries import TABLE, write_table

ROWS = list(csv.DictReader(Path("tests/support/geography/places.csv").read_text("utf-8").splitlines()))

# What is known to be told wrongly, or not at all, as docs/places.md says.
KNOWN_ERRORS = {
    ("Baarle-Hertog", "country"): "Netherlands",  # an enclave of streets
    ("Mont Saint-Michel", "region"): "Brittany",  # where the nearest town is
    ("Atomium", "region"): "Flanders",
    ("Old Faithful", "region"): "Montana",
    ("Denali", "region"): None,  # no town is near enough
    ("Adak", "region"): None,
    ("Attu", "region"): None,
    ("Alert", "region"): None,
    ("Wrangel Island", "region"): None,
}

_latitudes = st.floats(-90, 90) | st.sampled_from([-90.0, 90.0, 0.0, -16.43])
_longitudes = st.floats(-180, 180) | st.sampled_from([-180.0, 180.0, -179.999, 179.999])


@pytest.fixture(scope="module")
def finder() -> OfflinePlaceFinder:
    return OfflinePlaceFinder()


@pytest.fixture(scope="module")
def towns() -> TownTable:
    return read_towns()


def tell(place: Place, field: str) -> str | None:
    if field == "country" and place.towns == ("sea",):
        return "sea"
    return getattr(place, field)  # type: ignore[no-any-return]


def is_same(told: str | None, expected: str) -> bool:
    """Whether one name holds all words of the other: "Potosí Department" is "Potosí"."""
    words = set(tokenize(told or ""))
    others = [set(tokenize(one)) for one in expected.split("|")]
    return any(words and (words <= other or other <= words) for other in others)


def test_well_known_places_are_called_what_people_call_them(finder: OfflinePlaceFinder) -> None:
    wrong: dict[tuple[str, str], str | None] = {}
    right: Counter[str] = Counter()
    for row in ROWS:
        place = finder.find(float(row["latitude"]), float(row["longitude"]))
        for field in ("country", "region", "city"):
            told = tell(place, field)
            if not row[field]:
                continue
            if told == row[field] if field == "country" else is_same(told, row[field]):
                right[field] += 1
            else:
                wrong[row["name"], field] = told
    assert wrong == KNOWN_ERRORS
    assert (len(ROWS), dict(right)) == (253, {"country": 252, "region": 161, "city": 173})  # as docs/places.md says


def test_the_part_of_a_city_and_its_county_are_names_of_the_place_too(finder: OfflinePlaceFinder) -> None:
    assert finder.find(38.7221, -9.1354).towns[:2] == ("Intendente", "Lisbon")
    assert finder.find(51.5007, -0.1246).towns == ("City of Westminster", "London", "Greater London")
    assert {"New York City", "Brooklyn"} <= set(finder.find(40.6892, -73.9442).towns)
    assert finder.find(34.1478, -118.1445).city == "Pasadena"
    assert finder.find(52.52, 13.4).aliases == ("Deutschland",)
    assert finder.find(38.7221, -9.1354).aliases == ("Lisboa",)
    assert finder.find(41.8902, 12.4922).aliases == ("Roma", "Italia")


def test_the_antimeridian_is_no_edge_of_the_world(finder: OfflinePlaceFinder, towns: TownTable) -> None:
    rows, meters = towns.find_within(-16.43, -179.99, 80_000)
    assert "Labasa" in {towns.names[row] for row in rows} and meters.max() <= 80_000
    west, east = finder.find(-16.43, -179.99), finder.find(-16.43, 179.99)
    assert west == east and (west.country, west.city, west.time_zone) == ("Fiji", None, "Pacific/Fiji")
    assert finder.find(-16.85, 180.0) == finder.find(-16.85, -180.0)


@given(_latitudes, _longitudes, st.sampled_from([1.0, TOWN_LIMIT, 400_000.0]))
@settings(max_examples=40, deadline=None)
def test_towns_are_found_by_their_distance_on_the_sphere(
    towns: TownTable, latitude: float, longitude: float, limit: float
) -> None:
    rows, meters = towns.find_within(latitude, longitude, limit)
    norths = np.arcsin(np.clip(towns.vectors[:, 2], -1, 1))
    easts = np.arctan2(towns.vectors[:, 1], towns.vectors[:, 0])
    sines = np.sin((norths - math.radians(latitude)) / 2) ** 2 + np.cos(norths) * math.cos(math.radians(latitude)) * (
        np.sin((easts - math.radians(longitude)) / 2) ** 2
    )
    plain = 2 * 6_371_008.8 * np.arcsin(np.sqrt(np.clip(sines, 0, 1)))
    surely, perhaps = np.flatnonzero(plain <= limit - 0.1), np.flatnonzero(plain <= limit + 0.1)
    assert set(surely) <= set(rows) <= set(perhaps)
    assert np.allclose(meters, plain[rows], atol=0.1)


@given(_latitudes, _longitudes)
@settings(max_examples=100, deadline=None)
def test_every_position_is_somewhere_and_what_is_named_is_near(
    finder: OfflinePlaceFinder, towns: TownTable, latitude: float, longitude: float
) -> None:
    place = finder.find(latitude, longitude)
    assert (place.country is None) == (place.towns == ("sea",))
    assert not (place.city and not place.towns) and len(set(place.towns)) == len(place.towns)
    if place.city is not None:
        rows, _ = towns.find_within(latitude, longitude, TOWN_LIMIT)
        assert {place.city, place.towns[0]} <= {towns.names[row] for row in rows}


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(math.nan, 0), (0, math.inf), (91, 0), (-90.0001, 0), (0, 181), (0, -180.5), (1e300, 1e300)],
)
def test_what_is_no_position_is_nowhere(finder: OfflinePlaceFinder, latitude: float, longitude: float) -> None:
    assert finder.find(latitude, longitude) == NOWHERE


def test_a_table_that_is_missing_is_an_error_that_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(town_table, "_PACKAGE", "no_such_package")
    with pytest.raises(PackageMissing, match="no_such_package"):
        OfflinePlaceFinder().find(48.1, 11.6)


def test_countries_are_as_the_script_writes_them_and_each_town_is_in_one(towns: TownTable) -> None:
    assert TABLE.read_text("utf-8") == write_table()
    countries = read_countries()
    assert set(towns.codes) <= set(countries.names)
    assert {code for code in towns.codes if not any(code in owners for owners in countries.zones.values())} == set()
    assert countries.zones["Asia/Bangkok"] == ("TH", "VN")
