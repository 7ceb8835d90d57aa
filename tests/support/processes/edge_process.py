"""Another process at the same library, run as a module by the tests: `write`, `hold`, `fork` or `look`."""

import os
import sys
import time
from pathlib import Path

from core.adapters.qdrant_edge.index import EdgeIndex
from core.errors import LibraryError
from core.ports.vector_index import Point
from tests.support.index_queries import nearest, newest
from tests.support.made_up_images import point, vector


def _tell(*parts: object) -> None:
    sys.stdout.write(" ".join(map(str, parts)) + "\n")
    sys.stdout.flush()


def write(folder: Path, first: int, batches: int, size: int, pause_ms: int) -> None:
    """Writes images from `first` on, a line a batch: how many of them are acknowledged."""
    index = EdgeIndex.open(folder)
    for batch in range(batches):
        start = first + batch * size
        made: list[Point] = [point(n, "a red car") for n in range(start, start + size)]
        index.upsert(made)
        _tell((batch + 1) * size)
        time.sleep(pause_ms / 1000)
    index.close()


def hold(folder: Path) -> None:
    """Loads the library and keeps it until it is killed."""
    _tell(EdgeIndex.open(folder).count())
    time.sleep(600)


def fork(folder: Path) -> None:
    """Loads the library and leaves a child that was forked meanwhile."""
    index = EdgeIndex.open(folder)
    index.count()
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    _tell(child)
    time.sleep(600)


def look(folder: Path) -> None:
    """Prints how many images are there, or what is raised."""
    try:
        index = EdgeIndex.open(folder)
        found = len(nearest(index, vector(1), limit=100)), len(index.scroll()), len(newest(index, limit=100))
        _tell("ok", index.count(), *found, len(index.facet("words")))
        index.close()
    except LibraryError as error:
        _tell(type(error).__name__, error)


if __name__ == "__main__":
    command, path, *numbers = sys.argv[1:]
    {"write": write, "hold": hold, "fork": fork, "look": look}[command](Path(path), *map(int, numbers))
