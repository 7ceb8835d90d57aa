"""What every index takes and refuses: ids, vectors, texts."""

import time
from collections.abc import Mapping
from typing import Any

from core.adapters.index_base.index import check_vector
from core.domain.ids import POINT_ID
from core.domain.image import ImageRef, payload_documents, payload_words, to_payload
from core.ports.vector_index import CaptionUpdate, PlaceUpdate, Point, TextUpdate
from core.text import analysis
from core.text.word_lists import WordListName

VERSION = "version"  # the payload field that every write of a point sets anew; 0 stands for one that lacks it


def point_payload(point: Point) -> dict[str, Any]:
    """The point's payload. Raises ValueError for an id or a text that no index takes."""
    record = point.record
    if not POINT_ID.fullmatch(record.id):
        raise ValueError(f"{record.id!r} is not a UUID in lower case")
    payload = to_payload(record) | {VERSION: new_version()}
    _check_text(record.id, payload)
    return payload


def dense_vectors(point: Point, dimension: int) -> dict[str, Any]:
    """Those that the point has, by name. Raises ValueError as `dense` does."""
    given = {"image": point.image, "caption": point.caption}
    return {name: check_vector(vector, dimension) for name, vector in given.items() if vector is not None}


def caption_payload(update: CaptionUpdate) -> dict[str, Any]:
    """The fields to replace, but for the words; None removes one. Raises ValueError as `point_payload` does."""
    payload = {
        "caption": update.text,
        "captions": list(update.captions),
        "generated": update.generated,
        "caption_origin": update.origin,
        "captioner": update.captioner,
        "caption_score": update.score,
        "caption_flaw": update.flaw,
        "caption_language": update.language,
        VERSION: new_version(),
    }
    _check_text(update.id, payload)
    return payload


def text_payload(update: TextUpdate) -> dict[str, Any]:
    """As `caption_payload`."""
    payload = {
        "text_lines": [line.to_json() for line in update.lines],
        "text_reader": update.reader,
        "unread_lines": update.unread,
        VERSION: new_version(),
    }
    _check_text(update.id, payload)
    return payload


def place_payload(update: PlaceUpdate) -> dict[str, Any]:
    """As `caption_payload`."""
    instant = update.taken_instant
    payload = {
        "places": list(update.places),
        "city": update.city,
        "region": update.region,
        "country": update.country,
        "time_zone": update.time_zone,
        "taken_instant": None if instant is None else instant.isoformat(),
        VERSION: new_version(),
    }
    if update.taken_from is not None:
        payload["taken_from"] = update.taken_from
    _check_text(update.id, payload)
    return payload


def reword(payload: Mapping[str, Any]) -> tuple[dict[str, Any], dict[WordListName, tuple[str, ...]]]:
    """The payload with the words of all that is said in it, and the documents that these are of."""
    documents = payload_documents(payload)
    return {**payload, **payload_words(documents)}, documents


def ref_payload(image_id: str, ref: ImageRef) -> dict[str, Any]:
    """As `caption_payload`."""
    payload = {"etag": ref.etag, "bytes": ref.bytes, "modified_at": ref.modified_at.isoformat(), VERSION: new_version()}
    _check_text(image_id, payload)
    return payload


def _check_text(image_id: str, payload: dict[str, Any]) -> None:
    texts: list[str] = []
    for value in payload.values():
        if isinstance(value, str):
            texts.append(value)
        elif value and isinstance(value, list):
            for held in value:
                texts += [text for text in (held.values() if isinstance(held, dict) else (held,)) if type(text) is str]
    if not analysis.is_unicode("".join(texts)):
        wrong = next((text for text in texts if not analysis.is_unicode(text)), "")
        raise ValueError(f"{wrong!r} of image {image_id} cannot be written as UTF-8")


def new_version() -> int:
    """Nanoseconds since 1970: no two writes of a point have the same."""
    return time.time_ns()
