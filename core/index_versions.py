"""Which of a library's editions is meant; there is one a model, of which one is in use."""

from core.errors import UsageError
from core.errors.hints import Configure, Reindex
from core.ports.vector_index import Editions


def other_edition(editions: Editions, model: str | None) -> str:
    """The edition that is not in use, of this model where one is named. Raises UsageError, LibraryMissing."""
    current = editions.current()
    others = {name: info for name, info in editions.all().items() if name != current}
    fitting = [name for name, info in others.items() if model in (None, info.model)]
    made = ", ".join(sorted(info.model for info in others.values())) or "none"
    if not fitting:
        raise UsageError(f"there is no such library beside the one in use (there: {made})", Reindex())
    if len(fitting) > 1:
        raise UsageError(f"several were made ({made})", Configure("name one with {}", ("model",)))
    return fitting[0]


def previous_edition(editions: Editions) -> str:
    """The edition that was in use before. Raises UsageError."""
    previous = editions.previous()
    if previous is None or previous not in editions.all():
        raise UsageError("there is nothing to go back to: no other library was in use before")
    return previous
