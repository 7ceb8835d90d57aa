"""The names of a picture's place, and the moment that follows from its clock and its zone."""

from datetime import UTC, datetime, timedelta

import pytest

from core.domain.metadata import PictureMetadata, TakenTime
from core.domain.places import NOWHERE, Place, add_offset, find_offset, locate

LISBON = Place(("Intendente", "Lisbon"), "Lisbon", "Lisbon", "Portugal", ("Portugália",), "Europe/Lisbon")
NOON = datetime(2023, 7, 1, 12)
HOUR = timedelta(hours=1)


def test_names_go_from_the_nearest_on_to_the_country_each_once() -> None:
    told = locate(PictureMetadata(), LISBON)
    assert told.places == ("Intendente", "Lisbon", "Portugal", "Portugália")
    assert (told.city, told.region, told.country, told.time_zone) == ("Lisbon", "Lisbon", "Portugal", "Europe/Lisbon")
    assert locate(PictureMetadata(keywords=("a",)), NOWHERE) == PictureMetadata(keywords=("a",))


def test_what_people_wrote_counts_for_more_and_what_is_computed_stays_findable() -> None:
    written = PictureMetadata(location="Café da Garagem", city="LISBON", country="Portugal Continental")
    told = locate(written, LISBON)
    assert (told.city, told.region, told.country) == ("LISBON", "Lisbon", "Portugal Continental")
    assert told.places == (
        "Café da Garagem",
        "LISBON",
        "Intendente",
        "Portugal Continental",
        "Portugal",
        "Portugália",
    )
    assert locate(written, NOWHERE).places == ("Café da Garagem", "LISBON", "Portugal Continental")


def test_a_time_without_an_offset_gets_that_of_the_place_and_says_so() -> None:
    told = locate(PictureMetadata(TakenTime(NOON, "EXIF DateTimeOriginal")), LISBON).taken
    assert told == TakenTime(NOON, "EXIF DateTimeOriginal, zone of the place", offset=HOUR)
    assert told.instant == datetime(2023, 7, 1, 11, tzinfo=UTC) and told.wall_clock == NOON.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "taken",
    [
        None,
        TakenTime(NOON, "EXIF DateTimeOriginal", offset=9 * HOUR),
        TakenTime(NOON, "GPS time", offset=timedelta(0)),
        TakenTime(datetime(2023, 7, 1), "PNG creation time", "day"),
        TakenTime(datetime(2023, 1, 1), "IPTC date created", "year"),
    ],
)
def test_a_time_with_an_offset_or_without_an_hour_stays_as_it_is(taken: TakenTime | None) -> None:
    assert add_offset(taken, "Europe/Lisbon") == taken


@pytest.mark.parametrize(
    ("clock", "zone", "hours"),
    [
        (datetime(2023, 7, 1, 12), "Europe/Berlin", 2),
        (datetime(2023, 1, 1, 12), "Europe/Berlin", 1),
        (datetime(2023, 3, 26, 2, 30), "Europe/Berlin", 1),  # there is no such hour: not changed yet
        (datetime(2023, 3, 26, 3, 0), "Europe/Berlin", 2),
        (datetime(2023, 10, 29, 2, 30), "Europe/Berlin", 2),  # comes twice: the first
        (datetime(2023, 10, 29, 3, 0), "Europe/Berlin", 1),
        (datetime(2023, 7, 1, 12), "Asia/Kathmandu", 5.75),
        (datetime(2023, 7, 1, 12), "Pacific/Kiritimati", 14),
        (datetime(2011, 12, 30, 12), "Pacific/Apia", -10),  # a day that Samoa left out
        (datetime(1880, 1, 1), "Europe/Amsterdam", None),  # local mean time
        (datetime(2023, 7, 1, 12), "No/Such_Zone", None),
        (datetime(2023, 7, 1, 12), "../../etc/passwd", None),
        (datetime(2023, 7, 1, 12), "", None),
        (datetime(2023, 7, 1, 12), None, None),
    ],
)
def test_offsets_of_zones(clock: datetime, zone: str | None, hours: float | None) -> None:
    assert find_offset(clock, zone) == (None if hours is None else hours * HOUR)


@pytest.mark.parametrize("clock", [datetime.min, datetime.max])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Lisbon"])
def test_the_ends_of_the_calendar_are_no_error(clock: datetime, zone: str) -> None:
    told = add_offset(TakenTime(clock, "EXIF DateTimeOriginal"), zone)
    assert told is not None and (told.instant is None or told.instant.tzinfo is UTC)
