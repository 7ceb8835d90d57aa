"""Which changed files are complete: pure but for a clock that is moved by hand."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileMovedEvent,
    FileSystemEvent,
)

from core.adapters.stores.folder import FolderStore
from ingest.scheduling.folder_watcher import FolderWatch, Touched


class Hand:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def touched(clock: Hand) -> Touched:
    made = Touched(clock)
    made.begin()
    return made


def test_before_the_first_full_run_everything_has_changed(clock: Hand) -> None:
    assert Touched(clock).everything


def test_a_closed_file_is_complete_soon_an_open_one_when_it_has_been_left_alone(touched: Touched, clock: Hand) -> None:
    touched.add("s", b"/p/open.jpg", "open")
    touched.add("s", b"/p/closed.jpg", "closed")
    assert touched.take() == {}
    clock.now = 1.0
    assert touched.take() == {"s": [b"/p/closed.jpg"]}
    clock.now = 3.5
    assert touched.take() == {"s": [b"/p/open.jpg"]}
    assert touched.take() == {}


def test_a_growing_file_is_waited_for(touched: Touched, clock: Hand) -> None:
    for second in range(20):
        clock.now = float(second)
        touched.add("s", b"/p/a.jpg", "open")
        assert touched.take() == {}
    touched.add("s", b"/p/a.jpg", "closed")
    clock.now += 0.6
    assert touched.take() == {"s": [b"/p/a.jpg"]}


def test_written_again_after_it_was_closed_it_is_open(touched: Touched, clock: Hand) -> None:
    touched.add("s", b"/p/a.jpg", "closed")
    touched.add("s", b"/p/a.jpg", "open")
    clock.now = 1.0
    assert touched.take() == {}


def test_changed_rights_leave_a_file_as_complete_as_it_was(touched: Touched, clock: Hand) -> None:
    for name, ending in ((b"/p/open", "open"), (b"/p/closed", "closed")):
        touched.add("s", name, ending)  # type: ignore[arg-type]
        touched.add("s", name, "as before")
    touched.add("s", b"/p/new", "as before")
    clock.now = 1.0
    assert touched.take() == {"s": [b"/p/closed", b"/p/new"]}


def test_a_folder_waits_for_what_is_written_in_it(touched: Touched, clock: Hand) -> None:
    touched.add("s", b"/p/new", "closed")
    touched.add("s", b"/p/newer.jpg", "closed")
    touched.add("s", b"/p/new/deep/a.jpg", "open")
    clock.now = 1.0
    assert touched.take() == {"s": [b"/p/newer.jpg"]}
    clock.now = 4.0
    assert sorted(touched.take()["s"]) == [b"/p/new", b"/p/new/deep/a.jpg"]


def test_sources_are_told_apart(touched: Touched, clock: Hand) -> None:
    touched.add("one", b"/1/a", "closed")
    touched.add("two", b"/2/a", "closed")
    clock.now = 1.0
    assert touched.take() == {"one": [b"/1/a"], "two": [b"/2/a"]}


def test_too_many_changes_ask_for_a_full_run_which_begins_anew(touched: Touched, clock: Hand) -> None:
    for number in range(10_001):
        touched.add("s", b"/p/%d" % number, "closed")
    clock.now = 1.0
    assert touched.everything and touched.take() == {}
    touched.add("s", b"/p/a", "closed")
    clock.now = 2.0
    assert touched.take() == {}
    touched.begin()
    assert not touched.everything


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[FolderWatch]:
    """Of `pictures`, in which the library lies too."""
    (tmp_path / "pictures" / "data" / "index").mkdir(parents=True)
    store = FolderStore(tmp_path / "pictures", max_bytes=1)
    made = FolderWatch([store], [str(tmp_path / "pictures" / "data")])
    with made:
        made.begin()
        made.source = store.source  # type: ignore[attr-defined]
        yield made


def tell(watch: FolderWatch, *changes: FileSystemEvent) -> None:
    for change in changes:
        watch.seen(watch.source, change)  # type: ignore[attr-defined]


def test_what_happens_to_the_library_and_to_hidden_files_is_no_change(watch: FolderWatch, tmp_path: Path) -> None:
    pictures = str(tmp_path / "pictures")
    for place in ("/data/index/shard", "/.git/objects", "/sub/.t", "/data"):
        tell(watch, DirDeletedEvent(pictures + place), DirCreatedEvent(pictures + place))
        tell(watch, FileClosedEvent(pictures + place + "/a.jpg"))
    tell(watch, DirMovedEvent(pictures + "/.a", pictures + "/.b"))
    time.sleep(0.6)
    assert not watch.wanted and watch.take() == {}


def test_a_deleted_or_renamed_folder_asks_for_a_full_run(watch: FolderWatch, tmp_path: Path) -> None:
    pictures = str(tmp_path / "pictures")
    for change in (DirDeletedEvent(pictures + "/a"), DirMovedEvent(pictures + "/.a", pictures + "/b")):
        watch.begin()
        tell(watch, change)
        assert watch.wanted


def test_a_file_that_got_its_name_when_it_was_complete(watch: FolderWatch, tmp_path: Path) -> None:
    pictures = str(tmp_path / "pictures")
    tell(watch, FileMovedEvent(pictures + "/.a.jpg.part", pictures + "/a.jpg"))
    time.sleep(0.6)
    assert list(watch.take().values()) == [[(pictures + "/a.jpg").encode()]]
