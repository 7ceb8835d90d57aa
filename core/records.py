"""What is known of an image, from listing to hit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Status = Literal["indexed", "failed"]
CaptionOrigin = Literal["generated", "human"]
Framing = Literal["tiles", "imported"]
ListName = Literal["image", "caption", "words"]  # the lists that a search ranks by

UNTOLD_ETAG = "*"  # of a listing that does not know the bytes, and of bytes that were served without a name
UNREAD_ETAG = "unread"  # of an image whose vector was imported, until its source is ingested


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image as its store lists it. `etag` is opaque: another etag means other bytes.

    Where the listing cannot tell, the etag is UNTOLD_ETAG: what was read once is taken to be what is there, unless it
    is to be read `again`. `withheld`: why its bytes cannot be had although it is there, such as an archive that has to
    be asked first. `captions` are what people wrote of it, where the listing says so.
    """

    source: str
    key: str
    uri: str
    etag: str
    bytes: int
    modified_at: datetime
    withheld: str | None = None
    captions: tuple[str, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image as the index holds it (the payload of its point). Times are timezone-aware UTC.

    `captions` are all that people wrote of it, the first being its `caption`; `generated` is what a captioner said of
    it beside them, where it was asked to. `words` are the dictionary forms of all of them, each once, in order of
    appearance. `caption_score` is the cosine of caption vector and image vector. `framing` says what the image vector
    was made of: None of one square of the picture, "tiles" of several (core.tiling), "imported" of what is not known. A
    failed image has `error` and no vector.
    """

    id: str
    source: str
    key: str
    uri: str
    etag: str
    bytes: int
    modified_at: datetime
    indexed_at: datetime
    status: Status
    encoder: str
    error: str | None = None
    width: int | None = None
    height: int | None = None
    taken_at: datetime | None = None
    content_hash: str | None = None
    caption: str | None = None
    caption_origin: CaptionOrigin | None = None
    caption_score: float | None = None
    captioner: str | None = None
    words: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    generated: str | None = None
    framing: Framing | None = None

    @property
    def ref(self) -> ImageRef:
        """The image as its store listed it."""
        return ImageRef(self.source, self.key, self.uri, self.etag, self.bytes, self.modified_at)

    @property
    def texts(self) -> tuple[str, ...]:
        """All that is said of the image, what is shown first."""
        return all_texts(self.caption, self.captions, self.generated)

    @property
    def name(self) -> str:
        """The last part of the key, for people."""
        return self.key.rstrip("/").rsplit("/", 1)[-1] or self.key


def all_texts(caption: str | None, captions: tuple[str, ...], generated: str | None) -> tuple[str, ...]:
    """Each once, in this order, none empty."""
    return tuple(dict.fromkeys(text for text in (caption, *captions, generated) if text))


_TIMES = ("modified_at", "indexed_at", "taken_at")
_FIELDS = tuple(name for name in ImageRecord.__dataclass_fields__ if name != "id")


def to_payload(record: ImageRecord) -> dict[str, Any]:
    """JSON-ready payload of a point: times as RFC 3339, absent values left out (the id is the point's own)."""
    payload = {name: value for name in _FIELDS if (value := getattr(record, name)) is not None}
    for name in _TIMES:
        if name in payload:
            payload[name] = payload[name].isoformat()
    payload["words"] = list(record.words)
    payload["captions"] = list(record.captions)
    if record.width and record.height:
        payload["aspect"] = record.width / record.height  # for filters alone
    return payload


def from_payload(image_id: str, payload: Mapping[str, Any]) -> ImageRecord:
    """The inverse of `to_payload`; keys that it does not know are ignored."""
    values = {name: payload[name] for name in _FIELDS if name in payload}
    for name in _TIMES:
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    for name in ("words", "captions"):
        values[name] = tuple(values.get(name, ()))
    return ImageRecord(id=image_id, **values)


@dataclass(frozen=True, slots=True)
class Standing:
    """A hit in one list: its score there (a cosine, or BM25) and its rank from 1 on, None beyond the list's best."""

    score: float
    rank: int | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One found image. `score` is the cosine of query and image in [-1, 1]; None where they were not compared.

    `match` is what ranks it: up to 1, the best of every list that was asked; None where nothing was. `standings` and
    `matched` say why: how it stands in every list that knows it, and which words of the query its caption holds.
    `strength` is how well it really matches, from 0 to 1 (core.relevance); None where that is not known.
    `copies` is how many found pictures it stands for, itself among them: those of the very same bytes.
    """

    record: ImageRecord
    score: float | None
    match: float | None = None
    standings: Mapping[ListName, Standing] = field(default_factory=dict)
    matched: tuple[str, ...] = ()
    strength: float | None = None
    copies: int = 1

    def to_dict(self) -> dict[str, Any]:
        """The hit as the terminal and programs see it; `captions` are all that is said of the image."""
        lists = {name: {"score": standing.score, "rank": standing.rank} for name, standing in self.standings.items()}
        why = {"lists": lists, "words": list(self.matched)}
        strength = None if self.strength is None else round(self.strength, 4)
        ranked = {"id": self.record.id, "score": self.score, "match": self.match, "strength": strength}
        told = {"caption": self.record.caption, "captions": list(self.record.texts)}
        return ranked | {"copies": self.copies, "why": why} | to_payload(self.record) | told


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query; `notices` are sentences for the person who asked.

    `verdict` says what the best matches are worth, whichever page of them this is; None where that is not known.
    `degraded`: a copy of the library answered, which was last equal to it at `as_of` (UTC) and now lacks `lacking`
    pictures; None where that is not known. `total` counts pictures, every copy of one too: the `copies` of all hits of
    all pages add up to it. `matches` says how many of the best 200 are good matches (a strength of 0.5 or more),
    copies counted; None where nothing was compared, or no strength is known. `more_matches`: those behind them, which
    are not judged, may be good ones too.
    """

    hits: tuple[Hit, ...]
    total: int
    backend: str
    degraded: bool = False
    notices: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    verdict: Literal["strong", "some", "none"] | None = None
    as_of: datetime | None = None
    lacking: int | None = None
    matches: int | None = None
    more_matches: bool = False

    @property
    def headline(self) -> tuple[str, ...]:
        """How much was found, for people: "6 good matches", "2,094 weaker"."""
        if self.matches is None or not self.total:
            return (f"{self.total:,} picture{'' if self.total == 1 else 's'}",)
        if self.more_matches:
            return f"{self.matches:,} good matches or more", f"of {self.total:,} pictures"
        good = f"{self.matches:,} good match{'' if self.matches == 1 else 'es'}" if self.matches else "no good match"
        weaker = self.total - self.matches
        return (good, f"{weaker:,} weaker") if weaker else (good,)

    def to_dict(self) -> dict[str, Any]:
        return {
            "hits": [hit.to_dict() for hit in self.hits],
            "total": self.total,
            "matches": self.matches,
            "more_matches": self.more_matches,
            "verdict": self.verdict,
            "backend": self.backend,
            "degraded": self.degraded,
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
            "lacking": self.lacking,
            "notices": list(self.notices),
            "timings_ms": {name: round(ms, 2) for name, ms in self.timings_ms.items()},
        }
