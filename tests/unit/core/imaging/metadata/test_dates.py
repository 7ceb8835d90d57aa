"""The spellings of dates and zones."""

from datetime import datetime, timedelta

import pytest

from core.imaging.metadata.dates import parse_date, parse_offset, parse_timestamp

NOON = "2019-07-14T12:34:56"


@pytest.mark.parametrize(
    ("text", "clock", "precision", "hours"),
    [
        ("2019:07:14 12:34:56", NOON, "second", None),
        ("2019-07-14 12:34:56", NOON, "second", None),
        ("2019/07/14 12:34:56", NOON, "second", None),
        ("2019.07.14 12.34.56", NOON, "second", None),
        ("2019:07:14T12:34:56", NOON, "second", None),
        ("2019:07:14:12:34:56", NOON, "second", None),
        ("2019:07:14 12:34:56\0\0\0", NOON, "second", None),
        ("  2019:07:14  12:34:56   ", NOON, "second", None),
        ("2019:07:14 12:34:56.789", NOON, "second", None),
        ("2019:07:14 12:34:56junk", NOON, "second", None),
        ("2019:07:14 123456", NOON, "second", None),
        ("20190714123456", NOON, "second", None),
        ("20190714T123456Z", NOON, "second", 0),
        ("2019-07-14T12:34:56Z", NOON, "second", 0),
        ("2019-07-14T12:34:56+02:00", NOON, "second", 2),
        ("2019-07-14T12:34:56.789-03:30", NOON, "second", -3.5),
        ("2019:07:14 12:34:56 +0530", NOON, "second", 5.5),
        ("2019:07:14 12:34:56+9", NOON, "second", 9),
        ("2019:07:14 12:34:56 UTC", NOON, "second", 0),
        ("2019:07:14 12:34:56 +99:99", NOON, "second", None),
        ("2019:07:14 12:34:56 PM", NOON, "second", None),
        ("2019:07:14 01:34:56 pm", "2019-07-14T13:34:56", "second", None),
        ("2019:07:14 12:34:56 am", "2019-07-14T00:34:56", "second", None),
        ("14.07.2019 12:34:56", NOON, "second", None),
        ("07/14/2019 12:34:56", NOON, "second", None),
        ("Sun, 14 Jul 2019 12:34:56 +0200", NOON, "second", 2),
        ("Sun, 14 Jul 2019 12:34:56 GMT", NOON, "second", 0),
        ("14 Jul 2019 12:34:56 -0000", NOON, "second", None),
        ("Sun Jul 14 12:34:56 2019", NOON, "second", None),
        ("14 July 2019", "2019-07-14T00:00:00", "day", None),
        ("2019: 7:14  9: 5: 3", "2019-07-14T09:05:03", "second", None),
        ("2019:07:14 12:34", "2019-07-14T12:34:00", "minute", None),
        ("2019-07-14T12:34-07:00", "2019-07-14T12:34:00", "minute", -7),
        ("2019:07:14 12:34:  ", "2019-07-14T12:34:00", "minute", None),
        ("2019:07:14 12:34:70", "2019-07-14T12:34:00", "minute", None),
        ("2019-07-14T12", "2019-07-14T12:00:00", "hour", None),
        ("2019:07:14 12:60:00", "2019-07-14T12:00:00", "hour", None),
        ("2019-07-14", "2019-07-14T00:00:00", "day", None),
        ("2019/07/14", "2019-07-14T00:00:00", "day", None),
        ("20190714", "2019-07-14T00:00:00", "day", None),
        ("2019:07:14   :  :  ", "2019-07-14T00:00:00", "day", None),
        ("2019:07:14 25:00:00", "2019-07-14T00:00:00", "day", None),
        ("2019-07", "2019-07-01T00:00:00", "month", None),
        ("2019:07:00 00:00:00", "2019-07-01T00:00:00", "month", None),
        ("2019:07:     :  :  ", "2019-07-01T00:00:00", "month", None),
        ("2019", "2019-01-01T00:00:00", "year", None),
        ("2019:00:00 00:00:00", "2019-01-01T00:00:00", "year", None),
        # Phones set to Arabic write its digits.
        ("\u0662\u0660\u0661\u0669:\u0660\u0667:\u0661\u0664 12:34:56", NOON, "second", None),
        # Old Android cameras count the hours of a day from 1 to 24 and write the day right.
        ("2015:08:22 24:08:19", "2015-08-22T00:08:19", "second", None),
        ("2015:08:22 24:00:00", "2015-08-22T00:00:00", "second", None),
        # In ISO 8601 it is the end of the day, and 60 is a leap second.
        ("2015-08-22T24:00:00", "2015-08-23T00:00:00", "second", None),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00", "second", 0),
        ("2019:07:14 12:34:60", "2019-07-14T12:35:00", "second", None),
    ],
)
def test_a_date_in_any_spelling(text: str, clock: str, precision: str, hours: float | None) -> None:
    time = parse_date(text, "EXIF DateTime")
    assert time is not None
    offset = None if hours is None else timedelta(hours=hours)
    assert (time.clock, time.precision, time.offset) == (datetime.fromisoformat(clock), precision, offset)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0" * 20,
        "    :  :     :  :  ",
        "0000:00:00 00:00:00",
        "19:07:14 12:34:56",
        "2019:13:01 00:00:00",
        "2019:02:30 12:00:00",
        "9999:12:31 23:59:59",
        "201907",
        "1563107696000",
        "yesterday",
        "2019-07-14 garbage",
        "07/04/20199",
        "DSC01234",
        "Sun, 99 Jul 2019 12:34:56",
        "9" * 10_000,
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text, "EXIF DateTime") is None


def test_a_zone_in_the_text_counts_for_more_than_a_field() -> None:
    beside = timedelta(hours=1)
    for text, hours in (("2019:07:14 12:34:56+02:00", 2), ("2019:07:14 12:34:56", 1)):
        time = parse_date(text, "EXIF DateTime", beside)
        assert time is not None and time.offset == timedelta(hours=hours)
    day = parse_date("2019:07:14", "EXIF DateTime", beside)
    assert day is not None and day.offset is None


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("+02:00", 120),
        ("-0330", -210),
        ("+9", 540),
        ("Z", 0),
        ("+14:00\0", 840),
        ("+14:15", None),
        ("+02:60", None),
        ("   :  ", None),
        ("02:00", None),
        ("", None),
    ],
)
def test_offsets(text: str, minutes: int | None) -> None:
    assert parse_offset(text) == (None if minutes is None else timedelta(minutes=minutes))


@pytest.mark.parametrize("seconds", ["nan", "inf", 1e30, "x", "99999999999", ""])
def test_what_is_no_timestamp(seconds: float | str) -> None:
    assert parse_timestamp(seconds, "Takeout photoTakenTime") is None
