"""Uploaded pictures, kept for as long as this process lives and there is room."""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """`name` is 32 hex digits of the SHA-256 of `data`; `preview` a small JPEG of it."""

    name: str
    data: bytes
    preview: bytes


class Pictures:
    """The last pictures that were uploaded, by name, at most `room` bytes of them."""

    def __init__(self, room: int = 256 * 2**20) -> None:
        self._room = room
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, data: bytes, preview: bytes) -> Picture:
        picture = Picture(hashlib.sha256(data).hexdigest()[:32], data, preview)
        with self._lock:
            self._pictures[picture.name] = picture
            self._pictures.move_to_end(picture.name)
            while len(self._pictures) > 1 and sum(len(one.data) for one in self._pictures.values()) > self._room:
                self._pictures.popitem(last=False)
        return picture

    def get(self, name: str) -> Picture | None:
        with self._lock:
            if name in self._pictures:
                self._pictures.move_to_end(name)
            return self._pictures.get(name)
