"""EXIF: the fields of cameras, phones and Windows."""

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from core.domain.metadata import FileText, TakenTime
from core.imaging.metadata.camera import name_camera, name_lens
from core.imaging.metadata.dates import limit_offset, parse_date, parse_offset
from core.imaging.metadata.ifd import EXIF, GPS, SUB_DIRECTORIES, Directory, Entry, ExifBlock
from core.imaging.metadata.position import make_position, parse_degrees, read_degrees
from core.imaging.metadata.precedence import GPS_TIME, Statement, read_each
from core.imaging.metadata.texts import decode_text, split_keywords

# Tags of a time, of its offset, and the place of its hours in TimeZoneOffset.
_TIMES = (
    ("EXIF DateTimeOriginal", 0x9003, 0x9011, 0),
    ("EXIF DateTimeDigitized", 0x9004, 0x9012, 0),
    ("EXIF DateTime", 0x0132, 0x9010, 1),
)
_ZONE_HOURS, _ZONE_OF_CHANGE = 0x882A, 0x9010
_MAKE, _MODEL, _LENS_MAKE, _LENS_MODEL, _SPECIFIC_LENS = 0x010F, 0x0110, 0xA433, 0xA434, 0xFDEA
_UNIQUE_MODEL = 0xC614
_RATING, _RATING_PERCENT = 0x4746, 0x4749
_DESCRIPTION, _USER_COMMENT = 0x010E, 0x9286
_WINDOWS_TEXTS = (("EXIF XPTitle", 0x9C9B), ("EXIF XPSubject", 0x9C9F), ("EXIF XPComment", 0x9C9C))
_WINDOWS_KEYWORDS = 0x9C9E
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE, _GPS_CLOCK, _GPS_DAY = 1, 2, 3, 4, 7, 29
_LONGEST_TEXT = 64 * 2**10


def read_exif(data: bytes, *, only_gps: bool = False) -> Statement:
    """Read one block of EXIF data; `only_gps` says that its main directory is that of the GPS.

    Raises ValueError where it is none.
    """
    reader = _Reader(ExifBlock(data), only_gps)
    if only_gps:
        reader.read_gps()
        return reader.statement
    read_each(
        *(partial(reader.read_time, *time) for time in _TIMES),
        *(partial(reader.read_windows_text, *text) for text in _WINDOWS_TEXTS),
        reader.read_gps,
        reader.read_camera,
        reader.read_lens,
        reader.read_rating,
        reader.read_description,
        reader.read_comment,
        reader.read_windows_keywords,
    )
    return reader.statement


class _Reader:
    """Reads the fields of one block into a statement. Fields are looked for in every directory that may hold them."""

    def __init__(self, block: ExifBlock, only_gps: bool) -> None:
        self.statement = Statement()
        self._order = block.order
        details, parts = block.follow(EXIF), block.follow(SUB_DIRECTORIES)
        self._anywhere = (*details, block.main, *parts)
        self._main_first = (block.main, *details, *parts)
        self._gps = (block.main,) if only_gps else tuple(block.follow(GPS))

    def read_time(self, origin: str, tag: int, offset_tag: int, place: int) -> None:
        """Read a time with its offset from UTC: the first that is one, wherever it is."""
        directories = self._main_first if tag == 0x0132 else self._anywhere
        offset = parse_offset(self._read_text(offset_tag, directories))
        if offset is None:
            offset = self._read_zone(place)
        for entry in _find(tag, directories):
            time = parse_date(_to_text(entry), origin, offset)
            if time is not None:
                if time.offset is None:
                    time = self._add_offset_of_change(time)
                self.statement.times.append(time)
                return

    def _add_offset_of_change(self, time: TakenTime) -> TakenTime:
        """Add the offset of DateTime where a file was not changed since, so that both tell the same moment."""
        offset = parse_offset(self._read_text(_ZONE_OF_CHANGE, self._anywhere))
        changed = parse_date(self._read_text(0x0132, self._main_first), "")
        same = changed is None or changed.clock == time.clock
        return replace(time, offset=offset) if same and time.precision in ("second", "minute", "hour") else time

    def _read_zone(self, place: int) -> timedelta | None:
        """Read TimeZoneOffset: hours, of the taking and of the last change."""
        for entry in _find(_ZONE_HOURS, self._anywhere):
            hours = entry.read_numbers()[place : place + 1]
            return limit_offset(timedelta(hours=hours[0])) if hours and math.isfinite(hours[0]) else None
        return None

    def read_gps(self) -> None:
        """Read the position, and the time of the satellites, which is in UTC."""
        read_each(self._read_position, self._read_gps_time)

    def _read_position(self) -> None:
        latitude, longitude = (
            self._read_degrees(tag, ref) for tag, ref in ((_LATITUDE, _LATITUDE_REF), (_LONGITUDE, _LONGITUDE_REF))
        )
        self.statement.position = make_position(latitude, longitude)

    def _read_degrees(self, tag: int, ref: int) -> float | None:
        direction = self._read_text(ref, self._gps)
        for entry in _find(tag, self._gps):
            numbers = () if entry.kind == 7 else entry.read_numbers()
            return read_degrees(numbers, direction) if numbers else parse_degrees(f"{_to_text(entry)} {direction}")
        return None

    def _read_gps_time(self) -> None:
        day = parse_date(self._read_text(_GPS_DAY, self._gps)[:10], GPS_TIME)
        if day is None or day.precision != "day":
            return
        for entry in _find(_GPS_CLOCK, self._gps):
            clock = entry.read_numbers()
            if not clock:
                written = _to_text(entry).replace(",", ":").replace(" ", ":")
                time = parse_date(f"{day.clock:%Y-%m-%d} {written}", GPS_TIME, timedelta(0))
            else:
                time = _add_clock(day.clock, clock)
            if time is not None:
                self.statement.times.append(time)
            return

    def read_camera(self) -> None:
        make, model = (self._read_text(tag, self._main_first) for tag in (_MAKE, _MODEL))
        self.statement.camera = name_camera(make, model or self._read_text(_UNIQUE_MODEL, self._main_first))

    def read_lens(self) -> None:
        model = self._read_text(_LENS_MODEL, self._anywhere) or self._read_text(_SPECIFIC_LENS, self._anywhere)
        self.statement.lens = name_lens(self._read_text(_LENS_MAKE, self._anywhere), model)

    def read_rating(self) -> None:
        for entry in _find(_RATING, self._main_first):
            stars = entry.read_numbers()
            if stars and 0 <= stars[0] <= 5:
                self.statement.rating = round(stars[0])
                return
        for entry in _find(_RATING_PERCENT, self._main_first):
            percent = entry.read_numbers()
            if percent and 0 <= percent[0] <= 100:
                self.statement.rating = stars_of_percent(percent[0])
                return

    def read_description(self) -> None:
        self._say("EXIF ImageDescription", (_to_text(entry) for entry in _find(_DESCRIPTION, self._main_first[:2])))

    def read_comment(self) -> None:
        """Read UserComment, whose first 8 bytes name its encoding."""
        comments = (bytes(entry.data[:_LONGEST_TEXT]) for entry in _find(_USER_COMMENT, self._anywhere))
        self._say("EXIF UserComment", (_decode_comment(comment, self._order) for comment in comments))

    def read_windows_text(self, origin: str, tag: int) -> None:
        self._say(origin, (_to_windows_text(entry) for entry in _find(tag, self._main_first)))

    def read_windows_keywords(self) -> None:
        for entry in _find(_WINDOWS_KEYWORDS, self._main_first):
            self.statement.keywords.extend(split_keywords(_to_windows_text(entry)))

    def _say(self, origin: str, texts: Iterable[str]) -> None:
        self.statement.texts.extend(FileText(text, origin) for text in texts if text)

    def _read_text(self, tag: int, directories: Iterable[Directory]) -> str:
        """Read the first text that is not blank."""
        return next((text for entry in _find(tag, directories) if (text := _to_text(entry).strip())), "")


def stars_of_percent(percent: float) -> int:
    """Return the stars of a rating in percent, as Windows writes them: 1, 25, 50, 75 and 99."""
    return 0 if percent <= 0 else min(5, 1 + round(percent / 25))


def _find(tag: int, directories: Iterable[Directory]) -> Iterable[Entry]:
    return (directory[tag] for directory in directories if tag in directory)


def _add_clock(day: datetime, clock: tuple[float, ...]) -> TakenTime | None:
    hour, minute, second = (*clock, 0.0, 0.0)[:3]
    if not (0 <= hour <= 24 and 0 <= minute < 60 and 0 <= second < 61):  # NaN is none of these
        return None
    shift = timedelta(hours=int(hour) % 24, minutes=int(minute), seconds=int(second))
    return TakenTime(day + shift, GPS_TIME, offset=timedelta(0))


def _to_text(entry: Entry) -> str:
    return decode_text(bytes(entry.data[:_LONGEST_TEXT])).split("\0", 1)[0]


def _to_windows_text(entry: Entry) -> str:
    data = bytes(entry.data[:_LONGEST_TEXT])
    if entry.kind == 2:  # written as plain text, by tools that did not know better
        return decode_text(data).split("\0", 1)[0]
    return data.decode("utf-16-le", "replace").split("\0", 1)[0]


def _decode_comment(data: bytes, order: str) -> str:
    encoding, text = data[:8], data[8:]
    if encoding.startswith(b"UNICODE"):
        return _decode_utf16(text, order)
    if encoding.startswith(b"JIS"):
        return text.decode("iso2022_jp", "replace").strip("\0 ")
    if encoding.startswith(b"ASCII") or not encoding.strip(b"\0 "):
        return decode_text(text).split("\0", 1)[0] if text.strip(b"\0 ") else ""
    return decode_text(data).split("\0", 1)[0]  # written without its encoding


def _decode_utf16(data: bytes, order: str) -> str:
    """Decode UTF-16 in the order of its mark, or in the order that gives more of what people write, or as UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").split("\0", 1)[0]
    first, second = ("utf-16-le", "utf-16-be") if order == "<" else ("utf-16-be", "utf-16-le")
    if b"\0" not in data.rstrip(b"\0") and data.rstrip(b"\0").isascii():
        return data.rstrip(b"\0").decode("ascii")
    texts = [data.decode(codec, "replace").split("\0", 1)[0] for codec in (first, second)]
    return max(texts, key=lambda text: sum(c < "\u0370" for c in text))
