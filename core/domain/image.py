"""What is known of an image, from listing to hit."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from operator import attrgetter
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from core.domain.ids import point_id
from core.domain.metadata import FileText, Precision
from core.domain.text_lines import TextLine
from core.text.analysis import analyse
from core.text.caption_flaws import CaptionFlaw as CaptionFlaw
from core.text.names import read_name
from core.text.spelling import find_other_words
from core.text.word_lists import WORD_FIELDS, WordListName

Status = Literal["indexed", "failed"]
CaptionOrigin = Literal["generated", "human", "file"]
Framing = Literal["tiles", "imported"]
ListName = Literal["image", "caption"] | WordListName  # the lists that a search ranks by

_DEVELOPED = re.compile(r"\.(?:jpe?g|jpe|jfif|hei[cf]|hif)$", re.IGNORECASE)  # beside a RAW, what people look at

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

    `caption` is what is shown: the first of `captions`, which people wrote of it; else the first of `file_texts`, which
    its file and the files beside it say of it; else what a captioner said. `caption_origin` tells which. `generated` is
    what a captioner said of it beside one of the others, where it was asked to. `words` are the dictionary forms of
    `searchable_texts`, each once, in order of appearance. `caption_score` is the cosine of caption vector and image
    vector. `framing` says what the image vector was made of: None of one square of the picture, "tiles" of several
    (tiling), "imported" of what is not known. A failed image has `error` and no vector.

    `incomplete` is the share of the picture that is there, over 0 and under 1; None where it is whole.
    `taken_at` is what the clock showed where it was taken, labelled UTC. `taken_instant` is the moment, where
    the offset is known. `taken_from`, `taken_precision` and the values below them are those of core.domain.metadata.
    `pair` is that of ImageRef.

    `caption_flaw` says what is wrong with a captioner's caption (core.text.caption_flaws), and `caption_language` its
    language (ISO 639-1). Boilerplate is kept, and neither in `words` nor in the caption vector.
    `text_lines` are what is written in the picture, and `unread_lines` how many more lines nobody could read.
    `text_reader` is who looked for them; None where nobody did. `places` name where it was taken, from the nearest town
    on to the country; `city`, `region` and `country` are those among them that say so. `time_zone` is the IANA name of
    the zone there. `text_words`, `place_words` and `name_words` are the words of `documents`, as `words` are.
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
    caption_flaw: CaptionFlaw | None = None
    caption_language: str | None = None
    text_lines: tuple[TextLine, ...] = ()
    text_reader: str | None = None
    unread_lines: int | None = None
    places: tuple[str, ...] = ()
    city: str | None = None
    region: str | None = None
    country: str | None = None
    time_zone: str | None = None
    text_words: tuple[str, ...] = ()
    place_words: tuple[str, ...] = ()
    name_words: tuple[str, ...] = ()

    @property
    def ref(self) -> ImageRef:
        """Return the image as its store listed it."""
        return ImageRef(self.source, self.key, self.uri, self.etag, self.bytes, self.modified_at)

    @property
    def texts(self) -> tuple[str, ...]:
        """Return every sentence that is said of the image, what is shown first."""
        told = (self.caption, *self.captions, *(text.text for text in self.file_texts), self.generated)
        return tuple(dict.fromkeys(text for text in told if text))

    @property
    def searchable_texts(self) -> tuple[str, ...]:
        """Return the texts whose words the image is found by: its sentences, its keywords, and who is on it.

        A captioner's boilerplate is none of them.
        """
        sentences = self.texts
        if self.caption_flaw == "boilerplate":
            of_file = [text.text for text in self.file_texts]
            said = (self.caption, self.captions, of_file, self.generated)
            sentences = _list_sentences(*said, self.caption_origin, self.caption_flaw)
        return _with_lists(sentences, self.keywords, self.people)

    @property
    def documents(self) -> dict[WordListName, tuple[str, ...]]:
        """Return the texts that every list of words is made of."""
        return {
            "words": self.searchable_texts,
            "text": tuple(line.text for line in self.text_lines),
            "place": _spell_out(self.places),
            "name": read_name(self.key, self.uri),
        }

    def with_words(self) -> "ImageRecord":
        """Return the record with the words of its documents."""
        words = {name: analyse(*texts) for name, texts in self.documents.items()}
        return replace(
            self, words=words["words"], text_words=words["text"], place_words=words["place"], name_words=words["name"]
        )

    @property
    def origins(self) -> tuple[tuple[str, str], ...]:
        """Return `texts`, each with who says so: "human", "generated", or the field of a file."""
        said: dict[str, str] = {}
        if self.caption_origin == "generated" and self.caption:
            said[self.caption] = "generated"
        if self.generated:
            said[self.generated] = "generated"
        said |= {text.text: text.origin for text in self.file_texts}
        return tuple((text, "human" if text in self.captions else said.get(text, "human")) for text in self.texts)

    @property
    def local_taken(self) -> str | None:
        """Return when it was taken as ISO 8601: the clock there, with its offset from UTC where that is known."""
        if self.taken_at is None:
            return None
        clock = self.taken_at.astimezone(UTC)
        offset = None if self.taken_instant is None else clock - self.taken_instant
        if offset is None or abs(offset) >= timedelta(days=1):  # no such zone
            return clock.replace(tzinfo=None).isoformat()
        return clock.replace(tzinfo=timezone(offset)).isoformat()

    @property
    def pair_id(self) -> str | None:
        """Return the id of the same picture as RAW or as JPEG; None where it has no such pair."""
        return None if self.pair is None else point_id(self.source, self.pair)

    @property
    def is_raw_of_pair(self) -> bool:
        """Whether it is a RAW that has a JPEG of the same name."""
        return self.jpeg_id is not None

    @property
    def jpeg_id(self) -> str | None:
        """Return the id of its JPEG where it is a RAW that has one of the same name; None otherwise."""
        return find_jpeg_id(self.source, self.key, self.pair)

    @property
    def name(self) -> str:
        """Return the last part of the key, for people."""
        return self.key.rstrip("/").rsplit("/", 1)[-1] or self.key


def find_jpeg_id(source: str, key: str, pair: str | None) -> str | None:
    """Return the id of the JPEG of the same name, its `pair`, where `key` is that of a RAW; None otherwise."""
    if pair is None or _DEVELOPED.search(key) or not _DEVELOPED.search(pair):
        return None
    return point_id(source, pair)


def describe_share(share: float) -> str:
    """Say how much of an incomplete picture is there, never none or all of it."""
    return f"{min(99, max(1, round(100 * share)))} % of the picture is there"


def payload_texts(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return `searchable_texts` of the record with this payload, which may lack fields."""
    sentences = _list_sentences(
        payload.get("caption"),
        payload.get("captions") or (),
        [text["text"] for text in payload.get("file_texts") or ()],
        payload.get("generated"),
        payload.get("caption_origin"),
        payload.get("caption_flaw"),
    )
    return _with_lists(sentences, payload.get("keywords") or (), payload.get("people") or ())


# The fields that `payload_documents` reads.
SPOKEN = (
    "caption",
    "caption_flaw",
    "caption_origin",
    "captions",
    "generated",
    "file_texts",
    "keywords",
    "people",
    "text_lines",
    "places",
    "key",
    "uri",
)


def payload_documents(payload: Mapping[str, Any]) -> dict[WordListName, tuple[str, ...]]:
    """Return `documents` of the record with this payload, which may lack fields."""
    return {
        "words": payload_texts(payload),
        "text": tuple(line["text"] for line in payload.get("text_lines") or ()),
        "place": _spell_out(payload.get("places") or ()),
        "name": read_name(payload.get("key") or "", payload.get("uri") or ""),
    }


def _spell_out(places: Sequence[str]) -> tuple[str, ...]:
    """Return names of places, and the words that they are also typed as."""
    return (*places, *find_other_words(places))


def payload_words(documents: Mapping[WordListName, Sequence[str]]) -> dict[str, list[str]]:
    """Return the fields of a payload that hold the words of these documents."""
    return {WORD_FIELDS[name]: list(analyse(*texts)) for name, texts in documents.items()}


def _list_sentences(
    caption: str | None,
    captions: Sequence[str],
    of_file: Sequence[str],
    generated: str | None,
    origin: str | None,
    flaw: str | None,
) -> tuple[str, ...]:
    """List what is said of an image, each once, without a captioner's boilerplate."""
    if flaw == "boilerplate":
        caption, generated = (None if origin == "generated" else caption), None
    return tuple(dict.fromkeys(text for text in (caption, *captions, *of_file, generated) if text))


def _with_lists(sentences: tuple[str, ...], keywords: Sequence[str], people: Sequence[str]) -> tuple[str, ...]:
    """Add keywords and people, as one text each: words count by the share of texts that hold them."""
    return (*sentences, *(", ".join(names) for names in (keywords, people) if names))


TIMES = ("modified_at", "indexed_at", "taken_at", "taken_instant")
LISTS = ("words", "captions", "keywords", "people", "places", "text_words", "place_words", "name_words")
_INTERNAL = ("text_words", "place_words", "name_words")  # of no use beside what they are the words of
_FIELDS = tuple(name for name in ImageRecord.__dataclass_fields__ if name != "id")
_get_fields = attrgetter(*_FIELDS)


def to_payload(record: ImageRecord) -> dict[str, Any]:
    """Make the JSON-ready payload of a point: times as RFC 3339, absent values left out, without the id."""
    payload = {name: value for name, value in zip(_FIELDS, _get_fields(record), strict=True) if value is not None}
    for name in TIMES:
        if name in payload:
            payload[name] = payload[name].isoformat()
    for name in LISTS:
        payload[name] = list(getattr(record, name))
    payload["file_texts"] = [asdict(text) for text in record.file_texts]
    payload["text_lines"] = [line.to_json() for line in record.text_lines]
    if record.width and record.height:
        payload["aspect"] = record.width / record.height  # for filters alone
    return payload


def to_answer(record: ImageRecord) -> dict[str, Any]:
    """Make what programs are told of an image: its payload and id, and `taken_at` as the clock showed it there."""
    taken = record.local_taken
    told = {name: value for name, value in to_payload(record).items() if name not in _INTERNAL}
    return {"id": record.id} | told | ({} if taken is None else {"taken_at": taken})


def from_payload(image_id: str, payload: Mapping[str, Any]) -> ImageRecord:
    """Invert `to_payload`; keys that it does not know are ignored."""
    values = {name: payload[name] for name in _FIELDS if name in payload}
    for name in TIMES:
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    for name in LISTS:
        values[name] = tuple(values.get(name, ()))
    values["file_texts"] = tuple(FileText(**text) for text in values.get("file_texts", ()))
    values["text_lines"] = tuple(TextLine.from_json(line) for line in values.get("text_lines", ()))
    return ImageRecord(id=image_id, **values)
