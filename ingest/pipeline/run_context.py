"""What a run works with: the ports, and how much is done at once."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ImageRecord
from core.errors import LibraryBusy
from core.ports.decoder import Decoder
from core.ports.encoders import Captioner, Encoder
from core.ports.image_store import ImageStore
from core.ports.local_files import StateFile, ThumbnailStore
from core.ports.place_finder import PlaceFinder, UnknownPlaces
from core.ports.scrolling import PAGE_SIZE, scroll_pages
from core.ports.text_reader import TextReader
from core.ports.vector_index import VectorIndex
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.observer import NULL_OBSERVER, Observer

OPTIMIZE_EVERY = 200_000  # images

_BUSY_SECONDS = 60.0
_log = get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """How a run works.

    `batch_size` images are encoded at once; `readers` files are read or decoded at once.
    `caption_all`: the captioner captions those images too that people have captioned.
    `settle_seconds`: a picture that is not whole, and was written to so recently, is taken to be still under way.
    `recheck`: every image is read again, and only those that changed are encoded.
    `text`: what is written in the pictures is read.
    """

    batch_size: int = 32
    thumbnail_px: int = 448
    readers: int = 4
    captions: bool = True
    caption_all: bool = False
    retry_failed: bool = False
    confirm_deletes: bool = False
    settle_seconds: float = 0.0
    recheck: bool = False
    text: bool = False


@dataclass(frozen=True, slots=True)
class RunContext:
    """The ports of one run. Models are made when there is something for them to do.

    `unjudged` records that captions were written which have not been compared with each other yet.
    `places` loads its tables when the first picture says where it was taken.

    Setting `stop` ends the run within seconds; what the index has acknowledged stays.
    `run_interruptible` calls what may take minutes and may be cut off anywhere.
    """

    index: VectorIndex
    encoder: Callable[[], Encoder]
    captioner: Callable[[], Captioner]
    decoder: Decoder
    thumbnails: ThumbnailStore
    open_store: Callable[[str], ImageStore]
    options: Options = Options()
    places: PlaceFinder = field(default_factory=UnknownPlaces)
    stop: threading.Event = field(default_factory=threading.Event)
    observer: Observer = NULL_OBSERVER
    run_interruptible: Callable[[Callable[[], None]], None] = lambda call: call()
    text_reader: Callable[[], TextReader] | None = None
    unjudged: StateFile | None = None


def optimize_at_times(context: RunContext, before: int, now: int) -> None:
    """Have the approximate index grow within a long run, by so much that building it fits into memory.

    To be called when a run has written `now` images in all, and `before` when it was last called.
    """
    if before // OPTIMIZE_EVERY < now // OPTIMIZE_EVERY:
        context.run_interruptible(context.index.optimize)


def scroll_while_busy(
    index: VectorIndex, filter: Filter = EVERYTHING, *, after: str | None = None, page_size: int = PAGE_SIZE
) -> Iterator[list[ImageRecord]]:
    """Yield the pages of all that passes, as `scroll_pages` does, each read with `retry_while_busy`."""
    return scroll_pages(partial(retry_while_busy, index.scroll), filter, after=after, page_size=page_size)


def retry_while_busy(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call, and try again for a minute while a reader holds the library. Raises LibraryBusy after that."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return call(*args, **kwargs)
        except LibraryBusy:
            if time.monotonic() > deadline:
                raise
            _log.info("library_busy")
            time.sleep(0.1)
