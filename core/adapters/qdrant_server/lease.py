"""The lease on a library of a server: one process writes it at a time, whatever machine it runs on.

The lease is one point in a small collection of its own, so that no search ever meets it. Every change of it is a
conditional write: it applies only while the point has the stamp that was read. The holder renews the stamp every few
seconds. Whoever wants the lease watches the stamp, by a clock of its own. A stamp that changes is held; one that stands
still for long enough is taken over. A holder that has lost the lease is stopped before its next write.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from qdrant_client import models

from core.adapters.local.process import identify_machine, started_at
from core.adapters.qdrant_server.client import Server
from core.errors import LibraryError, LibraryLeased, LibraryRefused, LibraryUnreachable, ServerLibraryMissing

_log = logging.getLogger(__name__)

_POINT = 1
_STAMP = "stamp"
_FREE = "free"
_LONGEST_EXPIRY_S = 3600.0
_STRONG = models.WriteOrdering.STRONG
_MAJORITY = models.ReadConsistencyType.MAJORITY


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds: between two renewals, between two looks at another's lease, and until one that stands still is taken.

    A holder that has not renewed for half of `expiry` does so before its next write.
    """

    renewal: float = 5.0
    poll: float = 1.0
    expiry: float = 30.0


class Lease:
    """The lease on the library `name`. `connect` opens a connection with so many seconds of patience.

    `patience_s` is that of taking the lease. Setting `stop` ends the waiting for another's lease. Where the key has no
    right to the lease's collection, or the server refuses it, there is no lease: that is logged as a warning, and
    nothing is guarded.
    """

    def __init__(
        self,
        connect: Callable[[float], Server],
        name: str,
        *,
        patience_s: float = 10.0,
        times: LeaseTimes | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """Prepare the lease, without asking the server."""
        self.collection = f"{name}-lease"
        self._name = name
        self._times = times or LeaseTimes()
        self._connect = connect
        self._server = connect(patience_s)
        self._stop = stop or threading.Event()
        self._released = threading.Event()
        self._renewing = threading.Lock()
        self._token = uuid.uuid4().hex
        self._count = 0
        self._stamp: str | None = None  # None: not held
        self._renewed_at = 0.0
        self._lost: LibraryLeased | None = None
        self._since = datetime.now(UTC)
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Take the lease, and keep it renewed in the background. Raises LibraryLeased, LibraryUnreachable."""
        try:
            held = self._read()
            while not self._take(held):
                held = self._await_end(self._read() or {})
        except (LibraryLeased, LibraryUnreachable):
            self._server.close()
            raise
        except LibraryError as error:
            self._server.close()
            _log.warning(
                "the library %s has no lease (%s): a second ingest of it on another machine would not be noticed",
                self._name,
                error.reason,
            )
            return
        self._server.close()
        self._server = self._connect(self._times.renewal)
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Make sure that the lease is still held, before a write. Raises LibraryLeased, LibraryUnreachable."""
        if self._stamp is None:
            return
        if self._lost is None and _now() - self._renewed_at > self._times.expiry / 2:
            self._renew()
        if self._lost is not None:
            raise self._lost

    def release(self) -> None:
        """Let go of the lease, if it is held; where the server does not answer, it expires."""
        if self._thread is None:
            return
        self._released.set()
        self._thread.join()
        with suppress(LibraryError):
            if self._lost is None:
                self._swap(self._stamp, {_STAMP: _FREE})
        self._stamp = None
        self._server.close()

    def _take(self, held: dict[str, Any] | None) -> bool:
        """Try to take a lease that nobody holds any more; another process may be quicker."""
        if held is not None and not _is_over(held):
            return False
        return self._claim(None if held is None else str(held.get(_STAMP)))

    def _claim(self, before: str | None) -> bool:
        began = _now()
        self._count += 1
        stamp = f"{self._token}:{self._count}"
        self._swap(before, {_STAMP: stamp, **self._describe()})
        if (self._read() or {}).get(_STAMP) != stamp:
            return False
        self._stamp, self._renewed_at = stamp, began
        return True

    def _await_end(self, held: dict[str, Any]) -> dict[str, Any] | None:
        """Watch another's lease until it is over, as it reads then. Raises LibraryLeased where it is renewed."""
        watched = 0.0
        while not _is_over(held):
            began = _now()
            if self._stop.wait(self._times.poll):
                raise LibraryUnreachable(self._server.address, "stopped while another one writes the library")
            seen = self._read()
            if seen is None or _is_over(seen):
                return seen
            if seen.get(_STAMP) != held.get(_STAMP):
                if held:
                    raise self._explain(seen)
                held = seen
                continue
            took = _now() - began
            watched = watched + took if took < self._times.expiry / 2 else 0.0  # it may be the server that stood still
            if watched >= max(self._times.expiry, _read_expiry(seen)):
                _log.info("the lease of %s is taken over from %s", self._name, _name_holder(seen))
                return seen | {"over": True}
        return held

    def _keep(self) -> None:
        """Renew the lease until it is released or lost."""
        while not self._released.wait(self._times.renewal):
            try:
                self._renew()
            except LibraryLeased as error:
                _log.error("%s", error.reason)
                return
            except LibraryError as error:
                _log.info("lease not renewed: %s", error)

    def _renew(self) -> None:
        """Raise LibraryLeased where another process has the lease by now, and remember that."""
        with self._renewing:
            if self._lost is not None:
                raise self._lost
            held = self._read()
            stamp = None if held is None else str(held.get(_STAMP))
            mine = stamp is None or stamp.startswith(self._token)
            if not mine or not self._claim(stamp):
                self._lost = self._explain(self._read() or {})
                raise self._lost

    def _read(self) -> dict[str, Any] | None:
        """Read the lease; None where there is none. Its collection is made where it is missing."""
        try:
            found = self._server.ask(
                lambda client: client.retrieve(self.collection, [_POINT], with_payload=True, consistency=_MAJORITY)
            )
        except ServerLibraryMissing:
            self._create()
            return None
        return dict(found[0].payload or {}) if found else None

    def _create(self) -> None:
        try:
            self._server.ask(
                lambda client: client.create_collection(
                    self.collection,
                    vectors_config={"none": models.VectorParams(size=1, distance=models.Distance.DOT)},
                    shard_number=1,
                ),
                writes=True,
            )
        except (LibraryRefused, LibraryUnreachable):
            raise
        except LibraryError:  # made by somebody else meanwhile
            if not self._server.ask(lambda client: client.collection_exists(self.collection)):
                raise
        self._server.ask(
            lambda client: client.create_payload_index(self.collection, _STAMP, models.PayloadSchemaType.KEYWORD),
            writes=True,
        )

    def _swap(self, before: str | None, payload: dict[str, Any]) -> None:
        """Write the lease if its stamp is still this one (None: if there is none). The answer does not tell which."""
        point = models.PointStruct(id=_POINT, vector={"none": [1.0]}, payload=payload)
        if before is None:
            condition, mode = None, models.UpdateMode.INSERT_ONLY
        else:
            stamp = models.FieldCondition(key=_STAMP, match=models.MatchValue(value=before))
            condition, mode = models.Filter(must=[stamp]), models.UpdateMode.UPDATE_ONLY
        self._server.ask(
            lambda client: client.upsert(
                self.collection, [point], wait=True, ordering=_STRONG, update_filter=condition, update_mode=mode
            ),
            writes=True,
        )

    def _describe(self) -> dict[str, Any]:
        process = os.getpid()
        return {
            "expiry": self._times.expiry,
            "host": socket.gethostname(),
            "process": process,
            "since": self._since.isoformat(timespec="seconds"),
            "machine": identify_machine(),
            "started": started_at(process),
        }

    def _explain(self, held: dict[str, Any]) -> LibraryLeased:
        return LibraryLeased(self._name, self._server.address, _name_holder(held), self._times.expiry)


def _is_over(held: dict[str, Any]) -> bool:
    """Whether a lease is free, was seen to stand still, or its holder ran on this machine and has died."""
    if held.get(_STAMP) == _FREE or held.get("over"):
        return True
    machine, began = held.get("machine"), held.get("started")
    process = held.get("process")
    if not machine or not began or not isinstance(process, int) or machine != identify_machine():
        return False
    return started_at(process) != str(began)


def _read_expiry(held: dict[str, Any]) -> float:
    told = held.get("expiry")
    return min(float(told), _LONGEST_EXPIRY_S) if isinstance(told, int | float) else 0.0


def _name_holder(held: dict[str, Any]) -> str:
    if not held.get("host"):
        return "another process"
    return f"process {held.get('process')} on {held['host']}, since {held.get('since')}"


def _now() -> float:
    """Seconds of a clock that goes on while the machine sleeps."""
    boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_clock is None else time.clock_gettime(boot_clock)
