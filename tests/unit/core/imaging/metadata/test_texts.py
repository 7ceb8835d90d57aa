"""Words of people, and what cameras and programs write by themselves."""

import pytest

from core.domain.metadata import FileText
from core.imaging.metadata.texts import choose_keywords, choose_texts, clean, is_boilerplate


@pytest.mark.parametrize(
    "text",
    [
        "OLYMPUS DIGITAL CAMERA",
        "SONY DSC",
        "Minolta DSC",
        "SAMSUNG",
        "SAMSUNG CSC",
        "SAMSUNG DIGITAL CAMERA",
        "KONICA MINOLTA DIGITAL CAMERA",
        "DIGITAL CAMERA",
        "Digital StillCamera",
        "Exif_JPEG_PICTURE",
        "EPSON DSC picture",
        "DCIM\\100MEDIA\\DJI_0012.JPG",
        "DCIM/100GOPRO",
        "dav",
        "cof",
        "hdr",
        "default",
        "Untitled",
        "untitled-1",
        "Untitled design",
        "Screenshot",
        "screenshot 2",
        "User comments",
        "CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90",
        "File written by Adobe Photoshop\xa8 4.0",
        "Created with GIMP",
        "Created with The GIMP",
        "Created by OpenJPEG version 2.5.0",
        "Created by AccuSoft Corp.",
        "Lavc58.91.100",
        "Software: Microsoft Office",
        "Processed By eBay with ImageMagick, z1.1.0. ||B2",
        "Optimized by JPEGmini 3.18.2.210033067-TBTBLN 0x5ff8dd5a",
        "Edited with Snapseed",
        "Resized on https://ezgif.com/resize",
        "Made with ezgif.com",
        "AppleMark\n",
        "LEAD Technologies Inc. V1.01",
        "Copyright 2019",
        "FBMD01000a9d0d000000",
        "Kofax PDF Filter - version 3.75.",
        '{"shape": [32, 32, 3]}',
        '[{"a": 1}]',
        "<?xml version='1.0'?><x/>",
        "IMG_1234",
        "DSC_0815",
        "DSC01234.JPG",
        "12345",
        "2019-07-14 12:34",
        "d41d8cd98f00b204e9800998ecf8427e",
        "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGk=",
        "/\\_/\\ ( o.o ) > ^ <",
        "-----------",
        "*** ** *",
        "x",
        "",
        "   ",
        "https://example.com/a.jpg",
        "Summer (2)",
        "summer (2)",
    ],
)
def test_boilerplate(text: str) -> None:
    assert is_boilerplate(text, "Summer (2).jpg")
    assert choose_texts([FileText(text, "EXIF ImageDescription")], "Summer (2).jpg") == ()


@pytest.mark.parametrize(
    "text",
    [
        "A dog on the beach",
        "Anna",
        "犬",
        "Größe 12",
        "Sony at the lake",
        "Olympus, Greece",
        "Samsung building in Seoul",
        "Adobe house in Santa Fe",
        "Canon of Bach, played by Mia",
        "Made in Italy",
        "Created by my daughter in 2019",
        "Digital camera on a table",
        "Default settings of our boat",
        "Untitled (Black on Grey), Mark Rothko",
        "Screenshot of the game we won",
        "Photo of grandma",
        "Scan of a letter from 1912",
        "[left] Tom, [right] Ann",
        "Test flight",
        "IMG museum in Berlin",
        "2019: the year of the move",
        "Copy of a Vermeer",
        "Ελλάδα",
        "שלום",
        "Picture of us",
        "Page from a book",
        "B&W version of video-001.tiff",
    ],
)
def test_words_of_people(text: str) -> None:
    assert not is_boilerplate(text, "IMG_1.jpg")


def test_long_texts_end_with_an_ellipsis_and_few_are_kept() -> None:
    assert clean("word " * 2000, 4000).endswith("word…") and len(clean("x" * 5000, 4000)) == 4000
    texts = [FileText(f"Text number {number} {'a' * number}", "IPTC caption") for number in range(50)]
    assert len(choose_texts(texts, "")) == 20
    assert len(choose_keywords(f"w{number}" for number in range(500))) == 200


def test_keywords_are_each_once_and_may_be_numbers() -> None:
    assert choose_keywords([" Dog", "dog", "2006", "", "--", "\x00", "a\ufffdb"]) == ("Dog", "2006", "a\ufffdb")
