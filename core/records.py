"""What is known of an image, from listing to hit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Status = Literal["indexed", "failed"]
CaptionOrigin = Literal["generated", "human"]


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image as its store lists it. `etag` is opaque: another etag means other bytes."""

    source: str
    key: str
    uri: str
    etag: str
    bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image as the index holds it (the payload of its point). Times are timezone-aware UTC.

    `words` are the caption's dictionary forms, each once, in order of appearance. `caption_score` is the cosine of
    caption vector and image vector. A failed image has `error` and no vector.
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

    @property
    def ref(self) -> ImageRef:
        """The image as its store listed it."""
        return ImageRef(self.source, self.key, self.uri, self.etag, self.bytes, self.modified_at)

    @property
    def name(self) -> str:
        """The last part of the key, for people."""
        return self.key.rstrip("/").rsplit("/", 1)[-1] or self.key


_TIMES = ("modified_at", "indexed_at", "taken_at")
_FIELDS = tuple(name for name in ImageRecord.__dataclass_fields__ if name != "id")


def to_payload(record: ImageRecord) -> dict[str, Any]:
    """JSON-ready payload of a point: times as RFC 3339, absent values left out (the id is the point's own)."""
    payload = {name: value for name in _FIELDS if (value := getattr(record, name)) is not None}
    for name in _TIMES:
        if name in payload:
            payload[name] = payload[name].isoformat()
    payload["words"] = list(record.words)
    return payload


def from_payload(image_id: str, payload: Mapping[str, Any]) -> ImageRecord:
    """The inverse of `to_payload`; keys that it does not know are ignored."""
    values = {name: payload[name] for name in _FIELDS if name in payload}
    for name in _TIMES:
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    values["words"] = tuple(values.get("words", ()))
    return ImageRecord(id=image_id, **values)


@dataclass(frozen=True, slots=True)
class Hit:
    """One found image. `score` is the cosine of query and image in [-1, 1]; None where nothing was compared."""

    record: ImageRecord
    score: float | None

    def to_dict(self) -> dict[str, Any]:
        """The hit as the terminal and programs see it."""
        return {"id": self.record.id, "score": self.score, **to_payload(self.record)} | {"caption": self.record.caption}


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query; `notices` are sentences for the person who asked."""

    hits: tuple[Hit, ...]
    total: int
    backend: str
    degraded: bool = False
    notices: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {
            "hits": [hit.to_dict() for hit in self.hits],
            "total": self.total,
            "backend": self.backend,
            "degraded": self.degraded,
            "notices": list(self.notices),
            "timings_ms": {name: round(ms, 2) for name, ms in self.timings_ms.items()},
        }
