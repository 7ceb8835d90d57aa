"""Position -> names: the country by the time zone that it lies in, and the towns by their distance on the sphere.

The zones' borders are those of countries, and of their waters. So a village beyond a border is never the answer.
"""

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.adapters.geography.country_table import CountryTable, read_countries
from core.domain.places import NOWHERE, SEA, Place
from core.errors import PackageMissing

if TYPE_CHECKING:
    from core.adapters.geography.town_table import TownTable

TOWN_LIMIT = 25_000.0  # metres: a picture farther from every town was taken in none
REGION_LIMIT = 100_000.0  # metres: the nearest town so far away is still mostly in the same region
_ISLET_LIMIT = 5_000.0  # metres: so near a town there is land, although no zone has it
_DENSITY = 4_000.0  # people to a square kilometre of a city: how far a city of so many people reaches
_BLUR = 2_500.0  # metres by which a city's middle is off, so that a small quarter beats it only close by
_MOST_OTHERS = 3
_ANTARCTIC, _ANTARCTICA = -60.0, "AQ"  # degrees of latitude: beyond, the treaty has it, whatever stations keep


class OfflinePlaceFinder:
    """Finds places by tables that are installed. They are loaded at the first use; safe to call from threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: _Tables | None = None

    def find(self, latitude: float, longitude: float) -> Place:
        """Find the names of a position; NOWHERE for what is no position. Raises PackageMissing."""
        if not (math.isfinite(latitude) and math.isfinite(longitude)) or abs(latitude) > 90 or abs(longitude) > 180:
            return NOWHERE
        with self._lock:
            tables = self._tables = self._tables or _load_tables()
            zone = tables.zones.timezone_at_land(lat=latitude, lng=longitude)
        code = tables.countries.zones.get(zone or "")
        if latitude <= _ANTARCTIC:
            code, zone = _ANTARCTICA, zone if code == _ANTARCTICA else None
        found = _Neighbours(tables.towns, *tables.towns.find_within(latitude, longitude, TOWN_LIMIT))
        if code is None and found and found.meters.min() <= _ISLET_LIMIT:
            code = found.code
        if code is None:
            return Place(towns=(SEA,))
        found = found.within_country(code, tables.without_zone)
        code = found.code if found else code
        name, *aliases = tables.countries.names.get(code, (code,))
        if found:
            towns, city = found.name()
            native = tables.countries.cities.get(code, {}).get(city, ())
            return Place(towns, city, found.region, name, (*native, *aliases), zone)
        around = _Neighbours(tables.towns, *tables.towns.find_within(latitude, longitude, REGION_LIMIT))
        return Place(
            region=around.within_country(code, frozenset()).region, country=name, aliases=tuple(aliases), time_zone=zone
        )


@dataclass(frozen=True, slots=True)
class _Tables:
    towns: "TownTable"
    countries: CountryTable
    zones: Any
    without_zone: frozenset[str]


def _load_tables() -> _Tables:
    """Load all tables, and what they take. Raises PackageMissing."""
    from core.adapters.geography.town_table import read_towns

    try:
        from timezonefinder import TimezoneFinder

        zones = TimezoneFinder()
    except (ImportError, OSError) as error:
        raise PackageMissing("timezonefinder", "naming places") from error
    towns, countries = read_towns(), read_countries()
    return _Tables(towns, countries, zones, countries.without_zone)


class _Neighbours:
    """The towns around a position: their rows in the table, and how many metres away they are."""

    def __init__(self, towns: "TownTable", rows: NDArray[np.int64], meters: NDArray[np.float64]) -> None:
        self._towns = towns
        self._rows = rows
        self.meters = meters

    def __bool__(self) -> bool:
        return len(self._rows) > 0

    @property
    def _nearest(self) -> np.int64:
        nearest: np.int64 = self._rows[self.meters.argmin()]
        return nearest

    @property
    def code(self) -> str:
        """The country of the nearest, as its code of ISO 3166."""
        code: str = self._towns.codes[self._towns.countries[self._nearest]]
        return code

    @property
    def region(self) -> str | None:
        """The region of the nearest; None where there is none."""
        return (self._towns.region_names[self._towns.regions[self._nearest]] or None) if self else None

    def within_country(self, code: str, without_zone: frozenset[str]) -> "_Neighbours":
        """Keep the towns of the country; of another one, where the nearest is in one that has no zone of its own."""
        owners = self._towns.countries[self._rows]
        allowed = [n for n, one in enumerate(self._towns.codes) if one == code or one in without_zone]
        among = self._keep(np.isin(owners, allowed))
        return (
            among._keep(among._towns.countries[among._rows] == among._towns.countries[among._nearest])
            if among
            else among
        )

    def name(self) -> tuple[tuple[str, ...], str]:
        """Name the nearest town, larger ones of its region that reach as far, and their county; choose the city.

        A city is taken for a disc of usual density. Of the discs that hold the position, the one counts whose middle
        is nearest in proportion to its size: London in Westminster, and Pasadena in Pasadena.
        """
        rows, meters, towns = self._rows, self.meters, self._towns
        reach = np.sqrt(towns.populations[rows] / (_DENSITY * math.pi)) * 1000
        holding = np.flatnonzero((towns.regions[rows] == towns.regions[self._nearest]) & (meters <= reach))
        ranked = holding[np.argsort((meters[holding] + _BLUR) / reach[holding], kind="stable")]
        city = rows[ranked[0]] if len(ranked) else self._nearest
        others = [rows[n] for n in ranked[1:] if reach[n] >= reach[ranked[0]] or 2 * meters[n] <= reach[n]]
        chosen = list(dict.fromkeys([self._nearest, city, *others[:_MOST_OTHERS]]))
        names = [towns.names[row] for row in chosen] + [towns.counties[row] for row in (self._nearest, city)]
        return tuple(dict.fromkeys(name for name in names if name)), towns.names[city]

    def _keep(self, kept: NDArray[np.bool_]) -> "_Neighbours":
        return _Neighbours(self._towns, self._rows[kept], self.meters[kept])
