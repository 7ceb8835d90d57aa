"""Copies of libraries, over the hand-written index."""

import random
from dataclasses import replace

import numpy as np
import pytest

from core.domain.filtering.filters import FAILED
from core.errors import ModelMismatch
from core.ports.scrolling import PAGE_SIZE
from core.ports.vector_index import IndexInfo
from ingest.jobs.library_copy import CopyProgress, copy, find_differences
from tests.support.fakes import MemoryIndex
from tests.support.made_up_images import failed_point, image_id, point, vector

INFO = IndexInfo("colours", "colours-1", 16)


def filled(count: int) -> MemoryIndex:
    """Every third picture is captioned, every fifth failed."""
    index = MemoryIndex(INFO)
    index.upsert(
        [failed_point(n) if n % 5 == 0 else point(n, "a red car" if n % 3 == 0 else None) for n in range(count)]
    )
    return index


def through(source: MemoryIndex, target: MemoryIndex) -> CopyProgress:
    for copied in copy(source, target, random.Random(1)):  # noqa: B007
        pass
    return copied


def equal(one: MemoryIndex, other: MemoryIndex) -> bool:
    records = one.scroll(limit=10**6)
    ids = [record.id for record in records]
    for name in ("image", "caption"):
        ours, theirs = one.vectors(ids, name), other.vectors(ids, name)
        assert ours.keys() == theirs.keys() and all(np.array_equal(ours[i], theirs[i]) for i in ours)
    return records == other.scroll(limit=10**6)


def test_a_copy_is_the_same_with_what_failed_and_what_is_captioned() -> None:
    source, target = filled(PAGE_SIZE + 20), MemoryIndex(INFO)
    copied = through(source, target)
    assert (copied.total, copied.written, copied.same, copied.others) == (PAGE_SIZE + 20, PAGE_SIZE + 20, 0, 0)
    assert equal(source, target) and find_differences(source, target, copied) == []
    assert target.count(FAILED) == source.count(FAILED) > 0


def test_one_that_was_cut_off_goes_on_and_writes_nothing_twice() -> None:
    source, target = filled(3 * PAGE_SIZE), MemoryIndex(INFO)
    steps = copy(source, target)
    for _ in range(2):
        next(steps)
    steps.close()
    assert target.count() == PAGE_SIZE
    copied = through(source, target)
    assert (copied.same, copied.written, copied.done) == (PAGE_SIZE, 2 * PAGE_SIZE, 3 * PAGE_SIZE)
    assert equal(source, target) and find_differences(source, target, copied) == []


def test_what_is_there_in_another_form_is_written_anew_and_what_is_there_beside_it_stays() -> None:
    source, target = filled(20), MemoryIndex(INFO)
    target.upsert([point(1, "something else"), replace(point(2), image=vector(77)), point(4), point(900)])
    copied = through(source, target)
    assert (copied.written, copied.same, copied.others) == (19, 1, 1)
    assert find_differences(source, target, copied) == []
    target.delete([image_id(900)])
    assert equal(source, target)


def test_what_is_not_as_it_should_be_is_told() -> None:
    source, target = filled(20), MemoryIndex(INFO)
    copied = through(source, target)
    target.delete([image_id(3)])
    source.upsert([point(50)])
    target.upsert([replace(point(2), image=vector(77))])
    told = find_differences(source, target, copied)
    assert len(told) == 4 and "20 pictures were copied, and the source holds 21" in told[0]
    assert "the target holds 19 pictures, and should hold 20" in told[1]
    assert sorted(told[2:]) == [f"file:///pictures/{n}.jpg differs" for n in (2, 3)]


def test_libraries_of_two_models_are_not_mixed() -> None:
    other = MemoryIndex(IndexInfo("colours", "colours-2", 16))
    with pytest.raises(ModelMismatch):
        through(filled(3), other)
    assert other.count() == 0
