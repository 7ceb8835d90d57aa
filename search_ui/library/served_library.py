"""The library of a serving process, shared by all its sessions and threads."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar

from core.answering.service import AnswerService
from core.availability.failover import Failover
from core.availability.recall_monitor import RecallMeter
from core.availability.resilient_search import ResilientSearch, Searcher
from core.bootstrap import Container
from core.domain.filtering.filters import FAILED, INDEXED
from core.domain.image import ImageRecord
from core.errors import (
    BucketLensError,
    LibraryBusy,
    LibraryError,
    LibraryMissing,
    LibraryUnreachable,
    MirrorMissing,
    ModelUnavailable,
)
from core.imaging.decode_request import DecodeRequest
from core.ports.decoder import Decoder
from core.ports.encoders import Encoder
from core.ports.vector_index import SearchableIndex, VectorIndex
from core.search.service import SearchService
from core.settings import Settings
from search_ui.library.duplicate_scan import DuplicateSearch
from search_ui.library.renderings import LONGER_PX, Renderings
from search_ui.library.uploads import Upload, UploadCache

log = logging.getLogger(__name__)

T = TypeVar("T")

ModelState = Literal["asleep", "loading", "ready", "failed"]

_PREVIEW = 320
_STORE_PATIENCE = 5.0  # seconds that somebody who looks waits for a store that does not answer
_OUTLINE_LASTS = 10.0  # seconds
_EMPTY_LASTS = 1.0
_WORDS_OFFERED = 300


@dataclass(frozen=True, slots=True)
class Outline:
    """A summary of the library for the page; `words` are its commonest caption words."""

    images: int
    failed: int
    words: tuple[str, ...]


class ServedLibrary:
    """One container for many threads: each adapter is made once, and the model is loaded in the background.

    `load_model` starts loading, `model` says how far it is, and `preparing` what else is done meanwhile. A missing
    library is looked for at every use. So an open page finds it once the first ingest begins.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._making = threading.Lock()
        self._encoding = threading.Lock()
        self._loading = threading.Lock()
        self._model: ModelState = "asleep"
        self._model_error: BucketLensError | None = None
        self._outline: tuple[float, Outline] | None = None
        self.preparing: str | None = None
        container.announce = self._announce
        self.uploads = UploadCache()
        self.renderings = Renderings(self._render)
        self.duplicates = DuplicateSearch(lambda: self.searched, self.thumbnail)

    @property
    def settings(self) -> Settings:
        """The settings of the library."""
        return self._container.settings

    @property
    def index(self) -> VectorIndex:
        """The index. Raises LibraryMissing, LibraryBusy."""
        with self._making:
            return self._container.index

    @property
    def searched(self) -> SearchableIndex:
        """The index, or offline its mirror. Raises LibraryMissing, LibraryBusy."""
        with self._making:
            return self._container.searched

    @property
    def model(self) -> ModelState:
        """The state of the model: asleep, loading, ready or failed."""
        return self._model

    @property
    def model_error(self) -> BucketLensError | None:
        """Why the model is `failed`, else None."""
        return self._model_error

    @cached_property
    def service(self) -> Searcher:
        """The search service. Its `search` raises what kept the model from loading."""
        return ResilientSearch(
            self.failover,
            lambda index: SearchService(
                index,
                self._encoder,
                self._decoder,
                self.settings.ranking.weights,
                self._container.bank,
                self._container.calibration,
            ),
            exact=self.settings.search.exact,
            meter=self.recall,
        )

    @cached_property
    def answers(self) -> AnswerService:
        """What puts questions to pictures. Its model is loaded by the first question."""
        with self._making:
            return self._container.answering(
                lambda: self._container.answerer, self._decoder, self._container.sources.open
            )

    @cached_property
    def recall(self) -> RecallMeter:
        """The meter of recall: the share of an exact search's matches that searches find."""
        return self._container.recall_meter(lambda: self.index, self.failover.find_mirror)

    @cached_property
    def failover(self) -> Failover:
        """The failover from the index to its mirror."""
        return self._container.failing_over(lambda: self.index)

    def ask(self, work: Callable[[SearchableIndex], T]) -> T:
        """Call `work` with the index, or with its mirror where the index does not answer. Raises LibraryError."""
        return self.failover.ask(work)[0]

    def load_model(self) -> None:
        """Start loading the library's model unless that has begun, and return at once."""
        with self._loading:
            if self._model != "asleep":
                return
            self._model, self._model_error = "loading", None
        threading.Thread(target=self._load_model, name="load-model", daemon=True).start()

    def load_model_again(self) -> None:
        """Start loading as `load_model` does, even after a failure."""
        with self._loading:
            if self._model == "failed":
                self._model = "asleep"
        self.load_model()

    def outline(self) -> Outline:
        """Return the outline, at most ten seconds old, or older while the library is busy.

        Raises LibraryMissing, LibraryBusy.
        """
        if self._outline is not None:
            made, outline = self._outline
            if time.monotonic() - made < (_OUTLINE_LASTS if outline.images else _EMPTY_LASTS):
                return outline
        try:
            outline = self.ask(_make_outline)
        except LibraryBusy:
            if self._outline is None:
                raise
            return self._outline[1]
        self._outline = (time.monotonic(), outline)
        return outline

    def thumbnail(self, image_id: str) -> bytes | None:
        """Read the JPEG thumbnail of an image; return None where there is none."""
        with self._making:
            thumbnails = self._container.thumbnails
        return thumbnails.get(image_id)

    def read_original(self, record: ImageRecord) -> bytes:
        """Read the bytes of an indexed image from its source. Raises StoreError."""
        return self._container.sources.open(record.source, patience_s=_STORE_PATIENCE).read(record.ref)

    def add_upload(self, data: bytes) -> Upload:
        """Keep an uploaded picture under a name that a link can carry. Raises ImageError."""
        preview = self._decoder().submit(data, DecodeRequest(thumbnail=_PREVIEW)).result().thumbnail
        assert preview is not None
        return self.uploads.add(data, preview)

    def _render(self, data: bytes, name: str) -> bytes:
        jpeg = self._decoder().submit(data, DecodeRequest(thumbnail=LONGER_PX, name=name)).result().thumbnail
        assert jpeg is not None
        return jpeg

    def close(self) -> None:
        """Stop what runs in the background, and close the index and its mirror."""
        self.duplicates.stop()
        self.recall.close()
        self.failover.close()
        self._container.close()

    def _encoder(self) -> Encoder:
        if self._model_error is not None:
            raise self._model_error
        try:
            _ = self.searched  # before the long lock, so that nobody waits for the model to read the index
        except LibraryError:
            if not self._container.mirrors.exists():
                raise
        with self._encoding:
            return self._container.encoder

    def _decoder(self) -> Decoder:
        with self._making:
            return self._container.decoder

    def _load_model(self) -> None:
        self.failover.warm()
        try:
            self._container.bank(self._encoder())
            self.preparing = None
        except (LibraryMissing, LibraryBusy, LibraryUnreachable, MirrorMissing):
            self._model = "asleep"
        except BucketLensError as error:
            log.warning("model not loaded: %s", error)
            self._model, self._model_error = "failed", error
        except Exception as error:
            log.exception("model not loaded")
            self._model, self._model_error = "failed", ModelUnavailable("of this library", repr(error))
        else:
            self._model = "ready"
            self._calibrate()

    def _announce(self, work: str) -> None:
        log.info("%s", work)
        self.preparing = work

    def _calibrate(self) -> None:
        """Measure the library for strengths. Until that succeeds, searches use a sample of the library."""
        self._container.keep_text_tower()
        try:
            self._container.calibration.renew(self.searched, lambda: self._container.bank(self._encoder()))
        except BucketLensError as error:
            log.info("library not measured: %s", error)


def _make_outline(index: SearchableIndex) -> Outline:
    words = tuple(word for word, _ in index.facet("words", INDEXED, limit=_WORDS_OFFERED))
    return Outline(index.count(INDEXED), index.count(FAILED), words)
