"""A Qdrant client in memory that counts its requests, and which of them waited for one another.

Time is logical: a request takes one tick of its thread's clock. What other threads are given begins when it is handed
over, and whoever waits for its result goes on from there. So the depth is that of as many threads as there are calls,
and the same in every run; `width` tells how many these are.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from qdrant_client import QdrantClient

from core.adapters.local.daemon_threads import DaemonThreads

_REQUESTS = (
    "collection_exists",
    "count",
    "facet",
    "get_collection",
    "get_collections",
    "query_batch_points",
    "query_points",
    "retrieve",
    "scroll",
)


class _Clock(threading.local):
    now = 0


class RoundTrips:
    """The requests of one question, by name and by the tick that they began at."""

    def __init__(self) -> None:
        self.clock = _Clock()
        self.asked: list[tuple[int, str]] = []

    @property
    def depth(self) -> int:
        """How many requests waited for one another, one behind the other."""
        return max((tick for tick, _ in self.asked), default=-1) + 1

    @property
    def width(self) -> int:
        """How many requests were under way at once, at most."""
        return max(Counter(tick for tick, _ in self.asked).values(), default=0)

    def describe(self) -> list[str]:
        """Tell what was asked tick by tick, such as "2 x count, retrieve"."""
        ticks: dict[int, Counter[str]] = {}
        for tick, name in self.asked:
            ticks.setdefault(tick, Counter())[name] += 1
        return [
            ", ".join(f"{count} x {name}" if count > 1 else name for name, count in sorted(ticks[tick].items()))
            for tick in sorted(ticks)
        ]


class CountingClient(QdrantClient):
    """Counts what is asked while `counting`; other requests are as those of any client."""

    trips: RoundTrips | None = None

    def __init__(self) -> None:
        super().__init__(":memory:")
        for name in _REQUESTS:
            setattr(self, name, self._counted(name, getattr(self, name)))

    def _counted(self, name: str, request: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*args: Any, **options: Any) -> Any:
            if (trips := self.trips) is not None:
                trips.asked.append((trips.clock.now, name))
                trips.clock.now += 1
            return request(*args, **options)

        return ask

    @contextmanager
    def counting(self) -> Iterator[RoundTrips]:
        """Count the requests of the thread that calls, and of the threads that it hands work to."""
        trips = RoundTrips()
        submit, result = DaemonThreads.submit, Future.result
        ended: dict[Future[Any], list[int]] = {}

        def hand_over(threads: DaemonThreads, work: Callable[[], Any]) -> Future[Any]:
            began = trips.clock.now
            told: list[int] = []

            def run() -> Any:
                trips.clock.now = began
                try:
                    return work()
                finally:
                    told.append(trips.clock.now)

            future = submit(threads, run)
            ended[future] = told
            return future

        def wait(future: Future[Any], timeout: float | None = None) -> Any:
            try:
                return result(future, timeout)
            finally:
                trips.clock.now = max(trips.clock.now, *ended.get(future, [0]))

        DaemonThreads.submit, Future.result = hand_over, wait  # type: ignore[method-assign, assignment]
        self.trips = trips
        try:
            yield trips
        finally:
            self.trips = None
            DaemonThreads.submit, Future.result = submit, result  # type: ignore[method-assign]
