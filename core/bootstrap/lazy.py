"""A value that is made when it is first needed."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """One value: made at its first use, shared from then on, and made anew after it was taken away."""

    def __init__(self, make: Callable[[], T], value: T | None = None) -> None:
        """Wrap a factory; `value` is one that has been made already."""
        self._make = make
        self._value = value

    @property
    def is_made(self) -> bool:
        """Whether the value is there."""
        return self._value is not None

    def get(self) -> T:
        """Return the value, made now if need be. Raises what making it raises."""
        if self._value is None:
            self._value = self._make()
        return self._value

    def take(self) -> T | None:
        """Return the value where it is made, and forget it."""
        value, self._value = self._value, None
        return value
