"""Reads the pictures of indexed images once more, from their thumbnails or from their sources."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import chain, islice
from typing import Any, TypeVar

from core.domain.image import ImageRecord
from core.errors import ImageChanged, ImageError, ImageGone, ImageUnavailable, ImageWithheld, Notice, StoreError
from core.errors.hints import UpdateLibrary
from core.imaging.decode_request import Decoded, DecodeRequest, Pixels, PixelSpec
from core.ports.image_store import ImageStore, Remote
from ingest.pipeline.run_context import RunContext
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.report import Report

_log = get_logger(__name__)

T = TypeVar("T")

_EXAMPLES = 10
_TICK = 0.2  # seconds between two looks at whether to stop
_OTHER = "another picture is there now"

PixelsOrReason = Pixels | str
"""Pixels, or why there are none."""


class PictureReader:
    """Reads pictures, in several threads at once. Counts and reports those that cannot be read."""

    def __init__(self, context: RunContext, report: Report) -> None:
        self._context = context
        self._report = report
        self._stores: dict[str, ImageStore] = {}
        self._store_errors: dict[str, StoreError] = {}
        self._opening = threading.Lock()
        self._missed: list[str] = []

    def read_small(self, record: ImageRecord, spec: PixelSpec) -> PixelsOrReason:
        """Decode the thumbnail. Where it is missing or damaged, read the picture, and make the thumbnail again."""
        thumbnail = self._context.thumbnails.get(record.id)
        if thumbnail is not None:
            try:
                return _pixels(self._decode(thumbnail, DecodeRequest(spec)))
            except ImageError as error:
                _log.warning("thumbnail_unreadable", uri=record.uri, reason=str(error))
        return _pixels(self._read(record, DecodeRequest(spec, self._context.options.thumbnail_px)))

    def read_whole(self, record: ImageRecord, spec: PixelSpec) -> PixelsOrReason:
        """Read the picture. A thumbnail that is missing is made again."""
        missing = self._context.thumbnails.get(record.id) is None
        return _pixels(self._read(record, DecodeRequest(spec, self._context.options.thumbnail_px if missing else None)))

    def read_picture(self, record: ImageRecord, longest_px: int) -> Decoded | ImageError | str:
        """Read the whole picture, with so many pixels at most a side, and look whether it may hold text.

        Returns an ImageError where the picture is at fault, and otherwise why it cannot be had.
        """
        return self._load(record, DecodeRequest(text_look=True, picture=longest_px))

    def remake_thumbnail(self, record: ImageRecord) -> str | None:
        """Make the thumbnail from the picture. Return why it cannot be made, or None."""
        decoded = self._read(record, DecodeRequest(thumbnail=self._context.options.thumbnail_px))
        return decoded if isinstance(decoded, str) else None

    def get_store_error(self, source: str) -> StoreError | None:
        """Return what keeps the source as a whole from being read, or None where that has not been seen."""
        return self._store_errors.get(source)

    def record_missed(self, record: ImageRecord, reason: str) -> None:
        """Count and log a picture that cannot be had for its caption."""
        _log.warning("no_caption", uri=record.uri, reason=reason)
        self._report.uncaptioned += 1
        if len(self._missed) < _EXAMPLES:
            self._missed.append(f"  {record.uri}: {reason}")

    def report_missed(self) -> None:
        """Put what was missed into the report's notices."""
        if self._missed:
            count = self._report.uncaptioned
            more = f"\n  … {count - len(self._missed):,} more" if count > len(self._missed) else ""
            self._report.notices.append(
                Notice(
                    f"{count:,} images could not be captioned, because their pictures cannot be had:\n"
                    + "\n".join(self._missed)
                    + more,
                    UpdateLibrary(),
                )
            )

    def stop(self) -> None:
        """End what waits for decoders and stores."""
        self._context.decoder.close()
        for store in list(self._stores.values()):
            if isinstance(store, Remote):
                store.stop()

    def _read(self, record: ImageRecord, request: DecodeRequest) -> Decoded | str:
        """Read as `_load` does, and return any reason as text."""
        loaded = self._load(record, request)
        return str(loaded) if isinstance(loaded, ImageError) else loaded

    def _load(self, record: ImageRecord, request: DecodeRequest) -> Decoded | ImageError | str:
        """Read the very picture that is indexed, and store its thumbnail. Return why it cannot be had otherwise."""
        if trouble := self._store_errors.get(record.source):
            return str(trouble)
        try:
            data = self._store(record.source).read(record.ref)
            decoded = self._decode(data, replace(request, name=record.ref.name))
        except ImageChanged:
            return _OTHER
        except (ImageGone, ImageWithheld, ImageUnavailable) as error:
            return str(error)
        except ImageError as error:
            return error
        except StoreError as error:
            self._store_errors[record.source] = error
            return str(error)
        if record.content_hash not in (None, decoded.content_hash):
            return _OTHER
        if decoded.thumbnail is not None:
            self._context.thumbnails.put(record.id, decoded.thumbnail)
        return decoded

    def _decode(self, data: bytes, request: DecodeRequest) -> Decoded:
        return self._context.decoder.submit(data, request).result()

    def _store(self, source: str) -> ImageStore:
        with self._opening:
            if source not in self._stores:
                self._stores[source] = self._context.open_store(source)
            return self._stores[source]


def wait_until_done(work: Iterable["Future[Any]"], stop: threading.Event) -> bool:
    """Wait until all of it is done, or `stop`. Return whether it is done."""
    left = set(work)
    while left and not stop.is_set():
        left = wait(left, timeout=_TICK).not_done
    return not left


def _pixels(decoded: Decoded | str) -> PixelsOrReason:
    if isinstance(decoded, str):
        return decoded
    assert decoded.pixels is not None
    return decoded.pixels


def read_ahead(
    context: RunContext,
    readers: ThreadPoolExecutor,
    pages: Iterable[Sequence[ImageRecord]],
    read: Callable[[ImageRecord], T],
    *,
    size: int,
    most: int,
) -> Iterator[list[tuple[ImageRecord, T]]]:
    """Yield batches of `size` records with what `read` gives of each, of which up to `most` are read ahead.

    Ends early where the run is to stop.
    """
    ahead: deque[tuple[ImageRecord, Future[T]]] = deque()
    records = chain.from_iterable(pages)
    while True:
        for record in islice(records, most - len(ahead)):
            ahead.append((record, readers.submit(read, record)))
        if not ahead:
            return
        head = [ahead.popleft() for _ in range(min(size, len(ahead)))]
        if not wait_until_done((future for _, future in head), context.stop):
            return
        yield [(record, future.result()) for record, future in head]
