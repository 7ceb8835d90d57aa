"""A queue of requests: a few threads, a bounded length, and no work for clients that have hung up."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.types import Receive

from search_ui.api.api_errors import Refusal, overloaded

T = TypeVar("T")
Going = Callable[[], None]


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


class RequestPool:
    """Runs the work of requests: `workers` at once, with at most `waiting` in the queue.

    A client that hangs up costs nothing before its turn, and later no more than the part that is being worked at.
    """

    def __init__(
        self, workers: int, waiting: int, *, name: str = "api", refuse: Callable[[], Refusal] = overloaded
    ) -> None:
        """`refuse` makes the refusal for a request that finds no room."""
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._refuse = refuse
        self._room = workers + waiting
        self._in_flight = 0
        self._lock = threading.Lock()

    @property
    def in_flight(self) -> int:
        """How many requests are at work or waiting."""
        return self._in_flight

    async def run(self, work: Callable[[Going], T], receive: Receive) -> T:
        """Run `work` in a thread, and return or raise what it does.

        Arguments:
            work: calls what it is given between its parts, which ends it once nobody waits any more.
            receive: the request's, its body read.

        Raises Refusal where the queue is full, ClientGoneError where the client hangs up.
        """
        left = threading.Event()

        def going() -> None:
            if left.is_set():
                raise ClientGoneError

        with self._lock:
            if self._in_flight >= self._room:
                raise self._refuse()
            self._in_flight += 1
        try:
            future = self._executor.submit(work, going)
        except RuntimeError:  # it is being closed
            self._free()
            raise self._refuse() from None
        future.add_done_callback(self._free)
        answer = asyncio.wrap_future(future)
        answer.add_done_callback(_retrieve_error)
        gone: asyncio.Future[Any] = asyncio.ensure_future(_wait_for_hang_up(receive))
        try:
            await asyncio.wait([answer, gone], return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise ClientGoneError
            return answer.result()
        finally:
            left.set()
            future.cancel()
            gone.cancel()

    def close(self) -> None:
        """End the threads, without waiting for them."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _free(self, _: "Future[Any] | None" = None) -> None:
        with self._lock:
            self._in_flight -= 1


def _retrieve_error(answer: "asyncio.Future[Any]") -> None:
    """Keep the loop from logging an error that nobody waits for."""
    if not answer.cancelled():
        answer.exception()


async def _wait_for_hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
