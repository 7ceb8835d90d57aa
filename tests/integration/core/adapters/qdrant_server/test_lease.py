"""The lease on a library of a server, over a stub of its API, and on a real server where one is named."""

import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.adapters.local.process import started_at
from core.adapters.qdrant_server import lease as module
from core.adapters.qdrant_server.client import Server, connect
from core.adapters.qdrant_server.collection import Layout
from core.adapters.qdrant_server.index import QdrantIndex
from core.adapters.qdrant_server.lease import Lease, LeaseTimes
from core.adapters.qdrant_server.library import ServerLibrary
from core.errors import LibraryError, LibraryLeased, LibraryUnreachable
from core.ports.vector_index import IndexInfo
from tests.support.made_up_images import point
from tests.support.servers import real_server
from tests.support.servers.fault_proxy import FaultProxy
from tests.support.servers.qdrant_stub import QdrantStub, serving

INFO = IndexInfo("colours", "colours-1", 16)
QUICK = LeaseTimes(renewal=0.05, poll=0.01, expiry=0.6)
STEADY = LeaseTimes(renewal=0.05, poll=0.01, expiry=20.0)

Open = Callable[[float], Server]


@pytest.fixture(params=["stub", *(["server"] if real_server.URL in os.environ else [])])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[Open, str]]:
    """How to connect, and the name of a library."""
    if request.param == "server":
        with real_server.own_name() as name:
            yield lambda patience_s: real_server.server(patience_s=patience_s), name
        return
    with serving(QdrantStub()) as url:
        yield lambda patience_s: connect(url, prefer_grpc=False, patience_s=patience_s), "library"


@pytest.fixture
def leases(place: tuple[Open, str]) -> Iterator[Callable[..., Lease]]:
    made: list[Lease] = []

    def make(times: LeaseTimes = STEADY) -> Lease:
        made.append(Lease(*place, times=times))
        return made[-1]

    yield make
    for lease in made:
        lease.release()


def die(lease: Lease) -> None:
    """Stop renewing, as a process that was killed does."""
    lease._released.set()
    assert lease._thread is not None
    lease._thread.join()


def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that are taken while this lasts are those of another machine."""
    machines = iter(f"machine {number}" for number in range(10**6))
    monkeypatch.setattr(module, "identify_machine", lambda: next(machines))


def test_one_process_at_a_time_has_it(leases: Callable[..., Lease]) -> None:
    first, second = leases(), leases()
    first.acquire()
    with pytest.raises(LibraryLeased) as refused:
        second.acquire()
    told = str(refused.value)
    assert f"process {os.getpid()} on " in told and "since 20" in told and "try again" in told
    assert refused.value.exit_code == 75
    first.check()
    first.release()
    third = leases()
    third.acquire()
    third.check()


def test_of_many_at_once_one_gets_it(leases: Callable[..., Lease]) -> None:
    waiting = [leases() for _ in range(6)]

    def attempt(lease: Lease) -> bool:
        try:
            lease.acquire()
        except LibraryLeased:
            return False
        return True

    with ThreadPoolExecutor(len(waiting)) as threads:
        assert sum(threads.map(attempt, waiting)) == 1


def test_one_whose_machine_was_lost_is_taken_over_and_cannot_write_any_more(
    leases: Callable[..., Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(monkeypatch)
    first, second = leases(QUICK), leases(QUICK)
    first.acquire()
    die(first)
    second.acquire()
    second.check()
    time.sleep(QUICK.expiry / 2)
    for _ in range(2):
        with pytest.raises(LibraryLeased):
            first.check()
    second.check()


def test_one_of_this_machine_that_was_killed_is_taken_over_at_once(
    leases: Callable[..., Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        began = started_at(child.pid)
        first = leases()
        told = first._describe() | {"process": child.pid, "started": began}
        monkeypatch.setattr(first, "_describe", lambda: told)
        first.acquire()
        with pytest.raises(LibraryLeased):
            leases().acquire()
        die(first)
        child.kill()
    assert began and not started_at(child.pid)
    started = time.monotonic()
    leases().acquire()
    assert time.monotonic() - started < STEADY.expiry / 2


def test_a_lease_that_somebody_deletes_is_made_again(place: tuple[Open, str], leases: Callable[..., Lease]) -> None:
    first = leases()
    first.acquire()
    place[0](5.0).ask(lambda client: client.delete_collection(first.collection), writes=True)
    with first._renewing:
        pass
    first._renew()
    with pytest.raises(LibraryLeased):
        leases().acquire()


def test_it_is_no_part_of_the_library(place: tuple[Open, str], leases: Callable[..., Lease]) -> None:
    library = ServerLibrary(lambda: place[0](5.0), place[1], Layout())
    library.create(INFO)
    leases().acquire()
    assert list(library.all()) == [library.current()] and library.previous() is None
    assert library.open().count() == 0


def test_a_write_is_guarded_at_every_try(place: tuple[Open, str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    server = place[0](5.0)
    index = QdrantIndex.create(server, place[1], INFO)

    def guard() -> None:
        asked.append("asked")
        if len(asked) == 1:
            raise LibraryUnreachable("here", "for a moment")
        if len(asked) == 3:
            raise LibraryLeased("library", "here", "another one", 30.0)

    monkeypatch.setattr(server, "_guard", guard)
    index.upsert([point(1)])
    with pytest.raises(LibraryLeased):
        index.upsert([point(2)])
    assert index.count() == 1 and len(asked) == 3


def test_a_key_without_the_right_goes_on_without_a_lease_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with serving(QdrantStub({"may-read": False})) as url:
        lease = Lease(lambda patience_s: connect(url, api_key="may-read", prefer_grpc=False), "library")
        lease.acquire()
        lease.check()
        lease.release()
    assert "has no lease" in caplog.text and "would not be noticed" in caplog.text


def test_a_server_that_stands_still_costs_nobody_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere(monkeypatch)
    times = LeaseTimes(renewal=0.05, poll=0.01, expiry=1.5)  # a busy machine renews late
    with serving(QdrantStub()) as url, FaultProxy(url) as proxy:

        def open_server(patience_s: float) -> Server:
            return connect(proxy.endpoint, prefer_grpc=False, timeout_s=1.0, patience_s=20.0)

        first, second = (Lease(open_server, "library", times=times) for _ in range(2))
        first.acquire()
        with ThreadPoolExecutor(1) as threads:
            proxy.set(refuse=True)
            waiting = threads.submit(second.acquire)
            time.sleep(2 * times.expiry)
            proxy.set()
            with pytest.raises(LibraryError):
                waiting.result()
        first.check()
        first.release()
