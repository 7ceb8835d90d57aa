"""The inputs of a library: sources of images, and files of vectors."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from core.errors import UsageError
from core.ports.image_store import ImageStore, Nameable, VectorRows
from core.settings import Settings

_VECTOR_ROWS = 500  # imported at once


class Sources:
    """The sources that the settings can reach: a folder, list:FILE, shards:FOLDER, or a URI such as s3://BUCKET/PREFIX."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self, source: str, *, patience_s: float | None = None) -> ImageStore:
        """Open the store of a source as the user names it. Raises SourceNotFound.

        `patience_s` is the time to wait for a store that does not answer, by default that of the settings.
        """
        from core.adapters.source_registry import open_store

        return open_store(source, self._settings, patience_s)

    def canonical_name(self, source: str) -> str:
        """Return the canonical name of a source as the user names it; the source need not exist."""
        from core.adapters.source_registry import source_name

        return source_name(source)

    def naming(self, source: str | None) -> Callable[[Path], Nameable]:
        """Return a function from a file of vectors to the store that names them, by default one of its own.

        Raises SourceNotFound, and UsageError for a source whose images cannot be named without reading it.
        """
        from core.adapters.stores.imported import ImportedStore

        if source is None:
            return ImportedStore.of
        store = self.open(source)
        if not isinstance(store, Nameable):
            raise UsageError(f"{store.source} does not name images by itself, so vectors cannot be of it")
        return lambda _: store

    def vectors(self, path: Path, names: Path | None, dimension: int) -> Iterator[VectorRows]:
        """Read the vectors of a file, 500 rows at a time. Raises InvalidVectors."""
        from core.adapters.vector_files.reader import read_vectors

        return read_vectors(path, names, dimension, _VECTOR_ROWS)

    def vector_files(self, paths: Iterable[Path]) -> list[Path]:
        """Return the files of vectors that these paths stand for; a folder stands for those in it."""
        from core.adapters.vector_files.reader import find_vector_files

        return [file for path in paths for file in find_vector_files(path)]
