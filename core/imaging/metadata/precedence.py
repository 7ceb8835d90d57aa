"""What blocks of metadata say of a picture, and the best of it by where it is written."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from core.domain.metadata import MAX_WORD, PLACE_FIELDS, PRECISIONS, FileText, PictureMetadata, TakenTime
from core.imaging.metadata.texts import choose_keywords, choose_people, choose_texts, clean, is_boilerplate

GPS_TIME, FILE_NAME = "GPS time", "file name"  # origins of times

Position = tuple[float, float]  # degrees of latitude and longitude


@dataclass(slots=True)
class Statement:
    """What one block says. Texts are raw: not cleaned, perhaps boilerplate, perhaps the same as another's."""

    times: list[TakenTime] = field(default_factory=list)
    camera: str | None = None
    lens: str | None = None
    position: Position | None = None
    rating: int | None = None
    texts: list[FileText] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    place: dict[str, str] = field(default_factory=dict)  # by PLACE_FIELDS


def read_each(*readers: Callable[[], None]) -> None:
    """Call each reader of a field. What one raises, over bytes that may be hostile, costs that field alone."""
    for read in readers:
        with suppress(Exception):
            read()


# When a picture was taken, before when it was digitised, before moments in UTC, before when it was changed.
_CLOCKS = (
    "XMP sidecar DateTimeOriginal",
    "XMP sidecar DateCreated",
    "EXIF DateTimeOriginal",
    "XMP DateTimeOriginal",
    "XMP DateCreated",
    "IPTC date created",
    "XMP sidecar CreateDate",
    "XMP sidecar DateTimeDigitized",
    "EXIF DateTimeDigitized",
    "XMP CreateDate",
    "XMP DateTimeDigitized",
    "IPTC digital creation date",
    "PNG creation time",
)
_INSTANTS = (GPS_TIME, "Takeout photoTakenTime")
_CHANGES = ("EXIF DateTime", "PNG tIME")
_TIMES = {origin: rank for rank, origin in enumerate((*_CLOCKS, *_INSTANTS, *_CHANGES, FILE_NAME))}

_TEXTS = {
    origin: rank
    for rank, origin in enumerate(
        (
            "XMP sidecar description",
            "XMP sidecar title",
            "XMP sidecar headline",
            "Takeout description",
            "IPTC caption",
            "XMP description",
            "EXIF ImageDescription",
            "IPTC headline",
            "XMP headline",
            "IPTC title",
            "XMP title",
            "EXIF XPTitle",
            "EXIF XPSubject",
            "EXIF XPComment",
            "EXIF UserComment",
        )
    )
}

# What clocks show that were never set, those of satellites too. Another date counts for more.
_NEVER_SET = {date(1, 1, 1), date(1904, 1, 1), date(1969, 12, 31), date(1970, 1, 1), date(1980, 1, 1), date(1980, 1, 6)}
_NEVER_SET_AT_MIDNIGHT = {date(2000, 1, 1)}

_QUARTER, _SAME_MOMENT = timedelta(minutes=15), timedelta(minutes=1)
_ODD_OFFSETS = {-9.5, -3.5, -2.5, 3.5, 4.5, 5.5, 5.75, 6.5, 8.75, 9.5, 10.5, 12.75, 13.75}  # hours, besides whole ones


def merge(statements: Sequence[Statement], name: str) -> PictureMetadata:
    """Choose of each field the first that is told, and of times and texts the best; `statements` are in their order.

    `name` is that of the picture's file.
    """
    position = next((said.position for said in statements if said.position is not None), None)
    texts = sorted((text for said in statements for text in said.texts), key=_rank_text)
    place = choose_place([said.place for said in statements])
    return PictureMetadata(
        taken=choose_time([time for said in statements for time in said.times]),
        camera=next((camera for said in statements if (camera := clean(said.camera or "", MAX_WORD))), None),
        lens=next((lens for said in statements if (lens := clean(said.lens or "", MAX_WORD))), None),
        latitude=None if position is None else position[0],
        longitude=None if position is None else position[1],
        rating=next((said.rating for said in statements if said.rating is not None), None),
        texts=choose_texts(texts, name),
        keywords=choose_keywords(word for said in statements for word in said.keywords),
        people=choose_people(person for said in statements for person in said.people),
        location=place.get("location"),
        city=place.get("city"),
        region=place.get("region"),
        country=place.get("country"),
    )


def choose_place(places: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Choose the names of a place field by field, each the first that says something."""
    chosen = {}
    for name in PLACE_FIELDS:
        cleaned = (clean(place.get(name, ""), MAX_WORD) for place in places)
        if told := next((text for text in cleaned if text and not is_boilerplate(text)), None):
            chosen[name] = told
    return chosen


def choose_time(times: Sequence[TakenTime]) -> TakenTime | None:
    """Choose the time of taking: the best by its field, made whole by what the others agree on.

    A clock that was never set counts least. A coarse time gives way to a finer one of the same day, month or year. A
    clock without a zone gets it from a time that shows the same clock, or from a moment in UTC. A moment in UTC gives
    way to a clock that shows the same moment in another zone.
    """
    ranked = sorted(times, key=lambda time: (_is_never_set(time), _TIMES.get(time.origin, len(_TIMES))))
    if not ranked:
        return None
    best = next((time for time in ranked[1:] if _is_finer(time, ranked[0])), ranked[0])
    if best.origin in _INSTANTS:
        for time in ranked:
            offset = _infer_offset(time, best, _SAME_MOMENT)
            if time.origin in (*_CLOCKS, "EXIF DateTime", FILE_NAME) and offset is not None:
                return replace(time, offset=offset)
        return best
    if best.offset is None and best.precision in ("second", "minute"):
        return replace(best, offset=_find_offset(best, ranked))
    return best


def _find_offset(best: TakenTime, others: Sequence[TakenTime]) -> timedelta | None:
    """Find the offset of a clock in the times that tell the same moment."""
    for other in others:
        same = other.clock.replace(second=0) == best.clock.replace(second=0)
        if other.offset is not None and same and other.origin in _CLOCKS:
            return other.offset
    for other in others:
        if other.origin in _INSTANTS and (offset := _infer_offset(best, other)) is not None:
            return offset
    return None


def _infer_offset(clock: TakenTime, moment: TakenTime, tolerance: timedelta = _QUARTER) -> timedelta | None:
    """Infer the offset of a clock from a moment in UTC: their difference, to a quarter of an hour, if any zone has it.

    None where the clock is off by more than `tolerance`. An offset that the clock has counts, if it leads to the same
    moment.
    """
    if clock.precision not in ("second", "minute"):
        return None
    offset = round((clock.clock - moment.clock) / _QUARTER) * _QUARTER
    if abs(clock.clock - moment.clock - offset) > tolerance:
        return None
    if clock.offset is not None:
        return clock.offset if clock.offset == offset else None
    hours = offset / timedelta(hours=1)
    return offset if -12 <= hours <= 14 and (hours.is_integer() or hours in _ODD_OFFSETS) else None


def _is_finer(time: TakenTime, than: TakenTime) -> bool:
    """Tell whether a time agrees with a coarser one as far as that goes; times of changes tell of another moment."""
    if than.precision not in ("day", "month", "year") or time.origin in _CHANGES or _is_never_set(time):
        return False
    finer = PRECISIONS.index(time.precision) < PRECISIONS.index(than.precision)
    depth = ("year", "month", "day").index(than.precision) + 1
    return finer and time.clock.timetuple()[:depth] == than.clock.timetuple()[:depth]


def _is_never_set(time: TakenTime) -> bool:
    day, clock = time.clock.date(), (time.clock.hour, time.clock.minute, time.clock.second)
    return day in _NEVER_SET or (day in _NEVER_SET_AT_MIDNIGHT and clock == (0, 0, 0))


def _rank_text(text: FileText) -> int:
    return _TEXTS.get(text.origin, len(_TEXTS))
