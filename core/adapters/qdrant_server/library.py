"""A library on a Qdrant server: a collection for every model, and an alias that leads to the one in use."""

from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from qdrant_client import models

from core.adapters.qdrant_server.client import Server
from core.adapters.qdrant_server.collection import Layout, parse_metadata
from core.adapters.qdrant_server.index import QdrantIndex
from core.errors import ServerLibraryMissing
from core.ports.vector_index import IndexInfo

T = TypeVar("T")


class ServerLibrary:
    """The IndexVersions of a name on a server. An index version's name is that of its collection.

    A second alias leads to the index version that was in use before; both are moved in one step.
    """

    def __init__(self, connect: Callable[[], Server], name: str, layout: Layout) -> None:
        self._connect = connect
        self._name = name
        self._before = f"{name}-previous"
        self._layout = layout

    def open(self, version: str | None = None) -> QdrantIndex:
        server = self._connect()
        try:
            return QdrantIndex.open(server, version or self._name)
        except BaseException:
            server.close()
            raise

    def create(self, info: IndexInfo) -> None:
        with closing(self._connect()) as server:
            QdrantIndex.create(server, self._name, info, self._layout)

    def beside(self, info: IndexInfo) -> str:
        with closing(self._connect()) as server:
            return QdrantIndex.beside(server, self._name, info, self._layout).collection

    def all(self) -> dict[str, IndexInfo]:
        def read(server: Server) -> dict[str, IndexInfo]:
            held = server.ask(lambda client: client.get_collections()).collections
            ours = sorted(each.name for each in held if each.name.startswith(f"{self._name}-"))
            return {name: index.info for name in ours if (index := _index(server, name)) is not None}

        return self._ask(read)

    def current(self) -> str:
        return self._ask(lambda server: QdrantIndex.open(server, self._name, migrate=False).collection)

    def previous(self) -> str | None:
        def read(server: Server) -> str | None:
            index = _index(server, self._before)
            return None if index is None else index.collection

        return self._ask(read)

    def use(self, version: str) -> None:
        before = self.current()
        actions: list[models.AliasOperations] = [
            models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=self._name)),
            alias_to(self._name, version),
        ]
        if self.previous() is not None:
            delete = models.DeleteAlias(alias_name=self._before)
            actions.append(models.DeleteAliasOperation(delete_alias=delete))
        actions.append(alias_to(self._before, before))
        self._ask(lambda server: server.ask(lambda client: client.update_collection_aliases(actions), writes=True))

    def _ask(self, call: Callable[[Server], T]) -> T:
        with closing(self._connect()) as server:
            return call(server)


def alias_to(alias: str, collection: str) -> models.CreateAliasOperation:
    return models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=collection, alias_name=alias))


def _index(server: Server, name: str) -> QdrantIndex | None:
    """None for what is not there, or not ours."""
    try:
        metadata = server.ask(lambda client: client.get_collection(name)).config.metadata
        return QdrantIndex(server, *parse_metadata(metadata))
    except (ServerLibraryMissing, KeyError, TypeError, ValueError):
        return None
