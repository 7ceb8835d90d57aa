"""A copy of the library in FAISS indexes and mapped files, exact and read-only. A SearchableIndex."""

import logging
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import faiss

from core.adapters.faiss_mirror.generation import Generation
from core.adapters.faiss_mirror.mirror_folder import MirrorFolder
from core.adapters.faiss_mirror.segment import open_name_order, open_segments
from core.adapters.index_base.index import IndexBase
from core.ports.mirror import MirrorSummary
from core.ports.vector_index import IndexInfo

_log = logging.getLogger(__name__)


class FaissMirror(IndexBase):
    """Answers from the generation that is in use, and from the next one as soon as that is published.

    Opens nothing until it is asked something. A generation that is damaged is passed over for the one before it; see
    `health`. Every search looks at every vector that passes, but for `shortlists` of a mirror in cells.
    """

    backend = "mirror"

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self._folder = MirrorFolder(folder)
        self._opening = threading.Lock()
        self._opened: Generation | None = None
        self._pointer: object = None
        self.health: str | None = None  # what is wrong with the newest generation
        self._pool = ThreadPoolExecutor(
            threads or os.cpu_count() or 1, "mirror", initializer=faiss.omp_set_num_threads, initargs=(1,)
        )

    @property
    def info(self) -> IndexInfo:
        return self.generation().manifest.info

    @property
    def as_of(self) -> datetime:
        return self.generation().as_of

    def summary(self) -> MirrorSummary:
        return self.generation().manifest.summary

    def generation(self) -> Generation:
        """Raises MirrorMissing, MirrorDamaged, LibraryError."""
        pointer = self._pointer_state()
        opened = self._opened
        if opened is not None and pointer == self._pointer:
            return opened
        with self._opening:
            if self._opened is None or pointer != self._pointer:
                self._opened = self._open()
                self._pointer = pointer
            return self._opened

    @contextmanager
    def _reading(self) -> Iterator[Generation]:
        yield self.generation()

    def _pointer_state(self) -> object:
        try:
            found = os.stat(self._folder.pointer)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def _open(self) -> Generation:
        folder, manifest, self.health = self._folder.find_usable()
        if manifest.outdated:
            _log.warning("mirror has words of another version until it is made anew generation=%s", folder.name)
        segments, names = open_segments(folder, manifest), open_name_order(folder, manifest)
        return Generation(manifest, segments, self._folder.as_of(manifest), self._pool, names)

    def size_bytes(self) -> int:
        return sum(entry.size for entry in self.generation().manifest.files.values())

    def close(self) -> None:
        self._pool.shutdown()
        self._opened = None
