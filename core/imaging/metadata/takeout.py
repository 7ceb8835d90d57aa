"""The JSON files that Google Takeout writes beside pictures."""

import json
from functools import partial
from typing import Any

from core.domain.metadata import FileText
from core.imaging.metadata.dates import parse_timestamp
from core.imaging.metadata.position import make_position
from core.imaging.metadata.precedence import Statement, read_each

_MOST_BYTES = 2**20
_FAVORITE = "favorite"

_PLACES = ("geoData", "geoDataExif")


def read_takeout(data: bytes) -> tuple[Statement, str]:
    """Read what a Takeout file says of its picture, and the picture's name at Google.

    Its time is a moment in UTC: nobody recorded the clock there. Raises ValueError where the JSON is no such file.
    """
    given = json.loads(data[:_MOST_BYTES].decode("utf-8-sig", "replace"))
    if not isinstance(given, dict) or not {"photoTakenTime", "geoData", "creationTime", "people"} & given.keys():
        raise ValueError("no Takeout file")
    said = Statement()

    def read_time() -> None:
        time = parse_timestamp(given["photoTakenTime"]["timestamp"], "Takeout photoTakenTime")
        if time is not None:
            said.times.append(time)

    def read_place(name: str) -> None:
        place = given[name]
        said.position = said.position or make_position(float(place["latitude"]), float(place["longitude"]))

    def read_description() -> None:
        said.texts.append(FileText(_to_text(given["description"]), "Takeout description"))

    def read_people() -> None:
        said.people.extend(_to_text(person.get("name")) for person in given["people"] if isinstance(person, dict))

    def read_favorite() -> None:
        if given["favorited"] is True:
            said.keywords.append(_FAVORITE)

    places = (partial(read_place, name) for name in _PLACES)
    read_each(read_time, *places, read_description, read_people, read_favorite)
    return said, _to_text(given.get("title"))


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else ""
