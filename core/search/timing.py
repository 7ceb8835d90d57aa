"""How long each part of a search took; between the parts it may be stopped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter


def go_on() -> None:
    """Nobody stops it."""


class Stages:
    """`ms` are milliseconds by part, added up. `going` is called before each, and raises what is to end the search."""

    def __init__(self, going: Callable[[], object] = go_on) -> None:
        self.ms: dict[str, float] = {}
        self._going = going
        self._began = perf_counter()

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        self._going()
        started = perf_counter()
        yield
        self.ms[name] = self.ms.get(name, 0.0) + (perf_counter() - started) * 1000

    def all(self) -> dict[str, float]:
        """With the `total` until now."""
        return self.ms | {"total": (perf_counter() - self._began) * 1000}
