"""The collection of one model: its name, what it is made of, and what its metadata tells."""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from qdrant_client import QdrantClient, models

from core.ports.vector_index import IndexInfo
from core.text.analysis import ANALYSER_VERSION
from core.text.bm25 import SCORING_VERSION

METADATA_KEY = "bucketlens"  # under which a collection's metadata holds what it belongs to

Scale = Literal["small", "large"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a new collection is laid out on the server's disks and nodes; None leaves it to the server.

    `large`: vectors stay on disk, a quarter of their size, as int8, in memory.
    """

    scale: Scale = "small"
    shards: int | None = None
    replicas: int | None = None
    write_consistency: int | None = None


def collection_name(library: str, fingerprint: str) -> str:
    return f"{library}-{hashlib.blake2b(fingerprint.encode(), digest_size=6).hexdigest()}"


def create_collection(client: QdrantClient, collection: str, info: IndexInfo, layout: Layout | None = None) -> None:
    layout = layout or Layout()
    large = layout.scale == "large"
    vectors = models.VectorParams(size=info.dimension, distance=models.Distance.DOT, on_disk=large)
    int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
    client.create_collection(
        collection,
        vectors_config={"image": vectors, "caption": vectors},
        sparse_vectors_config={"words": models.SparseVectorParams()},
        quantization_config=models.ScalarQuantization(scalar=int8) if large else None,
        on_disk_payload=True,
        shard_number=layout.shards,
        replication_factor=layout.replicas,
        write_consistency_factor=layout.write_consistency,
        metadata={METADATA_KEY: {"collection": collection, **_model_metadata(info), **current_versions()}},
    )


def parse_metadata(metadata: object) -> tuple[str, IndexInfo]:
    """A collection's name and its model, as its metadata tells them. Raises KeyError, TypeError, ValueError."""
    if not isinstance(metadata, dict):
        raise TypeError("no metadata")
    ours = metadata[METADATA_KEY]
    return str(ours["collection"]), IndexInfo(str(ours["model"]), str(ours["fingerprint"]), int(ours["dimension"]))


def current_versions() -> dict[str, int]:
    """The versions that the words of a collection and their vectors are of, as its metadata tells them."""
    return {"analyser": ANALYSER_VERSION, "scoring": SCORING_VERSION}


def _model_metadata(info: IndexInfo) -> dict[str, Any]:
    return {"model": info.model, "fingerprint": info.fingerprint, "dimension": info.dimension}
