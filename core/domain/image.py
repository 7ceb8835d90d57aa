"""What is known of an image, from listing to hit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from core.domain.metadata import FileText, Precision

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
    be asked first. `captions` are what people wrote of it, where the listing says so. `sidecars` are the keys of files
    beside it that tell of it. `pair` is the key of the same picture as RAW or as JPEG.
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
    sidecars: tuple[str, ...] = ()
    pair: str | None = None

    @property
    def name(self) -> str:
        """Return the name of its file: the last part of the key, or of the path of its web address."""
        if self.uri.startswith(("http://", "https://")):
            return unquote(urlsplit(self.uri).path.rstrip("/").rsplit("/", 1)[-1])
        return self.key.rstrip("/").rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image as the index holds it (the payload of its point). Times are timezone-aware UTC.

    `captions` are all that people wrote of it, the first being its `caption`; `generated` is what a captioner said of
    it beside them, where it was asked to. `words` are the dictionary forms of all of them, each once, in order of
    appearance. `caption_score` is the cosine of caption vector and image vector. `framing` says what the image vector
    was made of: None of one square of the picture, "tiles" of several (tiling), "imported" of what is not known. A
    failed image has `error` and no vector.

    `incomplete` is the share of the picture that is there, over 0 and under 1; None where it is whole.
    `taken_at` is what the clock showed where it was taken, labelled UTC. `taken_instant` is the moment, where
    the offset is known. `taken_from`, `taken_precision` and the values below them are those of core.domain.metadata.
    `file_texts` is what its file, and the files beside it, say of it. `pair` is that of ImageRef.
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
    incomplete: float | None = None
    taken_instant: datetime | None = None
    taken_from: str | None = None
    taken_precision: Precision | None = None
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    rating: int | None = None
    file_texts: tuple[FileText, ...] = ()
    keywords: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    pair: str | None = None

    @property
    def ref(self) -> ImageRef:
        """Return the image as its store listed it."""
        return ImageRef(self.source, self.key, self.uri, self.etag, self.bytes, self.modified_at)

    @property
    def texts(self) -> tuple[str, ...]:
        """Return all that is said of the image, what is shown first."""
        return all_texts(self.caption, self.captions, self.generated)

    @property
    def name(self) -> str:
        """Return the last part of the key, for people."""
        return self.key.rstrip("/").rsplit("/", 1)[-1] or self.key


def all_texts(caption: str | None, captions: tuple[str, ...], generated: str | None) -> tuple[str, ...]:
    """Return each text once, in this order, none empty."""
    return tuple(dict.fromkeys(text for text in (caption, *captions, generated) if text))


TIMES = ("modified_at", "indexed_at", "taken_at", "taken_instant")
LISTS = ("words", "captions", "keywords", "people")
_FIELDS = tuple(name for name in ImageRecord.__dataclass_fields__ if name != "id")


def to_payload(record: ImageRecord) -> dict[str, Any]:
    """Make the JSON-ready payload of a point: times as RFC 3339, absent values left out, without the id."""
    payload = {name: value for name in _FIELDS if (value := getattr(record, name)) is not None}
    for name in TIMES:
        if name in payload:
            payload[name] = payload[name].isoformat()
    for name in LISTS:
        payload[name] = list(getattr(record, name))
    payload["file_texts"] = [asdict(text) for text in record.file_texts]
    if record.width and record.height:
        payload["aspect"] = record.width / record.height  # for filters alone
    return payload


def from_payload(image_id: str, payload: Mapping[str, Any]) -> ImageRecord:
    """Invert `to_payload`; keys that it does not know are ignored."""
    values = {name: payload[name] for name in _FIELDS if name in payload}
    for name in TIMES:
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    for name in LISTS:
        values[name] = tuple(values.get(name, ()))
    values["file_texts"] = tuple(FileText(**text) for text in values.get("file_texts", ()))
    return ImageRecord(id=image_id, **values)
