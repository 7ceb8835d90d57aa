"""Who answers a question when the library is slow, gone, or back."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.availability import failover
from core.availability.exact_rerank import RerankedIndex
from core.availability.failover import Failover, _TimedIndex
from core.availability.resilient_search import ResilientSearch
from core.domain.query import Query, TextTerm
from core.errors import ImageNotIndexed, LibraryBusy, LibraryUnreachable
from core.ports.mirror import MirrorSummary
from core.ports.vector_index import IndexInfo, SearchableIndex
from core.search.service import SearchService
from tests.support.fakes import ColourEncoder, InlineDecoder, MemoryIndex
from tests.support.made_up_images import point

INFO = IndexInfo("colours", "colours-1", ColourEncoder.dimension)


class Library(MemoryIndex):
    """Fails as it is told, or waits until it is let go."""

    def __init__(self, images: int, info: IndexInfo = INFO) -> None:
        super().__init__(info)
        self.error: Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self.upsert([point(n) for n in range(1, images + 1)])

    def count(self, *args: Any, **kwargs: Any) -> int:
        self.open.wait(20)
        if self.error:
            raise self.error
        return super().count(*args, **kwargs)


class Copy(MemoryIndex):
    backend = "mirror"
    health = None

    def __init__(self, images: int, info: IndexInfo = INFO, age: timedelta = timedelta(minutes=12)) -> None:
        super().__init__(info)
        self.as_of = datetime.now(UTC) - age
        self.upsert([point(n) for n in range(1, images + 1)])

    def summary(self) -> MirrorSummary:
        return MirrorSummary("generation-00000001", self.count(), 1, "float32")


@pytest.fixture(autouse=True)
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "_PROBE_S", 0.02)
    monkeypatch.setattr(failover, "_PROBE_AT_MOST_S", 0.02)
    monkeypatch.setattr(failover, "_PROBE_DEADLINE_S", 0.05)


@pytest.fixture
def made() -> Iterator[Callable[..., Failover]]:
    failovers: list[Failover] = []

    def make(library: SearchableIndex | None, mirror: Copy | None, deadline_s: float = 0.2) -> Failover:
        def copy() -> Copy:
            assert mirror is not None
            return mirror

        asked = None if library is None else lambda: library
        failovers.append(Failover(asked, copy, lambda: mirror is not None, deadline_s))
        return failovers[-1]

    yield make
    for one in failovers:
        one.close()


def _count(index: SearchableIndex) -> int:
    return index.count()


def _soon(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.01)
    return False


def test_the_library_answers_while_it_can(made: Callable[..., Failover]) -> None:
    assert made(Library(5), Copy(3)).ask(_count) == (5, None)


@pytest.mark.parametrize("error", [LibraryUnreachable("http://x", "refused"), LibraryBusy("the library", 2.0)])
def test_the_mirror_answers_for_a_library_that_fails_and_says_why(made: Callable[..., Failover], error: Any) -> None:
    library = Library(5)
    library.error = error
    answer, degraded = made(library, Copy(3)).ask(_count)
    assert answer == 3 and degraded is not None
    assert degraded.notice.startswith(f"{error.reason}: ") and "12 minutes ago" in degraded.notice


def test_a_late_library_costs_its_deadline_once_and_is_asked_again_when_it_answers(
    made: Callable[..., Failover],
) -> None:
    library = Library(5)
    both = made(library, Copy(3))
    library.open.clear()
    assert both.ask(_count)[0] == 3
    started = time.monotonic()
    assert [both.ask(_count)[0] for _ in range(20)] == [3] * 20
    assert time.monotonic() - started < 4  # twenty deadlines are 4 s
    assert both.lost and "did not answer" in both.lost
    library.open.set()
    assert _soon(lambda: both.lost is None) and both.ask(_count) == (5, None)


def test_all_calls_of_a_question_share_its_deadline(made: Callable[..., Failover]) -> None:
    class Slow(Library):
        def count(self, *args: Any, **kwargs: Any) -> int:
            time.sleep(0.15)
            return super().count()

    def ask_often(index: SearchableIndex) -> int:
        return sum(index.count() for _ in range(4))

    answer, degraded = made(Slow(5), Copy(3), deadline_s=0.4).ask(ask_often)
    assert answer == 12 and degraded is not None


def test_the_time_of_questions_at_once_counts_once_where_they_are_scored_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    class Slow(Library):
        def count(self, *args: Any, **kwargs: Any) -> int:
            now[0] += 1
            return super().count()

    timed = _TimedIndex(lambda: Slow(5), 9)
    exact = RerankedIndex(timed, Copy(3))  # type: ignore[arg-type]
    assert exact.gather([_count, lambda index: sum(index.gather([_count, _count]))]) == [5, 10]
    assert timed.left_s == 6


def test_no_further_question_is_asked_after_the_deadline(made: Callable[..., Failover]) -> None:
    library = Library(5)
    asked: list[SearchableIndex] = []
    library.open.clear()

    def ask_at_once(index: SearchableIndex) -> int:
        def ask(index: SearchableIndex) -> int:
            asked.append(index)
            return index.count()

        try:
            return sum(index.gather([ask] * 4))
        finally:
            ended.set()

    ended = threading.Event()
    assert made(library, Copy(3), deadline_s=0.1).ask(ask_at_once)[0] == 12
    ended.clear()
    there = len(asked)
    library.open.set()
    assert ended.wait(10) and len(asked) == there


def test_what_the_mirror_lacks_is_told_once_the_library_was_counted(made: Callable[..., Failover]) -> None:
    library = Library(5)
    both = made(library, Copy(3))
    both.ask(_count)
    assert _soon(lambda: both._counted is not None)
    library.error = LibraryUnreachable("http://x", "refused")
    degraded = both.ask(_count)[1]
    assert degraded is not None and degraded.lacking == 2 and "lacks 2 pictures" in degraded.notice


def test_without_a_mirror_errors_are_the_librarys_and_it_may_take_its_time(made: Callable[..., Failover]) -> None:
    library = Library(5)
    alone = made(library, None, deadline_s=0.05)
    library.open.clear()
    threading.Timer(0.2, library.open.set).start()
    assert alone.ask(_count) == (5, None)
    library.error = LibraryBusy("the library", 2.0)
    with pytest.raises(LibraryBusy):
        alone.ask(_count)


def test_what_is_wrong_with_the_question_is_no_fault_of_the_library(made: Callable[..., Failover]) -> None:
    def ask(_: SearchableIndex) -> None:
        raise ImageNotIndexed("x")

    both = made(Library(5), Copy(3))
    with pytest.raises(ImageNotIndexed):
        both.ask(ask)
    assert both.lost is None


def test_a_mirror_of_another_model_answers_nothing_and_a_slow_library_late(made: Callable[..., Failover]) -> None:
    library = Library(5)
    both = made(library, Copy(3, IndexInfo("colours", "colours-2", ColourEncoder.dimension)))
    both.ask(_count)
    assert _soon(lambda: both._counted is not None)
    library.open.clear()
    threading.Timer(0.5, library.open.set).start()
    assert both.ask(_count) == (5, None)
    library.error = LibraryUnreachable("http://x", "refused")
    with pytest.raises(LibraryUnreachable):
        both.ask(_count)


def test_offline_the_library_is_not_asked(made: Callable[..., Failover]) -> None:
    answer, degraded = made(None, Copy(3)).ask(_count)
    assert answer == 3 and degraded is not None and "not asked" in degraded.notice


def test_a_degraded_result_is_marked_with_the_age_of_the_copy(made: Callable[..., Failover]) -> None:
    library, copy = Library(5), Copy(3)
    both = made(library, copy)
    search = ResilientSearch(both, lambda index: SearchService(index, ColourEncoder, InlineDecoder))
    query = Query((TextTerm("red"),))
    assert not (whole := search.search(query)).degraded and whole.as_of is None and whole.total == 5
    library.error = LibraryUnreachable("http://x", "refused")
    result = search.search(query)
    assert (result.degraded, result.backend, result.total, result.as_of) == (True, "mirror", 3, copy.as_of)
    assert any("12 minutes ago" in notice for notice in result.notices)
