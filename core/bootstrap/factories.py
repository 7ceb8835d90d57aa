"""Plain factories of adapters, which import vendors only when their adapter is made."""

import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.model_catalog import ModelCard
from core.errors import AnswererMissing, PackageMissing
from core.ports.decoder import Decoder
from core.ports.encoders import Answerer, Captioner, Encoder
from core.ports.local_files import ThumbnailStore
from core.ports.place_finder import PlaceFinder
from core.ports.text_reader import TextReader
from core.ports.vector_index import IndexVersions
from core.rendering.plots import Plots
from core.search.relevance_scale import Calibration
from core.settings import DEFAULT_CAPTIONER, DEMO, QdrantSettings, Settings

if TYPE_CHECKING:
    from core.adapters.faiss_mirror.lifecycle import Mirrors
    from core.adapters.models.prompt_cache import PromptCache
    from core.adapters.qdrant_server.client import Server
    from core.adapters.qdrant_server.lease import Lease

_TEXT_READER = "rapidocr"


def folder_library(data: Path, wait_s: float) -> IndexVersions:
    """Return the library in a folder; `wait_s` is the patience with another process that holds it."""
    from core.adapters.qdrant_edge.library import FolderLibrary

    return FolderLibrary(data, wait_s)


def server_library(given: QdrantSettings, connect: "Callable[[], Server]") -> IndexVersions:
    """Return the library on a server, for which `connect` is called at every use."""
    from core.adapters.qdrant_server.collection import Layout
    from core.adapters.qdrant_server.library import ServerLibrary

    layout = Layout(given.scale, given.shards, given.replicas, given.write_consistency)
    return ServerLibrary(connect, given.collection, layout)


def connect_server(
    given: QdrantSettings,
    *,
    writes: bool,
    patience_s: float,
    stop: threading.Event | None,
    guard: Callable[[], None] | None = None,
) -> "Server":
    """Connect to the server of the settings, with the key that fits. Raises LibraryUnreachable, LibraryRefused.

    `patience_s` is the time to wait for a server that is down; setting `stop` ends the wait. `guard` is called before
    every write.
    """
    from core.adapters.qdrant_server.client import connect

    assert given.url is not None
    key = given.api_key if writes else given.read_api_key
    key = key or given.api_key or given.read_api_key
    return connect(
        given.url,
        api_key=None if key is None else key.get_secret_value(),
        timeout_s=given.timeout,
        prefer_grpc=given.grpc,
        grpc_port=given.grpc_port,
        patience_s=patience_s,
        stop=stop,
        guard=guard,
    )


def server_lease(given: QdrantSettings, stop: threading.Event | None) -> "Lease":
    """Prepare the lease on the library of the settings; setting `stop` ends the wait for another's."""
    from core.adapters.qdrant_server.lease import Lease, LeaseTimes

    def connect(patience_s: float) -> "Server":
        return connect_server(given, writes=True, patience_s=patience_s, stop=stop)

    times = LeaseTimes(expiry=max(LeaseTimes().expiry, 3 * given.timeout))  # a write is answered well within
    return Lease(connect, given.collection, patience_s=given.patience, times=times, stop=stop)


def load_encoder(name: str, settings: Settings) -> Encoder:
    """Load an encoder by name or folder. Raises ModelUnavailable."""
    from core.adapters.models.encoders.loader import load_encoder as load

    return load(name, device=settings.device, precision=settings.precision, runtime=settings.runtime)


def load_captioner(settings: Settings, encoder: str) -> Captioner:
    """Load the captioner of the settings, or else the one that goes with this encoder. Raises ModelUnavailable."""
    from core.adapters.models.captioners.vision_captioner import load_captioner as load

    default = DEMO if encoder == DEMO else DEFAULT_CAPTIONER
    return load(
        settings.captioner or default,
        device=settings.device,
        beams=settings.caption_beams,
        precision=settings.caption_precision,
    )


def load_answerer(settings: Settings) -> Answerer:
    """Load the answerer of the settings. Raises AnswererMissing where none is set, and ModelUnavailable."""
    from core.adapters.models.answerers.vision_answerer import load_answerer as load

    if not settings.answerer:
        raise AnswererMissing
    return load(settings.answerer, device=settings.device, tokens=settings.ask.tokens)


def model_folder(card: ModelCard) -> Path | None:
    """Find the folder of a model without any network; None where the model has to be fetched."""
    from core.adapters.models.files.snapshot import find_local_folder

    return find_local_folder(card)


def decode_workers(settings: Settings) -> Decoder:
    """Return the decoder, whose processes start with its first image."""
    from core.adapters.decoding.pool import DecodeWorkers

    return DecodeWorkers(settings.decode.limits, workers=settings.decode.workers)


def place_finder() -> PlaceFinder:
    """Return the finder of places, which loads its tables at its first use."""
    from core.adapters.geography.place_finder import OfflinePlaceFinder

    return OfflinePlaceFinder()


def thumbnail_files(folder: Path) -> ThumbnailStore:
    """Return the thumbnails in a folder."""
    from core.adapters.local.thumbnails import ThumbnailFiles

    return ThumbnailFiles(folder)


def load_plots() -> Plots:
    """Load the drawing of figures. Raises PackageMissing."""
    from core.adapters.local.plots import MatplotlibPlots

    return MatplotlibPlots()


def load_text_reader(device: str) -> TextReader:
    """Load the reader of text in pictures. Raises PackageMissing."""
    from core.adapters.text_reading.rapid_reader import load_text_reader as load

    return load(device)


def has_text_reader() -> bool:
    """Whether the package that reads text in pictures is installed."""
    return find_spec(_TEXT_READER) is not None


def require_text_reader() -> None:
    """Raise PackageMissing where the package that reads text in pictures is not installed."""
    if not has_text_reader():
        raise PackageMissing(_TEXT_READER, "reading text in pictures", "ocr")


def mirrors(settings: Settings) -> "Mirrors":
    """Return the manager of the mirror in a data folder."""
    from core.adapters.faiss_mirror.lifecycle import Mirrors

    return Mirrors(settings.data / "mirror", settings)


def prompt_bank(settings: Settings, announce: Callable[[], None]) -> "PromptCache":
    """Return the cache of encoded prompts in a data folder; `announce` is called before they are encoded."""
    from core.adapters.models.prompt_cache import PromptCache

    return PromptCache(settings.data, announce)


def calibration(settings: Settings) -> Calibration:
    """Return the relevance scales, which are kept in a data folder."""
    from core.adapters.local.relevance_scales import CalibrationFiles

    return Calibration(CalibrationFiles(settings.data))
