"""Watches folders and says which files have changed and are complete."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from core.errors import StoreError
from core.errors.hints import Configure
from core.ports.image_store import Watchable
from ingest.telemetry.log_events import event

_log = logging.getLogger(__name__)

_CLOSED_SECONDS = 0.5  # how long a file that was closed has been left alone when it is taken to be complete
_OPEN_SECONDS = 3.0  # the same of a file that nobody was seen to close, as where it was linked
_MOST_PATHS = 10_000
_KINDS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]

Ending = Literal["open", "closed", "as before"]


@dataclass(slots=True)
class Touched:
    """Paths that have changed, and when each was last seen to. Pure but for the clock it is given."""

    clock: Callable[[], float] = time.monotonic
    everything: bool = True
    _paths: dict[tuple[str, bytes], tuple[float, Ending]] = field(default_factory=dict)

    def add(self, source: str, path: bytes, ending: Ending) -> None:
        """A file of a source was written to ("open"), or was closed, moved or deleted ("closed").

        "as before": it is as complete as it was, as when its rights were changed.
        """
        if self.everything:
            return
        if ending == "as before":
            ending = self._paths[source, path][1] if (source, path) in self._paths else "closed"
        self._paths[source, path] = self.clock(), ending
        if len(self._paths) > _MOST_PATHS:
            self.lose(f"over {_MOST_PATHS:,} files changed at once")

    def lose(self, reason: str) -> None:
        """What has changed can no longer be told: only a full run will find out."""
        if not self.everything:
            _log.info(event("watch_lost", reason=reason))
        self.everything = True
        self._paths.clear()

    def begin(self) -> None:
        """A full run begins: it sees all that has changed so far."""
        self.everything = False
        self._paths.clear()

    def take(self) -> dict[str, list[bytes]]:
        """The paths that have been left alone for long enough to be complete, by source. They are forgotten.

        A folder is complete when all that is known to change below it is.
        """
        now = self.clock()
        ripe, busy = list[tuple[str, bytes]](), set[bytes]()
        for (source, path), (seen, ending) in self._paths.items():
            if now - seen >= (_OPEN_SECONDS if ending == "open" else _CLOSED_SECONDS):
                ripe.append((source, path))
            else:
                while (above := os.path.dirname(path)) != path and above not in busy:
                    busy.add(above)
                    path = above
        taken: dict[str, list[bytes]] = {}
        for source, path in ripe:
            if path not in busy:
                del self._paths[source, path]
                taken.setdefault(source, []).append(path)
        return taken


class FolderWatch:
    """Watches the folders of some stores while it is entered. Links to other folders are not followed.

    Whatever goes wrong with watching is answered by asking for a full run: `wanted`.
    """

    def __init__(self, stores: Sequence[Watchable], exclude: Iterable[str]) -> None:
        self._stores = stores
        self._roots = {store.source: store.folder for store in stores}
        self._exclude = tuple(os.path.join(os.fsencode(os.path.realpath(folder)), b"") for folder in exclude)
        self._touched = Touched()
        self._lock = threading.Lock()
        self._observer: BaseObserver | None = None
        self._trouble = _Trouble(self._lose)

    def __enter__(self) -> "FolderWatch":
        """Raises StoreError where a folder cannot be watched at all."""
        logging.getLogger("watchdog").addHandler(self._trouble)
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("watchdog").removeHandler(self._trouble)
        self._stop()

    @property
    def wanted(self) -> bool:
        """Is a full run needed?"""
        with self._lock:
            return self._touched.everything

    def begin(self) -> None:
        """To be called before a full run lists anything. Raises StoreError where a folder cannot be watched."""
        with self._lock:
            self._touched.begin()
        if not self._alive():
            self._stop()
            self._start()

    def failed(self) -> None:
        """A run failed: what it was to do is still to be done."""
        self._lose("a run failed")

    def take(self) -> dict[str, list[bytes]]:
        """By source, the paths that have changed and are complete by now."""
        if not self._alive():
            self._lose("a watched folder is gone")
        with self._lock:
            return self._touched.take()

    def seen(self, source: str, change: FileSystemEvent) -> None:
        """What the operating system says; in a thread of watchdog's."""
        if isinstance(change, DirDeletedEvent | DirMovedEvent):
            paths = (change.src_path, change.dest_path)
            if not all(self._ignores(source, os.fsencode(path)) for path in paths):
                self._lose("a folder was deleted or moved")
        elif isinstance(change, FileMovedEvent):
            self._add(source, change.src_path, "closed")
            self._add(source, change.dest_path, "closed")
        elif isinstance(change, FileAttribEvent):
            self._add(source, change.src_path, "as before")
        elif isinstance(change, FileCreatedEvent | FileModifiedEvent):
            self._add(source, change.src_path, "open")
        else:
            self._add(source, change.src_path, "closed")

    def _add(self, source: str, name: bytes | str, ending: Ending) -> None:
        path = os.fsencode(name)
        if self._ignores(source, path):
            return
        if os.path.islink(path) and os.path.isdir(path):
            self._lose("a link to a folder has appeared")
            return
        with self._lock:
            self._touched.add(source, path, ending)

    def _ignores(self, source: str, path: bytes) -> bool:
        """Is this no path of the source: hidden, or the library's own?"""
        below = os.path.relpath(path, self._roots[source]) if path else b"."
        hidden = below != b"." and any(part.startswith(b".") for part in below.split(b"/"))
        return not path or hidden or os.path.join(path, b"").startswith(self._exclude)

    def _lose(self, reason: str) -> None:
        with self._lock:
            self._touched.lose(reason)

    def _alive(self) -> bool:
        observer = self._observer
        return observer is not None and observer.is_alive() and all(each.is_alive() for each in observer.emitters)

    def _start(self) -> None:
        observer = self._observer = Observer()
        observer.start()
        for store in self._stores:
            folder = os.fsdecode(store.folder)
            try:
                observer.schedule(_Handler(self, store.source), folder, recursive=True, event_filter=_KINDS)
            except OSError as error:
                raise StoreError(
                    f"{store.source} cannot be watched: {error.strerror or error}",
                    Configure(
                        "give {} instead of {}, or raise the system's limit (on Linux fs.inotify.max_user_watches)",
                        ("every", "watch"),
                    ),
                ) from error

    def _stop(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(5)
            self._observer = None


class _Handler(FileSystemEventHandler):
    def __init__(self, watch: FolderWatch, source: str) -> None:
        self._watch = watch
        self._source = source

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._watch.seen(self._source, event)


class _Trouble(logging.Handler):
    """Hears what watchdog warns of, such as a queue of the kernel's that ran over: it tells of it in no other way."""

    def __init__(self, lose: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._lose = lose

    def emit(self, record: logging.LogRecord) -> None:
        self._lose(record.getMessage())
