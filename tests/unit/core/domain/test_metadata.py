"""What a picture says of itself, and its way through JSON."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from core.domain.metadata import FileText, PictureMetadata, TakenTime, from_json, to_json

TAKEN = TakenTime(datetime(2020, 1, 1, 0, 30), "EXIF DateTimeOriginal", "minute", timedelta(hours=9))


@pytest.mark.parametrize(
    "metadata",
    [
        PictureMetadata(),
        PictureMetadata(taken=TakenTime(datetime(1999, 12, 31), "file name", "day")),
        PictureMetadata(
            taken=TAKEN,
            camera="Canon EOS R5",
            lens="RF24-105mm",
            latitude=0.0,
            longitude=-180.0,
            rating=0,
            texts=(FileText("A dog", "IPTC caption"),),
            keywords=("dog", "beach"),
            people=("Ann",),
            location="Alfama",
            city="Lisbon",
            region="Lisboa",
            country="Portugal",
            places=("Alfama", "Lisbon", "Portugal"),
            time_zone="Europe/Lisbon",
        ),
    ],
)
def test_metadata_survives_json(metadata: PictureMetadata) -> None:
    assert from_json(json.loads(json.dumps(to_json(metadata)))) == metadata


def test_the_clock_is_where_it_was_taken_and_the_instant_is_in_utc() -> None:
    assert TAKEN.wall_clock == datetime(2020, 1, 1, 0, 30, tzinfo=UTC)
    assert TAKEN.instant == datetime(2019, 12, 31, 15, 30, tzinfo=UTC)


def test_an_instant_outside_the_calendar_is_none() -> None:
    assert TakenTime(datetime(1, 1, 1), "EXIF", offset=timedelta(hours=9)).instant is None


def test_a_clock_has_no_zone() -> None:
    with pytest.raises(ValueError, match="no zone"):
        TakenTime(datetime(2020, 1, 1, tzinfo=UTC), "EXIF")
