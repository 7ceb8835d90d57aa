"""The second pass: captions what has no caption, from the thumbnails."""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np

from core.errors import ImageError, ModelUnavailable, StoreError
from core.images import Decoded, DecodeRequest, Pixels, PixelSpec
from core.ports import Captioner, CaptionUpdate, Encoder, ImageStore
from core.query import UNCAPTIONED
from core.records import ImageRecord
from ingest.observer import timed
from ingest.parts import Parts, patiently
from ingest.report import Progress, Report

_log = logging.getLogger(__name__)

_PAGE = 1000
_BATCHES_AHEAD = 3


class CaptionPass:
    """Captions images in the order of their ids; each batch is on record before the next is begun."""

    def __init__(self, parts: Parts, report: Report) -> None:
        self._parts = parts
        self._report = report
        self._stores: dict[str, ImageStore] = {}

    def run(self) -> Iterator[Progress]:
        """A captioner that cannot be loaded becomes a notice: images are found without captions too."""
        total = patiently(self._parts.index.count, UNCAPTIONED)
        if not total or self._parts.stop.is_set():
            return
        try:
            captioner = self._parts.captioner()
        except ModelUnavailable as error:
            self._report.notices.append(f"{total:,} images have no caption yet: {error}")
            return
        encoder = self._parts.encoder()
        done = 0
        yield Progress("captions", done, total, self._report)
        with ThreadPoolExecutor(self._parts.options.readers, "captions") as readers:
            try:
                for batch in self._batches(readers, captioner.pixels):
                    self._caption(captioner, encoder, batch)
                    done += len(batch)
                    yield Progress("captions", done, total, self._report)
                    if self._parts.stop.is_set():
                        return
            finally:
                if self._parts.stop.is_set():
                    self._parts.decoder.close()
                readers.shutdown(wait=False, cancel_futures=True)

    def _batches(
        self, readers: ThreadPoolExecutor, spec: PixelSpec
    ) -> Iterator[list[tuple[ImageRecord, Pixels | None]]]:
        """Records with their pixels, decoded a few batches ahead; None where there is no picture to be had."""
        size = self._parts.options.batch_size
        ahead: deque[tuple[ImageRecord, Future[Pixels | None]]] = deque()
        records = self._pending()
        while True:
            for record in islice(records, _BATCHES_AHEAD * size - len(ahead)):
                ahead.append((record, readers.submit(self._pixels, record, spec)))
            if not ahead:
                return
            head = [ahead.popleft() for _ in range(min(size, len(ahead)))]
            yield [(record, future.result()) for record, future in head]

    def _pending(self) -> Iterator[ImageRecord]:
        after: str | None = None
        while page := patiently(self._parts.index.scroll, UNCAPTIONED, after=after, limit=_PAGE):
            yield from page
            after = page[-1].id

    def _pixels(self, record: ImageRecord, spec: PixelSpec) -> Pixels | None:
        """From the thumbnail, or where that is missing or damaged from the picture, whose thumbnail is made again."""
        thumbnail = self._parts.thumbnails.get(record.id)
        if thumbnail is not None:
            try:
                return self._decode(thumbnail, DecodeRequest(spec)).pixels
            except ImageError as error:
                _log.warning("thumbnail of %s: %s", record.uri, error)
        try:
            data = self._store(record.source).read(record.ref)
            decoded = self._decode(data, DecodeRequest(spec, self._parts.options.thumbnail_px))
        except (ImageError, StoreError) as error:
            _log.warning("no caption for %s: %s", record.uri, error)
            return None
        if decoded.thumbnail is not None:
            self._parts.thumbnails.put(record.id, decoded.thumbnail)
        return decoded.pixels

    def _decode(self, data: bytes, request: DecodeRequest) -> Decoded:
        return self._parts.decoder.submit(data, request).result()

    def _store(self, source: str) -> ImageStore:
        if source not in self._stores:
            self._stores[source] = self._parts.open_store(source)
        return self._stores[source]

    def _caption(self, captioner: Captioner, encoder: Encoder, batch: list[tuple[ImageRecord, Pixels | None]]) -> None:
        """Write the captions of a batch. An empty caption is one too, so that it does not stay pending for ever."""
        shown = [(record, pixels) for record, pixels in batch if pixels is not None]
        if not shown:
            return
        with timed(self._parts.observer, "caption"):
            captions = captioner.caption(np.stack([pixels for _, pixels in shown]))
        spoken = [text for text in captions if text]
        vectors = iter(encoder.encode_texts(spoken).vectors if spoken else ())
        images = patiently(self._parts.index.vectors, [record.id for record, _ in shown])
        updates = []
        for (record, _), text in zip(shown, captions, strict=True):
            vector = next(vectors) if text else None
            image = images.get(record.id)
            score = None if vector is None or image is None else float(vector @ image)
            updates.append(CaptionUpdate(record.id, text, "generated", captioner.fingerprint, score, vector))
        patiently(self._parts.index.set_captions, updates)
        self._report.captioned += len(updates)
