"""What the engine is told of collections, payload indexes and segments.

A library is many segments that are never changed again, and one that takes what is written. The engine may put segments
together, but up to a size at which building takes a few hundred megabytes. So neither memory nor disk has to hold a
library twice, and what loads with a library is small.
"""

import qdrant_edge as edge

from core.adapters.qdrant_edge.points import TERMS

SEGMENTS = 8  # more are put together, the smallest first: each costs a search its own walk through a graph
INDEXED_KB = 10_000  # of vectors: what is smaller has no graph, and is compared one by one
_SEGMENT_KB = 1_600_000  # of vectors at most in what is put together: some 400,000 images


def collection(dimension: int) -> edge.EdgeConfig:
    """Return the configuration of a library's shard, new or loaded to be built."""
    dense = edge.EdgeVectorParams(size=dimension, distance=edge.Distance.Dot)
    return edge.EdgeConfig(
        vectors={"image": dense, "caption": dense},
        sparse_vectors={TERMS: edge.EdgeSparseVectorParams()},
        optimizers=edge.EdgeOptimizersConfig(
            default_segment_number=SEGMENTS, max_segment_size=_SEGMENT_KB, indexing_threshold=INDEXED_KB
        ),
    )


def field_index(schema: "edge.PayloadSchemaType | edge.KeywordIndexParams") -> "edge.PayloadSchemaParams":
    """Return the parameters of a payload index: mapped from disk, and without graphs of its own.

    With graphs for the values of every field, building takes five times as long.
    """
    mapped = edge.Memory.Cold
    match schema:
        case edge.KeywordIndexParams():
            return edge.KeywordIndexParams(prefix=schema.prefix, enable_hnsw=False, memory=mapped)
        case edge.PayloadSchemaType.Keyword:
            return edge.KeywordIndexParams(enable_hnsw=False, memory=mapped)
        case edge.PayloadSchemaType.Integer:
            return edge.IntegerIndexParams(enable_hnsw=False, memory=mapped)
        case edge.PayloadSchemaType.Float:
            return edge.FloatIndexParams(enable_hnsw=False, memory=mapped)
        case edge.PayloadSchemaType.Datetime:
            return edge.DatetimeIndexParams(enable_hnsw=False, memory=mapped)
    raise ValueError(f"no parameters are known for an index of {schema}")


def is_lean(index: "edge.PayloadIndexInfo") -> bool:
    """Tell whether a payload index has no graphs of its own; those of libraries before have some."""
    return getattr(index.params, "enable_hnsw", None) is False
