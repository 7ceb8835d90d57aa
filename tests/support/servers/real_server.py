"""A real Qdrant server, if the environment names one, and the contract's library on it, as strict as servers get.

BUCKETLENS_TEST_QDRANT_URL says which, BUCKETLENS_TEST_QDRANT_API_KEY with which key, if any, and
BUCKETLENS_TEST_QDRANT_READ_API_KEY which key may only read; BUCKETLENS_TEST_QDRANT_GRPC_PORT is its gRPC port where
that is not 6334. BUCKETLENS_TEST_QDRANT_RESTART is a shell command that restarts it, and may return before it is back.
"""

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from qdrant_client import models

from core.adapters.qdrant_server.client import Server, connect
from core.adapters.qdrant_server.index import QdrantIndex
from core.ports.vector_index import IndexInfo

URL = "BUCKETLENS_TEST_QDRANT_URL"
API_KEY = "BUCKETLENS_TEST_QDRANT_API_KEY"
READ_API_KEY = "BUCKETLENS_TEST_QDRANT_READ_API_KEY"
GRPC_PORT = "BUCKETLENS_TEST_QDRANT_GRPC_PORT"
RESTART = "BUCKETLENS_TEST_QDRANT_RESTART"

_PREFIX = "bucketlens-test-"
_STRICT = models.StrictModeConfig(
    enabled=True, unindexed_filtering_retrieve=False, unindexed_filtering_update=False, search_allow_exact=True
)


def server(*, key: str | None = None, prefer_grpc: bool = True, patience_s: float = 30.0) -> Server:
    """With the key that may write, unless another is given."""
    return connect(
        os.environ[URL],
        api_key=key or os.environ.get(API_KEY),
        timeout_s=30,
        prefer_grpc=prefer_grpc,
        grpc_port=int(os.environ.get(GRPC_PORT, "6334")),
        patience_s=patience_s,
    )


@contextmanager
def own_name() -> Iterator[str]:
    """A name for a library; every collection that begins with it goes in the end."""
    name = f"{_PREFIX}{uuid.uuid4().hex}"
    try:
        yield name
    finally:
        with closing(server()) as asked:
            held = asked.ask(lambda client: client.get_collections()).collections
            for mine in (each.name for each in held if each.name.startswith(name)):
                asked.ask(lambda client, mine=mine: client.delete_collection(mine))  # type: ignore[misc]


def make_strict(index: QdrantIndex) -> None:
    index._ask(lambda client, name: client.update_collection(name, strict_mode_config=_STRICT), writes=True)


def restart() -> None:
    subprocess.run(os.environ[RESTART], shell=True, check=True, timeout=120, cwd=Path(__file__).parents[3])


class StrictIndex(QdrantIndex):
    """Its collection goes with it."""

    @classmethod
    def made(cls, info: IndexInfo) -> "StrictIndex":
        asked = server()
        made = QdrantIndex.create(asked, f"{_PREFIX}{uuid.uuid4().hex}", info)
        make_strict(made)
        return cls(asked, made.collection, made.info)

    def close(self) -> None:
        self._ask(lambda client, name: client.delete_collection(name))
        super().close()
