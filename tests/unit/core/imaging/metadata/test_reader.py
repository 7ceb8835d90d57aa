"""What made pictures say of themselves, through the decoder: each place of each field, and which one counts."""

import io
import json
import random
import struct
import zlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import brotli
import pillow_heif
import pytest
from PIL import Image

from core.adapters.decoding import protocol
from core.domain.metadata import FileText, PictureMetadata, from_json, to_json
from core.imaging.decode_request import DecodeRequest, ImageLimits, Sidecar
from core.imaging.decoder import decode
from core.imaging.metadata.reader import read_metadata
from tests.support.metadata.blocks import (
    alternatives,
    bag,
    exif_block,
    iptc_block,
    jpeg,
    opened,
    photoshop_resources,
    picture,
    png,
    takeout,
    xmp_packet,
)

NOON, LATER = "2019:07:14 12:34:56", "2021:01:01 10:00:00"
CLOCK = datetime(2019, 7, 14, 12, 34, 56)
ORIGINAL, DIGITIZED, CHANGED = 0x9003, 0x9004, 0x0132
STAMP = "1563100496"  # 2019-07-14 10:34:56 UTC
GPS_NOON = {7: [(10, 1), (34, 1), (50, 1)], 29: "2019:07:14"}  # six seconds before the clock, in UTC
NEW_YEAR = {7: [(0, 1), (0, 1), (0, 1)], 29: "2019:01:01"}


def read(data: bytes, *sidecars: Sidecar, name: str = "") -> PictureMetadata:
    return decode(data, DecodeRequest(name=name, sidecars=sidecars), ImageLimits()).metadata


def xmp_sidecar(*elements: str, **attributes: str) -> Sidecar:
    return Sidecar("IMG_1.xmp", xmp_packet(*elements, **attributes))


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def chunk_time(*parts: int) -> tuple[bytes, bytes]:
    return b"tIME", struct.pack(">HBBBBB", *parts)


def raw_profile(name: str, data: bytes) -> tuple[bytes, bytes]:
    written = f"\n{name}\n{len(data):8}\n{data.hex()}\n".encode()
    return b"zTXt", f"Raw profile type {name}".encode() + b"\0\0" + zlib.compress(written)


def gif_with_xmp(xmp: bytes) -> bytes:
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    data = picture("GIF")
    return data[:-1] + b"\x21\xff\x0bXMP DataXMP" + xmp + trailer + b";"


def heic(**options: Any) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (16, 16), "teal")).save(out, quality=50, **options)
    return out.getvalue()


ORIGINALS = exif_block(details={ORIGINAL: NOON})
CREATED = xmp_packet(xmp_CreateDate="2019-07-14T12:34:56")
TAKEN = xmp_packet(exif_DateTimeOriginal="2019-07-14T12:34:56")
DATED = xmp_packet(photoshop_DateCreated="2019-07-14T12:34:56+02:00")
NEWS = iptc_block((55, "20190714"), (60, "123456"))

DATES = [
    # EXIF: every place, and good fields beside bad ones.
    (jpeg(exif=ORIGINALS), "EXIF DateTimeOriginal", None),
    (jpeg(exif=exif_block(details={ORIGINAL: NOON}, order=">")), "EXIF DateTimeOriginal", None),
    (jpeg(exif=exif_block({ORIGINAL: NOON})), "EXIF DateTimeOriginal", None),
    (jpeg(exif=exif_block(parts={ORIGINAL: NOON})), "EXIF DateTimeOriginal", None),
    (jpeg(exif=exif_block(details={ORIGINAL: (7, NOON.encode())})), "EXIF DateTimeOriginal", None),
    (jpeg(exif=exif_block(details={DIGITIZED: NOON})), "EXIF DateTimeDigitized", None),
    (jpeg(exif=exif_block({CHANGED: NOON})), "EXIF DateTime", None),
    (jpeg(exif=exif_block({CHANGED: LATER}, {ORIGINAL: NOON, DIGITIZED: LATER})), "EXIF DateTimeOriginal", None),
    (jpeg(exif=exif_block({CHANGED: LATER}, {ORIGINAL: " " * 19, DIGITIZED: NOON})), "EXIF DateTimeDigitized", None),
    (
        jpeg(exif=exif_block({CHANGED: LATER}, {ORIGINAL: "0000:00:00 00:00:00", DIGITIZED: NOON})),
        "EXIF DateTimeDigitized",
        None,
    ),
    (jpeg(exif=exif_block({ORIGINAL: NOON}, {ORIGINAL: "    :  :     :  :  "})), "EXIF DateTimeOriginal", None),
    (jpeg(exif=exif_block({CHANGED: NOON}, {ORIGINAL: "1970:01:01 00:00:00"})), "EXIF DateTime", None),
    (jpeg(exif=exif_block({CHANGED: NOON}, {ORIGINAL: "2000:01:01 00:00:00"})), "EXIF DateTime", None),
    (jpeg(exif=exif_block(details={ORIGINAL: "2019:07:14", DIGITIZED: NOON})), "EXIF DateTimeDigitized", None),
    # Zones.
    (jpeg(exif=exif_block(details={ORIGINAL: NOON, 0x9011: "+09:00"})), "EXIF DateTimeOriginal", hours(9)),
    (jpeg(exif=exif_block(details={DIGITIZED: NOON, 0x9012: "-03:30"})), "EXIF DateTimeDigitized", hours(-3.5)),
    (jpeg(exif=exif_block({CHANGED: NOON}, {0x9010: "+05:45"})), "EXIF DateTime", hours(5.75)),
    (jpeg(exif=exif_block({CHANGED: NOON}, {ORIGINAL: NOON, 0x9010: "+01:00"})), "EXIF DateTimeOriginal", hours(1)),
    (jpeg(exif=exif_block({CHANGED: LATER}, {ORIGINAL: NOON, 0x9010: "+01:00"})), "EXIF DateTimeOriginal", None),
    (
        jpeg(exif=exif_block(details={ORIGINAL: NOON, 0x882A: (8, struct.pack("<h", -5))})),
        "EXIF DateTimeOriginal",
        hours(-5),
    ),
    (jpeg(exif=exif_block(details={ORIGINAL: f"{NOON}+02:00"})), "EXIF DateTimeOriginal", hours(2)),
    (jpeg(exif=exif_block(details={ORIGINAL: NOON, 0x9011: "   :  "})), "EXIF DateTimeOriginal", None),
    (jpeg(exif=exif_block(details={ORIGINAL: NOON}, gps=GPS_NOON)), "EXIF DateTimeOriginal", hours(2)),
    (jpeg(exif=exif_block(details={ORIGINAL: NOON}, gps=NEW_YEAR)), "EXIF DateTimeOriginal", None),
    (
        jpeg(exif=exif_block(details={ORIGINAL: f"{NOON}+03:00"}, gps=GPS_NOON)),
        "EXIF DateTimeOriginal",
        hours(3),
    ),
    # Other blocks.
    (jpeg(iptc=iptc_block((55, "20190714"), (60, "123456+0200"))), "IPTC date created", hours(2)),
    (jpeg(iptc=iptc_block((62, "20190714"), (63, "123456"))), "IPTC digital creation date", None),
    (jpeg(xmp=TAKEN), "XMP DateTimeOriginal", None),
    (jpeg(xmp=DATED), "XMP DateCreated", hours(2)),
    (
        jpeg(xmp=xmp_packet(exif_DateTimeOriginal="2019-07-14T12:34:56", exifEX_OffsetTimeOriginal="+02:00")),
        "XMP DateTimeOriginal",
        hours(2),
    ),
    (jpeg(xmp=xmp_packet("<xmp:CreateDate>2019-07-14T12:34:56Z</xmp:CreateDate>")), "XMP CreateDate", hours(0)),
    (
        jpeg(exif=ORIGINALS, xmp=DATED),
        "EXIF DateTimeOriginal",
        hours(2),
    ),
    (jpeg(exif=ORIGINALS, xmp=xmp_packet(xmp_ModifyDate="2021-01-01T10:00:00")), "EXIF DateTimeOriginal", None),
    (jpeg((0xE1, TAKEN)), "XMP DateTimeOriginal", None),
    # Other formats.
    (picture("PNG", exif=ORIGINALS), "EXIF DateTimeOriginal", None),
    (picture("WEBP", exif=ORIGINALS), "EXIF DateTimeOriginal", None),
    (picture("AVIF", exif=ORIGINALS), "EXIF DateTimeOriginal", None),
    (heic(exif=ORIGINALS), "EXIF DateTimeOriginal", None),
    (picture("TIFF", tiffinfo={CHANGED: NOON}), "EXIF DateTime", None),
    (picture("TIFF", tiffinfo={CHANGED: NOON}, big_tiff=True), "EXIF DateTime", None),
    (
        picture("TIFF", tiffinfo={700: TAKEN}),
        "XMP DateTimeOriginal",
        None,
    ),
    (picture("TIFF", tiffinfo={0x83BB: NEWS}), "IPTC date created", None),
    (picture("WEBP", xmp=CREATED), "XMP CreateDate", None),
    (picture("AVIF", xmp=CREATED), "XMP CreateDate", None),
    (heic(xmp=CREATED), "XMP CreateDate", None),
    (gif_with_xmp(CREATED), "XMP CreateDate", None),
    (
        png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + CREATED)),
        "XMP CreateDate",
        None,
    ),
    (png((b"tEXt", b"Creation Time\0Sun, 14 Jul 2019 12:34:56 +0200")), "PNG creation time", hours(2)),
    (png((b"tEXt", b"Creation Time\x002019:07:14 12:34:56")), "PNG creation time", None),
    (png(chunk_time(2019, 7, 14, 12, 34, 56)), "PNG tIME", hours(0)),
    (png(raw_profile("exif", b"Exif\0\0" + ORIGINALS)), "EXIF DateTimeOriginal", None),
    (
        png(raw_profile("iptc", photoshop_resources(NEWS))),
        "IPTC date created",
        None,
    ),
]


@pytest.mark.parametrize(("data", "origin", "offset"), DATES)
def test_the_date_is_found_wherever_it_is(data: bytes, origin: str, offset: timedelta | None) -> None:
    taken = read(data).taken
    assert taken is not None
    assert (taken.clock, taken.origin, taken.precision, taken.offset) == (CLOCK, origin, "second", offset)


def test_a_sidecar_that_people_wrote_counts_for_more_than_the_file() -> None:
    edited = xmp_sidecar(exif_DateTimeOriginal="2018-05-05T10:00:00+02:00")
    taken = read(jpeg(exif=ORIGINALS), edited).taken
    assert taken is not None
    assert (taken.clock, taken.origin) == (datetime(2018, 5, 5, 10), "XMP sidecar DateTimeOriginal")
    kept = read(jpeg(exif=ORIGINALS), xmp_sidecar(xmp_ModifyDate="2018-05-05T10:00:00")).taken
    assert kept is not None and kept.origin == "EXIF DateTimeOriginal"


@pytest.mark.parametrize(
    ("data", "name", "origin", "clock", "offset"),
    [
        (picture(), "", "Takeout photoTakenTime", "2019-07-14T10:34:56", 0),
        (jpeg(exif=ORIGINALS), "", "EXIF DateTimeOriginal", "2019-07-14T12:34:56", 2),
        (picture(), "IMG_20190714_123456.jpg", "file name", "2019-07-14T12:34:56", 2),
        (jpeg(exif=exif_block({CHANGED: NOON})), "", "EXIF DateTime", "2019-07-14T12:34:56", 2),
        (jpeg(exif=exif_block({CHANGED: LATER})), "", "Takeout photoTakenTime", "2019-07-14T10:34:56", 0),
        (picture(), "IMG-20190714-WA0001.jpg", "Takeout photoTakenTime", "2019-07-14T10:34:56", 0),
        (picture(), "IMG_20190714_124000.jpg", "Takeout photoTakenTime", "2019-07-14T10:34:56", 0),
    ],
)
def test_a_moment_in_utc_gives_clocks_their_zone(
    data: bytes, name: str, origin: str, clock: str, offset: float
) -> None:
    taken = read(data, takeout(photoTakenTime={"timestamp": STAMP, "formatted": "x"}), name=name).taken
    assert taken is not None
    assert (taken.origin, taken.clock, taken.offset) == (origin, datetime.fromisoformat(clock), hours(offset))
    assert taken.instant is not None and taken.instant.isoformat() == "2019-07-14T10:34:56+00:00"


def test_the_time_of_the_satellites_alone_is_in_utc() -> None:
    taken = read(jpeg(exif=exif_block(gps=GPS_NOON))).taken
    assert taken is not None
    assert (taken.origin, taken.clock, taken.offset) == ("GPS time", datetime(2019, 7, 14, 10, 34, 50), hours(0))


def test_a_day_stays_a_day_where_only_a_change_is_finer() -> None:
    taken = read(jpeg(exif=exif_block({CHANGED: "2019:07:14 20:00:00"}, {ORIGINAL: "2019:07:14"}))).taken
    assert taken is not None and (taken.origin, taken.precision) == ("EXIF DateTimeOriginal", "day")


def test_names_count_least() -> None:
    name = "IMG_20180101_000000.jpg"
    plain, dated = read(picture(), name=name).taken, read(jpeg(exif=ORIGINALS), name=name).taken
    assert plain is not None and (plain.origin, plain.clock) == ("file name", datetime(2018, 1, 1))
    assert dated is not None and dated.origin == "EXIF DateTimeOriginal"
    never_set = read(jpeg(exif=exif_block(details={ORIGINAL: "1980:01:01 00:00:12"})), name=name).taken
    assert never_set is not None and never_set.origin == "file name"
    alone = read(jpeg(exif=exif_block(details={ORIGINAL: "1980:01:01 00:00:12"}))).taken
    assert alone is not None and alone.clock.year == 1980


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D850", "NIKON D850"),
        ("SONY", "ILCE-7M3", "SONY ILCE-7M3"),
        ("OLYMPUS IMAGING CORP.  ", "E-M5           ", "OLYMPUS E-M5"),
        ("EASTMAN KODAK COMPANY", "KODAK DX7590 ZOOM DIGITAL CAMERA", "KODAK DX7590 ZOOM DIGITAL CAMERA"),
        ("Hewlett-Packard", "HP PhotoSmart R707", "HP PhotoSmart R707"),
        ("LG Electronics", "LG-H870", "LG-H870"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("", "Pixel 6", "Pixel 6"),
        ("Leica Camera AG", "LEICA Q2", "LEICA Q2"),
        ("samsung", "", "samsung"),
        ("unknown", "\0\0", None),
    ],
)
def test_cameras_have_one_name(make: str, model: str, camera: str | None) -> None:
    assert read(jpeg(exif=exif_block({0x010F: make, 0x0110: model}))).camera == camera


def test_lens_and_rating_from_exif_and_xmp() -> None:
    exif = exif_block({0x4746: 4}, {0xA434: "RF24-105mm F4 L IS USM", 0xA433: "Canon"})
    told = read(jpeg(exif=exif))
    assert (told.lens, told.rating) == ("Canon RF24-105mm F4 L IS USM", 4)
    told = read(jpeg(xmp=xmp_packet(aux_Lens="EF50mm f/1.8 STM", tiff_Make="Canon", tiff_Model="Canon EOS 80D")))
    assert (told.lens, told.camera) == ("EF50mm f/1.8 STM", "Canon EOS 80D")


@pytest.mark.parametrize(
    ("data", "rating"),
    [
        (jpeg(exif=exif_block({0x4749: 75})), 4),
        (jpeg(exif=exif_block({0x4749: 99})), 5),
        (jpeg(exif=exif_block({0x4749: 1})), 1),
        (jpeg(exif=exif_block({0x4746: 0})), 0),
        (jpeg(exif=exif_block({0x4746: 900})), None),
        (jpeg(exif=exif_block({0x4746: 2}), xmp=xmp_packet(xmp_Rating="5")), 2),
        (jpeg(xmp=xmp_packet("<xmp:Rating>3</xmp:Rating>")), 3),
        (jpeg(xmp=xmp_packet(xmp_Rating="-1")), 0),
        (jpeg(xmp=xmp_packet(xmp_Rating="nan")), None),
        (jpeg(xmp=xmp_packet(MicrosoftPhoto_Rating="50")), 3),
    ],
)
def test_ratings(data: bytes, rating: int | None) -> None:
    assert read(data).rating == rating


def test_a_sidecars_rating_counts() -> None:
    assert read(jpeg(exif=exif_block({0x4746: 2})), xmp_sidecar(xmp_Rating="5")).rating == 5


MUNICH = {1: "N", 2: [(48, 1), (8, 1), (15, 1)], 3: "E", 4: [(11, 1), (34, 1), (30, 1)]}


@pytest.mark.parametrize(
    ("gps", "position"),
    [
        (MUNICH, (48.1375, 11.575)),
        (MUNICH | {1: "S", 3: "W"}, (-48.1375, -11.575)),
        (MUNICH | {1: "", 3: ""}, (48.1375, 11.575)),
        ({2: MUNICH[2], 4: MUNICH[4]}, (48.1375, 11.575)),
        (MUNICH | {2: [(481375, 10000), (0, 0), (0, 0)]}, (48.1375, 11.575)),
        (MUNICH | {2: [(48, 1), (825, 100)]}, (48.1375, 11.575)),
        (MUNICH | {2: "48.1375", 4: "11.575"}, (48.1375, 11.575)),
        (MUNICH | {1: "S", 2: "48,8.25"}, (-48.1375, 11.575)),
        (MUNICH | {2: [(0, 0), (0, 0), (0, 0)]}, None),
        (MUNICH | {2: [(0, 1), (0, 1), (0, 1)], 4: [(0, 1), (0, 1), (0, 1)]}, None),
        (MUNICH | {2: [(91, 1), (0, 1), (0, 1)]}, None),
        ({1: "N", 2: MUNICH[2]}, None),
        ({}, None),
    ],
)
def test_positions_in_exif(gps: dict[int, Any], position: tuple[float, float] | None) -> None:
    told = read(jpeg(exif=exif_block(gps=gps)))
    found = (told.latitude, told.longitude)
    assert found == ((None, None) if position is None else pytest.approx(position))


def test_positions_elsewhere() -> None:
    told = read(jpeg(xmp=xmp_packet(exif_GPSLatitude="48,8.25N", exif_GPSLongitude="11,34.5W")))
    assert (told.latitude, told.longitude) == pytest.approx((48.1375, -11.575))
    place = {"latitude": -33.9, "longitude": 151.2, "altitude": 0.0}
    told = read(picture(), takeout(geoData=place))
    assert (told.latitude, told.longitude) == (-33.9, 151.2)
    told = read(picture(), takeout(geoDataExif=place))
    assert (told.latitude, told.longitude) == (-33.9, 151.2)
    assert read(picture(), takeout()).latitude is None


def windows(text: str) -> tuple[int, bytes]:
    return 1, text.encode("utf-16-le") + b"\0\0"


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (jpeg(iptc=iptc_block((120, "Ein Hund läuft"))), [("Ein Hund läuft", "IPTC caption")]),
        (jpeg(iptc=iptc_block((120, "Ein Hund läuft"), utf8=False)), [("Ein Hund läuft", "IPTC caption")]),
        (
            jpeg(iptc=iptc_block((105, "The Headline"), (5, "The Title"), (120, "The Caption"))),
            [("The Caption", "IPTC caption"), ("The Headline", "IPTC headline"), ("The Title", "IPTC title")],
        ),
        (
            jpeg(xmp=xmp_packet(alternatives("dc:description", de="Hund", default="Dog", fr="Chien"))),
            [("Dog", "XMP description"), ("Hund", "XMP description"), ("Chien", "XMP description")],
        ),
        (jpeg(xmp=xmp_packet(alternatives("dc:title", default="My dog"))), [("My dog", "XMP title")]),
        (jpeg(xmp=xmp_packet("<dc:title>Plain</dc:title>")), [("Plain", "XMP title")]),
        (
            jpeg(xmp=xmp_packet(alternatives("Iptc4xmpCore:AltTextAccessibility", default="A dog runs"))),
            [("A dog runs", "XMP alt text")],
        ),
        (jpeg(exif=exif_block({0x010E: "Größe"})), [("Größe", "EXIF ImageDescription")]),
        (jpeg(exif=exif_block({0x010E: (2, "Größe".encode("latin-1"))})), [("Größe", "EXIF ImageDescription")]),
        (
            jpeg(exif=exif_block({0x9C9B: windows("Titel äöü"), 0x9C9C: windows("Kommentar")})),
            [("Titel äöü", "EXIF XPTitle"), ("Kommentar", "EXIF XPComment")],
        ),
        (jpeg(exif=exif_block(details={0x9286: b"ASCII\0\0\0A walk in May"})), [("A walk in May", "EXIF UserComment")]),
        (
            jpeg(exif=exif_block(details={0x9286: b"UNICODE\0" + "Schöner Tag".encode("utf-16-le")})),
            [("Schöner Tag", "EXIF UserComment")],
        ),
        (
            jpeg(exif=exif_block(details={0x9286: b"UNICODE\0" + "Schöner Tag".encode("utf-16-be")})),
            [("Schöner Tag", "EXIF UserComment")],
        ),
        (jpeg(exif=exif_block(details={0x9286: b"\0" * 8 + b"A walk"})), [("A walk", "EXIF UserComment")]),
        (jpeg((0xFE, b"A comment in a JPEG")), [("A comment in a JPEG", "JPEG comment")]),
        (picture("GIF", comment="A comment in a GIF"), [("A comment in a GIF", "GIF comment")]),
        (png((b"tEXt", b"description\0A boat")), [("A boat", "PNG Description")]),
        (
            png(
                (b"tEXt", b"Title\0A boat"),
                (b"iTXt", "Description\0\0\0\0\0Ein Böot".encode()),
                (b"tEXt", b"Software\0gimp"),
            ),
            [("Ein Böot", "PNG Description"), ("A boat", "PNG Title")],
        ),
    ],
)
def test_words_in_files(data: bytes, texts: list[tuple[str, str]]) -> None:
    assert [(text.text, text.origin) for text in read(data).texts] == texts


def test_each_text_once_whatever_its_case_and_blanks() -> None:
    xmp = xmp_packet(alternatives("dc:description", default="One dog"))
    told = read(jpeg(exif=exif_block({0x010E: "ONE  dog\r\n"}), iptc=iptc_block((120, "one dog")), xmp=xmp))
    assert told.texts == (FileText("one dog", "IPTC caption"),)


def test_sidecars_and_takeout_say_more_than_the_file() -> None:
    people = [{"name": "Ann"}, {"name": "Bob"}, {"name": "Ann"}, {}, None]
    sidecar = xmp_sidecar(alternatives("dc:description", default="Edited"), bag("dc:subject", "dog"))
    given = takeout(description="At the lake", people=people, favorited=True)
    told = read(jpeg(exif=exif_block({0x010E: "From the camera"})), sidecar, given)
    assert told.texts == (
        FileText("Edited", "XMP sidecar description"),
        FileText("At the lake", "Takeout description"),
        FileText("From the camera", "EXIF ImageDescription"),
    )
    assert (told.keywords, told.people) == (("dog", "favorite"), ("Ann", "Bob"))


def test_keywords_of_all_kinds_each_once() -> None:
    xmp = xmp_packet(
        bag("dc:subject", "Dog", "beach"),
        bag("lr:hierarchicalSubject", "Places|Europe|Paris", "Animals|dog"),
        bag("digiKam:TagsList", "Events/Wedding", kind="Seq"),
    )
    exif = exif_block({0x9C9E: windows("beach; sun ;;")})
    told = read(jpeg(exif=exif, xmp=xmp, iptc=iptc_block((25, "Dog"), (25, "Müll"))))
    assert told.keywords == ("beach", "sun", "Dog", "Paris", "Europe", "Places", "Animals", "Wedding", "Events", "Müll")


def test_marks_that_programs_give_are_no_keywords() -> None:
    xmp = xmp_packet(
        bag("dc:subject", "darktable|exported", "Dog"),
        bag("lr:hierarchicalSubject", "darktable|format|nef", "Animals|Dog"),
        bag("digiKam:TagsList", "_Digikam_root_tag_/Scanned", kind="Seq"),
    )
    assert read(jpeg(xmp=xmp)).keywords == ("Dog", "Animals")


def test_a_sidecar_in_an_old_encoding_is_read() -> None:
    sidecar = xmp_sidecar(bag("dc:subject", "Münster", "Øre"))
    old = replace(sidecar, data=sidecar.data.decode().encode("cp1252", "ignore"))
    assert read(jpeg(), old).keywords == read(jpeg(), sidecar).keywords == ("Münster", "Øre")
    broken = replace(sidecar, data=sidecar.data.replace("Ø".encode(), b"\xc3"))
    assert read(jpeg(), broken).keywords == ("Münster", "\ufffdre")


def test_people_in_faces_and_lists() -> None:
    faces = (
        '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>'
        '<rdf:li><rdf:Description mwg-rs:Name="Ann" mwg-rs:Type="Face"/></rdf:li>'
        '<rdf:li rdf:parseType="Resource"><mwg-rs:Name>Bob</mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type></rdf:li>'
        '<rdf:li><rdf:Description mwg-rs:Name="Rex" mwg-rs:Type="Pet"/></rdf:li>'
        "</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
    )
    told = read(jpeg(xmp=xmp_packet(faces, bag("Iptc4xmpExt:PersonInImage", "Ann", "Cleo"))))
    assert set(told.people) == {"Ann", "Bob", "Cleo"} and len(told.people) == 3


def test_names_of_places_that_people_wrote() -> None:
    def told(*sidecars: Sidecar, **blocks: bytes) -> tuple[str | None, ...]:
        made = read(jpeg(**blocks), *sidecars)
        return made.location, made.city, made.region, made.country

    iptc = iptc_block((90, "Köln"), (92, "Am Dom"), (95, "unknown"), (101, "Deutschland"))
    assert told(iptc=iptc) == ("Am Dom", "Köln", None, "Deutschland")
    place = {"photoshop_City": "Cologne", "photoshop_State": "NRW", "Iptc4xmpCore_Location": " "}
    assert told(xmp=xmp_packet(**place), iptc=iptc) == ("Am Dom", "Cologne", "NRW", "Deutschland")
    assert told(xmp_sidecar(photoshop_City="Kölle"), xmp=xmp_packet(**place))[1] == "Kölle"
    created = (
        '<Iptc4xmpExt:LocationCreated><rdf:Bag><rdf:li rdf:parseType="Resource">'
        "<Iptc4xmpExt:City>Lisbon</Iptc4xmpExt:City><Iptc4xmpExt:Sublocation>Alfama</Iptc4xmpExt:Sublocation>"
        "</rdf:li></rdf:Bag></Iptc4xmpExt:LocationCreated>"
    )
    shown = (
        "<Iptc4xmpExt:LocationShown><rdf:Bag><rdf:li><rdf:Description "
        'Iptc4xmpExt:City="Almada" Iptc4xmpExt:CountryName="Portugal"/></rdf:li></rdf:Bag></Iptc4xmpExt:LocationShown>'
    )
    assert told(xmp=xmp_packet(shown, created)) == ("Alfama", "Lisbon", None, "Portugal")
    assert told(iptc=iptc_block((90, "\0\1"), (101, "N/A"), (92, "x" * 999)))[1:] == (None, None, None)


def test_long_xmp_in_several_segments() -> None:
    long = xmp_packet(alternatives("dc:description", default="A long description"))
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32
    parts = [(0xE1, head + struct.pack(">II", len(long), at) + long[at : at + 300]) for at in (300, 0, 600, 900)]
    told = read(jpeg(*parts, xmp=xmp_packet(xmp_Rating="2")))
    assert [text.text for text in told.texts] == ["A long description"] and len(long) < 2100 and told.rating == 2


def test_the_history_of_a_picture_is_not_the_picture() -> None:
    derived = '<xmpMM:DerivedFrom rdf:parseType="Resource"><dc:title>Another</dc:title></xmpMM:DerivedFrom>'
    assert read(jpeg(xmp=xmp_packet(derived))).texts == ()


def box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I4s", len(data) + 8, kind) + data


CANON = b"\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48"
CR3 = box(b"ftyp", b"crx ") + box(
    b"moov",
    box(
        b"uuid",
        CANON,
        box(b"CMT1", exif_block({0x0110: "Canon EOS R5"})),
        box(b"CMT2", exif_block({ORIGINAL: NOON})),
        box(b"CMT4", exif_block(MUNICH)),
    ),
)
COMPRESSED = box(
    b"brob", b"Exif" + brotli.compress(bytes(4) + exif_block({0x0110: "Canon EOS R5"}, {ORIGINAL: NOON}, MUNICH))
)


@pytest.mark.parametrize(
    "data",
    [
        CR3,
        box(b"JXL ", b"\r\n\x87\n") + COMPRESSED,
        box(b"JXL ", b"\r\n\x87\n") + box(b"brob", b"xml \xff\xff") + COMPRESSED,
        exif_block({0x0110: "Canon EOS R5"}, {ORIGINAL: NOON}, MUNICH, head=b"IIRO"),
        exif_block({0x0110: "Canon EOS R5"}, {ORIGINAL: NOON}, MUNICH, head=b"IIU\0"),
    ],
)
def test_files_whose_picture_is_opened_by_another_reader(data: bytes) -> None:
    told = read_metadata(opened(picture()), data, "", ())
    assert told.taken is not None and (told.taken.clock, told.camera) == (CLOCK, "Canon EOS R5")
    assert (told.latitude, told.longitude) == pytest.approx((48.1375, 11.575))


def test_what_only_the_reader_of_a_file_knows_counts_too() -> None:
    file = opened(picture())
    file.getexif().get_ifd(0x8769)[ORIGINAL] = NOON
    told = read_metadata(file, b"", "", ())
    assert told.taken is not None and (told.taken.clock, told.taken.origin) == (CLOCK, "EXIF DateTimeOriginal")


def test_one_damaged_field_does_not_lose_the_others() -> None:
    fields = {0x010F: "Canon", 0x0110: "Canon EOS R5", 0x010E: "A dog"}
    block = bytearray(exif_block(fields, {ORIGINAL: NOON}, MUNICH))
    at = block.find(struct.pack("<H", 0x010E))
    struct.pack_into("<I", block, at + 8, 2**31)  # points outside of the file
    told = read(jpeg(exif=bytes(block)))
    assert (told.camera, told.texts) == ("Canon EOS R5", ())
    assert told.taken is not None and told.taken.clock == CLOCK and told.latitude == pytest.approx(48.1375)
    broken = read(jpeg(exif=ORIGINALS, xmp=b"<x:xmpmeta", iptc=b"\x1c\x02"), Sidecar("a.json", b"{"), Sidecar("", b""))
    assert broken.taken is not None and broken.taken.clock == CLOCK


def test_a_damaged_chunk_of_a_png_does_not_lose_the_others() -> None:
    bomb = b"Comment\0\0" + zlib.compress(bytes(70 * 2**20))
    texts = [(b"tEXt", b"Title\0A boat"), (b"zTXt", b"Caption\0\0no zlib"), (b"iTXt", b"Comment\0\1"), (b"zTXt", bomb)]
    told = read_metadata(opened(picture()), png(*texts, chunk_time(2019, 7, 14, 12, 34, 56)), "", ())
    assert told.texts == (FileText("A boat", "PNG Title"),)
    assert told.taken is not None and told.taken.clock == CLOCK


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><RDF>&b;</RDF>'


@pytest.mark.parametrize(
    "sidecar",
    [
        BOMB,
        b"{" * 100_000,
        b'{"photoTakenTime": {"timestamp": ' + b"9" * 5000 + b'}, "people": 5, "geoData": []}',
        b'{"photoTakenTime": null, "description": 5, "people": [[]], "title": {}, "favorited": "x"}',
        b"<a>" * 100_000,
        b"<rdf:RDF" * 100_000,
        b"\xff\xfe" + "<x/>".encode("utf-16-le"),
        b"\0" * 1000,
    ],
)
def test_hostile_sidecars_say_nothing(sidecar: bytes) -> None:
    assert read(picture(), Sidecar("IMG_1.xmp", sidecar)) == PictureMetadata()


def test_an_answer_is_never_too_long_for_the_decoders_pipe() -> None:
    words = [f"{number} \U0001f600" * 60 for number in range(3000)]
    xmp = xmp_packet(bag("dc:subject", *words), bag("Iptc4xmpExt:PersonInImage", *words))
    captions = [(120, f"{number} " + "w\u00f6rd \U0001f600" * 700) for number in range(6)]
    told = read(jpeg(iptc=iptc_block(*captions)), Sidecar("a.xmp", xmp))
    assert told.keywords and told.people and told.texts
    packed = json.dumps(to_json(told))
    assert len(packed) < protocol.MAX_HEADER - 2**14
    assert from_json(json.loads(packed)) == told


def test_texts_are_clean() -> None:
    told = read(jpeg(exif=exif_block({0x010E: "A\x1b[31m dog\u202e\r\n runs"})))
    assert told.texts == (FileText("A [31m dog runs", "EXIF ImageDescription"),)
    surrogate = '{"description": "A dog \\ud800 runs", "creationTime": 1}'
    assert read(picture(), Sidecar("a.json", surrogate.encode())).texts[0].text == "A dog runs"


def test_mutations_never_raise_and_their_answers_are_always_taken() -> None:
    chance = random.Random(7)
    details = {ORIGINAL: NOON, DIGITIZED: NOON, 0x9011: "+02:00", 0x882A: 5, 0xA434: "L" * 300, 0x9286: b"UNICODE\0A\0"}
    exif = exif_block(
        {0x010F: "M" * 300, 0x0110: "Canon\ud7ff", 0x4746: 3, 0x9C9B: windows("Titel")}, details, GPS_NOON | MUNICH
    )
    xmp = xmp_packet(
        bag("dc:subject", "dog"), alternatives("dc:title", default="Dog"), xmp_Rating="2", aux_Lens="x" * 900
    )
    whole = jpeg(exif=exif, xmp=xmp, iptc=iptc_block((120, "A dog"), (25, "dog"), (55, "20190714"), (60, "123456")))
    end = whole.index(b"\xff\xdb")  # where the picture itself begins
    file = opened(picture())
    for _ in range(400):
        data = bytearray(whole[:end])
        for _ in range(chance.randrange(1, 12)):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 0xFF, 0x80, chance.randrange(256)))
        blocks = {"exif": bytes(data[data.find(b"II*") :]), "xmp": bytes(data[data.find(b"<?xpacket") :])}
        file.info |= blocks | {"photoshop": {0x0404: bytes(data[data.find(b"\x1c\x01") :])}}
        told = read_metadata(file, bytes(data), "IMG_1.jpg", (Sidecar("IMG_1.xmp", bytes(data[-900:])),))
        assert from_json(json.loads(json.dumps(to_json(told)))) == told


def test_nothing_raises_whatever_the_file_object_holds() -> None:
    file = opened(picture())
    file.info |= {"exif": 5, "xmp": [], "photoshop": {0x0404: "x"}, "comment": 7, "Raw profile type exif": b"x"}
    assert read_metadata(file, b"", "x.jpg", ()) == PictureMetadata()
