"""A value that is made once, also where several threads need it at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.bootstrap.lazy import Lazy


def test_threads_that_come_together_get_the_same_value() -> None:
    made: list[object] = []
    together = threading.Barrier(4)

    def make() -> object:
        time.sleep(0.05)  # the others come meanwhile
        made.append(object())
        return made[-1]

    value = Lazy(make)

    def get() -> object:
        together.wait(timeout=10)
        return value.get()

    with ThreadPoolExecutor(4) as threads:
        found = [task.result() for task in [threads.submit(get) for _ in range(4)]]
    assert len(made) == 1 and found == made * 4


def test_what_was_taken_is_made_anew() -> None:
    numbers = iter(range(10, 20))
    value = Lazy(lambda: next(numbers))
    assert not value.is_made and value.take() is None
    assert value.get() == value.get() == 10 and value.is_made
    assert value.take() == 10 and not value.is_made
    assert value.get() == 11


def test_a_value_that_is_given_is_not_made() -> None:
    value = Lazy(lambda: pytest.fail("made all the same"), "given")
    assert value.is_made and value.get() == "given" == value.take()


def test_what_cannot_be_made_is_tried_again() -> None:
    answers = iter([OSError("not yet"), None])

    def make() -> str:
        if error := next(answers):
            raise error
        return "there"

    value = Lazy(make)
    with pytest.raises(OSError, match="not yet"):
        value.get()
    assert not value.is_made and value.get() == "there"
