"""The columns of a server's library, kept in this process: for orders that a server has none of, and for deep pages.

They are read once, in the background. Before every use they are checked, in one round trip: by how many points there
are, and by those that were written last. For every write of a point sets its version anew. What differs is read again.
A write that arrives long after later ones may escape that. So while others write, all versions are compared now and
then.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from qdrant_client import models

from core.adapters.columns.builder import merge_tables, tabulate_payloads
from core.adapters.columns.column_set import ColumnSet
from core.adapters.columns.kept import KeptColumns
from core.adapters.columns.schema import ASKED, ASPECT
from core.adapters.columns.table import Columns
from core.adapters.index_base.point_codec import VERSION
from core.adapters.qdrant_server.client import Server
from core.errors import LibraryError

MOST = 2_000_000  # points; of more, no columns are kept
NEWEST = 128  # points that are looked at before every use
_PAGE = 1000
_VERSIONS = 10_000  # in one request
_TABLE = 20_000  # points that are turned into columns at a time
_COMPARED_S = 60.0  # how often all versions are compared, where anything was written
_AGAIN_S = 60.0  # after which columns that could not be read are tried again
_SHORT_S = 5.0
_FIELDS = [*ASKED, ASPECT, VERSION]

_Versions = Mapping[str, int]

_log = logging.getLogger(__name__)


class ServerColumns:
    """Used by any thread. Nothing is read before the first question that columns would answer."""

    def __init__(self, server: Server, collection: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._collection = collection
        self._clock = clock
        self._guard = threading.RLock()
        self._kept: KeptColumns | None = None
        self._compared_at = 0.0
        self._written = False  # by anybody, since all versions were compared
        self._tried_at: float | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_there(self) -> bool:
        """Whether the columns are read, be they current or not."""
        return self._kept is not None

    def current(self) -> ColumnSet | None:
        """The columns as the library is now; None where they are not there yet. Takes a round trip, or two of changes.

        Raises LibraryUnreachable.
        """
        if self._kept is None:
            self._read_soon()
            return None
        total, newest = self._server.gather([self._count, self._newest])
        with self._guard:
            kept = self._kept
            if kept is None:
                return None
            known = _find_versions(kept.columns, list(newest))
            changed = [image_id for image_id, version in newest.items() if known.get(image_id) != version]
            if changed:
                self._written = True
            if len(changed) < len(newest) or total <= len(newest):  # else more may have changed than these
                kept.apply(dict(self._payloads(changed)))
                if kept.columns.count() == total:
                    if self._written and self._clock() - self._compared_at > _COMPARED_S:
                        self._start(self._compare)
                    return kept.columns
        self._start(self._compare)
        return None

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_SHORT_S)

    def wait(self) -> None:
        """Wait until what goes on in the background is done."""
        if self._thread is not None:
            self._thread.join()

    def _read_soon(self) -> None:
        if self._tried_at is None or self._clock() - self._tried_at > _AGAIN_S:
            self._tried_at = self._clock()
            self._start(self._read)

    def _start(self, work: Callable[[], None]) -> None:
        """Begin to work in the background, unless something is going on there."""
        with self._guard:
            if self._stop.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._run, args=(work,), name="keep-columns", daemon=True)
            self._thread.start()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except LibraryError as error:
            _log.info("columns of %s are not kept: %s", self._collection, error)
            self._kept = None
        except Exception:
            if not self._stop.is_set():
                raise

    def _read(self) -> None:
        """Read all columns, and then what was written meanwhile."""
        if self._count() > MOST:
            return
        self._newest()  # a collection that cannot tell what was written last has no use for columns
        parts: list[Columns] = []
        points: dict[str, Mapping[str, Any]] = {}
        for image_id, payload in self._scroll(_FIELDS, _PAGE):
            points[image_id] = payload
            if len(points) == _TABLE:
                parts.append(tabulate_payloads(points))
                points = {}
        kept = KeptColumns(tabulate_payloads(points) if not parts else _join([*parts, tabulate_payloads(points)]))
        if not self._stop.is_set():
            self._kept = kept
            self._compare()

    def _compare(self) -> None:
        """Compare the versions of all points, and read those again that differ."""
        began = self._clock()
        now = {image_id: int(payload.get(VERSION) or 0) for image_id, payload in self._scroll([VERSION], _VERSIONS)}
        kept = self._kept
        if kept is None or self._stop.is_set():
            return
        known = dict(kept.columns.versions())
        changed = [image_id for image_id, version in now.items() if known.get(image_id) != version]
        payloads = dict(self._payloads(changed))
        with self._guard:
            kept.apply(payloads, known.keys() - now.keys())
            if kept.is_worn:
                kept.merge()
            self._compared_at, self._written = began, False

    def _count(self) -> int:
        return self._server.ask(lambda client: client.count(self._collection, exact=True)).count

    def _newest(self) -> _Versions:
        order = models.OrderBy(key=VERSION, direction=models.Direction.DESC)
        found, _ = self._server.ask(
            lambda client: client.scroll(self._collection, limit=NEWEST, order_by=order, with_payload=[VERSION])
        )
        return {str(point.id): int((point.payload or {}).get(VERSION) or 0) for point in found}

    def _payloads(self, ids: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for start in range(0, len(ids), _PAGE):
            page = list(ids[start : start + _PAGE])
            found = self._server.ask(
                lambda client, page=page: client.retrieve(self._collection, page, with_payload=_FIELDS)  # type: ignore[misc]
            )
            yield from ((str(point.id), point.payload or {}) for point in found)

    def _scroll(self, fields: list[str], limit: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Read some fields of every point, page by page, until it is to stop."""
        offset: Any = None
        while not self._stop.is_set():
            found, offset = self._server.ask(
                lambda client, offset=offset: client.scroll(  # type: ignore[misc]
                    self._collection, limit=limit, offset=offset, with_payload=fields, with_vectors=False
                )
            )
            yield from ((str(point.id), point.payload or {}) for point in found)
            if offset is None:
                return


def _join(parts: Sequence[Columns]) -> Columns:
    return merge_tables([(part, np.ones(part.rows, bool)) for part in parts if part.rows])


def _find_versions(columns: ColumnSet, ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for table, _, rows in columns.locate(ids):
        found |= zip(table.names(rows), table.numbers(VERSION)[rows].tolist(), strict=True)
    return found
