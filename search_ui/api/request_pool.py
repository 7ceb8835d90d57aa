"""Work of requests in a few threads, with a bounded queue, and none for clients that have hung up."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.types import Receive

from search_ui.api.api_errors import overloaded

T = TypeVar("T")
Going = Callable[[], None]


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


class Pool:
    """`workers` at work, at most `waiting` in the queue.

    A client that hangs up costs nothing before its turn, and later no more than the part that is being worked at.
    """

    def __init__(self, workers: int, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="api")
        self._room = workers + waiting
        self._held = 0
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """Requests at work or waiting."""
        return self._held

    async def run(self, work: Callable[[Going], T], receive: Receive) -> T:
        """What `work` returns or raises; it is to call what it is given between its parts, which ends it once nobody
        waits any more. `receive` is the request's, its body read. Raises Refusal, ClientGoneError.
        """
        left = threading.Event()

        def going() -> None:
            if left.is_set():
                raise ClientGoneError

        with self._lock:
            if self._held >= self._room:
                raise overloaded()
            self._held += 1
        try:
            future = self._executor.submit(work, going)
        except RuntimeError:  # it is being closed
            self._free()
            raise overloaded() from None
        future.add_done_callback(self._free)
        answer = asyncio.wrap_future(future)
        answer.add_done_callback(_look_at)
        gone: asyncio.Future[Any] = asyncio.ensure_future(_hung_up(receive))
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
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _free(self, _: "Future[Any] | None" = None) -> None:
        with self._lock:
            self._held -= 1


def _look_at(answer: "asyncio.Future[Any]") -> None:
    """So that an error that nobody waits for is none of the loop's business."""
    if not answer.cancelled():
        answer.exception()


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
