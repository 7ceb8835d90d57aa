"""The kept columns of a library: a long table, and a short one of what was written since."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from core.adapters.columns.builder import merge_tables, tabulate_payloads
from core.adapters.columns.column_set import ColumnSet
from core.adapters.columns.table import Columns, Mask, pack_ids

_SHARE = 1 / 16  # of the long table: a longer one of changes is merged with it
_MANY = 16_384


class KeptColumns:
    """Columns that follow a library. `columns` is a snapshot, which later changes leave as it is.

    Reading a snapshot is safe from several threads; its user serialises `apply`.
    """

    def __init__(self, base: Columns | None = None, changes: Columns | None = None, live: Mask | None = None) -> None:
        """`live`: which rows of the base are neither replaced nor deleted."""
        self.base = base
        self.changes = changes
        self.live = live
        self.columns = self._snapshot()

    def apply(self, changed: Mapping[str, Mapping[str, Any]], deleted: Iterable[str] = ()) -> None:
        """Take in images whose points were written, as payloads by id, and forget those that were deleted."""
        gone = [image_id for image_id in deleted if image_id not in changed]
        if not changed and not gone:
            return
        touched = np.unique(pack_ids([*changed, *gone]))
        parts: list[tuple[Columns, Mask | None]] = []
        if self.base is not None:
            self.live = np.ones(self.base.rows, bool) if self.live is None else self.live.copy()
            self.live[self.base.find_rows(touched)] = False
        if self.changes is not None:
            still = np.ones(self.changes.rows, bool)
            still[self.changes.find_rows(touched)] = False
            parts.append((self.changes, still))
        new = tabulate_payloads(changed)
        parts.append((new, None))
        self.changes = merge_tables(parts) if len(parts) > 1 else new
        self.columns = self._snapshot()

    @property
    def is_worn(self) -> bool:
        """Whether so much was written since that a merge pays."""
        return self.changes is not None and self.changes.rows > max(
            _MANY, _SHARE * (0 if self.base is None else self.base.rows)
        )

    def merge(self) -> None:
        """Make one table of both."""
        parts = list(zip(self.columns.tables, self.columns.lives, strict=True))
        self.base, self.changes, self.live = (merge_tables(parts) if parts else None), None, None
        self.columns = self._snapshot()

    def _snapshot(self) -> ColumnSet:
        tables: Sequence[tuple[Columns | None, Mask | None]] = ((self.base, self.live), (self.changes, None))
        held = [(table, live) for table, live in tables if table is not None and table.rows]
        return ColumnSet([table for table, _ in held], [live for _, live in held])
