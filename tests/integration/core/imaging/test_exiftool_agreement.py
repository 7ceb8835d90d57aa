"""exiftool is the judge: over public corpora, and over made files, it tells the same dates, cameras and places."""

import io
import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pillow_jxl  # noqa: F401  # registers JPEG XL with Pillow
import pytest
from PIL import Image

from core.domain.metadata import PictureMetadata
from core.imaging.formats import FORMATS
from core.imaging.metadata.dates import parse_date
from core.imaging.metadata.reader import read_metadata
from tests.support.metadata.blocks import alternatives, bag, exif_block, iptc_block, jpeg, png, xmp_packet

EXIFTOOL = shutil.which("exiftool")
CORPORA = Path(__file__).resolve().parents[5] / "shared/data"

pytestmark = pytest.mark.skipif(EXIFTOOL is None, reason="needs exiftool")

# The tags of exiftool that tell of a time, in the order in which we believe them. XMP in the box of JPEG 2000 is "XML".
TIMES = (
    ("EXIF DateTimeOriginal", ("ExifIFD:DateTimeOriginal", "IFD0:DateTimeOriginal", "SubIFD:DateTimeOriginal")),
    ("XMP DateTimeOriginal", ("XMP-exif:DateTimeOriginal", "XML-exif:DateTimeOriginal")),
    ("XMP DateCreated", ("XMP-photoshop:DateCreated", "XML-photoshop:DateCreated")),
    ("IPTC date created", ("Composite:DateTimeCreated", "IPTC:DateCreated")),
    ("EXIF DateTimeDigitized", ("ExifIFD:CreateDate", "IFD0:CreateDate")),
    ("XMP CreateDate", ("XMP-xmp:CreateDate", "XML-xmp:CreateDate")),
    ("IPTC digital creation date", ("Composite:DigitalCreationDateTime",)),
    ("PNG creation time", ("PNG:CreationTime",)),
    ("GPS time", ("Composite:GPSDateTime",)),
    ("EXIF DateTime", ("IFD0:ModifyDate",)),
    ("PNG tIME", ("PNG:ModifyDate",)),
)


def ask_exiftool(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    assert EXIFTOOL is not None
    command = [EXIFTOOL, "-json", "-n", "-G1", "-a", "-q", "-q", "-fast", "-charset", "iptc=UTF8", *map(str, paths)]
    told = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
    return {answer["SourceFile"]: answer for answer in told}


def read(path: Path) -> PictureMetadata | None:
    """Read a picture's metadata without its name's; None where it cannot be opened."""
    data = path.read_bytes()
    try:
        file = Image.open(io.BytesIO(data), formats=FORMATS)
        if file.width * file.height < 4_000_000:
            file.load()
    except Exception:  # whatever codecs raise over damaged files
        return None
    return read_metadata(file, data, "", ())


def find_disagreements(told: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], int]:
    """Compare the times that exiftool tells with ours; return those that differ, and how many agree."""
    wrong, agreed = [], 0
    for path, tags in told.items():
        ours = read(Path(path))
        if ours is None:
            continue
        given = [
            time
            for origin, names in TIMES
            for name in names
            if name in tags and (time := parse_date(str(tags[name]), origin)) is not None
        ]
        taken = ours.taken
        if taken is None or not given:
            if (taken is None) != (not given):
                wrong.append(f"{path}: {taken} is not {given}")
        elif taken.clock != given[0].clock or taken.origin != given[0].origin:
            wrong.append(f"{path}: {taken} is not {given[0]}")
        else:
            agreed += 1
    return wrong, agreed


@pytest.mark.skipif(not CORPORA.is_dir(), reason="needs the corpora")
def test_dates_of_photographs_are_those_of_exiftool() -> None:
    paths = [*(CORPORA / "photos/images").glob("*.jpg"), *(CORPORA / "hostile/pillow/Tests/images").glob("*exif*")]
    wrong, agreed = find_disagreements(ask_exiftool(sorted(paths)))
    assert not wrong and agreed >= 10


@pytest.mark.soak
@pytest.mark.skipif(not CORPORA.is_dir(), reason="needs the corpora")
def test_dates_of_all_corpora_are_those_of_exiftool() -> None:
    paths = sorted(path for path in CORPORA.rglob("*") if path.is_file())
    told: dict[str, dict[str, Any]] = {}
    for start in range(0, len(paths), 500):
        told |= ask_exiftool(paths[start : start + 500])
    wrong, agreed = find_disagreements(told)
    assert not wrong and agreed >= 50


def test_made_files_say_to_exiftool_what_they_say_to_us(tmp_path: Path) -> None:
    gps = {
        1: "S",
        2: [(33, 1), (54, 1), (0, 1)],
        3: "W",
        4: [(70, 1), (30, 1), (36, 1)],
        7: [(10, 1), (34, 1), (56, 1)],
        29: "2019:07:14",
    }
    exif = exif_block({0x010F: "Canon", 0x0110: "Canon EOS R5", 0x010E: "A dog"}, {0x9003: "2019:07:14 12:34:56"}, gps)
    xmp = xmp_packet(bag("dc:subject", "lake", "boat"), alternatives("dc:title", default="At the lake"), xmp_Rating="3")
    created = xmp_packet(xmp_CreateDate="2019-07-14T12:34:56")
    words = iptc_block((25, "See"), (25, "Müll"), (120, "Ein Hund"), (55, "20190714"), (60, "123456+0200"))
    files = {
        "exif.jpg": jpeg(exif=exif),
        "motorola.jpg": jpeg(exif=exif_block({0x0132: "2019:07:14 12:34:56"}, order=">")),
        "gps.jpg": jpeg(exif=exif_block(gps=gps)),
        "iptc.jpg": jpeg(iptc=words),
        "xmp.jpg": jpeg(xmp=xmp),
        "created.png": png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + created)),
        "time.png": png((b"tIME", b"\x07\xe3\x07\x0e\x0c\x22\x38")),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    told = ask_exiftool(sorted(tmp_path.iterdir()))
    wrong, agreed = find_disagreements(told)
    assert not wrong and agreed == len(files) - 1
    ours, theirs = read(tmp_path / "exif.jpg"), told[str(tmp_path / "exif.jpg")]
    assert ours is not None
    assert (ours.latitude, ours.longitude) == pytest.approx(
        (theirs["Composite:GPSLatitude"], theirs["Composite:GPSLongitude"])
    )
    assert (ours.camera, ours.texts[0].text) == (theirs["IFD0:Model"], theirs["IFD0:ImageDescription"])
    news, theirs = read(tmp_path / "iptc.jpg"), told[str(tmp_path / "iptc.jpg")]
    assert news is not None
    assert (list(news.keywords), news.texts[0].text) == (theirs["IPTC:Keywords"], theirs["IPTC:Caption-Abstract"])
    tagged, theirs = read(tmp_path / "xmp.jpg"), told[str(tmp_path / "xmp.jpg")]
    assert tagged is not None
    assert (list(tagged.keywords), tagged.rating) == (theirs["XMP-dc:Subject"], theirs["XMP-xmp:Rating"])
    assert tagged.texts[0].text == theirs["XMP-dc:Title"]


WRITTEN = {
    "DateTimeOriginal": "2019:07:14 12:34:56",
    "Make": "Canon",
    "Model": "Canon EOS R5",
    "XMP-dc:Description": "Ein Hündchen",
    "XMP-dc:Subject": "Müll",
    "XMP:RegionName": "Bob",
    "XMP:RegionType": "Face",
    "GPSLatitude": "48.1375",
    "GPSLatitudeRef": "N",
    "GPSLongitude": "11.575",
    "GPSLongitudeRef": "W",
    "Rating": "4",
    "LensModel": "RF24-105mm F4 L IS USM",
}


def test_what_exiftool_writes_into_each_format_is_read(tmp_path: Path) -> None:
    formats = {
        "jpg": {},
        "png": {},
        "webp": {},
        "tif": {},
        "jp2": {},
        "heic": {},
        "avif": {},
        "jxl": {"use_container": True},
    }
    for suffix, options in formats.items():
        Image.new("RGB", (32, 24), "teal").save(tmp_path / f"a.{suffix}", **options)
    tags = [f"-{tag}={value}" for tag, value in WRITTEN.items()]
    assert EXIFTOOL is not None
    subprocess.run([EXIFTOOL, "-q", "-q", "-overwrite_original", *tags, *tmp_path.iterdir()], check=True)
    for path in sorted(tmp_path.iterdir()):
        with Image.open(path) as file:
            file.load()
            told = read_metadata(file, path.read_bytes(), "", ())
        assert told.taken is not None and told.taken.clock.isoformat() == "2019-07-14T12:34:56", path
        assert (told.camera, told.lens, told.rating) == ("Canon EOS R5", "RF24-105mm F4 L IS USM", 4), path
        assert (told.latitude, told.longitude) == pytest.approx((48.1375, -11.575)), path
        assert (told.texts[0].text, told.keywords, told.people) == ("Ein Hündchen", ("Müll",), ("Bob",)), path
