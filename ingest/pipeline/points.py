"""Loaded images -> points of the index. The one place that fills in records."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import INDEXED, Filter
from core.domain.image import UNREAD_ETAG, ImageRecord
from core.domain.metadata import PictureMetadata
from core.domain.vectors import Vector
from core.imaging.decoder import Decoded
from core.imaging.tiling import is_long
from core.ports.encoders import Encoder
from core.ports.vector_index import Point, VectorIndex
from core.text.analysis import analyse
from ingest.pipeline.caption_updates import get_human_captions, text_vector
from ingest.pipeline.fetch_and_decode import Failed
from ingest.pipeline.plan import Step, has_center_crop_only
from ingest.pipeline.run_context import retry_while_busy


def build_indexed_point(step: Step, decoded: Decoded, vector: Vector, index: VectorIndex, encoder: Encoder) -> Point:
    """Make the point of an encoded image. What people wrote of it stays when its file changes.

    Captions of its listing count for more than those on record.
    A picture that had a center crop alone, and whose bytes are the same, keeps every caption.
    """
    known = step.known
    if known is not None and has_center_crop_only(known) and known.content_hash == decoded.content_hash:
        if not step.ref.captions or step.ref.captions == known.captions:
            return _build_reencoded_point(step, decoded, vector, index)
    record, known = _build_decoded_record(step, decoded, index.info.fingerprint), step.known
    if step.ref.captions:
        return _build_listed_point(record, vector, step.ref.captions, encoder)
    if known is None or known.caption_origin != "human":
        return Point(record, vector)
    record = _with_human_captions(record, known)
    caption = None
    if known.generated is None:  # a captioner's words are of the old picture
        caption = retry_while_busy(index.vectors, [known.id], "caption").get(known.id)
    if caption is None and record.texts:
        caption = text_vector(encoder, record.texts)
    score = None if caption is None else float(caption @ vector)
    return Point(replace(record, caption_score=score), vector, caption)


def _build_reencoded_point(step: Step, decoded: Decoded, vector: Vector, index: VectorIndex) -> Point:
    """Make a point with another image vector, and all captions as they were."""
    assert step.known is not None
    record = _with_captions_of(_build_decoded_record(step, decoded, index.info.fingerprint), step.known)
    caption = retry_while_busy(index.vectors, [step.id], "caption").get(step.id)
    score = None if caption is None else float(caption @ vector)
    return Point(replace(record, caption_score=score), vector, caption)


def build_refreshed_point(known: ImageRecord, metadata: PictureMetadata, index: VectorIndex, encoder: Encoder) -> Point:
    """Make the point of an indexed image of which other metadata was read: no picture is encoded.

    Its vectors and captions stay.
    """
    record = replace(known, **metadata_fields(metadata))
    return build_kept_point(replace(record, words=analyse(*record.texts)), index)


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


def _build_listed_point(record: ImageRecord, vector: Vector, captions: tuple[str, ...], encoder: Encoder) -> Point:
    caption = text_vector(encoder, captions)
    record = replace(_with_captions(record, captions), caption_score=float(caption @ vector))
    return Point(record, vector, caption)


def build_failed_point(failure: Failed, fingerprint: str) -> Point:
    """Make a point without a vector. What people wrote stays on record for when it can be read again.

    Its etag differs from any where the failure may be over by the next run.
    """
    record, known = _build_record(failure.step, fingerprint, status="failed", error=failure.reason), failure.step.known
    if failure.step.ref.captions:
        record = _with_captions(record, failure.step.ref.captions)
    elif known is not None and known.caption_origin == "human":
        record = _with_human_captions(record, known)
    if failure.transient:
        record = replace(record, etag="")
    return Point(replace(record, content_hash=failure.content_hash), None)


class Donors:
    """Indexed images with the same bytes as new ones (renamed, copied), whose vectors and captions are reused."""

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

        Returns None where they are not, and where captions of people must stay.
        """
        if step.ref.captions or (step.known is not None and step.known.caption_origin == "human"):
            return None
        donor = self._records.get(decoded.content_hash)
        if donor is None or donor.id not in self._images:
            return None
        record = _with_captions_of(_build_decoded_record(step, decoded, self._index.info.fingerprint), donor)
        return Point(replace(record, framing=donor.framing), self._images[donor.id], self._captions.get(donor.id))


def _with_captions_of(record: ImageRecord, other: ImageRecord) -> ImageRecord:
    """Copy all captions of the other record, which is of the same picture."""
    return replace(
        record,
        caption=other.caption,
        caption_origin=other.caption_origin,
        caption_score=other.caption_score,
        captioner=other.captioner,
        words=other.words,
        captions=other.captions,
        generated=other.generated,
    )


def _with_human_captions(record: ImageRecord, known: ImageRecord) -> ImageRecord:
    captions = get_human_captions(known)
    return replace(record, caption=known.caption, caption_origin="human", captions=captions, words=analyse(*captions))


def _with_captions(record: ImageRecord, captions: tuple[str, ...]) -> ImageRecord:
    words = analyse(*captions)
    return replace(record, caption=captions[0], caption_origin="human", captions=captions, words=words)


def _build_decoded_record(step: Step, decoded: Decoded, fingerprint: str) -> ImageRecord:
    return _build_record(
        step,
        fingerprint,
        status="indexed",
        width=decoded.width,
        height=decoded.height,
        content_hash=decoded.content_hash,
        incomplete=decoded.incomplete,
        framing="tiles" if is_long(decoded.width, decoded.height) else None,
        **metadata_fields(decoded.metadata),
    )


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
