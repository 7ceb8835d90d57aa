"""A stub of a Qdrant server: as much of its REST API as the library uses, over qdrant-client's own memory.

It stands in for a server where networks, keys and aliases are tested; what a server does with points is its memory's
doing, not Qdrant's.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import BaseModel, TypeAdapter
from qdrant_client import QdrantClient, models

_READS = re.compile(r"GET .*|POST .*/(points|points/(scroll|count|query/batch)|facet)")
_VECTORS: TypeAdapter[Any] = TypeAdapter(dict[str, models.VectorParams])
_SPARSE: TypeAdapter[Any] = TypeAdapter(dict[str, models.SparseVectorParams])


class QdrantStub:
    """`keys` are those it takes, each with whether it may write; none: everybody may do everything.

    `asked` counts requests by method and path, the names of collections left out; `before` is called with each.
    """

    def __init__(self, keys: Mapping[str, bool] | None = None) -> None:
        self.client = QdrantClient(":memory:")
        self.keys = keys
        self.asked: Counter[str] = Counter()
        self.created: list[dict[str, Any]] = []
        self.before: Callable[[str], object] = lambda _: None
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, body: Any, key: str | None) -> tuple[int, Any]:
        """Status and result of a request."""
        name, _, rest = path.removeprefix("/collections/").partition("/")
        what = f"{method} /{rest}" if path.startswith("/collections/") and name != "aliases" else f"{method} {path}"
        self.before(what)
        with self._lock:
            self.asked[what] += 1
            if self.keys is not None and key not in self.keys:
                return 401, "Must provide an API key or an Authorization bearer token"
            if self.keys is not None and not self.keys[str(key)] and not _READS.fullmatch(f"{method} {path}"):
                return 403, f"Forbidden: Write access to collection {name} is required"
            if what.startswith("GET") or rest:
                if path.startswith("/collections/") and rest != "exists" and not self.client.collection_exists(name):
                    return 404, f"Not found: Collection `{name}` doesn't exist!"
            try:
                return 200, self._done(what, name, body)
            except ValueError as error:
                return 400, str(error)

    def _done(self, what: str, name: str, body: Any) -> Any:
        client = self.client
        match what:
            case "GET /exists":
                return {"exists": client.collection_exists(name)}
            case "GET /":
                return client.get_collection(name)
            case "PUT /":
                self.created.append(body)
                vectors = _VECTORS.validate_python(body["vectors"])
                sparse = _SPARSE.validate_python(body.get("sparse_vectors") or {})
                return client.create_collection(
                    name, vectors, sparse_vectors_config=sparse, metadata=body.get("metadata")
                )
            case "PATCH /":
                return True
            case "DELETE /":
                return client.delete_collection(name)
            case "PUT /index":
                return _UPDATED
            case "GET /collections":
                return client.get_collections()
            case "GET /aliases":
                return client.get_aliases()
            case "POST /collections/aliases":
                changes = models.ChangeAliasesOperation.model_validate(body).actions
                return client.update_collection_aliases(changes)
            case "PUT /points":
                sent = models.PointsList.model_validate(body)
                client.upsert(name, sent.points, update_filter=sent.update_filter, update_mode=sent.update_mode)
                return _UPDATED
            case "POST /points/delete":
                client.delete(name, models.PointIdsList.model_validate(body))
                return _UPDATED
            case "POST /points":
                sought = models.PointRequest.model_validate(body)
                return client.retrieve(name, sought.ids, sought.with_payload, sought.with_vector)
            case "POST /points/scroll":
                page = models.ScrollRequest.model_validate(body)
                order = models.OrderBy.model_validate(body["order_by"]) if body.get("order_by") else None
                found, following = client.scroll(
                    name, page.filter, page.limit, order, page.offset, page.with_payload, page.with_vector or False
                )
                return {"points": found, "next_page_offset": following}
            case "POST /points/query/batch":
                return client.query_batch_points(name, models.QueryRequestBatch.model_validate(body).searches)
            case "POST /points/count":
                return client.count(name, models.CountRequest.model_validate(body).filter)
            case "POST /facet":
                facet = models.FacetRequest.model_validate(body)
                return client.facet(name, facet.key, facet.filter, facet.limit or 10)
        raise ValueError(f"the stub does not know {what}")


_UPDATED = {"operation_id": 0, "status": "completed"}


@contextmanager
def serving(stub: QdrantStub) -> Iterator[str]:
    """The address at which it answers, over HTTP."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, result = stub.answer(self.command, self._path(), body, self.headers.get("api-key"))
            told: dict[str, Any] = {"time": 0.0, "status": "ok", "result": _plain(result)}
            if status != 200:
                told = {"time": 0.0, "status": {"error": result}}
            data = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def _path(self) -> str:
            return self.path.partition("?")[0]

        def log_message(self, *_: object) -> None: ...

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """Clients go away, and are made to."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            stub.client.close()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
