"""SearchService: Query -> SearchResult, over ports only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import numpy as np

from core import models, vectors
from core.errors import ImageNotIndexed
from core.images import DecodeRequest
from core.ports import Decoder, Encoder, VectorIndex
from core.query import INDEXED, ImageTerm, LikeTerm, Query, TextTerm
from core.records import Hit, ImageRecord, SearchResult
from core.vectors import Vector


class SearchService:
    """Answers queries. The encoder and decoder are made at their first use: browsing and filters need no model."""

    def __init__(self, index: VectorIndex, encoder: Callable[[], Encoder], decoder: Callable[[], Decoder]) -> None:
        self._index = index
        self._encoder = encoder
        self._decoder = decoder

    def search(self, query: Query) -> SearchResult:
        """Raises InvalidQuery, ImageError (a query picture), ImageNotIndexed, ModelError and LibraryError."""
        started = perf_counter()
        timings: dict[str, float] = {}
        notices: list[str] = []
        passing = INDEXED & query.filter
        with _timed(timings, "encode"):
            vector = self._vector(query, notices) if query.terms else None
        with _timed(timings, "index"):
            if vector is None:
                records = self._index.newest(passing, limit=query.limit, offset=query.offset)
                hits = [Hit(record, None) for record in records]
            else:
                hits = self._index.nearest(vector, passing, limit=query.limit, offset=query.offset)
            total = self._index.count(passing)
        timings["total"] = (perf_counter() - started) * 1000
        return SearchResult(tuple(hits), total, self._index.backend, notices=tuple(notices), timings_ms=timings)

    def image(self, image_id: str) -> ImageRecord:
        """One image by its id. Raises ImageNotIndexed."""
        found = self._index.fetch([image_id])
        if image_id not in found:
            raise ImageNotIndexed(image_id)
        return found[image_id]

    def _vector(self, query: Query, notices: list[str]) -> Vector:
        encoder = self._encoder() if any(not isinstance(term, LikeTerm) for term in query.terms) else None
        remark = encoder.remark if encoder is not None else _remark(self._index.info.model)
        if remark:
            notices.append(remark)
        parts: list[Vector] = []
        for term in query.terms:
            match term:
                case TextTerm(text=text):
                    assert encoder is not None
                    parts.append(_encode_text(encoder, text, notices))
                case ImageTerm(data=data):
                    assert encoder is not None
                    decoded = self._decoder().submit(data, DecodeRequest(pixels=encoder.pixels)).result()
                    assert decoded.pixels is not None
                    parts.append(encoder.encode_images(decoded.pixels[np.newaxis])[0])
                case LikeTerm(id=image_id):
                    found = self._index.vectors([image_id])
                    if image_id not in found:
                        raise ImageNotIndexed(image_id)
                    parts.append(found[image_id])
        return vectors.compose(parts, [term.weight for term in query.terms])


def _remark(model: str) -> str | None:
    """What the table says of a model that need not be loaded to compare its vectors."""
    card = models.find(model, "encoder")
    return card.remark if card else None


def _encode_text(encoder: Encoder, text: str, notices: list[str]) -> Vector:
    encoding = encoder.encode_texts([text])
    if encoding.truncated[0]:
        notices.append("the text is longer than the model reads: its end was not used")
    if encoding.unknown[0]:
        notices.append(f"the {encoder.name} model does not know: {', '.join(encoding.unknown[0])}")
    vector: Vector = encoding.vectors[0]
    return vector


@contextmanager
def _timed(timings: dict[str, float], name: str) -> Iterator[None]:
    started = perf_counter()
    yield
    timings[name] = (perf_counter() - started) * 1000
