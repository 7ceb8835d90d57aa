"""Settings -> adapters: the sole chooser. Vendors are imported when their adapter is made, never before."""

import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from core.availability.failover import Failover
from core.availability.recall_monitor import RecallMeter
from core.availability.resilient_search import ResilientSearch, Searcher
from core.domain.model_catalog import ModelCard
from core.domain.vectors import Matrix
from core.errors import LibraryError, LibraryMissing, ModelMismatch, UsageError
from core.errors.hints import Configure
from core.ports.decoder import Decoder
from core.ports.encoders import Captioner, Encoder
from core.ports.image_store import ImageStore, Nameable, VectorRows
from core.ports.local_files import RecallLog, RunLog, ThumbnailStore
from core.ports.mirror import Mirror
from core.ports.vector_index import Editions, IndexInfo, SearchableIndex, VectorIndex
from core.rendering.plots import Plots
from core.search.relevance_scale import Calibration
from core.search.service import SearchService
from core.settings import DEFAULT_CAPTIONER, DEFAULT_MODEL, DEMO, Settings

if TYPE_CHECKING:
    from core.adapters.faiss_mirror.archive.tar_format import Packed
    from core.adapters.faiss_mirror.lifecycle import Mirrors
    from core.adapters.models.prompt_cache import PromptBank
    from core.adapters.qdrant_server.client import Server

_VECTOR_ROWS = 500  # imported at once


class Wiring:
    """One process's adapters, each made at its first use and shared from then on. Close it to let go of everything."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._edition: str | None = None
        self._writes = False
        self._until: threading.Event | None = None

    @property
    def thumbnail_folder(self) -> Path:
        return self.settings.data / "thumbnails"

    @property
    def redo_file(self) -> Path:
        """Tells how far a renewal of this library's captions is."""
        return self.settings.data / "redo.json"

    def write(self, until: threading.Event | None = None) -> None:
        """From now on the library may be written: with the key for that, waiting long for a server that is away.

        `until` is set to have that waiting end.
        """
        if not self._writes:
            self.let_go()
        self._writes = True
        self._until = until or self._until

    @cached_property
    def index(self) -> VectorIndex:
        """The library that is there. Raises LibraryMissing."""
        return self.editions.open(self._edition)

    @property
    def searched(self) -> SearchableIndex:
        """The library that is there, or offline its mirror. Raises LibraryMissing."""
        return self.mirror if self.settings.offline else self.index

    @property
    def _patience(self) -> float:
        """Seconds to wait for a library that is in use: less where a copy answers else, and says why."""
        waits, deadline = self.settings.index_wait, self.settings.search_deadline
        return min(waits, 0.8 * deadline) if self.mirrors.exists() and not self._writes else waits

    @cached_property
    def editions(self) -> Editions:
        """The library, with an index for every model that it was made for."""
        given = self.settings
        if given.qdrant_url is None:
            from core.adapters.qdrant_edge.library import FolderLibrary

            return FolderLibrary(given.data, self._patience)
        from core.adapters.qdrant_server.collection import Layout
        from core.adapters.qdrant_server.library import ServerLibrary

        layout = Layout(given.qdrant_scale, given.qdrant_shards, given.qdrant_replicas, given.qdrant_write_consistency)
        return ServerLibrary(self._server, given.qdrant_collection, layout)

    def edition(self, name: str, *, mirrored: bool = False) -> "Wiring":
        """The same library in this edition, whichever is in use; its model is the edition's own.

        `mirrored`: it is the one in use, of which the mirror is a copy.
        """
        own = {"model": None, "mirror": mirrored and self.settings.mirror}
        other = Wiring(self.settings.model_copy(update=own))
        other._edition = name
        return other

    def beside(self, model: str) -> "Wiring":
        """The same library in the edition for this model, which is made where there is none. It shares the encoder.

        Raises ModelUnavailable.
        """
        from core.adapters.models.clip_encoder import load_encoder

        encoder = load_encoder(model, device=self.settings.device)
        self.write()
        name = self.editions.beside(IndexInfo(encoder.name, encoder.fingerprint, encoder.dimension))
        other = self.edition(name)
        other.__dict__["encoder"] = encoder
        return other

    def create_index(self, info: IndexInfo | None = None) -> VectorIndex:
        """The library that is there, or a new one for this model, if not for the encoder of the settings.

        Raises ModelMismatch.
        """
        self.write()
        try:
            _ = self.index
        except LibraryMissing:
            if info is None:
                encoder = self.encoder
                info = IndexInfo(encoder.name, encoder.fingerprint, encoder.dimension)
            self.editions.create(info)
            self.last_run.forget()
            self.redo_file.unlink(missing_ok=True)
        if "encoder" in self.__dict__ and self.encoder.fingerprint != self.index.info.fingerprint:
            del self.__dict__["encoder"]  # of the library that was here before this one
        return self.index

    def _server(self) -> "Server":
        from core.adapters.qdrant_server.client import connect

        given = self.settings
        assert given.qdrant_url is not None
        key = given.qdrant_api_key if self._writes else given.qdrant_read_api_key
        key = key or given.qdrant_api_key or given.qdrant_read_api_key
        return connect(
            given.qdrant_url,
            api_key=None if key is None else key.get_secret_value(),
            timeout_s=given.qdrant_timeout,
            prefer_grpc=given.qdrant_grpc,
            grpc_port=given.qdrant_grpc_port,
            patience_s=given.qdrant_patience if self._writes else self._patience,
            stop=self._until,
        )

    @cached_property
    def encoder(self) -> Encoder:
        """The library's encoder, or for a new library that of the settings. Raises ModelUnavailable, ModelMismatch."""
        from core.adapters.models.clip_encoder import load_encoder

        info = self._info()
        wanted = self.settings.model or (info.model if info else DEFAULT_MODEL)
        encoder = load_encoder(wanted, device=self.settings.device)
        if info is not None and encoder.fingerprint != info.fingerprint:
            raise ModelMismatch(info.model, wanted)
        return encoder

    def _info(self) -> IndexInfo | None:
        """Of the library, or where that cannot be asked of its mirror; None where there is neither.

        For a library that is to be made anew, what is left of another one's mirror tells nothing.
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

    @cached_property
    def captioner(self) -> Captioner:
        """The captioner of the settings; a demo library is captioned by the demo captioner. Raises ModelUnavailable."""
        from core.adapters.models.captioner import load_captioner

        default = DEMO if self.encoder.name == DEMO else DEFAULT_CAPTIONER
        settings = self.settings
        return load_captioner(settings.captioner or default, device=settings.device, beams=settings.caption_beams)

    def model_folder(self, card: ModelCard) -> Path | None:
        """The folder of a model of the table, found without any network; None where it has to be fetched."""
        from core.adapters.models.model_files import local_folder

        return local_folder(card)

    @cached_property
    def decoder(self) -> Decoder:
        from core.adapters.decoding.pool import DecodeWorkers

        return DecodeWorkers(self.settings.limits, workers=self.settings.decode_workers)

    @cached_property
    def thumbnails(self) -> ThumbnailStore:
        from core.adapters.local.thumbnails import ThumbnailFiles

        return ThumbnailFiles(self.thumbnail_folder)

    @cached_property
    def plots(self) -> Plots:
        """Raises PackageMissing."""
        from core.adapters.local.plots import MatplotlibPlots

        return MatplotlibPlots()

    @property
    def last_run(self) -> RunLog:
        from core.adapters.local.run_log import LastRunFile

        return LastRunFile(self.settings.data / "last_run.json")

    @property
    def recall_log(self) -> RecallLog:
        from core.adapters.local.recall_log import RecallFile

        return RecallFile(self.settings.data / "recall.json")

    def recall_meter(self, library: Callable[[], SearchableIndex], copy: Callable[[], Mirror | None]) -> RecallMeter:
        """Of searches that this library answers, by its copy."""
        given = self.settings
        return RecallMeter(library, copy, self.recall_log, share=given.recall_share, warning=given.recall_warning)

    def store(self, source: str, *, patience_s: float | None = None) -> ImageStore:
        """The store of a source as the user names it: a folder, list:FILE, or a URI. Raises SourceNotFound.

        `patience_s`: how long to wait for a store that answers nothing, if not as long as the settings say.
        """
        from core.adapters.source_registry import open_store

        return open_store(source, self.settings, patience_s)

    def naming(self, source: str | None) -> Callable[[Path], Nameable]:
        """What gives the vectors of a file their names: the source that they are of, or one of their own.

        Raises SourceNotFound.
        """
        from core.adapters.stores.imported import ImportedStore

        if source is None:
            return ImportedStore.of
        store = self.store(source)
        assert isinstance(store, Nameable)
        return lambda _: store

    def vectors(self, path: Path, names: Path | None, dimension: int) -> Iterator[VectorRows]:
        """The vectors of a file, some rows at a time. Raises InvalidVectors."""
        from core.adapters.models.vector_reader import read_vectors

        return read_vectors(path, names, dimension, _VECTOR_ROWS)

    def source_name(self, source: str) -> str:
        """The canonical name of a source as the user names it; the source need not be there (any more)."""
        from core.adapters.source_registry import source_name

        return source_name(source)

    @cached_property
    def search(self) -> Searcher:
        return ResilientSearch(
            self.failover,
            lambda index: SearchService(
                index,
                lambda: self.encoder,
                lambda: self.decoder,
                self.settings.weights,
                self.bank,
                self.calibration,
            ),
            exact=self.settings.exact,
        )

    @cached_property
    def failover(self) -> Failover:
        """Asks the library, or its mirror where the library does not answer; offline the mirror alone."""
        return self.failing_over(lambda: self.index)

    def failing_over(self, library: Callable[[], SearchableIndex]) -> Failover:
        """As `failover`, for a library that is had in another way."""
        given = self.settings
        return Failover(
            None if given.offline else library, lambda: self.mirror, self.mirrors.exists, given.search_deadline
        )

    @cached_property
    def mirrors(self) -> "Mirrors":
        """What is done with the library's copy."""
        from core.adapters.faiss_mirror.lifecycle import Mirrors

        return Mirrors(self.settings.data / "mirror", self.settings)

    @cached_property
    def mirror(self) -> Mirror:
        """The library's copy, which opens nothing until it is asked."""
        return self.mirrors.open()

    def build_mirror(self, *, anew: bool = False) -> None:
        """Make the copy equal to the library; see Mirrors.build. Raises LibraryError, and OSError."""
        self.mirrors.build(self.index, anew=anew)

    def bank(self, encoder: Encoder) -> Matrix:
        """The encoded prompts that strengths are measured by; see core.search.relevance."""
        return self._prompt_bank.of(encoder)

    @cached_property
    def calibration(self) -> Calibration:
        """What strengths in this folder's library are measured by."""
        from core.adapters.local.relevance_scales import CalibrationFiles

        return Calibration(CalibrationFiles(self.settings.data))

    def calibrate(self) -> None:
        """Measure a large library anew where it has grown, unless that would take a model. Raises LibraryError."""
        if "encoder" in self.__dict__:
            self.calibration.renew(self.index, lambda: self.bank(self.encoder))

    @cached_property
    def _prompt_bank(self) -> "PromptBank":
        from core.adapters.models.prompt_cache import PromptBank

        return PromptBank(self.settings.data)

    def import_mirror(self, path: Path) -> "Packed":
        """Take the copy that a file holds for this folder's. Raises TravelFileRefused, DiskFull, LibraryBusy, OSError.

        Not where a library is: its copy would answer for another one.
        """
        given = self.settings
        if given.qdrant_url is not None:
            raise UsageError(
                "a copy cannot be taken in beside a library on a server",
                Configure("leave {} out", ("qdrant_url",)),
            )
        if self.editions.all():
            raise UsageError(
                f"{given.data} holds a library of its own, for which another one's copy must not answer",
                Configure("give {} another folder, such as a new one", ("data",)),
            )
        return self.mirrors.take_in(path, self.thumbnails)

    def let_go(self) -> None:
        """Close the index until it is asked for again; models and decoder stay."""
        self._close("index")

    def close(self) -> None:
        self._close("failover", "decoder", "mirror", "index")

    def _close(self, *names: str) -> None:
        for name in names:
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def __enter__(self) -> "Wiring":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
