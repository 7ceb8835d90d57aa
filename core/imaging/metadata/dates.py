"""The spellings of dates, times and zones in metadata."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

from core.domain.metadata import MAX_OFFSET, Precision, TakenTime

_LONGEST = 64  # characters of a date in any spelling
_YEARS = range(1, 2101)
_ZONE = r"(?P<zone>Z|UTC|GMT|[+-]\d{1,2}(?::?\d\d)?(?::\d\d)?)(?![\d:])"
_TIME = (
    r"(?:(?P<gap>\s*[T_,]\s*|\s+|:\s*|(?<=\d{8}))"
    r"(?P<hour>\d{1,2})(?:(?P<colon>[:.\-])\s?(?P<minute>\d{1,2})(?:(?P=colon)\s?(?P<second>\d{1,2}))?"
    r"|(?P<minutes>\d\d)(?P<seconds>\d\d)?)?(?!\d)(?:[.,:]\d+)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?"
)
_SEPARATED = re.compile(
    rf"(?P<year>\d{{4}})(?:[-:/.]\s?(?P<month>\d{{1,2}})(?:[-:/.]\s?(?P<day>\d{{1,2}}))?)?(?!\d){_TIME}"
)
_COMPACT = re.compile(rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d){_TIME}")
_DAY_FIRST = re.compile(
    rf"(?P<day>\d{{1,2}})(?P<dash>[./-])(?P<month>\d{{1,2}})(?P=dash)(?P<year>\d{{4}})(?!\d){_TIME}"
)
_TAIL = re.compile(rf"\s*(?:{_ZONE})?\s*", re.IGNORECASE)
_OFFSET = re.compile(r"([+-])(\d{1,2})(?::?(\d\d))?(?::?\d\d)?")
_WORDS = re.compile(r"[A-Za-z]{3}")
_TIME_IN_WORDS = re.compile(r"\d:\d\d")
_ZONE_IN_WORDS = re.compile(r":\d\d\s+([+-](?!0000)\d{4}|\+0000|UTC?|GMT|Z|[ECMP][SD]T)\b")


def parse_date(text: str, origin: str, offset: timedelta | None = None) -> TakenTime | None:
    """Read a date in any usual spelling; None where it is blank, zero or no date.

    Parts that are blank or zero lower the precision. A zone in the text counts for more than `offset`. Hour 24 is 0 of
    the same day, as old Android cameras write it, but in ISO 8601 24:00 ends the day. Second 60 is the next minute's 0.
    """
    text = text[:_LONGEST].split("\0", 1)[0].strip()
    text = re.sub(r"[\s:]+$", "", text)
    for form in (_SEPARATED, _COMPACT, _DAY_FIRST):
        found = form.match(text)
        if found is None:
            continue
        tail = _TAIL.match(text, found.end())
        whole = tail is not None and tail.end() == len(text) and bool(found["day"] or not tail["zone"])
        if whole or found["second"] or found["seconds"]:  # after a whole time, junk does not matter
            zone = parse_offset(tail["zone"] or "") if tail is not None and found["hour"] else None
            return _assemble(found.groupdict(), origin, offset if zone is None else zone)
    return _parse_words(text, origin, offset) if _WORDS.search(text) else None


def parse_offset(text: str) -> timedelta | None:
    """Read how far a clock is ahead of UTC, such as +02:00, -0330, +9 or Z; None for anything else."""
    text = text.strip("\0 ")
    if text.upper() in ("Z", "UTC", "GMT"):
        return timedelta(0)
    found = _OFFSET.fullmatch(text)
    if found is None or int(found[3] or 0) > 59:
        return None
    return limit_offset(timedelta(hours=int(found[2]), minutes=int(found[3] or 0)) * (-1 if found[1] == "-" else 1))


def limit_offset(offset: timedelta) -> timedelta | None:
    """Return an offset that clocks can have, or None."""
    return offset if abs(offset) <= MAX_OFFSET else None


def parse_timestamp(seconds: float | str, origin: str) -> TakenTime | None:
    """Read seconds since 1970 in UTC; its clock is that of UTC."""
    try:
        clock = datetime.fromtimestamp(int(float(seconds)), UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None
    return TakenTime(clock, origin, offset=timedelta(0)) if clock.year in _YEARS else None


def _assemble(parts: Mapping[str, str | None], origin: str, offset: timedelta | None) -> TakenTime | None:
    """Make a time of its parts: those from the first that is missing or impossible on are left out."""
    year, month, day = (int(parts[name] or 0) for name in ("year", "month", "day"))
    if month > 12 >= day and parts.get("dash"):  # as Americans write it
        month, day = day, month
    if year not in _YEARS or month > 12:
        return None
    if not month or not day:
        return TakenTime(datetime(year, month or 1, 1), origin, "month" if month else "year", None)
    given = (parts["hour"], parts["minute"] or parts["minutes"], parts["second"] or parts["seconds"])
    wrong = (part is None or int(part) > most for part, most in zip(given, (24, 59, 60), strict=True))
    known = [*wrong, True].index(True)
    hour, minute, second = (int(part or 0) if n < known else 0 for n, part in enumerate(given))
    if hour == 24 and not ("T" in (parts["gap"] or "") and minute == second == 0):
        hour = 0
    if parts["half"] and hour <= 12:
        hour = hour % 12 + (12 if parts["half"][0] in "Pp" else 0)
    try:
        clock = datetime(year, month, day) + timedelta(hours=hour, minutes=minute, seconds=second)
    except (ValueError, OverflowError):  # there is no such day
        return None
    precision: Precision = ("day", "hour", "minute", "second")[known]
    return TakenTime(clock, origin, precision, offset if known else None)


def _parse_words(text: str, origin: str, offset: timedelta | None) -> TakenTime | None:
    """Read a date with the month's name, as RFC 1123 and C's ctime write them."""
    timed = _TIME_IN_WORDS.search(text) is not None
    try:
        parts = parsedate_tz(text if timed else f"{text} 00:00:00")
        if parts is None or parts[0] not in _YEARS:
            return None
        clock = datetime(*parts[:3]) + timedelta(hours=parts[3], minutes=parts[4], seconds=parts[5])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if not timed:
        return TakenTime(clock, origin, "day")
    zone = limit_offset(timedelta(seconds=parts[9] or 0)) if _ZONE_IN_WORDS.search(text) else None
    return TakenTime(clock, origin, offset=offset if zone is None else zone)
