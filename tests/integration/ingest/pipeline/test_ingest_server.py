"""Ingest into a server that goes away and comes back; HTTP and decode workers are real, the server is the stub."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.models.encoders import loader
from core.adapters.qdrant_server.client import connect
from core.adapters.qdrant_server.index import QdrantIndex
from core.bootstrap import Container
from core.domain.filtering.filters import FAILED
from core.domain.vectors import Matrix
from core.errors import LibraryUnreachable
from core.imaging.decode_request import ImageLimits
from core.ports.vector_index import IndexInfo
from core.settings import load_settings
from ingest.jobs.full_sync import run_ingest
from ingest.jobs.runner import Runner
from ingest.pipeline.interrupts import Signals
from ingest.telemetry.report import Report
from tests.integration.ingest.pipeline.test_ingest import CountingEncoder, World, fill
from tests.support.fakes import ColourEncoder
from tests.support.servers.fault_proxy import FaultProxy
from tests.support.servers.qdrant_stub import QdrantStub, serving
from tests.support.servers.web_server import picture

FAULTS = {
    "refused": {"refuse": True},
    "black hole": {"hole": True},
    "slow": {"delay": 3.0},
    "cut off": {"cut": 5},
    "too many requests": {"status": 429},
    "unavailable": {"slow_down": 1.0},
}
SHORT = ("refused", "cut off", "unavailable")
INFO = IndexInfo("colours", "colours-1", ColourEncoder.dimension)


class _FaultyWorld(World):
    """A library on a server behind the proxy. The fault sets in when the first pictures have been encoded."""

    def __init__(self, folder: Path, decoder: DecodeWorkers, proxy: FaultProxy, patience_s: float = 120.0) -> None:
        super().__init__(folder, decoder)
        self.proxy = proxy
        self.stop = threading.Event()
        server = connect(proxy.endpoint, prefer_grpc=False, timeout_s=1, patience_s=patience_s, stop=self.stop)
        self.index = QdrantIndex.create(server, "library", INFO)  # type: ignore[assignment]
        self.encoder = _Trigger()

    def ingest_through(self, fault: dict[str, object], seconds: float) -> tuple[Report, float]:
        """The report, and how long after the fault's end it was there."""
        ended: list[float] = []

        def end() -> None:
            self.proxy.set()
            ended.append(monotonic())

        timer = threading.Timer(seconds, end)

        def begin() -> None:
            self.proxy.set(**fault)
            timer.start()

        self.encoder.first = begin
        report = self.ingest()
        timer.join()
        return report, monotonic() - ended[0]


class _Trigger(CountingEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.first = lambda: None

    def encode_images(self, pixels: np.ndarray) -> Matrix:
        first, self.first = self.first, lambda: None
        first()
        return super().encode_images(pixels)


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        yield workers


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with serving(QdrantStub()) as address, FaultProxy(address) as proxy:
        yield proxy


@pytest.fixture
def world(tmp_path: Path, decoder: DecodeWorkers, proxy: FaultProxy) -> Iterator[_FaultyWorld]:
    (tmp_path / "pictures").mkdir()
    world = _FaultyWorld(tmp_path / "pictures", decoder, proxy)
    with closing(world.index):
        yield world


def _check_whole(world: _FaultyWorld, report: Report, count: int) -> None:
    """Every picture once, captioned, with its own vector; none failed, none encoded twice."""
    assert (report.added, report.updated, report.failed, report.exit_code) == (count, 0, 0, 0)
    assert (world.index.count(), world.index.count(FAILED), world.encoder.encoded) == (count, 0, count)
    assert report.captioned == count
    records = world.index.scroll()
    assert sorted(record.key for record in records) == sorted(path.name for path in world.folder.iterdir())
    assert len(world.index.vectors([record.id for record in records])) == count


@pytest.mark.parametrize("fault", SHORT)
def test_an_ingest_pauses_while_its_server_is_away(world: _FaultyWorld, fault: str) -> None:
    fill(world, 12)
    report, late = world.ingest_through(FAULTS[fault], 0.7)
    _check_whole(world, report, 12)
    assert late < 30


@pytest.mark.soak
@pytest.mark.parametrize("fault", FAULTS)
def test_an_ingest_has_caught_up_within_a_minute_of_its_servers_return(world: _FaultyWorld, fault: str) -> None:
    fill(world, 100)
    report, late = world.ingest_through(FAULTS[fault], 45.0)
    _check_whole(world, report, 100)
    assert late < 60


def test_an_ingest_gives_up_in_the_end_and_the_next_goes_on(
    tmp_path: Path, decoder: DecodeWorkers, proxy: FaultProxy
) -> None:
    (tmp_path / "pictures").mkdir()
    world = _FaultyWorld(tmp_path / "pictures", decoder, proxy, patience_s=0.5)
    fill(world, 12)
    world.encoder.first = lambda: proxy.set(refuse=True)
    with pytest.raises(LibraryUnreachable, match="then try again"):
        world.ingest()
    proxy.set()
    assert world.index.count(FAILED) == 0
    assert world.ingest().failed == 0
    assert (world.index.count(), world.index.count(FAILED)) == (12, 0)
    world.index.close()


def test_a_run_that_is_stopped_while_its_server_is_away_has_been_interrupted(
    tmp_path: Path, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, signals = _Trigger(), Signals()
    monkeypatch.setattr(loader, "load_encoder", lambda name, **_: encoder)
    encoder.first = lambda: (proxy.set(refuse=True), threading.Timer(0.5, signals.stop.set).start())
    (tmp_path / "red.png").write_bytes(picture("red", 40))
    settings = load_settings(data=tmp_path / "data", qdrant_url=proxy.endpoint, qdrant_grpc=False)
    with Container(settings) as container:
        report = Runner(container, [str(tmp_path)], signals, lambda steps: [*steps] and None, captions=False).sync()
    assert (report.interrupted, report.failed, report.added) == (True, 0, 0)


def test_a_pause_ends_with_the_run(world: _FaultyWorld) -> None:
    fill(world, 12)
    world.encoder.first = lambda: (world.proxy.set(refuse=True), threading.Timer(0.5, world.stop.set).start())
    report = Report()
    began = monotonic()
    with pytest.raises(LibraryUnreachable):
        for _ in run_ingest(world.parts(world.options()), [world.store(str(world.folder))], report):
            pass
    assert monotonic() - began < 20 and report.failed == 0
