"""What countries are called, and which of them a time zone belongs to."""

import json
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path(__file__).with_name("countries.json")


@dataclass(frozen=True, slots=True)
class CountryTable:
    """Names by ISO 3166 code, the usual one first, and the code of each IANA time zone's country.

    `cities` holds what large cities are called in their own languages, by code and English name.
    """

    names: dict[str, tuple[str, ...]]
    zones: dict[str, str]
    cities: dict[str, dict[str, list[str]]]

    @property
    def without_zone(self) -> frozenset[str]:
        """The codes of countries that have no zone of their own, such as Kosovo."""
        return frozenset(self.names) - frozenset(self.zones.values())


def read_countries() -> CountryTable:
    """Read the table that infra/make_countries.py wrote."""
    given = json.loads(_TABLE.read_text("utf-8"))
    return CountryTable({code: tuple(names) for code, names in given["names"].items()}, given["zones"], given["cities"])
