"""The collection of one model: its name, what it is made of, and what its metadata tells."""

import hashlib

from qdrant_client import QdrantClient, models

from core.ports import IndexInfo

OURS = "bucketlens"  # under which a collection's metadata holds what it belongs to


def collection_name(library: str, fingerprint: str) -> str:
    return f"{library}-{hashlib.blake2b(fingerprint.encode(), digest_size=6).hexdigest()}"


def create_collection(client: QdrantClient, collection: str, info: IndexInfo) -> None:
    vectors = models.VectorParams(size=info.dimension, distance=models.Distance.DOT)
    client.create_collection(
        collection,
        vectors_config={"image": vectors, "caption": vectors},
        sparse_vectors_config={"words": models.SparseVectorParams(modifier=models.Modifier.IDF)},
        metadata={
            OURS: {
                "model": info.model,
                "fingerprint": info.fingerprint,
                "dimension": info.dimension,
                "collection": collection,
            }
        },
    )


def described(metadata: object) -> tuple[str, IndexInfo]:
    """A collection's name and its model, as its metadata tells them. Raises KeyError, TypeError, ValueError."""
    if not isinstance(metadata, dict):
        raise TypeError("no metadata")
    ours = metadata[OURS]
    return str(ours["collection"]), IndexInfo(str(ours["model"]), str(ours["fingerprint"]), int(ours["dimension"]))
