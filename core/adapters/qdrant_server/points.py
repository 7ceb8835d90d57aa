"""Records and vectors as the points of a Qdrant server, and the requests that carry them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qdrant_client import models

from core.adapters.index_base.point_codec import dense_vectors, point_payload
from core.ports.vector_index import Point
from core.text.bm25 import record_weights
from core.text.word_lists import WordListName

BATCH = 256  # points in one request at most
_BATCH_BYTES = 8 * 2**20  # and bytes, as JSON: a server takes 32 MiB where nobody says otherwise
_NUMBER_BYTES = 12  # of a float32 in JSON


def to_server_point(point: Point, dimension: int) -> models.PointStruct:
    """Raises ValueError for an id, a vector or a text that no index takes."""
    vectors = {name: vector.tolist() for name, vector in dense_vectors(point, dimension).items()}
    return build_point(
        point.record.id, point_payload(point), {**vectors, "words": sparse_vector(point.record.documents)}
    )


def build_point(image_id: str, payload: dict[str, Any], vectors: dict[str, Any]) -> models.PointStruct:
    """Without what is None."""
    return models.PointStruct(
        id=image_id,
        vector={name: vector for name, vector in vectors.items() if vector is not None},
        payload={name: value for name, value in payload.items() if value is not None},
    )


def sparse_vector(documents: Mapping[WordListName, Sequence[str]]) -> models.SparseVector | None:
    weights = record_weights(documents)
    return models.SparseVector(indices=list(weights), values=list(weights.values())) if weights else None


def batches(points: Sequence[models.PointStruct], dimension: int) -> Iterator[list[models.PointStruct]]:
    """As many of them at a time as one request takes."""
    batch: list[models.PointStruct] = []
    size = 0
    for point in points:
        bytes_ = len(json.dumps(point.payload)) + 2 * dimension * _NUMBER_BYTES
        if batch and (len(batch) == BATCH or size + bytes_ > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(point)
        size += bytes_
    if batch:
        yield batch


def named_vectors(vector: Any) -> dict[str, Any]:
    return vector if isinstance(vector, dict) else {}
