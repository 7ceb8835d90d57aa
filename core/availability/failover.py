"""Questions that are always answered: by the library, or by its mirror where the library does not answer in time."""

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from core.availability.degraded import Degraded
from core.availability.delegating_index import DelegatingIndex
from core.errors import BucketLensError, ImageNotIndexed, LibraryError, LibraryLate, ModelMismatch
from core.ports.mirror import Mirror
from core.ports.vector_index import IndexInfo, SearchableIndex

T = TypeVar("T")

_Job = Callable[[], None]

_PROBE_S = 1.0  # before a library that was lost is asked again, for the first time
_PROBE_AT_MOST_S = 4.0
_PROBE_DEADLINE_S = 2.0
_COUNT_AGE_S = 30.0  # how old the known number of the library's images may be
_WAIT_AT_LEAST_S = 0.02  # between two looks at a question that works without the index, such as one that loads a model

_log = logging.getLogger(__name__)


class Failover:
    """Asks the library with a deadline, and then the mirror. Without a mirror the library has no deadline.

    A library that did not answer is left alone until a probe in the background finds that it answers: a dead one costs
    its deadline once. Safe to use from several threads.
    """

    def __init__(
        self,
        library: Callable[[], SearchableIndex] | None,
        mirror: Callable[[], Mirror],
        has_mirror: Callable[[], bool],
        deadline_s: float,
    ) -> None:
        """`library`: None to ask the mirror alone. `deadline_s`: seconds for all index calls of one question together.

        `mirror` is called when the mirror is needed, and may take its time. `has_mirror` has to answer at once.
        """
        self._library = library
        self._mirror = mirror
        self._has_mirror = has_mirror
        self._mirrored = False
        self._deadline_s = deadline_s
        self._workers = _Workers("ask-library")
        self._guard = threading.Lock()
        self._lost: LibraryError | None = None
        self._counted: tuple[float, int] | None = None
        self._counting: Future[None] | None = None
        self._info: IndexInfo | None = None
        self._closed = threading.Event()

    @property
    def lost(self) -> str | None:
        """Why the library is not asked at present; None while it is."""
        return None if self._lost is None else self._lost.reason

    def ask(self, work: Callable[[SearchableIndex], T]) -> tuple[T, Degraded | None]:
        """Have `work` ask the library; or its mirror, and say why.

        `work` runs in another thread where there is a mirror, and may run twice. Raises what `work` raises. Where
        neither index answers, raises what is wrong with the library.
        """
        if self._library is None:
            mirror = self._mirror()
            return work(mirror), Degraded("the library was not asked", mirror.as_of, None)
        if not self._mirrored:
            self._mirrored = self._has_mirror()
        if not self._mirrored:
            return work(self._library()), None
        problem = self._lost
        if problem is None:
            try:
                answer = self._ask_in_time(work, self._library, self._deadline_s)
                if self._counted is None or time.monotonic() - self._counted[0] > _COUNT_AGE_S:
                    self._count_soon(self._library)
                return answer, None
            except ImageNotIndexed:
                raise
            except LibraryError as error:
                problem = error
                self._lose(error)
        return self._ask_mirror(work, problem)

    def find_mirror(self) -> Mirror | None:
        """Give the mirror; None where there is none to ask, or where it is known to be of another model."""
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
        """Stop asking in the background. The library can be closed after that."""
        with self._guard:
            self._closed.set()
            counting = self._counting
        if counting is not None:
            concurrent.futures.wait([counting], self._deadline_s)
        self._workers.close()

    def _ask_in_time(
        self, work: Callable[[SearchableIndex], T], library: Callable[[], SearchableIndex], deadline_s: float
    ) -> T:
        """Have `work` ask the library in a worker, which is abandoned once its index calls are late.

        Raises LibraryLate, and what `work` raises.
        """
        index = _TimedIndex(library, deadline_s)
        answer = self._workers.submit(partial(work, index))
        wait_s = deadline_s
        try:
            while not concurrent.futures.wait([answer], wait_s).done:
                if index.left_s <= 0:
                    raise LibraryLate(deadline_s)
                wait_s = max(index.left_s, _WAIT_AT_LEAST_S)
            return answer.result()
        finally:
            if self._info is None and index.opened is not None:
                self._info = index.opened.info  # a mirror may be of another model by now

    def _ask_mirror(self, work: Callable[[SearchableIndex], T], problem: LibraryError) -> tuple[T, Degraded | None]:
        """Ask the mirror; where it cannot answer, and the library is only slow, the library without a deadline."""
        mirror = self.find_mirror()
        if mirror is not None:
            fingerprint = mirror.info.fingerprint
            try:
                answer = work(mirror)
                replaced = mirror.info.fingerprint != fingerprint
            except ModelMismatch:
                replaced = mirror.info.fingerprint != fingerprint
                if not replaced:
                    raise
            if not replaced:  # by a mirror of another model, which a switch makes
                lacking = None if self._counted is None else max(0, self._counted[1] - mirror.summary().points)
                return answer, Degraded(problem.reason, mirror.as_of, lacking)
        self._mirrored = False  # the next question looks for it again
        if isinstance(problem, LibraryLate) and self._library is not None:
            return work(self._library()), None
        raise problem

    def _lose(self, error: LibraryError) -> None:
        """Leave the library alone from now on, and begin to probe it."""
        with self._guard:
            if self._lost is not None or self._closed.is_set():
                return
            self._lost = error
        _log.info("library lost, its mirror answers error=%s", error)
        threading.Thread(target=self._probe, name="probe-library", daemon=True).start()

    def _probe(self) -> None:
        """Ask the library now and then, until it answers."""
        assert self._library is not None
        pause = _PROBE_S
        while not self._closed.wait(pause):
            pause = min(2 * pause, _PROBE_AT_MOST_S)
            try:
                count = self._ask_in_time(lambda index: index.count(), self._library, _PROBE_DEADLINE_S)
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
        """Learn in the background how many images the library has, for when it is lost."""

        def count() -> None:
            try:
                index = library()
                self._info = index.info
                self._counted = time.monotonic(), index.count()
            except BucketLensError as error:
                _log.info("library not counted error=%s", error)

        with self._guard:
            if self._closed.is_set() or (self._counting is not None and not self._counting.done()):
                return
            self._counting = self._workers.submit(count)


class _Workers:
    """As many threads as have been busy at once. Safe to use from several threads.

    Work that hangs keeps its thread, and others go on. The threads are daemons: they keep no process from ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle: list[SimpleQueue[_Job | None]] = []
        self._closed = False

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Begin the work at once, in a thread that is idle or in a new one."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                answer = work()
            except BaseException as error:
                self._idle.append(jobs)  # before the answer, so that whoever had it finds this thread idle
                future.set_exception(error)
            else:
                self._idle.append(jobs)
                future.set_result(answer)

        try:
            jobs = self._idle.pop()
        except IndexError:
            jobs = SimpleQueue()
            threading.Thread(target=self._serve, args=(jobs,), name=self._name, daemon=True).start()
        jobs.put(run)
        return future

    def close(self) -> None:
        """Let the threads end, each with the work that it is at."""
        self._closed = True
        while self._idle:
            self._idle.pop().put(None)

    def _serve(self, jobs: "SimpleQueue[_Job | None]") -> None:
        while (job := jobs.get()) is not None:
            job()
            del job  # and with it the answer
            if self._closed:
                return


@dataclass
class _TimedIndex(DelegatingIndex):
    """The library's index, whose calls share a deadline. What happens between them is not counted."""

    _library: Callable[[], SearchableIndex]
    _deadline_s: float
    _spent_s: float = 0.0
    _since: float | None = None
    opened: SearchableIndex | None = None

    @property
    def left_s(self) -> float:
        """Seconds that are left for calls; 0 or less where the present call is late."""
        spent, since = self._spent_s, self._since  # in this order, so that no call is counted twice
        return self._deadline_s - spent - (0.0 if since is None else time.monotonic() - since)

    def gather(self, calls: Sequence[Callable[[SearchableIndex], T]]) -> list[T]:
        with self._calling() as index:  # which is asked directly: the clock runs for all of them together
            return index.gather([partial(self._ask_in_time, call) for call in calls])

    def _ask_in_time(self, call: Callable[[SearchableIndex], T], index: SearchableIndex) -> T:
        """Ask one of several questions. Raises LibraryLate after the deadline, as `_calling` does."""
        if self.left_s <= 0:
            raise LibraryLate(self._deadline_s)
        return call(index)

    @contextmanager
    def _calling(self) -> Iterator[SearchableIndex]:
        """Run the clock. Raises LibraryLate for a call after the deadline, which ends an abandoned question."""
        if self._spent_s >= self._deadline_s:
            raise LibraryLate(self._deadline_s)
        started = self._since = time.monotonic()
        try:
            self.opened = self._library()
            yield self.opened
        finally:
            self._since = None
            self._spent_s += time.monotonic() - started
