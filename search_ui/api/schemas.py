"""The bodies of the HTTP API: requests, checked here by shape and by meaning in build_query, and answers."""

import base64
import binascii
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from core.answering.question import MAX_QUESTION
from core.answering.service import MAX_PICTURES
from core.domain.image import CaptionFlaw, CaptionOrigin, Framing, ListName, Status
from core.domain.metadata import Precision
from core.domain.query import (
    MAX_TERMS,
    MAX_TEXT,
    ImageTerm,
    LikeTerm,
    Query,
    QueryOptions,
    Term,
    TextTerm,
    Weights,
)
from core.errors import InvalidQuery
from core.search.facets import FACETS, MAX_VALUES, FacetField
from core.search.relevance import Verdict
from core.search.request import DEFAULT_OPTIONS, build_query

_KINDS = ("text", "image", "like")
_LANGUAGE = (
    'words, and operators unless the search is raw or the weight negative: -word and -"a phrase" leave out, "a phrase" '
    "is in a caption, file:IMG_12*, taken:2019..2021, camera:canon, lens:, place:Lisbon, near:48.1,11.6,5km, "
    "box:38,-10,39,-9, rating:4.., keyword:, person: and incomplete:no are conditions (-file: and the like leave out)"
)


class _StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TermBody(_StrictModel):
    """What to look for: one of text, image and like. A negative weight pushes away from it."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [kind]} for kind in _KINDS]})

    text: str | None = Field(None, max_length=MAX_TEXT, description=_LANGUAGE)
    image: str | None = Field(None, description="the bytes of an image file, in base64")
    like: str | None = Field(
        None, description="the id of an image of the library", json_schema_extra={"format": "uuid"}
    )
    weight: float = Field(1.0, ge=-100, le=100, description="not 0")

    @model_validator(mode="after")
    def _check_one_kind(self) -> "TermBody":
        if sum(getattr(self, kind) is not None for kind in _KINDS) != 1:
            raise ValueError("exactly one of text, image and like")
        return self

    def term(self) -> Term:
        """Make the term. Raises InvalidQuery."""
        if self.text is not None:
            return TextTerm(self.text, self.weight)
        if self.like is not None:
            return LikeTerm(self.like, self.weight)
        return ImageTerm(_decode_image(self.image or ""), self.weight)


def _decode_image(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidQuery("image", "something else", "the bytes of an image file in base64") from error


Share = Annotated[float, Field(ge=0, le=100)]


class WeightsBody(_StrictModel):
    """How much each list counts in the ranking; 0 leaves it out. By default as the settings say."""

    image: Share | None = None
    caption: Share | None = Field(None, description="the meaning of captions")
    words: Share | None = Field(None, description="the words of captions")
    text: Share | None = Field(None, description="the words in the pictures")
    place: Share | None = Field(None, description="the names of where they were taken")
    name: Share | None = Field(None, description="the names of their files and folders")


_BODY = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_BODY)
class QueryBody:
    """What a search and its facets are asked with."""

    terms: list[TermBody] = Field(default_factory=list, max_length=MAX_TERMS, description="none: browse")
    filter: dict[str, Any] = Field(default_factory=dict)
    raw: bool = Field(
        False, strict=True, description='search the very words of texts: -word, "a phrase", file: and the like are text'
    )
    weights: WeightsBody | None = Field(None, description="by default those of the settings")

    def query(self, default_weights: Weights) -> Query:
        """Make the Query; `default_weights` are those of lists that are not named. Raises InvalidQuery."""
        return build_query(
            [term.term() for term in self.terms],
            self.filter,
            raw=self.raw,
            weights=None if self.weights is None else self.weights.model_dump(exclude_none=True),
            default_weights=default_weights,
            options=self if isinstance(self, QueryOptions) else DEFAULT_OPTIONS,
        )


@dataclass(frozen=True, kw_only=True, config=_BODY)
class SearchBody(QueryBody, QueryOptions):
    """A search. `limit` and `offset` page through the first results."""


@dataclass(frozen=True, kw_only=True, config=_BODY)
class FacetsBody(QueryBody):
    """Facets of all that such a search can find."""

    fields: list[FacetField] = Field(
        default_factory=lambda: list(FACETS), min_length=1, max_length=20, description="by default all of them"
    )
    limit: int = Field(20, strict=True, ge=1, le=MAX_VALUES, description="values of each facet")


_ASKED = ("id", "image", "search")


@dataclass(frozen=True, kw_only=True, config=_BODY)
class AskBody:
    """A question to one picture (id or image), or to each of the best hits of a search."""

    question: str = Field(max_length=MAX_TEXT, description=f"at most {MAX_QUESTION} characters")
    id: UUID | None = Field(None, description="the id of an image of the library")
    image: str | None = Field(None, description="the bytes of an image file, in base64")
    search: QueryBody | None = Field(None, description="a search, as of /api/search")
    top: int = Field(5, strict=True, ge=1, le=MAX_PICTURES, description="of a search: so many of its best hits")

    @model_validator(mode="after")
    def _check_one_kind(self) -> "AskBody":
        if sum(getattr(self, kind) is not None for kind in _ASKED) != 1:
            raise ValueError("exactly one of id, image and search")
        return self

    def read_image(self) -> bytes:
        """Read the bytes of the image. Raises InvalidQuery."""
        return _decode_image(self.image or "")


class ErrorBody(BaseModel):
    code: str = Field(description="what happened, for programs")
    field: str | None = Field(description="which part of the request is at fault")
    message: str = Field(description="what happened and why, for people")
    what_to_do: str


class ErrorAnswer(BaseModel):
    error: ErrorBody


class TextAnswer(BaseModel):
    text: str
    origin: str = Field(description="human, generated, or the field of a file, such as IPTC caption")


class TextLineAnswer(BaseModel):
    text: str
    box: list[float] = Field(
        min_length=8,
        max_length=8,
        description="x and y of its four corners, clockwise from where it begins, as shares of the upright picture",
    )
    score: float = Field(description="how sure the reader is, from 0 to 1")


class ImageAnswer(BaseModel):
    """All that is known of an image; what is not known is left out. Times are RFC 3339, but for `taken_at`."""

    id: str
    uri: str
    source: str
    key: str
    status: Status
    etag: str
    bytes: int
    modified_at: str
    indexed_at: str
    encoder: str = Field(description="the model of its vectors")
    error: str | None = Field(None, description="why it could not be indexed")
    width: int | None = None
    height: int | None = None
    aspect: float | None = Field(None, description="width to height")
    taken_at: str | None = Field(
        None, description="what the clock showed there; with its offset from UTC where that is known, else without one"
    )
    taken_instant: str | None = Field(None, description="the moment, where the offset is known")
    taken_from: str | None = Field(None, description="the field that tells, such as EXIF DateTimeOriginal")
    taken_precision: Precision | None = Field(None, description="the smallest unit that the field tells")
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = Field(None, description="degrees of WGS 84, north positive")
    longitude: float | None = Field(None, description="degrees of WGS 84, east positive")
    places: list[str] = Field([], description="names of where it was taken, from the nearest on to the country")
    city: str | None = Field(None, description="of `places`, the town that people say")
    region: str | None = Field(None, description="of `places`, the state or province")
    country: str | None = None
    time_zone: str | None = Field(None, description="of the place, as an IANA name")
    rating: int | None = Field(None, description="stars from 0 to 5")
    incomplete: float | None = Field(None, description="the share of the picture that is there, where not all of it is")
    pair: str | None = Field(None, description="key of the same picture as RAW or as JPEG")
    content_hash: str | None = Field(None, description="SHA-256 of its bytes")
    caption: str | None = Field(description="the one that is shown")
    captions: list[str] = Field(description="all that is said of it")
    texts: list[TextAnswer] = Field(description="all that is said of it, each with who says so")
    file_texts: list[TextAnswer] = Field(description="what its file, and the files beside it, say of it")
    keywords: list[str] = Field(description="of its file")
    people: list[str] = Field(description="whom its file names")
    words: list[str] = Field(description="of its captions, texts, keywords and people, in dictionary form")
    caption_origin: CaptionOrigin | None = None
    caption_score: float | None = Field(None, description="cosine of caption and picture")
    captioner: str | None = None
    caption_flaw: CaptionFlaw | None = Field(None, description="what is wrong with the caption of a model")
    caption_language: str | None = Field(None, description="language of the caption of a model (ISO 639-1)")
    generated: str | None = Field(None, description="what a model said of it beside people")
    text_lines: list[TextLineAnswer] = Field(description="what is written in it")
    text_reader: str | None = Field(None, description="who looked for text in it")
    unread_lines: int | None = Field(None, description="lines of text in it that could not be read")
    framing: Framing | None = Field(
        None, description="tiles: its vector is the mean of several squares, as of all that is longer than 2 : 1"
    )


class StandingAnswer(BaseModel):
    score: float = Field(description="a cosine, or BM25")
    rank: int | None = Field(description="from 1 on; null beyond the list's best")


class WhyAnswer(BaseModel):
    lists: dict[ListName, StandingAnswer]
    words: list[str] = Field(description="of the query, that its captions hold")
    text: list[str] = Field(description="of the query, that are written in it")
    place: list[str] = Field(description="of the query, that name where it was taken")
    name: list[str] = Field(description="of the query, that its file and folders are called by")


class HitAnswer(ImageAnswer):
    score: float | None = Field(description="cosine of query and picture, from -1 to 1")
    match: float | None = Field(description="what ranks it, up to 1")
    strength: float | None = Field(description="how well it really matches, from 0 to 1; null where that is not known")
    copies: int = Field(description="found pictures that it stands for, itself among them: of its bytes, or RAWs of it")
    raws: int = Field(description="how many of them are RAWs, of which it is the JPEG")
    why: WhyAnswer


class SearchAnswer(BaseModel):
    hits: list[HitAnswer]
    total: int = Field(description="pictures found, copies among them")
    matches: int | None = Field(
        description="good matches among the best 200, copies among them: a strength of 0.5 or more; null where that is "
        "not known"
    )
    more_matches: bool = Field(description="whether there may be more of them behind those 200")
    verdict: Verdict | None = Field(description="what the best matches are worth; null where that is not known")
    backend: str
    degraded: bool = Field(description="the mirror answered, because the library did not")
    as_of: str | None = Field(description="when the mirror was last known to be equal to the library")
    lacking: int | None = Field(description="pictures that it lacks; null where that is not known")
    notices: list[str] = Field(description="for the person who asked")
    timings_ms: dict[str, float] = Field(description="milliseconds of every part, and of all: total")


class FacetValue(BaseModel):
    value: str
    count: int


class FacetsAnswer(BaseModel):
    facets: dict[str, list[FacetValue]]
    timings_ms: dict[str, float]


class AnswerAnswer(BaseModel):
    id: str | None = Field(description="the image's; null for one that was sent")
    uri: str | None
    answer: str | None = Field(description="null where there is none: see problem")
    truncated: Literal["time", "length"] | None = Field(description="what ended the answer before its end")
    asked_of: Literal["picture", "thumbnail"] | None = Field(
        description="thumbnail where the picture could not be had; null where the thumbnail could not either"
    )
    problem: str | None = Field(description="why there is no answer, or why the thumbnail was asked")


class AskAnswer(BaseModel):
    question: str
    answerer: str = Field(description="the model that answered")
    answers: list[AnswerAnswer] = Field(description="one a picture, in the order of the hits")
    notices: list[str] = Field(description="for the person who asked")
    timings_ms: dict[str, float]
