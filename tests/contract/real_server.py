"""The contract's library on a real Qdrant server, as strict as servers get.

BUCKETLENS_TEST_QDRANT_URL says which, BUCKETLENS_TEST_QDRANT_API_KEY with which key, if any.
"""

import os
import uuid

from qdrant_client import models

from core.adapters.qdrant_server import QdrantIndex
from core.adapters.qdrant_server_calls import Server, connect
from core.ports import IndexInfo

URL = "BUCKETLENS_TEST_QDRANT_URL"
API_KEY = "BUCKETLENS_TEST_QDRANT_API_KEY"

_STRICT = models.StrictModeConfig(
    enabled=True, unindexed_filtering_retrieve=False, unindexed_filtering_update=False, search_allow_exact=True
)


def server() -> Server:
    return connect(os.environ[URL], api_key=os.environ.get(API_KEY), timeout_s=30)


class StrictIndex(QdrantIndex):
    """Its collection goes with it."""

    @classmethod
    def made(cls, info: IndexInfo) -> "StrictIndex":
        asked = server()
        made = QdrantIndex.create(asked, f"bucketlens-test-{uuid.uuid4().hex}", info)
        asked.ask(lambda client: client.update_collection(made.collection, strict_mode_config=_STRICT))
        return cls(asked, made.collection, made.info)

    def close(self) -> None:
        self._ask(lambda client, name: client.delete_collection(name))
        super().close()
