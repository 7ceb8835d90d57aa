"""A value that is made when it is first needed."""

from collections.abc import Callable
from functools import cache
from typing import Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """One value: made at its first use, shared from then on, and made anew after it was taken away."""

    get: Callable[[], T]
    """Return the value, made now if need be. Raises what making it raises."""

    def __init__(self, make: Callable[[], T], value: T | None = None) -> None:
        """`value` is given where it has been made already."""
        given = [] if value is None else [value]
        self._cached = cache(lambda: given.pop() if given else make())
        self.get = self._cached
        if given:
            self.get()

    @property
    def is_made(self) -> bool:
        """Whether the value is there."""
        return self._cached.cache_info().currsize > 0

    def take(self) -> T | None:
        """Return the value where it is made, and forget it."""
        value = self.get() if self.is_made else None
        self._cached.cache_clear()
        return value
