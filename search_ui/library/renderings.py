"""Renderings of pictures that browsers do not show: made on demand, and kept in memory within a limit."""

import hashlib
import threading
from collections.abc import Callable

from cachetools import LRUCache

LONGER_PX = 2048
_MAX_BYTES = 64 * 2**20
_AT_ONCE = 2  # made at the same time, so that searches by picture find a decoder too


class Renderings:
    """JPEGs of pictures, their longer side at most LONGER_PX pixels; the latest are kept. Safe to use from threads."""

    def __init__(self, render: Callable[[bytes, str], bytes], max_bytes: int = _MAX_BYTES) -> None:
        """`render` makes the JPEG of a file's bytes and name, and raises ImageError where it cannot be decoded."""
        self._render = render
        self._kept: LRUCache[str, bytes] = LRUCache(max_bytes, getsizeof=len)  # by the SHA-256 of the file
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_AT_ONCE)

    def find(self, content_hash: str | None) -> bytes | None:
        """Return the rendering of a file by the SHA-256 of its bytes in hex, if it is kept."""
        with self._lock:
            return None if content_hash is None else self._kept.get(content_hash)

    def make(self, data: bytes, name: str) -> bytes:
        """Return the rendering of a file, of which `name` is the name without its folder. Raises ImageError."""
        content_hash = hashlib.sha256(data).hexdigest()
        with self._places:
            kept = self.find(content_hash)  # somebody else may have made it while this one waited
            if kept is not None:
                return kept
            jpeg = self._render(data, name)
            with self._lock:
                if len(jpeg) <= self._kept.maxsize:
                    self._kept[content_hash] = jpeg
        return jpeg
