"""The look for duplicates in the background: once, again when asked, and no longer than the process."""

import threading
from pathlib import Path

import pytest

from core.errors import LibraryMissing
from core.ports.vector_index import IndexInfo, Point, VectorIndex
from search_ui.library.duplicate_scan import DuplicateSearch
from tests.support.fakes import ColourEncoder, MemoryIndex, MemoryThumbnails
from tests.support.made_up_images import image_id, record, vector

ENCODER = ColourEncoder()


@pytest.fixture
def index() -> MemoryIndex:
    index = MemoryIndex(IndexInfo("colours", ENCODER.fingerprint, ENCODER.dimension))
    index.upsert([Point(record(n, content_hash="ab" if n < 3 else f"{n:064x}"), vector(n)) for n in range(6)])
    return index


def _look(search: DuplicateSearch, *, again: bool = False) -> None:
    search.start(again=again)
    assert search._thread is not None
    search._thread.join(30)
    assert not search.running


def test_it_looks_once_and_again_when_asked(index: MemoryIndex) -> None:
    search = DuplicateSearch(lambda: index, MemoryThumbnails().get)
    assert search.groups(9) == [] and search.last is None
    _look(search)
    assert [len(group.records) for group in search.groups(9)] == [3]
    assert search.last is not None
    assert (search.last.groups, search.last.pictures, search.last.among, search.last.unseen) == (1, 3, 6, 4)
    index.delete([image_id(0), image_id(1)])
    _look(search)
    assert search.last.pictures == 3 and search.groups(9) == []
    _look(search, again=True)
    assert search.last.pictures == 0 and search.progress == (4, 4)


@pytest.mark.parametrize("fault", [LibraryMissing(Path("nowhere")), ZeroDivisionError("oops")])
def test_what_keeps_it_from_looking_is_told_until_it_is_asked_to_look_again(
    index: MemoryIndex, fault: Exception
) -> None:
    opened = []

    def open_index() -> VectorIndex:
        opened.append(len(opened))
        if len(opened) == 1:
            raise fault
        return index

    search = DuplicateSearch(open_index, MemoryThumbnails().get)
    for _ in range(2):
        _look(search)
        assert str(fault) in str(search.error) and len(opened) == 1
    _look(search, again=True)
    assert search.error is None and len(search.groups(9)) == 1


def test_it_ends_with_the_process(index: MemoryIndex) -> None:
    compared: list[str] = []
    begun = threading.Event()

    def thumbnail(image_id: str) -> None:
        compared.append(image_id)
        begun.set()
        search._ended.wait(30)

    search = DuplicateSearch(lambda: index, thumbnail)
    search.start()
    assert begun.wait(30) and search.running
    search.stop()
    assert not search.running and len(compared) == 1
    search.start(again=True)
    assert not search.running and search.last is None and search.error is None
