"""Dates in file names, and names that only look as if they had one."""

from datetime import datetime, timedelta

import pytest

from core.imaging.metadata.file_names import parse_name

NOON = "2019-07-14T12:34:56"


@pytest.mark.parametrize(
    ("name", "clock", "precision"),
    [
        ("IMG_20190714_123456.jpg", NOON, "second"),
        ("IMG_20190714_123456789.jpg", NOON, "second"),
        ("IMG_20190714_123456_HDR.jpg", NOON, "second"),
        ("IMG_20190714_123456(1).jpg", NOON, "second"),
        ("IMG20190714123456.jpg", NOON, "second"),
        ("VID_20190714_123456.mp4.jpg", NOON, "second"),
        ("VID20190714123456.jpg", NOON, "second"),
        ("MVIMG_20190714_123456.jpg", NOON, "second"),
        ("PANO_20190714_123456.vr.jpg", NOON, "second"),
        ("20190714_123456.jpg", NOON, "second"),
        ("20190714-123456.jpg", NOON, "second"),
        ("20190714123456.jpg", NOON, "second"),
        ("20190714T123456Z.jpg", NOON, "second"),
        ("2019-07-14 12.34.56.jpg", NOON, "second"),
        ("2019-07-14 12.34.56", NOON, "second"),
        ("2019-07-14 12.34.56-1.jpg", NOON, "second"),
        ("2019-07-14_12-34-56_beach.jpg", NOON, "second"),
        ("2019-07-14T12:34:56.jpg", NOON, "second"),
        ("WIN_20190714_12_34_56_Pro.jpg", NOON, "second"),
        ("WP_20190714_12_34_56_Pro.jpg", NOON, "second"),
        ("C360_2019-07-14-12-34-56-789.jpg", NOON, "second"),
        ("DJI_20190714123456_0001_D.JPG", NOON, "second"),
        ("Screenshot_2019-07-14-12-34-56.png", NOON, "second"),
        ("Screenshot 2019-07-14 123456.png", NOON, "second"),
        ("2019071412345600-1B9A5C2F00D3C2F1.jpg", NOON, "second"),
        ("2019_0714_123456_001.JPG", NOON, "second"),
        ("KakaoTalk_20190714_123456789.jpg", NOON, "second"),
        ("IMG_20190714_123456_00_001.jpg", NOON, "second"),
        ("Foto 14-07-2019.jpg", "2019-07-14T00:00:00", "day"),
        ("Screenshot_2019-07-14-12-34-56-789_com.app.name.png", NOON, "second"),
        ("Screenshot_20190714-123456_Chrome.jpg", NOON, "second"),
        ("Screenshot from 2019-07-14 12-34-56.png", NOON, "second"),
        ("Screenshot 2019-07-14 at 12.34.56.png", NOON, "second"),
        ("Screenshot 2019-07-14 at 12.34.56\u202fPM.png", NOON, "second"),
        ("Bildschirmfoto 2019-07-14 um 12.34.56.png", NOON, "second"),
        ("Screen Shot 2019-07-14 at 1.04.05 PM.png", "2019-07-14T13:04:05", "second"),
        ("WhatsApp Image 2019-07-14 at 12.34.56.jpeg", NOON, "second"),
        ("WhatsApp Image 2019-07-14 at 12.34.56 (1).jpeg", NOON, "second"),
        ("signal-2019-07-14-123456.jpg", NOON, "second"),
        ("signal-2019-07-14-12-34-56-789.jpg", NOON, "second"),
        ("photo_2019-07-14_12-34-56.jpg", NOON, "second"),
        ("WhatsApp Image 2019-07-14 at 12.34.jpeg", "2019-07-14T12:34:00", "minute"),
        ("IMG-20190714-WA0003.jpg", "2019-07-14T00:00:00", "day"),
        ("Photo 2019-07-14.jpg", "2019-07-14T00:00:00", "day"),
        ("2019-07-14-0012.jpg", "2019-07-14T00:00:00", "day"),
        ("20190714_0001.jpg", "2019-07-14T00:00:00", "day"),
        ("20190714.jpg", "2019-07-14T00:00:00", "day"),
        ("Anna 14.07.2019.jpg", "2019-07-14T00:00:00", "day"),
        ("IMG_20190101_240418.jpg", "2019-01-01T00:04:18", "second"),
    ],
)
def test_a_date_in_a_name(name: str, clock: str, precision: str) -> None:
    time = parse_name(name)
    assert time is not None
    assert (time.clock, time.precision, time.offset) == (datetime.fromisoformat(clock), precision, None)


def test_googles_camera_names_files_in_utc() -> None:
    time = parse_name("PXL_20230102_030405678.jpg")
    assert time is not None
    assert (time.clock, time.offset) == (datetime(2023, 1, 2, 3, 4, 5), timedelta(0))


@pytest.mark.parametrize(
    "name", ["FB_IMG_1563107696123.jpg", "mmexport1563107696123.jpeg", "FB_IMG_1563107696123~2.jpg"]
)
def test_messengers_name_files_by_milliseconds_in_utc(name: str) -> None:
    time = parse_name(name)
    assert time is not None and (str(time.clock), time.offset) == ("2019-07-14 12:34:56", timedelta(0))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "FB_IMG_15631076961234.jpg",
        "FB_IMG_0063107696123.jpg",
        "DSC01234.JPG",
        "IMG_2019_0714.jpg",
        "IMG_1234.jpg",
        "P1010001.JPG",
        "0049201907141234.jpg",
        "1563107696000.jpg",
        "20156124_10155555555555555_1234567890_n.jpg",
        "20120512_10150912345678901_4567890_n.jpg",
        "a20190714b.jpg",
        "e20190714c1d2.jpg",
        "d41d8cd98f00b204e9800998ecf8427e.jpg",
        "3f20190714123456aa.jpg",
        "18991231_123456.jpg",
        "20991231_123456.jpg",
        "20190732_123456.jpg",
        "20191301.jpg",
        "img-1920x1080-20001.jpg",
        "19 Jul.jpg",
        "1" * 5000,
    ],
)
def test_a_name_without_a_date(name: str) -> None:
    assert parse_name(name) is None
