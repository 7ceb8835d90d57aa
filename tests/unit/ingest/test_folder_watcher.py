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
from ingest.scheduling.folder_watcher import ChangedPaths, FolderWatch


class Hand:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def changed(clock: Hand) -> ChangedPaths:
    made = ChangedPaths(clock)
    made.reset()
    return made


def test_before_the_first_full_run_everything_has_changed(clock: Hand) -> None:
    assert ChangedPaths(clock).full_run_needed


def test_a_closed_file_is_complete_soon_an_open_one_when_it_has_been_left_alone(
    changed: ChangedPaths, clock: Hand
) -> None:
    changed.add("s", b"/p/open.jpg", "open")
    changed.add("s", b"/p/closed.jpg", "closed")
    assert changed.take_settled() == {}
    clock.now = 1.0
    assert changed.take_settled() == {"s": [b"/p/closed.jpg"]}
    clock.now = 3.5
    assert changed.take_settled() == {"s": [b"/p/open.jpg"]}
    assert changed.take_settled() == {}


def test_a_growing_file_is_waited_for(changed: ChangedPaths, clock: Hand) -> None:
    for second in range(20):
        clock.now = float(second)
        changed.add("s", b"/p/a.jpg", "open")
        assert changed.take_settled() == {}
    changed.add("s", b"/p/a.jpg", "closed")
    clock.now += 0.6
    assert changed.take_settled() == {"s": [b"/p/a.jpg"]}


def test_written_again_after_it_was_closed_it_is_open(changed: ChangedPaths, clock: Hand) -> None:
    changed.add("s", b"/p/a.jpg", "closed")
    changed.add("s", b"/p/a.jpg", "open")
    clock.now = 1.0
    assert changed.take_settled() == {}


def test_changed_rights_leave_a_file_as_complete_as_it_was(changed: ChangedPaths, clock: Hand) -> None:
    for name, state in ((b"/p/open", "open"), (b"/p/closed", "closed")):
        changed.add("s", name, state)  # type: ignore[arg-type]
        changed.add("s", name, "as before")
    changed.add("s", b"/p/new", "as before")
    clock.now = 1.0
    assert changed.take_settled() == {"s": [b"/p/closed", b"/p/new"]}


def test_a_folder_waits_for_what_is_written_in_it(changed: ChangedPaths, clock: Hand) -> None:
    changed.add("s", b"/p/new", "closed")
    changed.add("s", b"/p/newer.jpg", "closed")
    changed.add("s", b"/p/new/deep/a.jpg", "open")
    clock.now = 1.0
    assert changed.take_settled() == {"s": [b"/p/newer.jpg"]}
    clock.now = 4.0
    assert sorted(changed.take_settled()["s"]) == [b"/p/new", b"/p/new/deep/a.jpg"]


def test_sources_are_told_apart(changed: ChangedPaths, clock: Hand) -> None:
    changed.add("one", b"/1/a", "closed")
    changed.add("two", b"/2/a", "closed")
    clock.now = 1.0
    assert changed.take_settled() == {"one": [b"/1/a"], "two": [b"/2/a"]}


def test_too_many_changes_ask_for_a_full_run_which_begins_anew(changed: ChangedPaths, clock: Hand) -> None:
    for number in range(10_001):
        changed.add("s", b"/p/%d" % number, "closed")
    clock.now = 1.0
    assert changed.full_run_needed and changed.take_settled() == {}
    changed.add("s", b"/p/a", "closed")
    clock.now = 2.0
    assert changed.take_settled() == {}
    changed.reset()
    assert not changed.full_run_needed


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[FolderWatch]:
    """Of `pictures`, in which the library lies too."""
    (tmp_path / "pictures" / "data" / "index").mkdir(parents=True)
    store = FolderStore(tmp_path / "pictures", max_bytes=1)
    made = FolderWatch([store], [str(tmp_path / "pictures" / "data")])
    with made:
        made.begin_full_run()
        made.source = store.source  # type: ignore[attr-defined]
        yield made


def tell(watch: FolderWatch, *changes: FileSystemEvent) -> None:
    for change in changes:
        watch.handle_event(watch.source, change)  # type: ignore[attr-defined]


def test_what_happens_to_the_library_and_to_hidden_files_is_no_change(watch: FolderWatch, tmp_path: Path) -> None:
    pictures = str(tmp_path / "pictures")
    for place in ("/data/index/shard", "/.git/objects", "/sub/.t", "/data"):
        tell(watch, DirDeletedEvent(pictures + place), DirCreatedEvent(pictures + place))
        tell(watch, FileClosedEvent(pictures + place + "/a.jpg"))
    tell(watch, DirMovedEvent(pictures + "/.a", pictures + "/.b"))
    time.sleep(0.6)
    assert not watch.full_run_needed and watch.take_settled() == {}


def test_a_deleted_or_renamed_folder_asks_for_a_full_run(watch: FolderWatch, tmp_path: Path) -> None:
    pictures = str(tmp_path / "pictures")
    for change in (DirDeletedEvent(pictures + "/a"), DirMovedEvent(pictures + "/.a", pictures + "/b")):
        watch.begin_full_run()
        tell(watch, change)
        assert watch.full_run_needed


def test_a_file_that_got_its_name_when_it_was_complete(watch: FolderWatch, tmp_path: Path) -> None:
    pictures = str(tmp_path / "pictures")
    tell(watch, FileMovedEvent(pictures + "/.a.jpg.part", pictures + "/a.jpg"))
    time.sleep(0.6)
    assert list(watch.take_settled().values()) == [[(pictures + "/a.jpg").encode()]]
