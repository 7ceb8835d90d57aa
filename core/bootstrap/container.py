"""The container of one process's adapters, made from the settings and shared."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from core.bootstrap import factories
from core.bootstrap.data_folder import DataFolder
from core.bootstrap.lazy import Lazy
from core.bootstrap.sources import Sources
from core.domain.vectors import Matrix
from core.errors import LibraryError, LibraryMissing, ModelMismatch
from core.ports.decoder import Decoder
from core.ports.encoders import Answerer, Captioner, Encoder, Tunable
from core.ports.image_store import ImageStore
from core.ports.local_files import ThumbnailStore
from core.ports.mirror import Mirror
from core.ports.place_finder import PlaceFinder
from core.ports.text_reader import TextReader
from core.ports.vector_index import IndexInfo, IndexVersions, SearchableIndex, VectorIndex
from core.search.relevance_scale import Calibration
from core.settings import DEFAULT_MODEL, Settings

if TYPE_CHECKING:
    from core.adapters.faiss_mirror.lifecycle import Mirrors
    from core.adapters.models.prompt_cache import PromptCache
    from core.adapters.qdrant_server.client import Server
    from core.adapters.qdrant_server.lease import Lease
    from core.answering.service import AnswerService
    from core.availability.failover import Failover
    from core.availability.recall_monitor import RecallMeter
    from core.availability.resilient_search import Searcher


_log = logging.getLogger(__name__)

PREPARING = "preparing this library for searches by words; that is done once, and takes a moment"


class Container:
    """The adapters of one process, each made at its first use and shared from then on; `close` releases all.

    `announce` is told of work that somebody who waits should know of; by default it goes into the log.
    """

    def __init__(self, settings: Settings, *, version: str | None = None, encoder: Encoder | None = None) -> None:
        """Prepare the adapters, without making any.

        `version` names an index of the library, by default the one in use. `encoder` is one that is loaded already.
        """
        self.settings = settings
        self.announce: Callable[[str], None] = _log.info
        self.sources = Sources(settings)
        self.files = DataFolder(settings.data)
        self._version = version
        self._writes = False
        self._stop_waiting: threading.Event | None = None
        self._lease: Lease | None = None
        self._index = Lazy(self._open_index)
        self._encoder = Lazy(self._load_encoder, encoder)
        self._answerer = Lazy(lambda: factories.load_answerer(settings))
        self._decoder = Lazy(lambda: factories.decode_workers(settings))
        self._mirror = Lazy(lambda: self.mirrors.open())
        self._failover = Lazy(lambda: self.failing_over(self._index.get))

    def write(self, until: threading.Event | None = None) -> None:
        """Allow writing from now on, with the key for it and more patience with a server that is down.

        Setting `until` ends the waiting for the server.
        """
        if not self._writes:
            self.let_go()
        self._writes = True
        self._stop_waiting = until or self._stop_waiting

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Be the only one who writes a library on a server, while this is entered; one in a folder has locks.

        Raises LibraryLeased where another process writes it, at once or before a later write.
        """
        if self.settings.qdrant.url is None:
            yield
            return
        lease = factories.server_lease(self.settings.qdrant, self._stop_waiting)
        lease.acquire()
        self._lease = lease
        try:
            yield
        finally:
            self._lease = None
            lease.release()

    @cached_property
    def index_versions(self) -> IndexVersions:
        """The library's indexes, one for every model that it was made for."""
        if self.settings.qdrant.url is None:
            return factories.folder_library(self.settings.data, self._patience)
        return factories.server_library(self.settings.qdrant, self._connect)

    @property
    def index(self) -> VectorIndex:
        """The existing library's index. Raises LibraryMissing."""
        return self._index.get()

    @property
    def searched(self) -> SearchableIndex:
        """The index that is searched: the existing library's, or offline its mirror. Raises LibraryMissing."""
        return self.mirror if self.settings.offline else self.index

    def create_index(self, info: IndexInfo | None = None) -> VectorIndex:
        """Open the existing library, or create one for this model, by default for the encoder of the settings.

        Raises ModelMismatch.
        """
        self.write()
        try:
            _ = self.index
        except LibraryMissing:
            self.index_versions.create(info or _info_of(self.encoder))
            self.files.last_run.forget()
            self.files.recaption_checkpoint.delete()
            self.files.text_checkpoint.delete()
            self.files.unjudged_captions.delete()
        if self._encoder.is_made and self.encoder.fingerprint != self.index.info.fingerprint:
            self._encoder.take()  # that of the library which was here before this one
        return self.index

    def at_version(self, name: str, *, mirrored: bool = False) -> "Container":
        """Return a container for the same library with this index, whichever is in use, and with its model.

        `mirrored` says that it is the one in use, so that the mirror is its copy.
        """
        return Container(self._settings_of_version(mirrored=mirrored), version=name)

    def beside(self, model: str) -> "Container":
        """Return a container for the same library with the index for this model, created where there is none.

        Raises ModelUnavailable.
        """
        encoder = factories.load_encoder(model, self.settings)
        self.write()
        name = self.index_versions.beside(_info_of(encoder))
        return Container(self._settings_of_version(mirrored=False), version=name, encoder=encoder)

    @property
    def encoder(self) -> Encoder:
        """The library's encoder, or for a new library that of the settings. Raises ModelUnavailable, ModelMismatch."""
        encoder = self._encoder.get()
        if self._writes and isinstance(encoder, Tunable):
            encoder.allow_measuring(self.announce, self._stop_waiting)
        return encoder

    @cached_property
    def captioner(self) -> Captioner:
        """The captioner of the settings, for a demo library the demo captioner. Raises ModelUnavailable."""
        return factories.load_captioner(self.settings, self.encoder.name)

    @cached_property
    def text_reader(self) -> TextReader:
        """The reader of text in pictures. Raises PackageMissing."""
        return factories.load_text_reader(self.settings.device)

    @property
    def has_text_reader(self) -> bool:
        """Whether text in pictures can be read: its package is installed."""
        return factories.has_text_reader()

    @property
    def reads_text(self) -> bool:
        """Whether the settings say that text in pictures is read. Raises PackageMissing where it cannot be."""
        if self.settings.ocr:
            factories.require_text_reader()
        return self.settings.ocr

    @property
    def answerer(self) -> Answerer:
        """The answerer of the settings. Raises AnswererMissing, ModelUnavailable."""
        return self._answerer.get()

    @cached_property
    def answers(self) -> "AnswerService":
        """What puts questions to pictures of the library, and to others."""
        return self.answering(self._answerer.get, self._decoder.get, self.sources.open)

    def answering(
        self,
        answerer: Callable[[], Answerer],
        decoder: Callable[[], Decoder],
        open_store: Callable[[str], ImageStore],
    ) -> "AnswerService":
        """Return a service as `answers`, over adapters that are made by these functions."""
        from core.answering.service import AnswerService

        return AnswerService(answerer, decoder, open_store, self.thumbnails.get, self.settings.ask.seconds)

    @property
    def decoder(self) -> Decoder:
        """The decoder, in processes of its own."""
        return self._decoder.get()

    @cached_property
    def places(self) -> PlaceFinder:
        """The names of places, whose tables load at their first use."""
        return factories.place_finder()

    @cached_property
    def thumbnails(self) -> ThumbnailStore:
        """The thumbnails of the library's images."""
        return factories.thumbnail_files(self.files.thumbnails)

    @cached_property
    def search(self) -> "Searcher":
        """The search service, over the library or its mirror."""
        from core.availability.resilient_search import ResilientSearch
        from core.search.service import SearchService

        return ResilientSearch(
            self.failover,
            lambda index: SearchService(
                index,
                self._encoder.get,
                self._decoder.get,
                self.settings.ranking.weights,
                self.bank,
                self.calibration,
            ),
            exact=self.settings.search.exact,
        )

    @property
    def failover(self) -> "Failover":
        """The failover from the library to its mirror; offline it asks the mirror alone."""
        return self._failover.get()

    def failing_over(self, library: Callable[[], SearchableIndex]) -> "Failover":
        """Return a failover as `failover`, for a library that is opened by a function."""
        from core.availability.failover import Failover

        given = self.settings
        return Failover(
            None if given.offline else library, lambda: self.mirror, self.mirrors.exists, given.search.deadline
        )

    def recall_meter(
        self, library: Callable[[], SearchableIndex], mirror: Callable[[], Mirror | None]
    ) -> "RecallMeter":
        """Return the meter of recall, which measures the library's answers against its mirror."""
        from core.availability.recall_monitor import RecallMeter

        given = self.settings.recall
        return RecallMeter(library, mirror, self.files.recall_log, share=given.share, warning=given.warning)

    @cached_property
    def mirrors(self) -> "Mirrors":
        """The manager of the library's mirror: it builds, checks and moves it."""
        return factories.mirrors(self.settings)

    @property
    def mirror(self) -> Mirror:
        """The library's mirror, which opens no file before its first query."""
        return self._mirror.get()

    def bank(self, encoder: Encoder) -> Matrix:
        """Return the encoded prompts of core.search.relevance, (M, D) float32, unit rows."""
        return self._prompt_bank.get(encoder)

    @cached_property
    def calibration(self) -> Calibration:
        """The scales of relevance for the library in this folder."""
        return factories.calibration(self.settings)

    def calibrate(self) -> None:
        """Measure the scales of a large library anew where it has grown, if its model is loaded.

        The model's text tower is kept for later searches too. Raises LibraryError.
        """
        if self._encoder.is_made:
            self.keep_text_tower()
            self.calibration.renew(self.index, lambda: self.bank(self.encoder))

    def keep_text_tower(self) -> None:
        """Keep what the next process needs to search by words without a model library, if this one had to load that."""
        if self._encoder.is_made and isinstance(self.encoder, Tunable):
            self.encoder.keep_text_tower()

    def let_go(self) -> None:
        """Close the index until its next use; models and decoder stay loaded."""
        if (index := self._index.take()) is not None:
            index.close()

    def close(self) -> None:
        """Close all adapters that are open; later uses make them anew."""
        if (failover := self._failover.take()) is not None:
            failover.close()
        if (decoder := self._decoder.take()) is not None:
            decoder.close()
        if (mirror := self._mirror.take()) is not None:
            mirror.close()
        self.let_go()

    def __enter__(self) -> "Container":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _prompt_bank(self) -> "PromptCache":
        return factories.prompt_bank(self.settings, lambda: self.announce(PREPARING))

    @property
    def _patience(self) -> float:
        """Seconds to wait for a library that is in use: less where the mirror would answer and say why."""
        waits, deadline = self.settings.index_wait, self.settings.search.deadline
        return min(waits, 0.8 * deadline) if self.mirrors.exists() and not self._writes else waits

    def _connect(self) -> "Server":
        qdrant = self.settings.qdrant
        patience_s = qdrant.patience if self._writes else self._patience
        return factories.connect_server(
            qdrant,
            writes=self._writes,
            patience_s=patience_s,
            stop=self._stop_waiting,
            guard=self._check_lease if self._writes else None,
        )

    def _check_lease(self) -> None:
        if self._lease is not None:
            self._lease.check()

    def _open_index(self) -> VectorIndex:
        return self.index_versions.open(self._version)

    def _load_encoder(self) -> Encoder:
        info = self._info()
        wanted = self.settings.model or (info.model if info else DEFAULT_MODEL)
        encoder = factories.load_encoder(wanted, self.settings)
        if info is not None and encoder.fingerprint != info.fingerprint:
            raise ModelMismatch(info.model, wanted)
        return encoder

    def _info(self) -> IndexInfo | None:
        """Return the model of the library, or where it does not answer of its mirror; None where neither exists.

        For a library that is about to be created, the mirror of an earlier library is ignored.
        """
        try:
            if not self.settings.offline:
                return self.index.info
        except LibraryMissing:
            if self._writes or not self.mirrors.exists():
                return None
        except LibraryError:
            if not self.mirrors.exists():
                raise
        return self.mirror.info

    def _settings_of_version(self, *, mirrored: bool) -> Settings:
        mirror = self.settings.mirror
        mirror = mirror.model_copy(update={"enabled": mirrored and mirror.enabled})
        return self.settings.model_copy(update={"model": None, "mirror": mirror})


def _info_of(encoder: Encoder) -> IndexInfo:
    """Return the description of an index for this encoder."""
    return IndexInfo(encoder.name, encoder.fingerprint, encoder.dimension)
