"""Renderings: made once, kept within a limit, few at a time."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import ImageUnreadable
from search_ui.library.renderings import Renderings


class Renderer:
    """Makes 10 bytes of anything, and counts how often, and how many at the same time."""

    def __init__(self) -> None:
        self.made: list[bytes] = []
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self._pause = threading.Event()

    def __call__(self, data: bytes, name: str) -> bytes:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.made.append(data)
        self._pause.wait(0.02)
        with self._lock:
            self._now -= 1
        return data[:1] * 10


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_picture_is_rendered_once_for_all_who_ask_at_the_same_time() -> None:
    renderer = Renderer()
    renderings = Renderings(renderer)
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda n: renderings.make(b"a" if n % 2 else b"b", "x.tif"), range(8)))
    assert set(made) == {b"a" * 10, b"b" * 10}
    assert renderer.most <= 2 and len(renderer.made) <= 4
    assert renderings.find(digest(b"a")) == b"a" * 10
    assert renderings.find(None) is None


def test_the_latest_are_kept_within_the_limit() -> None:
    renderings = Renderings(Renderer(), max_bytes=25)
    for data in (b"a", b"b", b"c"):
        renderings.make(data, "x.tif")
    assert [renderings.find(digest(data)) is not None for data in (b"a", b"b", b"c")] == [False, True, True]
    assert Renderings(Renderer(), max_bytes=5).make(b"a", "x.tif") == b"a" * 10


def test_what_cannot_be_decoded_holds_up_nobody_else() -> None:
    def refuse(data: bytes, name: str) -> bytes:
        raise ImageUnreadable("damaged")

    renderings = Renderings(refuse)
    for _ in range(5):
        with pytest.raises(ImageUnreadable):
            renderings.make(b"a", "x.tif")
