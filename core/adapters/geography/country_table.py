"""What countries are called, and which of them a time zone belongs to."""

import json
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path(__file__).with_name("countries.json")


@dataclass(frozen=True, slots=True)
class CountryTable:
    """Names by ISO 3166 code, the usual one first, and the codes of the countries in each IANA time zone.

    Of several in a zone the first is the one that the zone is made for. `cities` holds what large cities are called in
    their own languages, by code and English name.
    """

    names: dict[str, tuple[str, ...]]
    zones: dict[str, tuple[str, ...]]
    cities: dict[str, dict[str, list[str]]]


def read_countries() -> CountryTable:
    """Read the table that infra/make_countries.py wrote."""
    given = json.loads(_TABLE.read_text("utf-8"))
    names = {code: tuple(names) for code, names in given["names"].items()}
    zones = {zone: (code, *given["shared"].get(zone, ())) for zone, code in given["zones"].items()}
    return CountryTable(names, zones, given["cities"])
