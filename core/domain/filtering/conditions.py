"""What a filter can ask of one image, each condition validated when it is made.

`holds` is the meaning of every condition, in plain Python over a payload: backends must agree with it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from core.domain.filtering.distance import FARTHEST, great_circle
from core.domain.filtering.key_patterns import fits
from core.domain.filtering.written_text import Written
from core.errors import InvalidQuery
from core.text import analysis
from core.text.spelling import spell_plainly

Keyword = Literal[
    "words",
    "source",
    "status",
    "content_hash",
    "caption_origin",
    "captioner",
    "camera",
    "lens",
    "keywords",
    "people",
    "pair",
    "text_words",
    "text_reader",
    "places",
    "place_words",
    "city",
    "region",
    "country",
    "name_words",
    "caption_flaw",
    "caption_language",
]
Name = Literal["camera", "lens", "keywords", "people", "places"]
Number = Literal["width", "height", "aspect", "rating", "incomplete"]
Degrees = Literal["latitude", "longitude"]
Time = Literal["taken_at", "modified_at"]
Field = Keyword | Number | Degrees | Time

_KNOWN: dict[str, tuple[str, ...]] = {
    "status": ("indexed", "failed"),
    "caption_origin": ("generated", "human", "file"),
}
_MOST = 1e15
FIELDS: tuple[str, ...] = get_args(Keyword) + get_args(Number) + get_args(Degrees) + get_args(Time)
TOLD = ("caption", "captions", "generated", "file_texts", "keywords", "people")  # where a Phrase is looked for
_WILD = re.compile(r"[*?\[]")


def _check_field(field: str, takes: tuple[str, ...]) -> None:
    if field not in takes:
        raise InvalidQuery("filter field", field, "one of " + ", ".join(takes))


def _check_text(field: str, text: object, takes: str) -> None:
    if not isinstance(text, str) or not text or not analysis.is_unicode(text):
        raise InvalidQuery(field, text, takes)


@dataclass(frozen=True, slots=True)
class Match:
    """The keyword field holds at least one of the values."""

    field: Keyword
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_field(self.field, get_args(Keyword))
        if not self.values or isinstance(self.values, str):
            raise InvalidQuery(self.field, self.values, "at least one value")
        for value in self.values:
            if not isinstance(value, str) or value not in _KNOWN.get(self.field, (value,)):
                raise InvalidQuery(self.field, value, " or ".join(_KNOWN.get(self.field, ("text",))))


@dataclass(frozen=True, slots=True)
class Missing:
    """The field is not set."""

    field: Field

    def __post_init__(self) -> None:
        _check_field(self.field, FIELDS)


@dataclass(frozen=True, slots=True)
class Between:
    """The number lies from `low` to `high`, both included; one of them may be open.

    `width` and `height` are pixels of the upright picture, `aspect` is width / height, `rating` is stars from 0 to 5.
    `incomplete` is the share of the picture that is there, where not all of it is.
    """

    field: Number
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        _check_field(self.field, get_args(Number))
        for bound in (self.low, self.high):
            if bound is not None and not (_is_number(bound) and 0 <= bound <= _MOST):  # also refuses NaN
                raise InvalidQuery(self.field, bound, f"numbers from 0 to {_MOST:g}")
        if self.low is None and self.high is None:
            raise InvalidQuery(self.field, (self.low, self.high), "a lowest or a highest number")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InvalidQuery(self.field, (self.low, self.high), "a lowest number that is not above the highest")


@dataclass(frozen=True, slots=True)
class During:
    """The time is `since` or later, and before `before`; one of them may be open. Both carry a time zone.

    `taken_at` is what the clock showed where the picture was taken. So of its bounds, the clock alone counts.
    """

    field: Time
    since: datetime | None = None
    before: datetime | None = None

    def __post_init__(self) -> None:
        _check_field(self.field, get_args(Time))
        for bound in (self.since, self.before):
            if bound is not None and (not isinstance(bound, datetime) or bound.utcoffset() is None):
                raise InvalidQuery(self.field, bound, "times with a time zone")
        if self.since is None and self.before is None:
            raise InvalidQuery(self.field, (self.since, self.before), "a time to begin or to end with")
        if self.field == "taken_at":
            for name in ("since", "before"):
                if (bound := getattr(self, name)) is not None:
                    object.__setattr__(self, name, bound.replace(tzinfo=UTC))
        if self.since is not None and self.before is not None and self.since >= self.before:
            given = (self.since.isoformat(), self.before.isoformat())
            raise InvalidQuery(self.field, given, "a beginning that comes before the end")


@dataclass(frozen=True, slots=True)
class KeyPrefix:
    """The key (the path within its source) begins with this, letter by letter."""

    prefix: str

    def __post_init__(self) -> None:
        _check_text("key", self.prefix, "the beginning of a key, such as 2024/holidays/")


@dataclass(frozen=True, slots=True)
class KeyGlob:
    """The whole key fits the pattern, in either case: * for any run of characters ("/" too), ? for one, [abc] for one
    of these. See core.domain.filtering.key_patterns.
    """

    pattern: str

    def __post_init__(self) -> None:
        _check_text("key", self.pattern, "a pattern of keys, such as 2024/*.jpg")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A text of the image says these words, as written and in this order, none between them.

    Case and accents do not count. Its texts are its captions, and what its file says: texts, keywords, people.
    """

    text: str

    def __post_init__(self) -> None:
        takes = "words as a caption says them, such as a dog on the beach"
        _check_text("phrase", self.text, takes)
        if not analysis.tokenize(self.text):
            raise InvalidQuery("phrase", self.text, takes)


@dataclass(frozen=True, slots=True)
class Named:
    """A value of the field holds these words, in this order, none between them; case and accents do not count.

    With *, ? or [abc] the text is a pattern instead, which the whole value fits; there too they do not count.
    """

    field: Name
    text: str

    def __post_init__(self) -> None:
        _check_field(self.field, get_args(Name))
        name, example = ("place", "Lisbon") if self.field == "places" else (self.field, "Canon")
        _check_text(name, self.text, f"a name or a part of it, such as {example}")
        if not self.text.strip():
            raise InvalidQuery(name, self.text, f"a name or a part of it, such as {example}")

    def names(self, value: str) -> bool:
        """Tell whether this value is one that is meant."""
        if _WILD.search(self.text):
            return fits(self.text, value) or fits(spell_plainly(self.text), spell_plainly(value))
        words = analysis.tokenize(self.text)
        if not words:  # a sign, such as an emoji
            return self.text.strip().casefold() in value.casefold()
        return _says(analysis.tokenize(value), words)


@dataclass(frozen=True, slots=True)
class Near:
    """The place where the picture was taken is at most so many metres away, as great circles go.

    Places are in degrees of WGS 84, north and east positive.
    """

    latitude: float
    longitude: float
    meters: float

    def __post_init__(self) -> None:
        for name, most in (("latitude", 90), ("longitude", 180)):
            degrees = getattr(self, name)
            if not (_is_number(degrees) and -most <= degrees <= most):  # also refuses NaN
                raise InvalidQuery(name, degrees, f"degrees from -{most} to {most}; latitude comes before longitude")
        if not (_is_number(self.meters) and 0 < self.meters <= 2 * FARTHEST):
            raise InvalidQuery("distance", self.meters, "more than 0 m, and at most 40,000 km")

    def holds_place(self, latitude: float | None, longitude: float | None) -> bool:
        """Tell whether a place is near enough; none is not."""
        if latitude is None or longitude is None:
            return False
        return great_circle(self.latitude, self.longitude, latitude, longitude) <= self.meters


@dataclass(frozen=True, slots=True)
class WithinBox:
    """The place where the picture was taken lies in a box of a map, whose edges are part of it.

    Edges are in degrees of WGS 84, north and east positive. A box whose west is greater than its east crosses the
    antimeridian, which is both 180 and -180. A box that reaches a pole holds it, whatever longitude is told there.
    """

    south: float
    west: float
    north: float
    east: float

    def __post_init__(self) -> None:
        for name, most in (("south", 90), ("west", 180), ("north", 90), ("east", 180)):
            degrees = getattr(self, name)
            if not (_is_number(degrees) and -most <= degrees <= most):  # also refuses NaN
                raise InvalidQuery(name, degrees, f"degrees from -{most} to {most}; a box is south, west, north, east")
        if self.south > self.north:
            box = ",".join(f"{edge:g}" for edge in (self.south, self.west, self.north, self.east))
            raise InvalidQuery("box", box, "its edges as south, west, north, east: south is the smaller latitude")

    def holds_place(self, latitude: float | None, longitude: float | None) -> bool:
        """Tell whether a place lies in it; none does not."""
        if latitude is None or longitude is None or not self.south <= latitude <= self.north:
            return False
        return abs(latitude) == 90 or any(west <= longitude <= east for west, east in box_longitudes(self))

    @property
    def poles(self) -> tuple[float, ...]:
        """The latitudes of the poles that are in it."""
        return tuple(pole for pole in (-90.0, 90.0) if self.south <= pole <= self.north)


def box_longitudes(box: WithinBox) -> tuple[tuple[float, float], ...]:
    """Return the ranges of longitude in a box, ends included: none of them crosses the antimeridian."""
    west, east = float(box.west), float(box.east)
    if west > east:
        return (west, 180.0), (-180.0, east)
    if west == -180 or east == 180:  # both are the same meridian
        return (west, east), (-180.0, -180.0), (180.0, 180.0)
    return ((west, east),)


Simple = Match | Missing | Between | During | KeyPrefix | KeyGlob | Phrase | Named | Near | WithinBox | Written


def holds(condition: Simple, payload: Mapping[str, Any]) -> bool:
    match condition:
        case Match(field, values):
            value = payload.get(field)
            held = value if isinstance(value, list | tuple) else (value,)
            return any(wanted in held for wanted in values)
        case Missing(field):
            return payload.get(field) in (None, [], ())
        case Between(field, low, high):
            number = payload.get(field)
            return number is not None and (low is None or number >= low) and (high is None or number <= high)
        case During(field, since, before):
            if payload.get(field) is None:
                return False
            time = datetime.fromisoformat(payload[field])
            return (since is None or time >= since) and (before is None or time < before)
        case KeyPrefix(prefix):
            return str(payload.get("key", "")).startswith(prefix)
        case KeyGlob(pattern):
            return fits(pattern, str(payload.get("key", "")))
        case Phrase(text):
            return any(_says(analysis.tokenize(one), analysis.tokenize(text)) for one in _told(payload))
        case Named(field, _):
            value = payload.get(field)
            held = value if isinstance(value, list | tuple) else (value,)
            return any(condition.names(one) for one in held if one is not None)
        case Written():
            return condition.holds(payload)
        case Near():
            return condition.holds_place(payload.get("latitude"), payload.get("longitude"))
        case WithinBox():
            return condition.holds_place(payload.get("latitude"), payload.get("longitude"))


def _told(payload: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts of an image in which a phrase is looked for; of a mirror, fields without a value are None."""
    for name in TOLD:
        held = payload.get(name)
        for one in held if isinstance(held, list | tuple) else (held,):
            if text := one["text"] if isinstance(one, Mapping) else one:
                yield text


def _says(told: Sequence[str], phrase: Sequence[str]) -> bool:
    size = len(phrase)
    return any(told[n : n + size] == phrase for n in range(len(told) - size + 1))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
