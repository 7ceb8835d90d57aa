"""The pictures of indexed images once more: from their thumbnails, or from where they are."""

import logging
import threading
from collections.abc import Iterable
from concurrent.futures import Future, wait
from typing import Any

from core.domain.image import ImageRecord
from core.errors import ImageChanged, ImageError, ImageGone, ImageUnavailable, ImageWithheld, Notice, StoreError
from core.errors.hints import UpdateLibrary
from core.imaging.decoder import Decoded, DecodeRequest, Pixels, PixelSpec
from core.ports.image_store import ImageStore, Remote
from ingest.pipeline.run_context import Parts
from ingest.telemetry.report import Report

_log = logging.getLogger(__name__)

_EXAMPLES = 10
_TICK = 0.2  # seconds between two looks at whether to stop
_OTHER = "another picture is there now"

Shown = Pixels | str
"""Pixels, or why there are none."""


class Pictures:
    """Shows pictures, in several threads at once; counts and reports those that cannot be shown."""

    def __init__(self, parts: Parts, report: Report) -> None:
        self._parts = parts
        self._report = report
        self._stores: dict[str, ImageStore] = {}
        self._broken: dict[str, StoreError] = {}
        self._opening = threading.Lock()
        self._missed: list[str] = []

    def small(self, record: ImageRecord, spec: PixelSpec) -> Shown:
        """From the thumbnail, or where that is missing or damaged from the picture, whose thumbnail is made again."""
        thumbnail = self._parts.thumbnails.get(record.id)
        if thumbnail is not None:
            try:
                return _pixels(self._decode(thumbnail, DecodeRequest(spec)))
            except ImageError as error:
                _log.warning("thumbnail of %s: %s", record.uri, error)
        return _pixels(self._read(record, DecodeRequest(spec, self._parts.options.thumbnail_px)))

    def whole(self, record: ImageRecord, spec: PixelSpec) -> Shown:
        """From the picture; a thumbnail that is missing is made again."""
        missing = self._parts.thumbnails.get(record.id) is None
        return _pixels(self._read(record, DecodeRequest(spec, self._parts.options.thumbnail_px if missing else None)))

    def thumbnail(self, record: ImageRecord) -> str | None:
        """Make the thumbnail from the picture. Returns why it cannot be made, or None."""
        decoded = self._read(record, DecodeRequest(thumbnail=self._parts.options.thumbnail_px))
        return decoded if isinstance(decoded, str) else None

    def broken(self, source: str) -> StoreError | None:
        """Return what keeps the source as a whole from being read; None where nothing has shown yet."""
        return self._broken.get(source)

    def missed(self, record: ImageRecord, reason: str) -> None:
        _log.warning("no caption for %s: %s", record.uri, reason)
        self._report.uncaptioned += 1
        if len(self._missed) < _EXAMPLES:
            self._missed.append(f"  {record.uri}: {reason}")

    def tell(self) -> None:
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
        self._parts.decoder.close()
        for store in list(self._stores.values()):
            if isinstance(store, Remote):
                store.stop()

    def _read(self, record: ImageRecord, request: DecodeRequest) -> Decoded | str:
        """The very picture that is indexed, its thumbnail put away; or why there is none."""
        if trouble := self._broken.get(record.source):
            return str(trouble)
        try:
            data = self._store(record.source).read(record.ref)
            decoded = self._decode(data, request)
        except ImageChanged:
            return _OTHER
        except (ImageGone, ImageWithheld, ImageUnavailable, ImageError) as error:
            return str(error)
        except StoreError as error:
            self._broken[record.source] = error
            return str(error)
        if record.content_hash not in (None, decoded.content_hash):
            return _OTHER
        if decoded.thumbnail is not None:
            self._parts.thumbnails.put(record.id, decoded.thumbnail)
        return decoded

    def _decode(self, data: bytes, request: DecodeRequest) -> Decoded:
        return self._parts.decoder.submit(data, request).result()

    def _store(self, source: str) -> ImageStore:
        with self._opening:
            if source not in self._stores:
                self._stores[source] = self._parts.open_store(source)
            return self._stores[source]


def finished(work: Iterable["Future[Any]"], stop: threading.Event) -> bool:
    """Wait until all of it is done, or `stop`."""
    left = set(work)
    while left and not stop.is_set():
        left = wait(left, timeout=_TICK).not_done
    return not left


def _pixels(decoded: Decoded | str) -> Shown:
    if isinstance(decoded, str):
        return decoded
    assert decoded.pixels is not None
    return decoded.pixels
