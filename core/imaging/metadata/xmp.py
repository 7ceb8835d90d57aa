"""XMP: properties in RDF, in a picture's file or in a sidecar that an editor wrote."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

from core.domain.metadata import MAX_STARS, FileText
from core.imaging.metadata.camera import name_camera, name_lens
from core.imaging.metadata.dates import parse_date, parse_offset
from core.imaging.metadata.exif import stars_of_percent
from core.imaging.metadata.position import make_position, parse_degrees
from core.imaging.metadata.precedence import Statement, read_each
from core.imaging.metadata.texts import split_keywords

_MOST_BYTES = 4 * 2**20  # previews and histories of edits make some large

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_EXIF_EX = "{http://cipa.jp/exif/1.0/}"
_TIFF = "{http://ns.adobe.com/tiff/1.0/}"
_XMP = "{http://ns.adobe.com/xap/1.0/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_AUX = "{http://ns.adobe.com/exif/1.0/aux/}"
_LIGHTROOM = "{http://ns.adobe.com/lightroom/1.0/}"
_IPTC_CORE = "{http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/}"
_IPTC_EXTENSION = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
_REGIONS = "{http://www.metadataworkinggroup.com/schemas/regions/}"
_DIGIKAM = "{http://www.digikam.org/ns/1.0/}"
_MICROSOFT = "{http://ns.microsoft.com/photo/1.0/}"
_MICROSOFT_LATER = "{http://ns.microsoft.com/photo/1.0}"
_MICROSOFT_REGIONS = "{http://ns.microsoft.com/photo/1.2/t/Region#}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"

_TIMES = (
    ("DateTimeOriginal", _EXIF + "DateTimeOriginal"),
    ("DateCreated", _PHOTOSHOP + "DateCreated"),
    ("CreateDate", _XMP + "CreateDate"),
    ("DateTimeDigitized", _EXIF + "DateTimeDigitized"),
)
_OFFSETS = {"DateTimeOriginal": "OffsetTimeOriginal", "DateTimeDigitized": "OffsetTimeDigitized"}
_TEXTS = (
    ("description", _DC + "description"),
    ("headline", _PHOTOSHOP + "Headline"),
    ("title", _DC + "title"),
    ("alt text", _IPTC_CORE + "AltTextAccessibility"),
    ("extended description", _IPTC_CORE + "ExtDescrAccessibility"),
    ("image description", _TIFF + "ImageDescription"),
    ("user comment", _EXIF + "UserComment"),
)
_KEYWORDS = _DC + "subject"
_TREE_KEYWORDS = (
    (_LIGHTROOM + "hierarchicalSubject", "|"),
    (_DIGIKAM + "TagsList", "/"),
    (_MICROSOFT + "LastKeywordXMP", "/"),
    (_MICROSOFT_LATER + "LastKeywordXMP", "/"),
)
_MARKS = ("darktable|", "_Digikam_")  # that programs give to pictures, for themselves
_LENSES = (_EXIF_EX + "LensModel", _AUX + "Lens", _EXIF + "LensModel", _AUX + "LensModel")
_RATINGS = (_MICROSOFT + "Rating", _MICROSOFT_LATER + "Rating")

_PLACE = {
    "location": _IPTC_CORE + "Location",
    "city": _PHOTOSHOP + "City",
    "region": _PHOTOSHOP + "State",
    "country": _PHOTOSHOP + "Country",
}
# Where the camera stood, before what it was pointed at; each a list of structures.
_LOCATIONS = (_IPTC_EXTENSION + "LocationCreated", _IPTC_EXTENSION + "LocationShown")
_LOCATION_PARTS = {
    "location": _IPTC_EXTENSION + "Sublocation",
    "city": _IPTC_EXTENSION + "City",
    "region": _IPTC_EXTENSION + "ProvinceState",
    "country": _IPTC_EXTENSION + "CountryName",
}

_MOST_TAGS = 200_000
_START = re.compile(r"<((?:\w{1,20}:)?(?:xmpmeta|xapmeta|RDF))\b")
_MARKS_OF_ENCODING = {0xFEFF: None, 0xFFFD: None}
_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]+")


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of a property: an element of a list, or a plain text, with its language."""

    text: str
    language: str = ""


def read_xmp(data: bytes, where: str) -> Statement:
    """Read XMP; `where` begins the names of origins: "XMP" or "XMP sidecar". Raises an exception where it is none."""
    return _Reader(fromstring(_find_packet(data)), where).read()


def _find_packet(data: bytes) -> str:
    """Find the XML in a packet: without padding, and without what XML does not allow."""
    text = _decode(data[:_MOST_BYTES])
    start = _START.search(text)
    end = text.rfind(f"</{start[1]}") if start is not None else -1
    if start is not None and end >= 0:
        text = text[start.start() : text.find(">", end) + 1]
    if text.count("<") > _MOST_TAGS:
        raise ValueError("too many elements")
    return _CONTROLS.sub(" ", text)


def _decode(data: bytes) -> str:
    for mark, codec in (("\ufeff", "utf-16"), ("<\0", "utf-16-le"), ("\0<", "utf-16-be")):
        marks = (b"\xff\xfe", b"\xfe\xff") if mark == "\ufeff" else (mark.encode(),)
        if data.startswith(marks):
            return data.decode(codec, "replace")
    text = data.decode("utf-8-sig", "replace")
    if "\ufffd" in text and text.translate(_MARKS_OF_ENCODING).isascii():  # written by a tool that knew no UTF-8
        return data.decode("cp1252", "replace")
    return text


class _Reader:
    """Reads the properties of the top level: those of a picture, not of its history or ingredients."""

    def __init__(self, root: Element, where: str) -> None:
        self.statement = Statement()
        self._where = where
        self._found: dict[str, Element | str] = {}
        rdf = next(root.iter(_RDF + "RDF"))
        for description in rdf.findall(_RDF + "Description"):
            self._add(description)

    def _add(self, description: Element) -> None:
        for name, text in description.attrib.items():
            self._found.setdefault(name, text)
        for element in description:
            if isinstance(element.tag, str):
                self._found.setdefault(element.tag, element)

    def read(self) -> Statement:
        """Read all fields, each by itself."""
        read_each(
            *(partial(self._read_time, *time) for time in _TIMES),
            *(partial(self._read_texts, *text) for text in _TEXTS),
            self._read_keywords,
            *(partial(self._read_tree, *tree) for tree in _TREE_KEYWORDS),
            self._read_camera,
            self._read_lens,
            self._read_position,
            self._read_rating,
            self._read_people,
            self._read_faces,
            self._read_place,
            *(partial(self._read_location, tag) for tag in _LOCATIONS),
        )
        return self.statement

    def _read_time(self, name: str, tag: str) -> None:
        tags = (space + _OFFSETS[name] for space in (_EXIF_EX, _EXIF)) if name in _OFFSETS else ()
        offset = parse_offset(next(filter(None, map(self._read_text, tags)), ""))
        time = parse_date(self._read_text(tag), f"{self._where} {name}", offset)
        if time is not None:
            self.statement.times.append(time)

    def _read_texts(self, name: str, tag: str) -> None:
        """Read a text in all its languages, the default one first."""
        values = sorted(self._read(tag), key=lambda value: value.language.lower() != "x-default")
        self.statement.texts.extend(FileText(value.text, f"{self._where} {name}") for value in values)

    def _read_keywords(self) -> None:
        for value in self._read(_KEYWORDS):
            if not value.text.startswith(_MARKS):
                self.statement.keywords.extend(split_keywords(value.text))

    def _read_tree(self, tag: str, separator: str) -> None:
        """Read keywords with those above them, such as Places|Europe|Paris, from the leaf up."""
        for value in self._read(tag):
            if not value.text.startswith(_MARKS):
                self.statement.keywords.extend(reversed(value.text.split(separator)))

    def _read_camera(self) -> None:
        self.statement.camera = name_camera(self._read_text(_TIFF + "Make"), self._read_text(_TIFF + "Model"))

    def _read_lens(self) -> None:
        model = next(filter(None, map(self._read_text, _LENSES)), "")
        self.statement.lens = name_lens(self._read_text(_EXIF_EX + "LensMake"), model)

    def _read_position(self) -> None:
        latitude, longitude = (
            parse_degrees(self._read_text(tag)) for tag in (_EXIF + "GPSLatitude", _EXIF + "GPSLongitude")
        )
        self.statement.position = make_position(latitude, longitude)

    def _read_rating(self) -> None:
        """Read stars; -1, which is "rejected", is 0 stars."""
        text = self._read_text(_XMP + "Rating")
        if text:
            stars = float(text)
            self.statement.rating = round(max(stars, 0)) if -1 <= stars <= MAX_STARS else None
            return
        percent = float(next(filter(None, map(self._read_text, _RATINGS)), "nan"))
        self.statement.rating = stars_of_percent(percent) if 0 <= percent <= 100 else None

    def _read_people(self) -> None:
        self.statement.people.extend(value.text for value in self._read(_IPTC_EXTENSION + "PersonInImage"))

    def _read_faces(self) -> None:
        """Read the names of faces, as the Metadata Working Group and Microsoft write them."""
        for region in (part for found in self._found.values() if isinstance(found, Element) for part in found.iter()):
            name = ""
            if _read_property(region, _REGIONS + "Type") in ("", "Face"):
                name = _read_property(region, _REGIONS + "Name")
            name = name or _read_property(region, _MICROSOFT_REGIONS + "PersonDisplayName")
            if name:
                self.statement.people.append(name)

    def _read_place(self) -> None:
        self.statement.place = {name: text for name, tag in _PLACE.items() if (text := self._read_text(tag))}

    def _read_location(self, tag: str) -> None:
        """Read the parts of a location that are not told yet."""
        found = self._found.get(tag)
        for part in found.iter() if isinstance(found, Element) else ():
            for name, written in _LOCATION_PARTS.items():
                if text := _read_localised(part, written):
                    self.statement.place.setdefault(name, text)

    def _read_text(self, tag: str) -> str:
        return next((value.text.strip() for value in self._read(tag)), "")

    def _read(self, tag: str) -> Iterator[_Value]:
        """Read the values of a property: a plain one, or those of its list."""
        found = self._found.get(tag)
        if found is None:
            return
        if isinstance(found, str):
            yield _Value(found)
            return
        items = [item for kind in ("Alt", "Bag", "Seq") for group in found.findall(_RDF + kind) for item in group]
        for element in items or [found]:
            text = (element.text or "").strip() or element.get(_RDF + "resource") or _read_qualified(element)
            yield _Value(text, element.get(_LANGUAGE, ""))


def _read_property(element: Element, tag: str) -> str:
    """Read a plain property of a structure, written as an attribute or as an element."""
    return element.get(tag) or element.findtext(tag) or ""


def _read_localised(element: Element, tag: str) -> str:
    """Read a property of a structure that may be in several languages: the first of them."""
    found = element.find(tag)
    texts = [element.get(tag) or "", *(found.itertext() if found is not None else ())]
    return next(filter(None, (text.strip() for text in texts)), "")


def _read_qualified(element: Element) -> str:
    """Read a value that has qualifiers: rdf:value within it, or within a description."""
    return next((value.text or "" for value in element.iter(_RDF + "value")), "")
