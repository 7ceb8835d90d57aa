"""What the engine is told of collections, payload indexes and segments.

A library is many segments that are never changed again, and one that takes what is written. The engine may put segments
together, but up to a size at which building takes a few hundred megabytes. So neither memory nor disk has to hold a
library twice, and what loads with a library is small.
"""

import json
from pathlib import Path

import qdrant_edge as edge

from core.adapters.qdrant_edge.points import TERMS

SEGMENTS = 8  # more are put together, the smallest first: each costs a search its own walk through a graph
INDEXED_KB = 10_000  # of vectors: what is smaller has no graph, and is compared one by one
_SEGMENT_IMAGES = 400_000  # at most in what is put together: building takes a gigabyte for these
_WIDE = 128  # numbers of a vector, from which on two bytes each are as good as four

_ON_DISK = edge.Memory.Cold  # nothing is read when a library is loaded; what is asked stays in the system's cache


def collection(dimension: int) -> edge.EdgeConfig:
    """Return the configuration of a new shard."""
    return _short(dimension) if dimension >= _WIDE else _float(dimension)


def building(shard: Path, dimension: int) -> edge.EdgeConfig:
    """Return the configuration to build a shard with: its vectors stay what they were when it was created."""
    try:
        kept = json.loads((shard / "edge_config.json").read_bytes())["vectors"]["image"]["datatype"]
    except (OSError, ValueError, KeyError, TypeError):  # those of before tell none
        kept = None
    return _short(dimension) if kept == "turbo16" else _float(dimension)


def _short(dimension: int) -> edge.EdgeConfig:
    """16 bits a number, after a rotation: cosines differ by less than 0.00002.

    That is half the disk, and building and comparing take less than half the time.
    """
    kind = edge.VectorStorageDatatype.Turbo16
    dense = edge.EdgeVectorParams(dimension, edge.Distance.Dot, datatype=kind, memory=_ON_DISK)
    return _config(dense, edge.EdgeSparseVectorParams(memory=_ON_DISK), 2)


def _float(dimension: int) -> edge.EdgeConfig:
    return _config(edge.EdgeVectorParams(dimension, edge.Distance.Dot), edge.EdgeSparseVectorParams(), 4)


def _config(dense: edge.EdgeVectorParams, sparse: edge.EdgeSparseVectorParams, width: int) -> edge.EdgeConfig:
    """`width`: bytes of a number. The engine measures segments by one vector of each image."""
    return edge.EdgeConfig(
        vectors={"image": dense, "caption": dense},
        sparse_vectors={TERMS: sparse},
        optimizers=edge.EdgeOptimizersConfig(
            default_segment_number=SEGMENTS,
            max_segment_size=_SEGMENT_IMAGES * dense.size * width // 1024,
            indexing_threshold=INDEXED_KB,
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
