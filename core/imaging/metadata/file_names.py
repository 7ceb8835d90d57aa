"""Dates in the names of files, as phones, messengers and screenshot tools write them."""

import re
from datetime import UTC, datetime, timedelta

from core.domain.metadata import TakenTime
from core.imaging.metadata.dates import parse_date, parse_timestamp
from core.imaging.metadata.precedence import FILE_NAME

_FIRST_YEAR = 1990
_LONGEST = 255
_EXTENSIONS = re.compile(r"(?:\.[A-Za-z][A-Za-z0-9]{1,4})+$")
_DAY = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<gap>[-_.:]?)(?P<month>0[1-9]|1[0-2])(?P<inner>(?P=gap)|)(?P<day>0[1-9]|[12]\d|3[01])"
)
_CLOCK = re.compile(
    r"(?:\s+(?:at|um|à|kl\.?|a las|alle|às)\s+|[-_.,\s]{1,3}|T|)"
    r"(?P<hour>[01]\d|2[0-4]|\d(?!\d))(?P<colon>[-_.:h]?)(?P<minute>[0-5]\d)(?:(?P=colon)(?P<second>[0-5]\d))?"
    r"(?:(?<=\d{6})\d{2,3}|[-_.]\d{1,4})?(?!\d)\s*(?P<half>[AaPp]\.?[Mm])?"
)
_DAY_FIRST = re.compile(
    r"(?<![\d.-])(?P<day>0[1-9]|[12]\d|3[01])(?P<gap>[-_.])(?P<month>0[1-9]|1[0-2])(?P=gap)(?P<year>(?:19|20)\d\d)(?!\d)"
)
_WORD_BEFORE = re.compile(r"[^\W_]*$")
_HEX = re.compile(r"[A-Fa-f]+")
_IDENTIFIER_AFTER = re.compile(r"[^\W_]|[-_]\d{7}")
_MILLISECONDS = re.compile(r"(?:FB_IMG_|mmexport)(\d{10})\d{3}(?!\d)")  # since 1970: Facebook's and WeChat's
_UTC_NAME = re.compile(r"PXL_\d{8}_")  # Google's camera names files in UTC


def parse_name(name: str) -> TakenTime | None:
    """Read a date from a file's name, such as IMG_20190714_123456.jpg; None where it holds none.

    Years are plausible ones alone: counters, telephone numbers and hashes have digits too.
    """
    stem = _EXTENSIONS.sub("", name[:_LONGEST])
    if (seconds := _MILLISECONDS.match(stem)) is not None:
        return _accept(parse_timestamp(seconds[1], FILE_NAME))
    for day in _DAY.finditer(stem):
        if _is_word(stem[: day.start()]):
            time = _read(day, stem)
            if time is not None:
                return time
    found = _DAY_FIRST.search(stem)
    return None if found is None else _parse(f"{found['year']}-{found['month']}-{found['day']}")


def _read(day: re.Match[str], stem: str) -> TakenTime | None:
    date, bare = f"{day['year']}-{day['month']}-{day['day']}", not day["gap"]
    clock = _CLOCK.match(stem, day.end())
    if clock is not None and (clock["second"] or (clock["colon"] and not bare)):  # else it may be a counter
        second = f":{clock['second']}" if clock["second"] else ""
        written = f"{date} {clock['hour']}:{clock['minute']}{second} {clock['half'] or ''}"
        return _parse(written, timedelta(0) if _UTC_NAME.match(stem) else None) or _parse(date)
    counted = day["gap"] != day["inner"]  # 2019_0714 may be a year and a counter
    return None if counted or _IDENTIFIER_AFTER.match(stem, day.end()) else _parse(date)


def _is_word(before: str) -> bool:
    """Tell whether digits behind this text are a word of their own, or follow one of letters such as IMG."""
    word = _WORD_BEFORE.search(before)
    letters = "" if word is None else word[0]
    return not letters or (letters.isalpha() and not _HEX.fullmatch(letters))


def _parse(written: str, offset: timedelta | None = None) -> TakenTime | None:
    return _accept(parse_date(written, FILE_NAME, offset))


def _accept(time: TakenTime | None) -> TakenTime | None:
    """Accept a time of a plausible year."""
    last = datetime.now(UTC).year + 1
    return time if time is not None and _FIRST_YEAR <= time.clock.year <= last else None
