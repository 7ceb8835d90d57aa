"""Stops a command on SIGINT or SIGTERM."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class Interrupted(BaseException):
    """A signal came during what may be cut off, like loading a model.

    It is no Exception, because vendors catch those.
    """


class Signals:
    """While entered, the first SIGINT or SIGTERM sets `stop`, and ends what runs in `run_interruptible` at once.

    A second one interrupts whatever is going on. While something interruptible is ending, it kills the process.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.received: int | None = None
        self._interruptible = False

    def __enter__(self) -> "Signals":
        self._before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run_interruptible(self, load: Callable[[], T]) -> T:
        """Call what may be cut off anywhere without harm, in the main thread, and return its result.

        Raises Interrupted where a signal has come.
        """
        self._interruptible = True
        try:
            if self.stop.is_set():
                raise Interrupted
            return load()
        finally:
            self._interruptible = False

    def exit_code(self, code: int) -> int:
        """Return `code`, or 128 and the number of the signal that came, as shells do."""
        return 128 + self.received if self.received else code

    def _handle(self, number: int, _: FrameType | None) -> None:
        again = self.received is not None
        self.received = self.received or number
        self.stop.set()
        if not self._interruptible:
            if again:
                raise KeyboardInterrupt
            return
        if again:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        os.write(2, b"stopping; should a model that is being fetched hold this up, the same again ends it at once\n")
        raise Interrupted
