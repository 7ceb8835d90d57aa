"""Questions that are always answered: by the library, or by its mirror where the library does not answer in time."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from core.errors import BucketLensError, ImageNotIndexed, LibraryError, LibraryLate
from core.ports.mirror import Mirror
from core.ports.vector_index import IndexInfo, SearchableIndex

T = TypeVar("T")

_PROBE_S = 1.0  # after which a library that was lost is asked again, for the first time
_PROBE_AT_MOST_S = 4.0
_PROBE_DEADLINE_S = 2.0
_COUNTED_S = 30.0  # how old the number of the library's images may be
_VALUES = ("info", "backend")  # of a SearchableIndex; everything else are calls

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Degraded:
    """Why the mirror answered, how old it is, and how many images it lacks; None where that is not known."""

    reason: str
    as_of: datetime
    lacking: int | None

    @property
    def notice(self) -> str:
        age = _age((datetime.now(UTC) - self.as_of).total_seconds())
        lacks = f", which lacks {self.lacking:,} pictures" if self.lacking else ""
        return f"{self.reason}: this is the answer of its copy of {age} ago{lacks}"


class Failover:
    """Asks the library with a deadline, and then the mirror; where there is no mirror, the library without a deadline.

    A library that did not answer is not asked again until a probe, in the background, finds that it does: a dead one
    costs its deadline once. Safe to use from several threads.
    """

    def __init__(
        self,
        library: Callable[[], SearchableIndex] | None,
        mirror: Callable[[], Mirror],
        has_mirror: Callable[[], bool],
        deadline_s: float,
    ) -> None:
        """`library`: None to ask the mirror alone. `deadline_s`: what all calls of one question may take together.

        `mirror` may take its time, and is made when it is needed; `has_mirror` tells at once.
        """
        self._library = library
        self._mirror = mirror
        self._has_mirror = has_mirror
        self._deadline_s = deadline_s
        self._guard = threading.Lock()
        self._lost: LibraryError | None = None
        self._counted: tuple[float, int] | None = None
        self._counter: threading.Thread | None = None
        self._info: IndexInfo | None = None
        self._closed = threading.Event()

    @property
    def lost(self) -> str | None:
        """Why the library is not asked at present; None while it is."""
        return None if self._lost is None else self._lost.reason

    def ask(self, work: Callable[[SearchableIndex], T]) -> tuple[T, Degraded | None]:
        """What `work` makes of the library, or of its mirror and why that was asked.

        Raises what `work` raises; where neither can be asked, what is wrong with the library.
        """
        if self._library is None:
            mirror = self._mirror()
            return work(mirror), Degraded("the library was not asked", mirror.as_of, None)
        if not self._has_mirror():
            return work(self._library()), None
        problem = self._lost
        if problem is None:
            try:
                answer = work(cast(SearchableIndex, _Guarded(self._library, self._deadline_s)))
                self._count_soon(self._library)
                return answer, None
            except ImageNotIndexed:
                raise
            except LibraryError as error:
                problem = error
                self._lose(error)
        return self._from_mirror(work, problem)

    def copy(self) -> Mirror | None:
        """The mirror, where there is one that can be asked and that is of the library's model, as far as is known."""
        if not self._has_mirror():
            return None
        try:
            mirror = self._mirror()
            fits = self._info is None or mirror.info.fingerprint == self._info.fingerprint
        except LibraryError as error:
            _log.warning("mirror cannot be asked error=%s", error)
            return None
        return mirror if fits else None

    def warm(self) -> None:
        """Open the mirror, where there is one, so that nobody waits for that when it is needed."""
        if self._has_mirror():
            try:
                _ = self._mirror().info
            except BucketLensError as error:
                _log.warning("mirror cannot be asked error=%s", error)

    def close(self) -> None:
        """Nothing is asked any more: the library can be closed."""
        with self._guard:
            self._closed.set()
            counter = self._counter
        if counter is not None:
            counter.join(self._deadline_s)

    def _from_mirror(self, work: Callable[[SearchableIndex], T], problem: LibraryError) -> tuple[T, Degraded | None]:
        """Late is better than never: where the mirror cannot answer, a slow library may take its time after all."""
        mirror = self.copy()
        if mirror is not None:
            lacking = None if self._counted is None else max(0, self._counted[1] - mirror.summary().points)
            return work(mirror), Degraded(problem.reason, mirror.as_of, lacking)
        if isinstance(problem, LibraryLate) and self._library is not None:
            return work(self._library()), None
        raise problem

    def _lose(self, error: LibraryError) -> None:
        with self._guard:
            if self._lost is not None or self._closed.is_set():
                return
            self._lost = error
        _log.info("library lost, its mirror answers error=%s", error)
        threading.Thread(target=self._probe, name="probe-library", daemon=True).start()

    def _probe(self) -> None:
        """Until the library answers."""
        assert self._library is not None
        pause = _PROBE_S
        while not self._closed.wait(pause):
            pause = min(2 * pause, _PROBE_AT_MOST_S)
            try:
                count = cast(SearchableIndex, _Guarded(self._library, _PROBE_DEADLINE_S)).count()
            except LibraryError as error:
                self._lost = error
                continue
            except Exception:
                _log.exception("library probed in vain")
                continue
            self._counted = time.monotonic(), count
            self._lost = None
            _log.info("library answers again")
            return

    def _count_soon(self, library: Callable[[], SearchableIndex]) -> None:
        """Keep in mind how many images the library has, for when it is lost; in the background."""

        def count() -> None:
            try:
                index = library()
                self._info = index.info
                self._counted = time.monotonic(), index.count()
            except BucketLensError as error:
                _log.info("library not counted error=%s", error)

        with self._guard:
            fresh = self._counted is not None and time.monotonic() - self._counted[0] < _COUNTED_S
            if fresh or self._closed.is_set() or (self._counter is not None and self._counter.is_alive()):
                return
            self._counter = threading.Thread(target=count, name="count-library", daemon=True)
            self._counter.start()


class _Guarded:
    """A SearchableIndex whose calls share a deadline. Each runs in a thread, which a late one keeps."""

    def __init__(self, library: Callable[[], SearchableIndex], deadline_s: float) -> None:
        self._library = library
        self._deadline_s = deadline_s
        self._left_s = deadline_s

    def __getattr__(self, name: str) -> Any:
        if name in _VALUES:
            return self._in_time(lambda: getattr(self._library(), name))

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._in_time(lambda: getattr(self._library(), name)(*args, **kwargs))

        return call

    def _in_time(self, call: Callable[[], Any]) -> Any:
        done = threading.Event()
        answer: list[Any] = []
        raised: list[BaseException] = []

        def run() -> None:
            try:
                answer.append(call())
            except BaseException as error:
                raised.append(error)
            done.set()

        started = time.monotonic()
        threading.Thread(target=run, name="ask-library", daemon=True).start()
        in_time = done.wait(max(0.0, self._left_s))
        self._left_s -= time.monotonic() - started
        if not in_time:
            raise LibraryLate(self._deadline_s)
        if raised:
            raise raised[0]
        return answer[0]


def _age(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} seconds"
