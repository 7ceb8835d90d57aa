"""What a search is: records, queries, words, vectors, ports. Imports no model, database or web library."""

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.library import Library

__all__ = ["Library"]


def __getattr__(name: str) -> Any:
    if name == "Library":
        warnings.warn(
            "`from core import Library` ends with the next version: write `from bucketlens import Library`",
            DeprecationWarning,
            stacklevel=2,
        )
        from core.library import Library

        return Library
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
