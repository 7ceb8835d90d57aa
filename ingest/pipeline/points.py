"""Loaded images -> points of the index. The one place that fills in records."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import INDEXED, Filter
from core.domain.image import UNREAD_ETAG, ImageRecord
from core.domain.metadata import PictureMetadata
from core.domain.text_lines import LOOKED, UNREADABLE
from core.domain.vectors import Vector
from core.imaging.decode_request import Decoded
from core.imaging.tiling import is_long
from core.ports.encoders import Encoder
from core.ports.vector_index import Point, VectorIndex
from ingest.pipeline.caption_updates import CaptionTexts, get_human_captions, text_vector
from ingest.pipeline.fetch_and_decode import Failed
from ingest.pipeline.plan import Step, has_center_crop_only
from ingest.pipeline.run_context import retry_while_busy


def build_indexed_point(step: Step, decoded: Decoded, vector: Vector, index: VectorIndex, encoder: Encoder) -> Point:
    """Make the point of an encoded image. What people wrote of it stays when its file changes.

    Captions of its listing count for more than those on record.
    A picture that had a center crop alone, and whose bytes are the same, keeps every caption.
    """
    record, known = _build_decoded_record(step, decoded, index.info.fingerprint), step.known
    if known is not None and known.content_hash == decoded.content_hash:
        record = _with_text_of(record, known)
    captions = CaptionTexts(record)
    if known is not None and has_center_crop_only(known) and known.content_hash == decoded.content_hash:
        captions = replace(CaptionTexts.of(known), record=record)
    elif known is not None:  # a captioner's words are of the old picture
        captions = CaptionTexts(record, get_human_captions(known))
    if step.ref.captions and step.ref.captions != captions.human:
        captions = CaptionTexts(record, step.ref.captions)
    return _build_captioned_point(captions, vector, known, index, encoder)


def build_refreshed_point(known: ImageRecord, metadata: PictureMetadata, index: VectorIndex, encoder: Encoder) -> Point:
    """Make the point of an indexed image of which other metadata was read: no picture is encoded.

    Its vectors and captions stay. A caption that its file gave it follows the file.
    """
    record = replace(known, **metadata_fields(metadata))
    vector = retry_while_busy(index.vectors, [known.id]).get(known.id)
    return _build_captioned_point(replace(CaptionTexts.of(known), record=record), vector, known, index, encoder)


def _build_captioned_point(
    captions: CaptionTexts, vector: Vector | None, known: ImageRecord | None, index: VectorIndex, encoder: Encoder
) -> Point:
    """Make a point with these captions. The caption vector on record stays where it is of the same texts."""
    record, texts, caption = captions.apply(), captions.texts, None
    if texts and known is not None and CaptionTexts.of(known).texts == texts:
        caption = retry_while_busy(index.vectors, [known.id], "caption").get(known.id)
    if texts and caption is None:
        caption = text_vector(encoder, texts)
    score = None if caption is None or vector is None else float(caption @ vector)
    return Point(replace(record, caption_score=score), vector, caption)


def build_kept_point(record: ImageRecord, index: VectorIndex) -> Point:
    """Make the point of an image that is on record already, with the vectors that it has."""
    image = retry_while_busy(index.vectors, [record.id]).get(record.id)
    caption = retry_while_busy(index.vectors, [record.id], "caption").get(record.id)
    return Point(record, image, caption)


def has_other_metadata(record: ImageRecord, metadata: PictureMetadata) -> bool:
    """Whether a picture says something else of itself now than what is on record."""
    return any(getattr(record, name) != value for name, value in metadata_fields(metadata).items())


def build_imported_point(step: Step, decoded: Decoded, index: VectorIndex, encoder: Encoder) -> Point | None:
    """Make the point of an image whose vector was imported, and that is now read for the first time.

    The vector stays. Returns None where there is no such vector.
    """
    known = step.known
    if known is None or known.etag != UNREAD_ETAG or known.status != "indexed":
        return None
    vector = retry_while_busy(index.vectors, [known.id]).get(known.id)
    if vector is None:
        return None
    point = build_indexed_point(step, decoded, vector, index, encoder)
    return replace(point, record=replace(point.record, framing="imported"))


def build_failed_point(failure: Failed, fingerprint: str) -> Point:
    """Make a point without a vector. What people wrote stays on record for when it can be read again.

    Its etag differs from any where the failure may be over by the next run.
    """
    record, known = _build_record(failure.step, fingerprint, status="failed", error=failure.reason), failure.step.known
    human = failure.step.ref.captions or (() if known is None else get_human_captions(known))
    record = CaptionTexts(record, human).apply()
    if failure.transient:
        record = replace(record, etag="")
    return Point(replace(record, content_hash=failure.content_hash), None)


class Donors:
    """Indexed images with the same bytes as new ones (renamed, copied). Vectors, captions and texts are reused."""

    def __init__(self, index: VectorIndex, content_hashes: Iterable[str]) -> None:
        self._index = index
        hashes = tuple(set(content_hashes))
        same = INDEXED & Filter(all=(Match("content_hash", hashes),))
        found = retry_while_busy(index.scroll, same, limit=4 * len(hashes))
        self._records = {record.content_hash: record for record in found if not has_center_crop_only(record)}
        ids = [record.id for record in self._records.values()]
        self._images = retry_while_busy(index.vectors, ids) if ids else {}
        self._captions = retry_while_busy(index.vectors, ids, "caption") if ids else {}

    def point(self, step: Step, decoded: Decoded) -> Point | None:
        """Make the point of an image whose bytes are known.

        Returns None where they are not, where captions of people must stay, and where other captions than the donor's
        come of its own metadata.
        """
        if step.ref.captions or (step.known is not None and step.known.caption_origin == "human"):
            return None
        donor = self._records.get(decoded.content_hash)
        if donor is None or donor.id not in self._images:
            return None
        record = _with_text_of(_build_decoded_record(step, decoded, self._index.info.fingerprint), donor)
        given = CaptionTexts.of(donor)
        captions = replace(given, record=record)
        if captions.texts != given.texts:  # of files beside them, say
            return None
        record = replace(captions.apply(), caption_score=donor.caption_score, framing=donor.framing)
        return Point(record, self._images[donor.id], self._captions.get(donor.id))


def _build_decoded_record(step: Step, decoded: Decoded, fingerprint: str) -> ImageRecord:
    return _build_record(
        step,
        fingerprint,
        status="indexed",
        width=decoded.width,
        height=decoded.height,
        content_hash=decoded.content_hash,
        incomplete=decoded.incomplete,
        text_reader=LOOKED if decoded.may_hold_text is False else None,
        framing="tiles" if is_long(decoded.width, decoded.height) else None,
        **metadata_fields(decoded.metadata),
    )


def _with_text_of(record: ImageRecord, other: ImageRecord) -> ImageRecord:
    """Give the record the text that was read in the same bytes; where nobody did, or could, it stays as it is."""
    if other.text_reader in (None, UNREADABLE):
        return record
    return replace(record, text_lines=other.text_lines, text_reader=other.text_reader, unread_lines=other.unread_lines)


def metadata_fields(metadata: PictureMetadata) -> dict[str, Any]:
    """Return the fields of a record that hold what a picture says of itself."""
    taken = metadata.taken
    return {
        "taken_at": taken and taken.wall_clock,
        "taken_instant": taken and taken.instant,
        "taken_from": taken and taken.origin,
        "taken_precision": taken and taken.precision,
        "camera": metadata.camera,
        "lens": metadata.lens,
        "latitude": metadata.latitude,
        "longitude": metadata.longitude,
        "rating": metadata.rating,
        "file_texts": metadata.texts,
        "keywords": metadata.keywords,
        "people": metadata.people,
        "places": metadata.places,
        "city": metadata.city,
        "region": metadata.region,
        "country": metadata.country,
        "time_zone": metadata.time_zone,
    }


def _build_record(step: Step, fingerprint: str, **fields: Any) -> ImageRecord:
    ref = step.ref
    return ImageRecord(
        id=step.id,
        source=ref.source,
        key=ref.key,
        uri=ref.uri,
        etag=ref.etag,
        bytes=ref.bytes,
        modified_at=ref.modified_at,
        pair=ref.pair,
        indexed_at=datetime.now(UTC),
        encoder=fingerprint,
        **fields,
    )
