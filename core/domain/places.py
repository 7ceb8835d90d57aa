"""Where a picture was taken, in names, and the moment that follows from the clock there."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.domain.metadata import PictureMetadata, TakenTime

SEA = "sea"
ZONE_OF_PLACE = ", zone of the place"  # ends the origin of a time whose offset its place gives
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Place:
    """What a position is called. Names are in English, as GeoNames and CLDR write them.

    `towns` are the nearest town, larger ones that reach as far, and their county; of the open sea "sea" alone. `city`
    is the one of them that people say. `aliases` are other names of the city and the country. `time_zone` is an IANA
    name.
    """

    towns: tuple[str, ...] = ()
    city: str | None = None
    region: str | None = None
    country: str | None = None
    aliases: tuple[str, ...] = ()
    time_zone: str | None = None


NOWHERE = Place()


def locate(metadata: PictureMetadata, place: Place) -> PictureMetadata:
    """Add the names of the place, and the time zone, to what a picture says of itself.

    Names that people wrote into the file count for more, and come first.
    """
    return replace(
        metadata,
        city=metadata.city or place.city,
        region=metadata.region or place.region,
        country=metadata.country or place.country,
        places=_collect_names(metadata, place),
        time_zone=place.time_zone,
        taken=add_offset(metadata.taken, place.time_zone),
    )


def add_offset(taken: TakenTime | None, time_zone: str | None) -> TakenTime | None:
    """Give a time the offset of this zone, unless it has one, or tells no hour."""
    if taken is None or taken.offset is not None or taken.precision not in ("second", "minute", "hour"):
        return taken
    offset = find_offset(taken.clock, time_zone)
    return taken if offset is None else replace(taken, offset=offset, origin=taken.origin + ZONE_OF_PLACE)


def find_offset(clock: datetime, time_zone: str | None) -> timedelta | None:
    """Find how far a clock in this zone is ahead of UTC; None where that is not known.

    In the hour that comes twice it is the first that is meant. In the hour that is skipped the clock was not changed
    yet. Local mean time, from before there were zones, is none.
    """
    if time_zone is None:
        return None
    try:
        offset = clock.replace(tzinfo=ZoneInfo(time_zone), fold=0).utcoffset()
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        return None
    return offset if offset is not None and not offset % _MINUTE else None


def _collect_names(metadata: PictureMetadata, place: Place) -> tuple[str, ...]:
    """Collect names from the nearest on to the country, each once whatever its case."""
    names: Iterable[str | None] = (
        metadata.location,
        metadata.city,
        *place.towns,
        metadata.region,
        place.region,
        metadata.country,
        place.country,
        *place.aliases,
    )
    found: dict[str, str] = {}
    for name in names:
        if name:
            found.setdefault(name.casefold(), name)
    return tuple(found.values())
