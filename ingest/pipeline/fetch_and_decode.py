"""One image from its source to model input: read, hash, decode, store the thumbnail."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from core.domain.image import ImageRecord, ImageRef
from core.domain.metadata import PictureMetadata
from core.domain.sidecars import carry_companions, mark_unread
from core.errors import (
    ImageChanged,
    ImageError,
    ImageGone,
    ImageUnavailable,
    ImageUnchanged,
    ImageWithheld,
    LinkDead,
)
from core.imaging.decode_request import Decoded, DecodeRequest, Sidecar
from core.ports.decoder import Decoder
from core.ports.image_store import Accompanied, Conditional, Fetched, ImageStore
from core.ports.local_files import ThumbnailStore
from ingest.pipeline.plan import Step, has_center_crop_only
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.observer import NULL_OBSERVER, Observer, time_stage

_log = get_logger(__name__)

_MAX_BYTES_IN_MEMORY = 128 * 2**20
_CHANGES_FOLLOWED = 4
_UNKNOWN_BYTES = 8 * 2**20  # counted for an image whose listing does not know its size


@dataclass(frozen=True, slots=True)
class Ready:
    """Decoded, and its thumbnail stored: only its vector is missing."""

    step: Step
    decoded: Decoded


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The bytes are those that are indexed. `metadata` is what they, and the sidecars, say now; None: not read."""

    step: Step
    metadata: PictureMetadata | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Cannot be indexed.

    `transient`: it could not be read at all, which may be over by the next run.
    `keep_indexed`: what is indexed of it stays, if there is anything.
    `unsettled`: it is not whole, and still being written.
    """

    step: Step
    reason: str
    content_hash: str | None = None
    transient: bool = False
    keep_indexed: bool = False
    unsettled: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """Deleted since it was listed."""

    step: Step


@dataclass(frozen=True, slots=True)
class CaptionsChanged:
    """Nothing to read: only the captions of its listing differ from those on record."""

    step: Step


@dataclass(frozen=True, slots=True)
class Archived:
    """There, but kept where it cannot be read."""

    step: Step
    reason: str


FetchResult = Ready | Unchanged | CaptionsChanged | Failed | Gone | Archived


class ImageLoader:
    """Loads images of one store, in several threads; bounds the encoded bytes that they hold at once.

    `refresh`: what an image says of itself is read again where neither its bytes nor its etag have changed.
    `unread_sidecars` are those that could not be read, with their reasons.
    """

    def __init__(
        self,
        store: ImageStore,
        decoder: Decoder,
        thumbnails: ThumbnailStore,
        request: DecodeRequest,
        observer: Observer = NULL_OBSERVER,
        *,
        settle_seconds: float = 0.0,
        refresh: bool = False,
    ) -> None:
        self._settle_seconds = settle_seconds
        self._store = store
        self._decoder = decoder
        self._thumbnails = thumbnails
        self._request = request
        self._observer = observer
        self._budget = _ByteBudget(_MAX_BYTES_IN_MEMORY)
        self._refresh = refresh
        self.unread_sidecars: list[str] = []

    def load(self, step: Step) -> FetchResult:
        """Load the image of a step as it is when its bytes are read; the step of the result refers to that."""
        if step.kind == "reword":
            return CaptionsChanged(step)
        if step.kind == "relink":
            return Unchanged(step)
        for _ in range(_CHANGES_FOLLOWED):
            try:
                return _forgive_repetition(self._load(step))
            except ImageChanged as error:
                step = replace(step, ref=carry_companions(step.ref, error.ref))
        return Failed(
            step,
            "changes again and again while it is read; the next run tries again",
            transient=True,
            keep_indexed=True,
        )

    def _load(self, step: Step) -> FetchResult:
        with self._budget.hold(step.ref.bytes or _UNKNOWN_BYTES):
            try:
                with time_stage(self._observer, "read"):
                    fetched = self._fetch(step)
            except ImageUnchanged:
                return Unchanged(step if step.known is None else replace(step, ref=_keep_ref(step.ref, step.known)))
            except ImageGone:
                return Gone(step)
            except ImageWithheld as error:
                return Archived(step, str(error))
            except ImageUnavailable as error:
                return Failed(step, str(error), transient=True, keep_indexed=True)
            except LinkDead as error:
                return Failed(step, str(error), keep_indexed=True)
            except ImageError as error:
                return Failed(step, str(error), keep_indexed=_has_center_crop_only(step))
            data = fetched.data
            sidecars, ref = self._read_sidecars(fetched.ref)
            step = replace(step, ref=ref)
            content_hash = hashlib.sha256(data).hexdigest()
            request = replace(self._request, name=ref.name, sidecars=sidecars, content_hash=content_hash)
            known = step.known
            same = known is not None and known.status == "indexed" and known.content_hash == content_hash
            if same and not _has_center_crop_only(step):
                fresh = self._refresh or (known is not None and known.etag != ref.etag)
                return Unchanged(step, self._read_metadata(data, request) if fresh else None)
            try:
                with time_stage(self._observer, "decode"):
                    decoded = self._decoder.submit(data, request).result()
            except ImageError as error:
                return Failed(step, str(error), content_hash, keep_indexed=same)
        if decoded.incomplete is not None and self._is_under_way(step):
            reason = "is not whole, and was written to a moment ago; it is read again when it is left alone"
            return Failed(step, reason, transient=True, keep_indexed=True, unsettled=True)
        assert decoded.thumbnail is not None
        self._thumbnails.put(step.id, decoded.thumbnail)
        return Ready(step, replace(decoded, thumbnail=None))

    def _is_under_way(self, step: Step) -> bool:
        """Tell whether the file of a folder was written to within the last seconds, as it is now."""
        if not self._settle_seconds or not step.ref.uri.startswith("file://"):
            return False
        try:
            modified = os.stat(unquote_to_bytes(step.ref.uri.removeprefix("file://"))).st_mtime
        except OSError:
            return False
        return abs(time.time() - modified) < self._settle_seconds

    def _read_metadata(self, data: bytes, request: DecodeRequest) -> PictureMetadata | None:
        """Read what an indexed picture says of itself; None where it cannot be decoded any more."""
        try:
            with time_stage(self._observer, "decode"):
                bare = replace(request, pixels=None, thumbnail=None, text_look=False)
                return self._decoder.submit(data, bare).result().metadata
        except ImageError:
            return None

    def _read_sidecars(self, ref: ImageRef) -> tuple[tuple[Sidecar, ...], ImageRef]:
        """Read the sidecars of an image. One that cannot be read costs itself alone.

        Where another run may be able to read it, the image that is returned has an etag with which it will be tried.
        """
        read: list[Sidecar] = []
        if not isinstance(self._store, Accompanied):
            return (), ref
        for key in ref.sidecars:
            try:
                with time_stage(self._observer, "read"):
                    data = self._store.read_sidecar(ref, key)
            except ImageGone:
                continue
            except (ImageError, ImageWithheld, ImageUnavailable) as error:
                _log.warning("sidecar_not_read", key=key, reason=str(error))
                self.unread_sidecars.append(f"{key}: {error}")
                if isinstance(error, ImageUnavailable):
                    ref = mark_unread(ref)
                continue
            read.append(Sidecar(key.rsplit("/", 1)[-1], data))
        return tuple(read), ref

    def _fetch(self, step: Step) -> Fetched:
        if not isinstance(self._store, Conditional):
            return Fetched(step.ref, self._store.read(step.ref))
        known = step.known
        unless = known is not None and known.status == "indexed" and not has_center_crop_only(known)
        return self._store.fetch(step.ref, known.etag if known is not None and unless else "")


def _forgive_repetition(result: FetchResult) -> FetchResult:
    """Leave a failed image as it is that was rechecked, and fails as it did."""
    if isinstance(result, Failed) and result.step.kind == "recheck" and not result.transient:
        known = result.step.known
        if known is not None and (known.status, known.error) == ("failed", result.reason):
            return Unchanged(result.step)
    return result


def _keep_ref(listed: ImageRef, known: ImageRecord) -> ImageRef:
    """Return the image as it is on record, with the pair and the captions that are listed now."""
    return replace(known.ref, pair=listed.pair, captions=listed.captions)


def _has_center_crop_only(step: Step) -> bool:
    return step.known is not None and has_center_crop_only(step.known)


class _ByteBudget:
    """A semaphore over bytes. One image over the whole budget passes when it is alone."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, count: int) -> Iterator[None]:
        share = min(count, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= share)
            self._free -= share
        try:
            yield
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()
