"""What is the server adapter's own: names and aliases, errors, and what is tried again. The rest is the contract's."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from core.adapters.qdrant_server.client import Server, connect
from core.adapters.qdrant_server.collection import Layout, create_collection
from core.adapters.qdrant_server.filters import FIELDS, FilterTranslator
from core.adapters.qdrant_server.index import QdrantIndex
from core.adapters.qdrant_server.library import ServerLibrary, alias_to
from core.adapters.qdrant_server.points import to_server_point
from core.domain.filtering.conditions import Between, During, KeyGlob, KeyPrefix, Match, Missing, Named, Near
from core.domain.filtering.filters import Filter
from core.errors import (
    LibraryDamaged,
    LibraryError,
    LibraryRefused,
    LibraryUnreachable,
    ModelMismatch,
    ServerLibraryMissing,
)
from core.ports.rank_lists import Probe
from core.ports.vector_index import IndexInfo
from tests.support.index_queries import nearest
from tests.support.made_up_images import START, image_id, point

INFO = IndexInfo("colours", "colours-1", 16)


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    with closing(QdrantClient(":memory:")) as made:
        yield made


def _server(client: QdrantClient, patience_s: float = 0.0) -> Server:
    return Server(client, "in memory", patience_s)


def test_a_library_is_an_alias_of_its_models_collection(client: QdrantClient) -> None:
    with pytest.raises(ServerLibraryMissing, match="nothing is called pictures"):
        QdrantIndex.open(_server(client), "pictures")
    made = QdrantIndex.create(_server(client), "pictures", INFO)
    made.upsert([point(1)])
    again = QdrantIndex.create(_server(client), "pictures", INFO)
    assert again.collection == made.collection != "pictures"
    assert (again.info, again.count()) == (INFO, 1)
    assert QdrantIndex.open(_server(client), "pictures").count() == 1
    with pytest.raises(ModelMismatch):
        QdrantIndex.create(_server(client), "pictures", IndexInfo("colours", "colours-2", 16))


def test_a_collection_without_its_alias_is_taken_up(client: QdrantClient) -> None:
    made = QdrantIndex.create(_server(client), "pictures", INFO)
    client.delete_collection(made.collection)
    create_collection(client, made.collection, INFO)
    index = QdrantIndex.create(_server(client), "pictures", INFO)
    index.upsert([point(1)])
    assert (index.collection, index.count()) == (made.collection, 1)


def test_a_collection_that_is_not_ours_is_left_alone(client: QdrantClient) -> None:
    client.create_collection("pictures", vectors_config={})
    with pytest.raises(LibraryDamaged, match="choose another name"):
        QdrantIndex.create(_server(client), "pictures", INFO)


class _Rpc(grpc.RpcError, grpc.Call):  # type: ignore[misc]
    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "what it says"


def _http(status: int) -> UnexpectedResponse:
    return UnexpectedResponse(status, "No", b'{"status": {"error": "what it says"}}', httpx.Headers())


FAULTS: list[tuple[Exception, type[LibraryError]]] = [
    (_Rpc(grpc.StatusCode.UNAVAILABLE), LibraryUnreachable),
    (_Rpc(grpc.StatusCode.DEADLINE_EXCEEDED), LibraryUnreachable),
    (_Rpc(grpc.StatusCode.UNAUTHENTICATED), LibraryRefused),
    (_Rpc(grpc.StatusCode.PERMISSION_DENIED), LibraryRefused),
    (_Rpc(grpc.StatusCode.NOT_FOUND), ServerLibraryMissing),
    (_Rpc(grpc.StatusCode.INVALID_ARGUMENT), LibraryError),
    (_http(503), LibraryUnreachable),
    (_http(429), LibraryUnreachable),
    (_http(401), LibraryRefused),
    (_http(403), LibraryRefused),
    (_http(404), ServerLibraryMissing),
    (_http(400), LibraryError),
    (ResponseHandlingException(httpx.ConnectError("what it says")), LibraryUnreachable),
    (ResourceExhaustedResponse("what it says", 0), LibraryUnreachable),
]


def _failing(error: Exception, times: int) -> Callable[[QdrantClient], str]:
    left = times

    def call(client: QdrantClient) -> str:
        nonlocal left
        left -= 1
        if left >= 0:
            raise error
        return "answer"

    return call


@pytest.mark.parametrize(("error", "ours"), FAULTS, ids=str)
def test_every_error_is_mapped_and_only_what_may_pass_is_tried_again(
    client: QdrantClient, error: Exception, ours: type[LibraryError]
) -> None:
    with pytest.raises(LibraryError, match="what it says") as raised:
        _server(client).ask(_failing(error, 1))
    assert type(raised.value) is ours
    patient = _server(client, patience_s=30)
    if ours is LibraryUnreachable:
        assert patient.ask(_failing(error, 2)) == "answer"
    else:
        with pytest.raises(ours):
            patient.ask(_failing(error, 1))


def _said(filter: models.Filter) -> Any:
    """Without lists that hold nothing."""

    def slim(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: slim(value) for name, value in part.items() if value != []}
        return [slim(value) for value in part] if isinstance(part, list) else part

    return slim(filter.model_dump(exclude_none=True))


def test_what_is_asked_is_the_same_over_grpc() -> None:
    asked = Filter(
        all=(
            Match("words", ("dog",)),
            Missing("taken_at"),
            Between("width", 1, 640),
            Between("aspect", high=1.5),
            During("modified_at", START, START + timedelta(microseconds=1)),
            KeyPrefix("2024/é"),
            KeyGlob("*.jpg"),
        ),
        any=(Filter(none=(Match("status", ("failed",)),)), Match("captioner", ("\udce4",))),
        none=(Filter(),),
    )
    keys = {image_id(1): {"key": "1.jpg"}, image_id(2): {"key": "2"}}
    asked &= Filter(any=(Near(0, 180, 1000), Named("camera", "canon")))
    made = FilterTranslator(lambda filter, fields: iter(keys.items()), lambda field: ["Canon", "Nikon"])(asked)
    assert made is not None
    there_and_back = GrpcToRest.convert_filter(RestToGrpc.convert_filter(made))
    assert _said(there_and_back) == _said(made)
    sent = to_server_point(point(1, "a red car", taken_at=START), 16)
    received = GrpcToRest.convert_point_struct(RestToGrpc.convert_point_struct(sent))
    assert received.payload == sent.payload and received.id == sent.id
    assert np.float32(received.vector["image"]).tolist() == np.float32(sent.vector["image"]).tolist()


def _unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_is_not_there_is_told_so() -> None:
    server = connect(f"http://127.0.0.1:{_unused_port()}", grpc_port=_unused_port(), timeout_s=1, patience_s=0)
    with closing(server), pytest.raises(LibraryUnreachable, match="does not answer"):
        QdrantIndex.open(server, "pictures")


def _grpc_to_nobody() -> Server:
    client = QdrantClient(url="http://127.0.0.1", prefer_grpc=True, grpc_port=_unused_port(), check_compatibility=False)
    return Server(client, "nowhere", patience_s=0)


def _asked_over_grpc(server: Server) -> Iterator[Callable[[], object]]:
    """Everything that the adapter asks a server."""
    index, filter = QdrantIndex(server, "pictures", INFO), Filter(all=(Match("words", ("dog",)),))
    vector = point(1).image
    assert vector is not None
    probes = [Probe("image", vector), Probe("words", terms={"red": 0.5})]
    large = Layout("large", shards=2, replicas=2, write_consistency=1)
    yield lambda: server.ask(lambda client: create_collection(client, "pictures-1", INFO, large))
    for field, schema in FIELDS.items():
        yield lambda field=field, schema=schema: server.ask(  # type: ignore[misc]
            lambda client: client.create_payload_index("pictures-1", field, schema)
        )
    library = ServerLibrary(_grpc_to_nobody, "pictures", large)
    yield library.all
    yield library.current
    yield lambda: server.ask(lambda client: client.update_collection_aliases([alias_to("pictures", "pictures-1")]))
    yield lambda: index.upsert([point(1, "a red car", taken_at=START)])
    yield lambda: index.delete([image_id(1)])
    yield lambda: index.set_refs([(image_id(1), point(1).record.ref)])
    yield lambda: index.vectors([image_id(1)])
    yield lambda: index.scroll(filter, after=image_id(1), limit=3)
    yield lambda: index.ordered("taken", filter, limit=3)
    yield lambda: index.ordered("name", filter, limit=3)
    yield lambda: nearest(index, vector, filter, limit=3, exact=True)
    yield lambda: index.shortlists(probes, filter, limit=3)
    yield lambda: index.scores(probes, [image_id(1)])
    yield lambda: index.count(filter)
    yield lambda: index.facet("words", filter)
    yield lambda: list(index.versions())


def test_everything_that_is_asked_can_be_put_into_grpc() -> None:
    with closing(_grpc_to_nobody()) as server:
        for ask in _asked_over_grpc(server):
            with pytest.raises(LibraryUnreachable):  # it was written down whole, and could not be sent
                ask()
