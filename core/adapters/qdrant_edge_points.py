"""Records and vectors as the points of the embedded engine."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import qdrant_edge as edge

from core import words
from core.identity import POINT_ID
from core.ports import Point
from core.records import to_payload
from core.vectors import Vector


def edge_point(point: Point, dimension: int) -> edge.Point:
    """Raises ValueError for an id, a vector or a text that no index takes."""
    record = point.record
    if not POINT_ID.fullmatch(record.id):
        raise ValueError(f"{record.id!r} is not a UUID in lower case")
    payload = to_payload(record)
    check_text(record.id, payload)
    vectors = {
        name: dense(vector, dimension)
        for name, vector in (("image", point.image), ("caption", point.caption))
        if vector is not None
    }
    return whole_point(record.id, payload, {**vectors, "words": sparse(record.texts)})


def dense(vector: Vector, dimension: int) -> Any:
    """(D,) float32. Raises ValueError for any other shape and for what is no finite unit vector."""
    array = np.asarray(vector, np.float32)
    if array.shape != (dimension,):
        raise ValueError(f"a vector of shape {array.shape}, where this index takes ({dimension},)")
    if not abs(float(array @ array) - 1) < 1e-2:  # also refuses NaN
        raise ValueError("a vector that is not a finite unit vector")
    return array


def check_text(image_id: str, payload: dict[str, Any]) -> None:
    for value in payload.values():
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and not words.is_unicode(text):
                raise ValueError(f"{text!r} of image {image_id} cannot be written as UTF-8")


def whole_point(image_id: str, payload: dict[str, Any], vectors: dict[str, Any]) -> edge.Point:
    """Without what is None."""
    return edge.Point(
        image_id,
        {name: vector for name, vector in vectors.items() if vector is not None},
        {name: value for name, value in payload.items() if value is not None},
    )


def sparse(texts: Sequence[str]) -> "edge.SparseVector | None":
    weights = words.document_weights(*texts)
    return edge.SparseVector(list(weights), list(weights.values())) if weights else None


def known(ids: Sequence[str]) -> list[Any]:
    """What is no UUID cannot be in the index."""
    return [image_id for image_id in ids if POINT_ID.fullmatch(image_id)]


def named(vector: Any) -> dict[str, Any]:
    return vector if isinstance(vector, dict) else {}
