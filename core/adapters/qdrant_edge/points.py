"""Records and vectors as the points of the embedded engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import qdrant_edge as edge

from core.adapters.index_base.point_codec import dense_vectors, point_payload
from core.ports.vector_index import Point
from core.text.bm25 import record_weights
from core.text.word_lists import WordListName

TERMS = "terms"  # the sparse vector of core.text.bm25; "words", until format 2, let the engine count how rare words are


def to_edge_point(point: Point, dimension: int) -> edge.Point:
    """Raises ValueError for an id, a vector or a text that no index takes."""
    vectors = dense_vectors(point, dimension)
    return build_point(point.record.id, point_payload(point), {**vectors, TERMS: sparse_vector(point.record.documents)})


def build_point(image_id: str, payload: dict[str, Any], vectors: dict[str, Any]) -> edge.Point:
    """Without what is None, and without empty lists: each takes the engine longer to read than a text.

    Lists of floats are what it reads fastest: an array costs twice as much.
    """
    return edge.Point(
        image_id,
        {
            name: vector.tolist() if isinstance(vector, np.ndarray) else vector
            for name, vector in vectors.items()
            if vector is not None
        },
        {name: value for name, value in payload.items() if value is not None and value != []},
    )


def sparse_vector(documents: Mapping[WordListName, Sequence[str]]) -> "edge.SparseVector | None":
    weights = record_weights(documents)
    return edge.SparseVector(list(weights), list(weights.values())) if weights else None


def named_vectors(vector: Any) -> dict[str, Any]:
    return vector if isinstance(vector, dict) else {}
