"""Uploaded pictures, kept in memory while this process lives, within a limit."""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded picture. `name`: 32 hex digits of the SHA-256 of `data`; `preview`: a small JPEG of it."""

    name: str
    data: bytes
    preview: bytes


class UploadCache:
    """The latest uploads by name, at most `max_bytes` in all; the last one is always kept.

    Reading an upload makes it the latest. Safe for use by several threads.
    """

    def __init__(self, max_bytes: int = 256 * 2**20) -> None:
        self._max_bytes = max_bytes
        self._uploads: OrderedDict[str, Upload] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, data: bytes, preview: bytes) -> Upload:
        """Add an upload, and drop the oldest ones over the limit."""
        upload = Upload(hashlib.sha256(data).hexdigest()[:32], data, preview)
        with self._lock:
            self._uploads[upload.name] = upload
            self._uploads.move_to_end(upload.name)
            while len(self._uploads) > 1 and sum(len(one.data) for one in self._uploads.values()) > self._max_bytes:
                self._uploads.popitem(last=False)
        return upload

    def get(self, name: str) -> Upload | None:
        """Return the upload with that name, or None."""
        with self._lock:
            if name in self._uploads:
                self._uploads.move_to_end(name)
            return self._uploads.get(name)
