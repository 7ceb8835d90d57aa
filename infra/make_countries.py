"""Write core/adapters/geography/countries.json: what people call countries and large cities, and whose zones are.

Made of Unicode's CLDR as Babel ships it, a development dependency, for the zones that timezonefinder knows.
"""

import json
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.languages import get_official_languages
from timezonefinder import TimezoneFinder

TABLE = Path("core/adapters/geography/countries.json")

# What CLDR writes for the sake of diplomacy or of sorting, and short names that everybody types.
NAMES = {
    "CD": "Democratic Republic of the Congo",
    "CG": "Republic of the Congo",
    "HK": "Hong Kong",
    "MM": "Myanmar",
    "MO": "Macao",
    "PS": "Palestine",
}
ALIASES = {
    "AE": ["UAE", "Emirates"],
    "CD": ["DR Congo", "Congo Kinshasa"],
    "CG": ["Congo Brazzaville"],
    "CI": ["Ivory Coast"],
    "CZ": ["Czech Republic"],
    "GB": ["UK", "Great Britain"],
    "MK": ["Macedonia"],
    "MM": ["Burma"],
    "MO": ["Macau"],
    "NL": ["Holland"],
    "PS": ["Palestinian Territories"],
    "SZ": ["Swaziland"],
    "TL": ["East Timor"],
    "TR": ["Turkey"],
    "US": ["USA", "United States of America"],
    "VA": ["Holy See"],
}
# Zones that hold parts of other countries too: north Vietnam, villages of the West Bank, Kosovo, Jan Mayen, Guantánamo.
SHARED = {
    "America/New_York": ["CU"],
    "Asia/Bangkok": ["VN"],
    "Asia/Jerusalem": ["PS"],
    "Europe/Belgrade": ["XK"],
    "Europe/Oslo": ["SJ"],
}
_NO_COUNTRIES = ("EU", "EZ", "QO", "UN", "XA", "XB", "ZZ")
_MOST_LANGUAGES = 4  # of one country; India has more


def make_table() -> dict[str, object]:
    """Make the table: names and aliases by ISO 3166 code, the codes of time zones, and aliases of cities by code.

    `shared` are the codes of other countries that lie partly in a zone.

    The cities are those that time zones are named for.
    """
    english = {str(code): str(name) for code, name in Locale("en").territories.items()}
    codes = sorted(code for code in english if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES)
    names = {code: _collect_names(code, english[code]) for code in codes}
    owners, aliases = get_global("zone_territories"), get_global("zone_aliases")
    zones: dict[str, str] = {}
    for zone in sorted(TimezoneFinder().timezone_names):
        code = str(owners.get(zone) or owners.get(aliases.get(zone, "")))
        if code in names:
            zones[zone] = code
    cities: dict[str, dict[str, list[str]]] = {}
    for zone, code in zones.items():
        english_city, *native = _collect_cities(zone, code)
        if native:
            cities.setdefault(code, {})[english_city] = native
    return {"names": names, "zones": zones, "shared": SHARED, "cities": cities}


def write_table() -> str:
    """Format the table as the file holds it, an entry a line."""
    return json.dumps(make_table(), ensure_ascii=False, indent=0, separators=(",", ":")) + "\n"


def _collect_cities(zone: str, code: str) -> list[str]:
    """Collect the English name of a zone's city first, then what the country's own languages call it."""
    told = [dict(locale.time_zones.get(zone) or {}).get("city", "") for locale in _find_locales(code)]
    english = dict(Locale("en").time_zones.get(zone) or {}).get("city") or zone.rsplit("/", 1)[-1].replace("_", " ")
    return list(dict.fromkeys(str(name) for name in (english, *told) if name))


def _find_locales(code: str) -> list[Locale]:
    """Find the locales of the country's own languages, those that CLDR has."""
    locales = []
    for language in get_official_languages(code, de_facto=True)[:_MOST_LANGUAGES]:
        try:
            locales.append(Locale.parse(language))
        except UnknownLocaleError:
            continue
    return locales


def _collect_names(code: str, english: str) -> list[str]:
    """Collect the English name first, then what the country is called in its own languages, each once."""
    native = [str(locale.territories.get(code, "")) for locale in _find_locales(code)]
    name = NAMES.get(code, english)
    same_words = name.replace("&", "and")
    return [name, *dict.fromkeys(one for one in (*ALIASES.get(code, ()), *native) if one not in ("", name, same_words))]


if __name__ == "__main__":
    TABLE.write_text(write_table(), encoding="utf-8")
