"""How long each part of a search takes. Between the parts it may be stopped."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter


def go_on() -> None:
    """Stop nothing."""


@dataclass(slots=True)
class Stopwatch:
    """Measures one search. `going` is called before every part, and ends the search by raising."""

    going: Callable[[], object] = go_on
    _ms: dict[str, float] = field(default_factory=dict)
    _part: str | None = None
    _part_began: float = 0.0
    _began: float = field(default_factory=perf_counter)

    def start(self, part: str) -> None:
        """Begin a part, and end the one before it. Parts of the same name add up."""
        if self._part is not None:
            self._ms[self._part] = self._ms.get(self._part, 0.0) + (perf_counter() - self._part_began) * 1000
        self._part = part
        self.going()
        self._part_began = perf_counter()

    def stop(self) -> dict[str, float]:
        """End the last part. Return milliseconds by part, and of all as `total`."""
        ended = perf_counter()
        if self._part is not None:
            self._ms[self._part] = self._ms.get(self._part, 0.0) + (ended - self._part_began) * 1000
            self._part = None
        return self._ms | {"total": (ended - self._began) * 1000}
