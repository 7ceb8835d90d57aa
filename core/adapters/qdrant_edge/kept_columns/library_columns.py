"""The kept columns of a library as one process sees them: opened, brought up to date, saved."""

import io
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from core.adapters.qdrant_edge.files import Tally
from core.adapters.qdrant_edge.kept_columns import summary
from core.adapters.qdrant_edge.kept_columns.files import (
    ColumnsManifest,
    StoredFile,
    new_journal,
    open_tables,
    read_columns_manifest,
    remove_columns,
    store,
    write_columns_manifest,
)

if TYPE_CHECKING:
    from core.adapters.columns.column_set import ColumnSet
    from core.adapters.columns.kept import KeptColumns
    from core.adapters.columns.table import Columns, Ids
    from core.adapters.qdrant_edge.kept_columns.journal import Journal

SMALL = 1000  # points of which nothing is saved: they are read in no time
_PAGE = 1000  # points read at once
_REPEATED = 4  # passes of an ingest write a point so often, at most
_RECORD = 17  # bytes of a journal
_FEW = 100  # ids: the shard is asked for these sooner than a table is opened
_FOLLOWED = 250_000  # writes of which the ids are held in memory
_UNUSABLE = (ValueError, KeyError, TypeError, OverflowError)  # of damaged files and payloads; pyarrow's errors too

_log = logging.getLogger(__name__)


class LibraryColumns:
    """The kept columns beside one shard. Used under the library's lock, by several threads.

    What fails here costs time alone: nothing is kept then, and the engine answers.
    """

    _manifest: ColumnsManifest | None
    _journal: "Journal | None"
    _kept: "KeptColumns | None"
    _base: StoredFile | None  # the file of what is kept; None where it is in memory alone
    _boot: bytes | None
    _scanned: int

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.RLock()
        self._reset()

    def begin(self, tally: Tally, *, seeded: bool) -> None:
        """Start anew: with `seeded` there are no points yet, else all that are there have to be read once.

        Raises OSError.
        """
        with self._guard:
            remove_columns(self._folder)
            manifest = ColumnsManifest(new_journal(self._folder), 0, tally.stamp, seeded)
            write_columns_manifest(self._folder, manifest)
            self._use(manifest)

    def attach(self, tally: Tally) -> None:
        """See whether what is kept is of the library as its tally tells of it; else remove it."""
        with self._guard, self._surely():
            manifest = read_columns_manifest(self._folder)
            if manifest is None:
                self._reset()
                return
            if self._manifest is None or self._manifest.journal != manifest.journal:
                self._use(manifest)
            assert self._journal is not None
            if self._kept is None:
                self._manifest, self._place = manifest, manifest.place
            tail = self._journal.read(self._scanned)
            self._scanned, self._boot = tail.end, tail.boot or self._boot
            self._stamps.update(stamp.hex() for stamp in tail.stamps)
            self._behind = True
            known = tally.stamp == manifest.stamp or tally.stamp in self._stamps
            if not known or self._place > tail.end or not (tally.exact or self._is_of_this_boot()):
                self.discard()

    def discard(self) -> None:
        """Remove what is kept: it does not hold any more. Raises OSError."""
        with self._guard:
            self._reset()
            remove_columns(self._folder)

    def note(self, image_ids: Sequence[str]) -> None:
        """To be said, while writing, before points of these ids are written or deleted. Raises OSError."""
        with self._guard:
            if self._journal is not None:
                with self._surely():
                    self._journal.note(image_ids)
                self._behind = True

    def mark(self, stamp: str) -> None:
        """To be said before the tally gets another stamp. Raises OSError."""
        with self._guard:
            if self._journal is not None:
                with self._surely():
                    self._journal.mark(stamp)
                    self._stamps.add(stamp)

    def sync(self) -> None:
        """To be said before the tally tells that all is on disk. Raises OSError."""
        with self._guard:
            if self._journal is not None:
                with self._surely():
                    self._journal.sync()

    def current(self, shard: edge.EdgeShard, writes: Callable[[], int], limit: int) -> "ColumnSet | None":
        """Columns that are equal to the shard; None where over `limit` points would have to be read for that.

        None too while a write goes on: `writes` is odd then.
        """
        kept = self._kept
        if kept is not None and not self._behind:
            return kept.columns
        with self._guard:
            if self._journal is None or not self._seeded or writes() % 2:
                return None
            with self._surely():
                if self._catch_up(shard, limit):
                    assert self._kept is not None
                    return self._kept.columns
        return None

    def fields(self, ids: Sequence[str], names: Sequence[str]) -> tuple[dict[str, tuple[Any, ...]], Sequence[str]]:
        """Read fields of what was not written since, however far behind; return the ids that the shard knows better."""
        with self._guard, self._surely():
            if self._journal is None or not self._holds(names) or (self._kept is None and len(ids) < _FEW):
                return {}, ids
            if self._journal.end() - self._place <= _FOLLOWED * _RECORD:
                self._open()
                assert self._kept is not None
                told, written = self._journal.split(ids, self._place)
                return self._kept.columns.fields(told, names), written
        return {}, ids

    def _holds(self, names: Sequence[str]) -> bool:
        """Whether there is a table with these fields."""
        from core.adapters.columns.schema import COMPARED

        saved = self._manifest is not None and self._manifest.counts
        return bool(self._seeded and (saved or self._kept is not None) and set(names) <= set(COMPARED))

    @property
    def is_open(self) -> bool:
        """Whether they are in use here: then they answer at once."""
        return self._kept is not None

    def count_changed(self) -> int:
        """Count the points that were written since, each once. It takes a microsecond a write."""
        with self._guard, self._surely():
            if self._journal is not None:
                return len(self._journal.read(self._place).find_ids())
        return 0

    def step(self, shard: edge.EdgeShard, writes: Callable[[], int], most: int) -> bool:
        """Read some of what was written since; whether no more than as much again is left."""
        with self._guard, self._surely():
            if self._journal is None or not self._seeded or writes() % 2:
                return True
            if self._journal.end() - self._place > most * _RECORD:
                self._open()
                assert self._kept is not None
                tail = self._journal.read(self._place, most)
                self._read_points(shard, self._kept, tail.find_ids())
                self._place = tail.end
                return False
        return True

    @property
    def needs_seeding(self) -> bool:
        """Whether all points have to be read once before there can be columns."""
        return self._journal is None or not self._seeded

    def seed(
        self, reading: Callable[[], AbstractContextManager[tuple[edge.EdgeShard, Tally]]], writes: Callable[[], int]
    ) -> bool:
        """Read all points, page by page, while others use the library; whether that came to its end.

        `reading` opens the shard for one page. It may raise, which ends it. Raises LibraryError and OSError.
        """
        try:
            return self._read_all(reading, writes)
        except _UNUSABLE as error:
            _log.warning("columns not made folder=%s error=%r", self._folder, error)
            return False

    def _read_all(
        self, reading: Callable[[], AbstractContextManager[tuple[edge.EdgeShard, Tally]]], writes: Callable[[], int]
    ) -> bool:
        from core.adapters.columns.builder import merge_tables, tabulate_payloads
        from core.adapters.columns.kept import KeptColumns

        with reading() as (_, tally), self._guard:
            if writes() % 2:
                return False
            self.begin(tally, seeded=False)
            journal = self._journal
        tables: list[Columns] = []
        offset: Any = None
        while True:
            with reading() as (shard, _):
                if self._journal is not journal:
                    return False  # another process began anew, or what was written is not known any more
                found, offset = shard.scroll(
                    edge.ScrollRequest(offset=offset, limit=_PAGE, with_payload=_fields(), with_vector=False)
                )
            tables.append(tabulate_payloads({str(point.id): point.payload or {} for point in found}))
            if offset is None:
                break
        base = merge_tables([(table, None) for table in tables])
        with reading(), self._guard:
            if self._journal is not journal:
                return False
            self._kept, self._seeded, self._behind = KeptColumns(base), True, True
        return True

    def save(self, shard: edge.EdgeShard, tally: Tally, limit: int | None) -> None:
        """Have on disk what is kept, where at most `limit` points have to be read for that. All has to be settled."""
        with self._guard, self._surely():
            manifest = self._manifest
            if manifest is None or self._journal is None or not self._seeded or not tally.exact:
                return
            if manifest.stamp == tally.stamp and manifest.counts:
                return
            if tally.points < SMALL and self._journal.end() < SMALL * _REPEATED * _RECORD:
                return
            if self._catch_up(shard, limit):
                self._store(tally)

    def _store(self, tally: Tally) -> None:
        kept = self._kept
        assert kept is not None and self._journal is not None and self._manifest is not None
        if kept.is_worn or (self._base is None and kept.base is not None):
            kept.merge()
            self._base = None
        journal, place = self._journal.path.name, self._place
        if self._base is None and kept.base is not None:
            self._base = store(self._folder, ".arrow", kept.base)
            journal, place = new_journal(self._folder), 0
        manifest = ColumnsManifest(
            journal,
            place,
            tally.stamp,
            seeded=True,
            base=self._base,
            changes=None if kept.changes is None else store(self._folder, ".arrow", kept.changes),
            live=None if kept.live is None else store(self._folder, ".npy", _save_array(kept.live)),
            counts=summary.count_all(kept.columns),
            sources=summary.count_sources(kept.columns),
        )
        write_columns_manifest(self._folder, manifest)
        self._use(manifest, keep=kept)
        self._base, self._behind = manifest.base, False

    def _catch_up(self, shard: edge.EdgeShard, limit: int | None) -> bool:
        """Read what was written since; whether that were no more than `limit` points."""
        assert self._journal is not None and self._manifest is not None
        if not self._behind and self._kept is not None:
            return True
        if limit is not None and self._journal.end() - self._place > limit * _REPEATED * _RECORD:
            return False
        tail = self._journal.read(self._place)
        ids = tail.find_ids()
        if limit is not None and len(ids) > limit:
            return False
        self._open()
        assert self._kept is not None
        self._read_points(shard, self._kept, ids)
        self._place, self._behind = tail.end, False
        return True

    def _open(self) -> None:
        if self._kept is None:
            assert self._manifest is not None
            self._kept, self._base = open_tables(self._folder, self._manifest), self._manifest.base

    def _read_points(self, shard: edge.EdgeShard, kept: "KeptColumns", ids: "Ids") -> None:
        from core.adapters.columns.table import unpack_ids

        for start in range(0, len(ids), _PAGE * 8):
            changed: dict[str, Mapping[str, Any]] = {}
            wanted = unpack_ids(ids[start : start + _PAGE * 8])
            for begin in range(0, len(wanted), _PAGE):
                part: list[Any] = wanted[begin : begin + _PAGE]
                changed |= {str(point.id): point.payload or {} for point in shard.retrieve(part, _fields(), False)}
            kept.apply(changed, wanted)
            if kept.is_worn:
                kept.merge()
                self._base = None

    def _use(self, manifest: ColumnsManifest, keep: "KeptColumns | None" = None) -> None:
        from core.adapters.qdrant_edge.kept_columns.journal import Journal

        if self._journal is None or self._journal.path.name != manifest.journal:
            self._reset()
            self._journal = Journal(self._folder / manifest.journal)
        self._manifest, self._place, self._seeded, self._kept = manifest, manifest.place, manifest.seeded, keep

    def _reset(self) -> None:
        self._manifest = self._journal = self._kept = self._base = self._boot = None
        self._place = 0  # in the journal: what was written before is in what is kept
        self._scanned = 0
        self._stamps: set[str] = set()
        self._seeded = False
        self._behind = True  # something may have been written since

    def _is_of_this_boot(self) -> bool:
        from core.adapters.qdrant_edge.kept_columns.journal import is_of_this_boot

        return is_of_this_boot(self._boot)

    @contextmanager
    def _surely(self) -> Iterator[None]:
        """Keep nothing any more where a file cannot be read or written. Raises OSError where even that fails."""
        try:
            yield
        except (OSError, *_UNUSABLE) as error:
            _log.info("columns not kept folder=%s error=%r", self._folder, error)
            self.discard()


def _fields() -> list[str]:
    from core.adapters.columns.schema import ASPECT, KEPT, VERSION

    return [*KEPT, ASPECT, VERSION]


def _save_array(array: Any) -> io.BytesIO:
    import numpy as np

    data = io.BytesIO()
    np.save(data, array, allow_pickle=False)
    return data
