"""What a search is: records, queries, words, vectors, ports. Imports no model, database or web library.

`from core import Library` is the way in for programs; nothing is imported before it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.library import Library

__all__ = ["Library"]


def __getattr__(name: str) -> Any:
    if name == "Library":
        from core.library import Library

        return Library
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
