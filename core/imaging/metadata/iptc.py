"""IPTC-IIM, the fields of press photographs, and the Photoshop resources that hold them."""

import struct
from collections.abc import Iterator
from contextlib import suppress

from core.domain.metadata import FileText, TakenTime
from core.imaging.metadata.dates import parse_date
from core.imaging.metadata.precedence import Statement, read_each
from core.imaging.metadata.texts import decode_text, split_keywords

_MOST_DATASETS = 10_000
_IPTC_RESOURCE = 0x0404
_UTF8 = b"\x1b%G"
_CHARSET = (1, 90)
_TITLE, _KEYWORDS, _DAY, _CLOCK, _DIGITAL_DAY, _DIGITAL_CLOCK, _HEADLINE, _CAPTION = (
    (2, number) for number in (5, 25, 55, 60, 62, 63, 105, 120)
)

_PLACE = {"location": (2, 92), "city": (2, 90), "region": (2, 95), "country": (2, 101)}

Datasets = dict[tuple[int, int], list[bytes]]


def read_iptc(data: bytes) -> Statement:
    """Read one block of IPTC datasets, as far as it is whole."""
    datasets = _read_datasets(data)
    said = Statement()
    charset = datasets.get(_CHARSET, [b""])[0]

    def read(key: tuple[int, int]) -> list[str]:
        return [_decode(value, charset) for value in datasets.get(key, [])]

    def read_words() -> None:
        for keyword in read(_KEYWORDS):
            said.keywords.extend(split_keywords(keyword))

    def read_texts() -> None:
        for origin, key in (("IPTC caption", _CAPTION), ("IPTC headline", _HEADLINE), ("IPTC title", _TITLE)):
            said.texts.extend(FileText(text, origin) for text in read(key))

    def read_time(origin: str, day: tuple[int, int], clock: tuple[int, int]) -> None:
        time = _parse_time("".join(read(day)[:1]), "".join(read(clock)[:1]), origin)
        if time is not None:
            said.times.append(time)

    def read_place() -> None:
        said.place |= {name: text for name, key in _PLACE.items() if (text := next(filter(None, read(key)), ""))}

    read_each(
        lambda: read_time("IPTC date created", _DAY, _CLOCK),
        lambda: read_time("IPTC digital creation date", _DIGITAL_DAY, _DIGITAL_CLOCK),
        read_texts,
        read_words,
        read_place,
    )
    return said


def find_iptc(resources: bytes) -> list[bytes]:
    """Find the IPTC blocks among Photoshop's resources: 8BIM, number, name, length, bytes."""
    found, start = [], 0
    with suppress(struct.error, IndexError):
        while resources[start : start + 4] in (b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa"):
            (number,) = struct.unpack_from(">H", resources, start + 4)
            name = 1 + resources[start + 6]
            start += 6 + name + name % 2
            (length,) = struct.unpack_from(">I", resources, start)
            start += 4
            if number == _IPTC_RESOURCE:
                found.append(resources[start : start + length])
            start += length + length % 2
    return found


def _read_datasets(data: bytes) -> Datasets:
    found: Datasets = {}
    for record, number, value in _walk(data):
        found.setdefault((record, number), []).append(value)
    return found


def _walk(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    start = max(data.find(b"\x1c"), 0)
    for _ in range(_MOST_DATASETS):
        if start + 5 > len(data) or data[start] != 0x1C:
            return
        record, number = data[start + 1], data[start + 2]
        (length,) = struct.unpack_from(">H", data, start + 3)
        start += 5
        if length & 0x8000:  # the length of the length
            size = length & 0x7FFF
            if size > 8:
                return
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
        yield record, number, data[start : start + length]
        start += length


def _decode(value: bytes, charset: bytes) -> str:
    if charset == _UTF8:
        return value.decode("utf-8", "replace").strip("\0 ")
    return decode_text(value).strip("\0 ")  # most that do not say so are UTF-8 nevertheless


def _parse_time(day: str, clock: str, origin: str) -> TakenTime | None:
    """Read CCYYMMDD, whose month or day may be 00, and HHMMSS±HHMM. Tools write hyphens and colons too."""
    date = parse_date(day, origin)
    if date is None or date.precision != "day":
        return date
    return parse_date(f"{date.clock:%Y%m%d}T{clock}", origin) or date
