"""Which of a library's index versions is meant; there is one a model, of which one is in use."""

from core.errors import UsageError
from core.errors.hints import Configure, Reindex
from core.ports.vector_index import IndexVersions


def other_version(index_versions: IndexVersions, model: str | None) -> str:
    """The index version that is not in use, of this model where one is named. Raises UsageError, LibraryMissing."""
    current = index_versions.current()
    others = {name: info for name, info in index_versions.all().items() if name != current}
    fitting = [name for name, info in others.items() if model in (None, info.model)]
    made = ", ".join(sorted(info.model for info in others.values())) or "none"
    if not fitting:
        raise UsageError(f"there is no such library beside the one in use (there: {made})", Reindex())
    if len(fitting) > 1:
        raise UsageError(f"several were made ({made})", Configure("name one with {}", ("model",)))
    return fitting[0]


def previous_version(index_versions: IndexVersions) -> str:
    """The index version that was in use before. Raises UsageError."""
    previous = index_versions.previous()
    if previous is None or previous not in index_versions.all():
        raise UsageError("there is nothing to go back to: no other library was in use before")
    return previous
