"""The backends that the contract is put to."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.ports.vector_index import IndexInfo, VectorIndex
from tests.support.fakes import MemoryIndex

INFO = IndexInfo("colours", "colours-1", 16)
_MEMORY_DISK = Path("/dev/shm")


def _memory(folder: Path) -> VectorIndex:
    return MemoryIndex(INFO)


def _edge(folder: Path) -> VectorIndex:
    from core.adapters.qdrant_edge.index import EdgeIndex

    return EdgeIndex.create(folder / "index", INFO)


def _client(folder: Path) -> VectorIndex:
    """Through qdrant-client, whose own memory stands in for a server."""
    from qdrant_client import QdrantClient

    from core.adapters.qdrant_server.client import Server
    from core.adapters.qdrant_server.index import QdrantIndex

    return QdrantIndex.create(Server(QdrantClient(":memory:"), "in memory"), "library", INFO)


def _mirror(folder: Path) -> VectorIndex:
    from tests.support.mirrored_index import MirroredIndex

    return MirroredIndex(folder / "mirror", INFO)


def _server(folder: Path) -> VectorIndex:
    """A library of its own on the server of BUCKETLENS_TEST_QDRANT_URL, as strict as servers get."""
    from tests.support.servers.real_server import StrictIndex

    return StrictIndex.made(INFO)


BACKENDS: dict[str, Callable[[Path], VectorIndex]] = {
    "memory": _memory,
    "edge": _edge,
    "client": _client,
    "mirror": _mirror,
}
if os.environ.get("BUCKETLENS_TEST_QDRANT_URL"):
    BACKENDS["server"] = _server


@pytest.fixture
def folder() -> Iterator[Path]:
    """On a disk in memory where there is one: making an index is mostly waiting for the disk."""
    roomy = _MEMORY_DISK.is_dir() and shutil.disk_usage(_MEMORY_DISK).free > 2 * 2**30
    with tempfile.TemporaryDirectory(dir=_MEMORY_DISK if roomy else None) as name:
        yield Path(name)


@pytest.fixture(params=BACKENDS)
def make_index(request: pytest.FixtureRequest, folder: Path) -> Iterator[Callable[[], VectorIndex]]:
    """Makes a new, empty index every time, and closes the one before it."""
    made: list[VectorIndex] = []

    def make() -> VectorIndex:
        for before in made[-1:]:
            before.close()
            shutil.rmtree(folder / str(len(made) - 1), ignore_errors=True)
        made.append(BACKENDS[request.param](folder / str(len(made))))
        return made[-1]

    yield make
    for last in made[-1:]:
        last.close()


@pytest.fixture(params=BACKENDS)
def index(request: pytest.FixtureRequest, folder: Path) -> Iterator[VectorIndex]:
    made = BACKENDS[request.param](folder)
    yield made
    made.close()


@pytest.fixture(params=[name for name in BACKENDS if name != "memory"])
def real_index(request: pytest.FixtureRequest, folder: Path) -> Iterator[VectorIndex]:
    """An index that is not the oracle itself."""
    made = BACKENDS[request.param](folder)
    yield made
    made.close()
