"""Records and vectors as the points of the embedded engine."""

from collections.abc import Sequence
from typing import Any

import qdrant_edge as edge

from core.adapters.index_base.point_codec import checked_payload, dense_vectors
from core.ports.vector_index import Point
from core.text.bm25 import document_weights

TERMS = "terms"  # the sparse vector of core.text.bm25; "words", until format 2, let the engine count how rare words are


def edge_point(point: Point, dimension: int) -> edge.Point:
    """Raises ValueError for an id, a vector or a text that no index takes."""
    vectors = dense_vectors(point, dimension)
    return whole_point(point.record.id, checked_payload(point), {**vectors, TERMS: sparse(point.record.texts)})


def whole_point(image_id: str, payload: dict[str, Any], vectors: dict[str, Any]) -> edge.Point:
    """Without what is None."""
    return edge.Point(
        image_id,
        {name: vector for name, vector in vectors.items() if vector is not None},
        {name: value for name, value in payload.items() if value is not None},
    )


def sparse(texts: Sequence[str]) -> "edge.SparseVector | None":
    weights = document_weights(*texts)
    return edge.SparseVector(list(weights), list(weights.values())) if weights else None


def named(vector: Any) -> dict[str, Any]:
    return vector if isinstance(vector, dict) else {}
