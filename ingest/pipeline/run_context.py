"""What a run works with: ports, and how much of what at once."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

from core.domain.filters import EVERYTHING, Filter
from core.domain.image import ImageRecord
from core.errors import LibraryBusy
from core.ports.decoder import Decoder
from core.ports.encoders import Captioner, Encoder
from core.ports.image_store import ImageStore
from core.ports.local_files import ThumbnailStore
from core.ports.scrolling import PAGE_SIZE, scroll_pages
from core.ports.vector_index import VectorIndex
from ingest.telemetry.observer import SILENT, Observer

_BUSY_SECONDS = 60.0
_log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """`batch_size` images are encoded at once; `readers` files are read or decoded at once.

    `caption_all`: the captioner captions those images too that people have captioned.
    """

    batch_size: int = 32
    thumbnail_px: int = 448
    readers: int = 4
    captions: bool = True
    caption_all: bool = False
    retry_failed: bool = False
    confirm_deletes: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """The ports of one run. Encoder and captioner are made when there is something for them to do.

    Setting `stop` ends the run within seconds; what the index has acknowledged stays. `at_once` calls what may take
    minutes and may be cut off anywhere.
    """

    index: VectorIndex
    encoder: Callable[[], Encoder]
    captioner: Callable[[], Captioner]
    decoder: Decoder
    thumbnails: ThumbnailStore
    open_store: Callable[[str], ImageStore]
    options: Options = Options()
    stop: threading.Event = field(default_factory=threading.Event)
    observer: Observer = SILENT
    at_once: Callable[[Callable[[], None]], None] = lambda call: call()


def patient_pages(
    index: VectorIndex, filter: Filter = EVERYTHING, *, after: str | None = None, page_size: int = PAGE_SIZE
) -> Iterator[list[ImageRecord]]:
    """Yield the pages of all that passes, as `scroll_pages` does, each read patiently."""
    return scroll_pages(partial(patiently, index.scroll), filter, after=after, page_size=page_size)


def patiently(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `call` returns, tried again for a minute while a reader holds the library."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return call(*args, **kwargs)
        except LibraryBusy:
            if time.monotonic() > deadline:
                raise
            _log.info("the library is in use by a reader; trying again")
            time.sleep(0.1)
