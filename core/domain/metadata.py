"""What a picture says of itself: when, where and with what it was taken, and the words in its file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

Precision = Literal["second", "minute", "hour", "day", "month", "year"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
MAX_TEXTS, MAX_KEYWORDS, MAX_PEOPLE = 20, 200, 100
MAX_TEXT, MAX_WORD = 4000, 200  # characters of a text; of a keyword, a name of a person, a camera or a lens
MAX_STARS = 5
MAX_PLACES = 50
PLACE_FIELDS = ("location", "city", "region", "country")  # what people write of a place, from small to large
MAX_OFFSET = timedelta(hours=14)  # the clocks of Kiribati are the farthest ahead of UTC


@dataclass(frozen=True, slots=True)
class TakenTime:
    """When a picture was taken.

    `clock` is what the clock showed there: a datetime without a zone. `offset` is how far that clock was ahead of UTC,
    None where the picture does not say. `origin` names the field, such as "EXIF DateTimeOriginal". `precision` is the
    smallest unit that the field tells; smaller ones are 0 or 1.
    """

    clock: datetime
    origin: str
    precision: Precision = "second"
    offset: timedelta | None = None

    def __post_init__(self) -> None:
        if self.clock.tzinfo is not None:
            raise ValueError("the clock of a TakenTime has no zone")
        if self.precision not in PRECISIONS:
            raise ValueError(f"no precision of a TakenTime: {self.precision}")

    @property
    def wall_clock(self) -> datetime:
        """The clock, labelled UTC: what filters, facets and sorting go by."""
        return self.clock.replace(tzinfo=UTC)

    @property
    def instant(self) -> datetime | None:
        """The moment in UTC; None where the offset is not known, or leads out of the calendar."""
        if self.offset is None:
            return None
        try:
            return self.wall_clock - self.offset
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class FileText:
    """A sentence in a picture's file or beside it; `origin` names the field, such as "IPTC caption"."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class PictureMetadata:
    """What a picture, and the files beside it, say of it. Each value is absent where nobody says it.

    `latitude` and `longitude` are degrees of WGS 84, north and east positive; both are set or none. `rating` is 0 to 5
    stars. `texts` are titles and descriptions, the best first. `keywords` and `people` are as written, each once.
    `location` (a part of a city, or a sight), `city`, `region` and `country` are as people wrote them. `places` and
    `time_zone` are those of an ImageRecord, and follow from all of that (core.domain.places.locate).
    """

    taken: TakenTime | None = None
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    rating: int | None = None
    texts: tuple[FileText, ...] = ()
    keywords: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    location: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None
    places: tuple[str, ...] = ()
    time_zone: str | None = None


NO_METADATA = PictureMetadata()


def to_json(metadata: PictureMetadata) -> dict[str, Any]:
    """Make an object of JSON: times as ISO 8601, offsets in seconds, absent values left out."""
    given = {name: value for name, value in asdict(metadata).items() if value not in (None, ())}
    if metadata.taken is not None:
        taken = metadata.taken
        given["taken"] |= {"clock": taken.clock.isoformat()}
        given["taken"] |= {"offset": None if taken.offset is None else taken.offset.total_seconds()}
    return given


def from_json(given: Mapping[str, Any]) -> PictureMetadata:
    """Invert `to_json`. Raises KeyError, TypeError, ValueError or OverflowError for anything that it does not make.

    Whoever reads it may trust it: texts are Unicode, of limited lengths and numbers, and numbers are in their ranges.
    """
    if not isinstance(given, Mapping):
        raise TypeError("no object")
    values = dict(given)
    if "taken" in values:
        values["taken"] = _read_taken(values["taken"])
    for name in ("camera", "lens", *PLACE_FIELDS, "time_zone"):
        if name in values:
            _expect_text(values[name], MAX_WORD)
    if ("latitude" in values) != ("longitude" in values):
        raise ValueError("half a position")
    for name, most in (("latitude", 90), ("longitude", 180)):
        if name in values:
            values[name] = _expect_number(values[name], most)
    if "rating" in values and not (type(values["rating"]) is int and 0 <= values["rating"] <= MAX_STARS):
        raise ValueError("no rating")
    values["texts"] = tuple(map(_read_text, _expect_list(values.get("texts", []), MAX_TEXTS)))
    for name, most in (("keywords", MAX_KEYWORDS), ("people", MAX_PEOPLE), ("places", MAX_PLACES)):
        values[name] = tuple(_expect_text(word, MAX_WORD) for word in _expect_list(values.get(name, []), most))
    return PictureMetadata(**values)


def _read_taken(given: Any) -> TakenTime:
    if not isinstance(given, Mapping):
        raise TypeError("no object")
    taken = dict(given)
    seconds = taken["offset"]
    if seconds is not None:
        seconds = timedelta(seconds=_expect_number(seconds, MAX_OFFSET.total_seconds()))
    clock = datetime.fromisoformat(_expect_text(taken["clock"], MAX_WORD))
    _expect_text(taken["origin"], MAX_WORD)
    return TakenTime(**taken | {"clock": clock, "offset": seconds})


def _read_text(given: Any) -> FileText:
    text = FileText(**given)
    _expect_text(text.text, MAX_TEXT)
    _expect_text(text.origin, MAX_WORD)
    return text


def _expect_list(given: Any, most: int) -> Sequence[Any]:
    if not isinstance(given, list | tuple) or len(given) > most:
        raise ValueError("no list, or one that is too long")
    return given


def _expect_text(given: Any, longest: int) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= longest:
        raise ValueError("no text, or one that is too long")
    given.encode()  # halves of surrogates raise UnicodeEncodeError, a ValueError
    return given


def _expect_number(given: Any, most: float) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) <= most:
        raise ValueError("no number, or one out of range")
    return float(given)
