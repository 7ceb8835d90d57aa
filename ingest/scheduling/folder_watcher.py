"""Watches folders, and says which files have changed and are complete."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote_to_bytes

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

from core.domain.image import ImageRef
from core.errors import StoreError
from core.errors.hints import Configure
from core.ports.image_store import Watchable
from ingest.telemetry.log_events import get_logger

_log = get_logger(__name__)

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

WriteState = Literal["open", "closed", "as before"]


@dataclass(slots=True)
class ChangedPaths:
    """Paths that have changed, and when each last did. Pure but for the clock it is given."""

    clock: Callable[[], float] = time.monotonic
    full_run_needed: bool = True
    _paths: dict[tuple[str, bytes], tuple[float, WriteState]] = field(default_factory=dict)

    def add(self, source: str, path: bytes, state: WriteState) -> None:
        """Record a change: a file was written to ("open"), or was closed, moved or deleted ("closed").

        "as before": it is as complete as it was, as when its rights were changed.
        """
        if self.full_run_needed:
            return
        if state == "as before":
            state = self._paths[source, path][1] if (source, path) in self._paths else "closed"
        self._paths[source, path] = self.clock(), state
        if len(self._paths) > _MOST_PATHS:
            self.require_full_run(f"over {_MOST_PATHS:,} files changed at once")

    def require_full_run(self, reason: str) -> None:
        """Give up the record: what has changed can no longer be said, and only a full run finds out."""
        if not self.full_run_needed:
            _log.info("watch_lost", reason=reason)
        self.full_run_needed = True
        self._paths.clear()

    def reset(self) -> None:
        """Begin anew with a full run, which sees all that has changed so far."""
        self.full_run_needed = False
        self._paths.clear()

    def take_settled(self) -> dict[str, list[bytes]]:
        """Take, by source, the paths that have been left alone for long enough to be complete.

        A folder is complete when all that is known to change below it is.
        """
        now = self.clock()
        ripe, busy = list[tuple[str, bytes]](), set[bytes]()
        for (source, path), (seen, state) in self._paths.items():
            if now - seen >= (_OPEN_SECONDS if state == "open" else _CLOSED_SECONDS):
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

    Whatever goes wrong with watching is answered by asking for a full run: `full_run_needed`.
    """

    def __init__(self, stores: Sequence[Watchable], exclude: Iterable[str]) -> None:
        self._stores = stores
        self._roots = {store.source: store.folder for store in stores}
        self._exclude = tuple(os.path.join(os.fsencode(os.path.realpath(folder)), b"") for folder in exclude)
        self._changed = ChangedPaths()
        self._lock = threading.Lock()
        self._observer: BaseObserver | None = None
        self._warning_handler = _WarningHandler(self._require_full_run)

    def __enter__(self) -> "FolderWatch":
        """Begin to watch. Raises StoreError where a folder cannot be watched at all."""
        logging.getLogger("watchdog").addHandler(self._warning_handler)
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("watchdog").removeHandler(self._warning_handler)
        self._stop()

    @property
    def full_run_needed(self) -> bool:
        """Whether only a full run will find out what has changed."""
        with self._lock:
            return self._changed.full_run_needed

    def begin_full_run(self) -> None:
        """Begin anew, before a full run lists anything. Raises StoreError where a folder cannot be watched."""
        with self._lock:
            self._changed.reset()
        if not self._alive():
            self._stop()
            self._start()

    def mark_failed(self) -> None:
        """Ask for a full run, because one failed: what it was to do is still to be done."""
        self._require_full_run("a run failed")

    def take_settled(self) -> dict[str, list[bytes]]:
        """Take, by source, the paths that have changed and are complete by now."""
        if not self._alive():
            self._require_full_run("a watched folder is gone")
        with self._lock:
            return self._changed.take_settled()

    def look_again(self, refs: Iterable[ImageRef]) -> None:
        """Take these files to have changed: they were still being written when they were read."""
        for ref in refs:
            with self._lock:
                self._changed.add(ref.source, unquote_to_bytes(ref.uri.removeprefix("file://")), "open")

    def handle_event(self, source: str, change: FileSystemEvent) -> None:
        """Record what the operating system says, in a thread of watchdog's."""
        if isinstance(change, DirDeletedEvent | DirMovedEvent):
            paths = (change.src_path, change.dest_path)
            if not all(self._ignores(source, os.fsencode(path)) for path in paths):
                self._require_full_run("a folder was deleted or moved")
        elif isinstance(change, FileMovedEvent):
            self._add(source, change.src_path, "closed")
            self._add(source, change.dest_path, "closed")
        elif isinstance(change, FileAttribEvent):
            self._add(source, change.src_path, "as before")
        elif isinstance(change, FileCreatedEvent | FileModifiedEvent):
            self._add(source, change.src_path, "open")
        else:
            self._add(source, change.src_path, "closed")

    def _add(self, source: str, name: bytes | str, state: WriteState) -> None:
        path = os.fsencode(name)
        if self._ignores(source, path):
            return
        if os.path.islink(path) and os.path.isdir(path):
            self._require_full_run("a link to a folder has appeared")
            return
        with self._lock:
            self._changed.add(source, path, state)

    def _ignores(self, source: str, path: bytes) -> bool:
        """Whether the path is none of the source's: hidden, or the library's own."""
        below = os.path.relpath(path, self._roots[source]) if path else b"."
        hidden = below != b"." and any(part.startswith(b".") for part in below.split(b"/"))
        return not path or hidden or os.path.join(path, b"").startswith(self._exclude)

    def _require_full_run(self, reason: str) -> None:
        with self._lock:
            self._changed.require_full_run(reason)

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
        self._watch.handle_event(self._source, event)


class _WarningHandler(logging.Handler):
    """Hears what watchdog warns of, such as a kernel queue that ran over: it says so in no other way."""

    def __init__(self, require_full_run: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._require_full_run = require_full_run

    def emit(self, record: logging.LogRecord) -> None:
        self._require_full_run(record.getMessage())
