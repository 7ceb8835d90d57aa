"""A value that is made when it is first needed."""

import threading
from collections.abc import Callable
from functools import cache
from typing import Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """One value: made at its first use, shared from then on, and made anew after it was taken away.

    Threads that ask for it at the same time get the same value.
    """

    get: Callable[[], T]
    """Return the value, made now if need be. Raises what making it raises."""

    def __init__(self, make: Callable[[], T], value: T | None = None) -> None:
        """Wrap a factory; `value` is one that has been made already."""
        self._make = make
        self._making = threading.RLock()
        self._value = value
        self._cached = cache(self._make_once)
        self.get = self._cached

    @property
    def is_made(self) -> bool:
        """Whether the value is there."""
        return self._value is not None

    def take(self) -> T | None:
        """Return the value where it is made, and forget it."""
        with self._making:
            value, self._value = self._value, None
            self._cached.cache_clear()
        return value

    def _make_once(self) -> T:
        """Make the value, while other threads that need it wait."""
        with self._making:
            if self._value is None:
                self._value = self._make()
            return self._value
