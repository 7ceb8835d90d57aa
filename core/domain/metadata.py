"""What a picture says of itself: when, where and with what it was taken, and the words in its file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

Precision = Literal["second", "minute", "hour", "day", "month", "year"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


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
    """Invert `to_json`. Raises KeyError, TypeError or ValueError for anything else."""
    values = dict(given)
    if "taken" in values:
        taken = dict(values["taken"])
        seconds = taken["offset"]
        taken["offset"] = None if seconds is None else timedelta(seconds=seconds)
        values["taken"] = TakenTime(**taken | {"clock": datetime.fromisoformat(taken["clock"])})
    values["texts"] = tuple(FileText(**text) for text in values.get("texts", ()))
    for name in ("keywords", "people"):
        values[name] = tuple(values.get(name, ()))
    return PictureMetadata(**values)
