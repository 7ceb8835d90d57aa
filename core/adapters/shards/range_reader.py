"""A file that is read through a window, over a source that answers ranges of bytes."""

import os
from collections.abc import Callable

NEAR = 2**18  # a gap that is cheaper to read than to jump over


class HeaderTooLarge(Exception):
    """What is to be read at once is longer than any honest header."""


class ReadAhead:
    """A seekable file, read-only, for `tarfile`. The window grows while what is read is in sequence.

    A gap of more than NEAR bytes is jumped over, and the window begins small again. No read may exceed `most` bytes.
    """

    def __init__(
        self, read: Callable[[int, int], bytes], size: int, *, window: tuple[int, int], most: int = 2**22
    ) -> None:
        self._read = read
        self._size = size
        self._smallest, self._largest = window
        self._most = most
        self._place = 0
        self._start = 0
        self._data = b""
        self._ahead = self._smallest

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; beyond the end is allowed, as in any file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def read(self, length: int = -1) -> bytes:
        """Read up to so many bytes; fewer only at the end. Raises HeaderTooLarge and what the source raises."""
        left = max(0, self._size - self._place)
        length = left if length < 0 else min(length, left)
        if length > self._most:
            raise HeaderTooLarge(f"{length:,} bytes are to be read at once")
        parts: list[bytes] = []
        while length:
            at = self._place - self._start
            if not 0 <= at < len(self._data):
                self._fill(length)
                continue
            part = self._data[at : at + length]
            parts.append(part)
            length -= len(part)
            self._place += len(part)
        return b"".join(parts)

    def _fill(self, length: int) -> None:
        end = self._start + len(self._data)
        near = end <= self._place <= end + NEAR
        self._ahead = min(2 * self._ahead, self._largest) if near else self._smallest
        self._start = self._place
        self._data = self._read(self._start, min(max(self._ahead, length), self._size - self._start))
