"""The backends that the contract is put to."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.ports import IndexInfo, VectorIndex
from tests.fakes import MemoryIndex

INFO = IndexInfo("colours", "colours-1", 16)


def _memory(folder: Path) -> VectorIndex:
    return MemoryIndex(INFO)


def _edge(folder: Path) -> VectorIndex:
    from core.adapters.qdrant_edge import EdgeIndex

    return EdgeIndex.create(folder / "index", INFO)


BACKENDS: dict[str, Callable[[Path], VectorIndex]] = {"memory": _memory, "edge": _edge}


@pytest.fixture(params=BACKENDS)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorIndex]:
    made = BACKENDS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture(params=[name for name in BACKENDS if name != "memory"])
def make_index(request: pytest.FixtureRequest) -> Callable[[Path], VectorIndex]:
    """Makes an empty index of a real backend in a folder, to be compared with the oracle."""
    return BACKENDS[request.param]
