"""The kept columns of a library whose shard is not loaded here, read without the engine and without the lock."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from core.adapters.qdrant_edge.kept_columns import summary
from core.adapters.qdrant_edge.kept_columns.files import open_tables
from core.domain.filtering.filters import Filter

if TYPE_CHECKING:
    from core.adapters.columns.column_set import ColumnSet

_UNUSABLE = (OSError, ValueError, KeyError, TypeError)  # of files that are gone or damaged; pyarrow's errors too


class Snapshot:
    """Columns that hold all that is written, as long as the library's tally says so. Safe to use from several threads.

    Whoever asks takes None for an answer where they do not, and asks the engine.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = Lock()
        self._columns: ColumnSet | None = None
        self._stamp = ""

    def fields(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[Any, ...]] | None:
        """Read these fields of those ids that exist, as VectorIndex does; None where they are not all columns."""
        from core.adapters.columns.schema import COMPARED

        columns = self._current() if set(names) <= set(COMPARED) else None
        return None if columns is None else columns.fields(ids, names)

    def count(self, filter: Filter) -> int | None:
        """Count what passes, where the columns are in use already: to open them takes longer than to ask the engine."""
        if self._columns is None:
            return None
        from core.adapters.columns.filters import asks_for_texts

        columns = None if asks_for_texts(filter) else self._current()
        return None if columns is None else columns.count(filter)

    def close(self) -> None:
        """Let go of the files."""
        with self._guard:
            self._columns = None

    def _current(self) -> "ColumnSet | None":
        with self._guard:
            manifest = summary.read_current(self._folder)
            if manifest is None or not (manifest.seeded and manifest.counts):
                self._columns = None
            elif self._columns is None or self._stamp != manifest.stamp:
                try:
                    self._columns, self._stamp = open_tables(self._folder, manifest).columns, manifest.stamp
                except _UNUSABLE:  # replaced meanwhile, or damaged: who loads the shard will see
                    self._columns = None
            return self._columns
