"""How recall is told from two answers, and when an answer is compared at all."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.availability import recall_monitor
from core.availability.failover import Failover
from core.availability.recall import ENOUGH, ExactIndex, Recall, is_measurable, measure_recall, recall_at
from core.availability.recall_monitor import RecallMeter
from core.availability.resilient_search import ResilientSearch
from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import EVERYTHING, Filter, caption_words
from core.domain.image import ListName
from core.domain.query import LikeTerm, Query, TextTerm, Weights
from core.domain.result import SearchResult
from core.errors import LibraryBusy, LibraryUnreachable
from core.ports.mirror import MirrorSummary
from core.ports.rank_lists import Probe, Shortlist
from core.ports.vector_index import IndexInfo, Point, SearchableIndex
from core.search.service import SearchService
from tests.support.fakes import ColourEncoder, InlineDecoder, MemoryIndex
from tests.support.made_up_images import DIMENSION, image_id, point, record, vector

INFO = IndexInfo("colours", "colours-1", DIMENSION)
COUNT = 40
ALIKE = Query((LikeTerm(image_id(1)),), weights=Weights(1, 0, 0))


class Library(MemoryIndex):
    """An index whose approximate lists forget some images."""

    def __init__(self, *forgotten: str) -> None:
        super().__init__(INFO)
        self.forgotten = set(forgotten)
        self.upsert([point(n, "a red car" if n % 2 else "a blue dog") for n in range(1, COUNT + 1)])

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        found = super().shortlists(probes, filter, limit=limit)
        return {
            name: replace(one, ranking=[each for each in one.ranking if each[0] not in self.forgotten])
            for name, one in found.items()
        }


class Copy(MemoryIndex):
    backend, health, as_of = "mirror", None, datetime(2026, 1, 1, tzinfo=UTC)

    def __init__(self, library: MemoryIndex, *without: str) -> None:
        super().__init__(library.info)
        self._payloads = {i: payload for i, payload in library._payloads.items() if i not in without}
        self._dense = {name: dict(held) for name, held in library._dense.items()}
        self._words = dict(library._words)

    def summary(self) -> MirrorSummary:
        return MirrorSummary("generation-00000001", self.count(), 1, "float32")


def ask(index: SearchableIndex, query: Query) -> SearchResult:
    return SearchService(index, ColourEncoder, InlineDecoder).search(query)


def best(query: Query, count: int = 10) -> list[str]:
    """What an exact search finds, best first."""
    return [hit.record.id for hit in ask(Library(), replace(query, limit=count)).hits]


def recall(query: Query, library: MemoryIndex, copy: MemoryIndex) -> float | None:
    return measure_recall(query, ask(library, query), library, copy, ask)


# ---- two answers


RANKED = [(f"{n}", 1 - n / 100) for n in range(20)]
EVEN = [(f"{n}", 1.0 if n < 9 else 0.5) for n in range(20)]


@pytest.mark.parametrize(
    ("found", "exact", "told"),
    [
        ([str(n) for n in range(10)], RANKED, 1.0),
        ([str(n) for n in reversed(range(10))], RANKED, 1.0),
        ([str(n) for n in range(3, 13)], RANKED, 0.7),
        (["x"] * 10, RANKED, 0.0),
        ([], RANKED, 0.0),
        (["0", "1"], RANKED[:4], 0.5),
        ([*map(str, range(9)), "17"], EVEN, 1.0),  # as good as the tenth
        ([str(n) for n in range(10, 20)], EVEN, 1.0),  # never over 1
        (["x", *map(str, range(9)), "17"], EVEN, 0.9),  # not among the first ten
        (["0"], [], None),
    ],
)
def test_recall_is_the_share_of_the_ten_best_that_is_found(
    found: list[str], exact: list[tuple[str, float]], told: float | None
) -> None:
    assert recall_at(found, exact) == (None if told is None else pytest.approx(told))


def test_a_mean_of_few_is_not_warned_of() -> None:
    assert Recall.of([]) is None
    assert Recall.of([1.0, 0.5]) == Recall(0.75, 2)
    assert not Recall(0.5, ENOUGH - 1).is_low(0.95) and Recall(0.94, ENOUGH).is_low(0.95)
    assert not Recall(0.95, ENOUGH).is_low(0.95)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (ALIKE, True),
        (Query((TextTerm("red"),), caption_words(must=["car"])), True),
        (Query(), False),
        (replace(ALIKE, offset=10), False),
        (replace(ALIKE, sort="name"), False),
        (replace(ALIKE, diversity=0.5), False),
        (replace(ALIKE, min_strength=0.5), False),
    ],
)
def test_only_the_best_matches_as_they_are_can_be_compared(query: Query, told: bool) -> None:
    assert is_measurable(query) is told


# ---- an answer of the library, by its copy


def test_what_the_index_forgets_lowers_it() -> None:
    top = best(ALIKE)
    assert recall(ALIKE, Library(), Copy(Library())) == 1.0
    assert recall(ALIKE, Library(*top[2:5]), Copy(Library())) == pytest.approx(0.7)
    few = replace(ALIKE, limit=4)
    assert recall(few, Library(top[0]), Copy(Library())) == pytest.approx(0.75)


def test_filters_are_asked_of_both() -> None:
    query = replace(ALIKE, filter=caption_words(must=["car"]))
    assert recall(query, Library(best(query)[3]), Copy(Library())) == pytest.approx(0.9)
    rare = replace(ALIKE, filter=Filter(all=(Match("content_hash", (f"{1:064x}", f"{2:064x}")),)))
    assert recall(rare, Library(), Copy(Library())) == 1.0


def test_a_copy_whose_own_lists_are_approximate_is_asked_for_all() -> None:
    forgetful = Library(*best(ALIKE)[:5])
    assert [hit.record.id for hit in ask(ExactIndex(forgetful), ALIKE).hits][:10] == best(ALIKE)


def test_an_index_that_finds_too_little_is_told() -> None:
    library = Library()
    answer = ask(library, ALIKE)
    cut = replace(answer, hits=answer.hits[:6])
    assert measure_recall(ALIKE, cut, library, Copy(library), ask) == pytest.approx(0.6)


def test_what_only_one_of_both_has_does_not_count() -> None:
    top, library = best(ALIKE), Library()
    assert recall(ALIKE, library, Copy(library, *top[1:4])) == 1.0
    copy = Copy(library)
    library.delete(top[1:3])
    assert recall(ALIKE, library, copy) == 1.0
    held = library.fetch([top[5]])[top[5]]
    library.upsert([Point(replace(held, etag="another"), vector(500))])
    assert recall(ALIKE, library, copy) == 1.0


def test_where_too_much_differs_it_cannot_be_told() -> None:
    library = Library()
    copy = Copy(library)
    library.delete([image_id(n) for n in range(2, COUNT - 9)])
    query = replace(ALIKE, limit=5)
    assert measure_recall(query, ask(library, query), library, copy, ask) is None


def test_copies_of_one_picture_stand_for_each_other() -> None:
    library = Library()
    one = library.fetch([best(ALIKE)[3]])[best(ALIKE)[3]]
    twin = replace(record(0), content_hash=one.content_hash)
    library.upsert([Point(twin, library.vectors([one.id])[one.id])])
    query = replace(ALIKE, limit=20)
    assert recall(query, library, Copy(library, twin.id)) == 1.0


# ---- which answers are compared


class Log:
    def __init__(self, fingerprint: str = "", samples: tuple[float, ...] = ()) -> None:
        self.held = (fingerprint, samples)
        self.writes = 0

    def read(self) -> tuple[str, tuple[float, ...]]:
        return self.held

    def write(self, fingerprint: str, samples: Sequence[float]) -> None:
        self.held = (fingerprint, tuple(samples))
        self.writes += 1


@pytest.fixture
def made() -> Iterator[Callable[..., RecallMeter]]:
    meters: list[RecallMeter] = []

    def make(library: Any = None, copy: Any = None, log: Log | None = None, **given: Any) -> RecallMeter:
        library = library or Library()
        copy = copy or Copy(library)
        options: dict[str, Any] = {"share": 1.0, "warning": 0.95} | given
        meters.append(RecallMeter(lambda: library, lambda: copy, log or Log(), **options))
        return meters[-1]

    yield make
    for meter in meters:
        meter.close()


def offered(meter: RecallMeter, library: MemoryIndex | None = None, query: Query = ALIKE) -> Recall | None:
    """After one answer was offered, and compared if it was taken."""
    meter.offer(query, ask(library or Library(), query), ask)
    if meter._comparing is not None:
        meter._comparing.join(10)
    return meter.figure


def test_a_share_of_the_answers_is_compared(made: Callable[..., RecallMeter]) -> None:
    lots = iter([0.3, 0.05, 0.1, 0.09])
    meter = made(share=0.1, chance=lambda: next(lots))
    assert [figure.count if (figure := offered(meter)) else 0 for _ in range(4)] == [0, 1, 1, 2]


def test_a_share_of_nothing_compares_nothing(made: Callable[..., RecallMeter]) -> None:
    assert offered(made(share=0.0, chance=lambda: 0.0)) is None


def test_what_cannot_be_compared_is_not_even_drawn(made: Callable[..., RecallMeter]) -> None:
    assert offered(made(chance=lambda: pytest.fail("drawn")), query=Query()) is None


def test_one_is_compared_at_a_time_and_nobody_waits(made: Callable[..., RecallMeter]) -> None:
    going, asked = threading.Event(), []

    def slow(index: SearchableIndex, query: Query) -> SearchResult:
        asked.append(query)
        going.wait(10)
        return ask(index, query)

    meter, answer = made(), ask(Library(), ALIKE)
    started = time.monotonic()
    for _ in range(50):
        meter.offer(ALIKE, answer, slow)
    assert time.monotonic() - started < 1
    going.set()
    meter.close()
    assert len(asked) == 1 and meter.figure == Recall(1.0, 1)


def test_after_the_end_nothing_is_compared(made: Callable[..., RecallMeter]) -> None:
    meter = made()
    meter.close()
    assert offered(meter) is None


def test_a_copy_that_lags_or_is_of_another_model_tells_nothing(made: Callable[..., RecallMeter]) -> None:
    library = Library()
    assert offered(made(library, Copy(library, image_id(2))), library) is None  # one of forty
    other = Copy(library)
    other.info = IndexInfo("colours", "colours-2", DIMENSION)
    assert offered(made(library, other), library) is None


def test_a_library_that_is_busy_costs_a_sample_and_no_more(made: Callable[..., RecallMeter]) -> None:
    library = Library()
    meter = made(library)
    answer = ask(library, ALIKE)
    library.count = lambda *_: (_ for _ in ()).throw(LibraryBusy("the library"))  # type: ignore[method-assign,assignment]
    meter.offer(ALIKE, answer, ask)
    assert meter._comparing is not None
    meter._comparing.join(10)
    assert meter.figure is None
    del library.count  # type: ignore[method-assign]
    assert offered(meter) == Recall(1.0, 1)


def test_the_last_samples_are_kept_and_others_forgotten_with_their_model(made: Callable[..., RecallMeter]) -> None:
    kept = Log("colours-1", (0.5,) * recall_monitor.WINDOW)
    meter = made(log=kept)
    assert meter.figure == Recall(0.5, recall_monitor.WINDOW)
    figure = offered(meter)
    assert figure is not None and figure.count == recall_monitor.WINDOW and figure.mean == pytest.approx(0.5025)
    assert kept.held == ("colours-1", (*(0.5,) * (recall_monitor.WINDOW - 1), 1.0))
    assert offered(made(log=Log("colours-0", (0.5,) * 9))) == Recall(1.0, 1)


def test_they_are_written_now_and_then_and_in_the_end(made: Callable[..., RecallMeter]) -> None:
    kept = Log()
    meter = made(log=kept)
    for _ in range(5):
        offered(meter)
    assert (kept.writes, len(kept.held[1])) == (1, 1)
    meter.close()
    assert (kept.writes, len(kept.held[1])) == (2, 5)


def test_a_low_mean_is_logged_once_until_it_is_well_again(
    made: Callable[..., RecallMeter], caplog: pytest.LogCaptureFixture
) -> None:
    library = Library(*best(ALIKE)[:2])
    meter = made(library, log=Log("colours-1", (0.9,) * (ENOUGH - 2)))
    assert not meter.low
    for _ in range(3):
        offered(meter, library)
    told = [entry.getMessage() for entry in caplog.records if "recall low" in entry.getMessage()]
    assert meter.low and len(told) == 1 and "mean=0.8" in told[0]


def test_only_what_the_library_answered_is_offered() -> None:
    library, answers = Library(), []

    class Meter:
        def offer(self, query: Query, answer: SearchResult, asking: Any) -> None:
            answers.append((answer.backend, asking(library, query).hits == answer.hits))

    failing = Failover(lambda: library, lambda: Copy(library), lambda: True, 1.0)
    search = ResilientSearch(
        failing,
        lambda index: SearchService(index, ColourEncoder, InlineDecoder),
        meter=Meter(),  # type: ignore[arg-type]
    )
    search.search(ALIKE)
    assert answers == [("memory", True)]
    library.vectors = lambda *_: (_ for _ in ()).throw(LibraryUnreachable("http://x", "refused"))  # type: ignore[method-assign,assignment]
    assert search.search(ALIKE).degraded and len(answers) == 1
    failing.close()
