"""Position -> names: the country by the time zone that it lies in, and the towns by their distance on the sphere.

The zones' borders are those of countries, and of their waters. So a village beyond a border is never the answer. In the
few zones that hold parts of several countries the nearest town decides.
"""

import math
import threading
from collections.abc import Collection
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
_SHARED_LIMIT = 300_000.0  # metres: the nearest town so far away tells whose a part of a zone of several countries is
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
        codes = tables.countries.zones.get(zone or "", ())
        if latitude <= _ANTARCTIC:
            codes, zone = (_ANTARCTICA,), zone if codes == (_ANTARCTICA,) else None
        found = _Neighbours(tables.towns, *tables.towns.find_within(latitude, longitude, TOWN_LIMIT))
        if not codes and found and found.meters.min() <= _ISLET_LIMIT:
            codes = (found.code,)
        if not codes:
            return Place(towns=(SEA,))
        around = found.within_countries(codes)
        if not around:
            around = _Neighbours(tables.towns, *tables.towns.find_within(latitude, longitude, _SHARED_LIMIT))
            around = around.within_countries(codes)
        code = around.choose_country() if around and len(codes) > 1 else codes[0]
        found = found.within_countries((code,))
        name, *aliases = tables.countries.names.get(code, (code,))
        if found:
            towns, city = found.name()
            native = tables.countries.cities.get(code, {}).get(city, ())
            return Place(towns, city, found.region, name, (*native, *aliases), zone)
        around = around.within_countries((code,)).within(REGION_LIMIT)
        return Place(region=around.region, country=name, aliases=tuple(aliases), time_zone=zone)


@dataclass(frozen=True, slots=True)
class _Tables:
    towns: "TownTable"
    countries: CountryTable
    zones: Any


def _load_tables() -> _Tables:
    """Load all tables, and what they take. Raises PackageMissing."""
    from core.adapters.geography.town_table import read_towns

    try:
        from timezonefinder import TimezoneFinder

        zones = TimezoneFinder()
    except (ImportError, OSError) as error:
        raise PackageMissing("timezonefinder", "naming places") from error
    return _Tables(read_towns(), read_countries(), zones)


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

    def within_countries(self, codes: Collection[str]) -> "_Neighbours":
        """Keep the towns of these countries."""
        allowed = [n for n, one in enumerate(self._towns.codes) if one in codes]
        return self._keep(np.isin(self._towns.countries[self._rows], allowed))

    def within(self, meters: float) -> "_Neighbours":
        """Keep the towns at most so far away."""
        return self._keep(self.meters <= meters)

    def choose_country(self) -> str:
        """Choose the country of the city that holds the position, or of the nearest town."""
        holding = self._keep(self.meters <= self._reach())
        chosen = holding._rows[((holding.meters + _BLUR) / holding._reach()).argmin()] if holding else self._nearest
        code: str = self._towns.codes[self._towns.countries[chosen]]
        return code

    def name(self) -> tuple[tuple[str, ...], str]:
        """Name the nearest town, larger ones of its region that reach as far, and their county; choose the city.

        A city is taken for a disc of usual density. Of the discs that hold the position, the one counts whose middle
        is nearest in proportion to its size: London in Westminster, and Pasadena in Pasadena.
        """
        rows, meters, towns = self._rows, self.meters, self._towns
        reach = self._reach()
        holding = np.flatnonzero((towns.regions[rows] == towns.regions[self._nearest]) & (meters <= reach))
        ranked = holding[np.argsort((meters[holding] + _BLUR) / reach[holding], kind="stable")]
        city = rows[ranked[0]] if len(ranked) else self._nearest
        others = [rows[n] for n in ranked[1:] if reach[n] >= reach[ranked[0]] or 2 * meters[n] <= reach[n]]
        chosen = list(dict.fromkeys([self._nearest, city, *others[:_MOST_OTHERS]]))
        names = [towns.names[row] for row in chosen] + [towns.counties[row] for row in (self._nearest, city)]
        return tuple(dict.fromkeys(name for name in names if name)), towns.names[city]

    def _reach(self) -> NDArray[np.float64]:
        """How many metres a city of so many people reaches."""
        reach: NDArray[np.float64] = np.sqrt(self._towns.populations[self._rows] / (_DENSITY * math.pi)) * 1000
        return reach

    def _keep(self, kept: NDArray[np.bool_]) -> "_Neighbours":
        return _Neighbours(self._towns, self._rows[kept], self.meters[kept])
