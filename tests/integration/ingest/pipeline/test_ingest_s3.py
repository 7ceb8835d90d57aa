"""Ingest from a bucket through a proxy that fails; decode workers and HTTP are real, index and models are fakes."""

import hashlib
import io
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.stores.s3 import S3Store
from core.domain.filtering.filters import FAILED
from core.domain.image import ImageRef
from core.imaging.decode_request import ImageLimits
from core.ports.image_store import ImageStore
from core.settings import load_settings
from ingest.jobs.full_sync import run_ingest
from ingest.pipeline.run_context import Options
from ingest.telemetry.report import Report
from tests.integration.ingest.pipeline.test_ingest import World
from tests.support.fakes import COLOURS, ColourEncoder
from tests.support.servers.fault_proxy import FaultProxy
from tests.support.servers.s3_server import ENVIRONMENT, s3_client
from tests.support.servers.s3_stub import Asked, Bucket, listing, refusal, s3_stub

_numbers = count()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        yield workers


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultProxy]:
    with FaultProxy(s3_endpoint) as proxy:
        yield proxy


class BucketWorld(World):
    """A library in memory, and the bucket that it is filled from through the proxy."""

    def __init__(self, decoder: DecodeWorkers, proxy: FaultProxy, s3: Any) -> None:
        super().__init__(None, decoder)  # type: ignore[arg-type]
        self.bucket = f"ingest-{next(_numbers)}"
        self.proxy = proxy
        self.s3 = s3
        self.endpoint = proxy.endpoint
        self.settings: dict[str, object] = {"s3_patience": 60.0, "s3_connect_timeout": 0.5, "s3_read_timeout": 0.5}
        s3.create_bucket(Bucket=self.bucket)

    @property
    def source(self) -> str:
        return f"s3://{self.bucket}/in/"

    def store(self, source: str) -> ImageStore:
        return S3Store(source, load_settings(s3_endpoint_url=self.endpoint, **self.settings))

    def ingest(self, *stores: ImageStore, sweep: bool = False, **options: object) -> Report:
        return super().ingest(*(stores or [self.store(self.source)]), sweep=sweep, **options)

    def put(self, name: str, colour: str, width: int = 40) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=f"in/{name}", Body=picture(colour, width))

    def fill(self, number: int) -> None:
        for n in range(number):
            self.put(f"{n:03d}.png", "red", width=20 + n)

    def remove(self, name: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=f"in/{name}")

    def is_equal(self) -> bool:
        """Is every object indexed once under its ETag, each with the vector of its bytes, and nothing else there?"""
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="in/").get("Contents", [])
        records = self.index.scroll()
        assert {record.key: record.etag for record in records} == {entry["Key"]: entry["ETag"] for entry in listed}
        assert all(record.status == "indexed" for record in records)
        vectors = self.index.vectors([record.id for record in records])
        for record in records:
            data = self.s3.get_object(Bucket=self.bucket, Key=record.key)["Body"].read()
            pixels = np.asarray(Image.open(io.BytesIO(data)).resize((16, 16)))
            assert float(ColourEncoder().encode_images(pixels[None])[0] @ vectors[record.id]) > 0.99
        return set(self.thumbnails.ids()) == set(vectors)


def picture(colour: str, width: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, 30), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def world(decoder: DecodeWorkers, proxy: FaultProxy, s3_endpoint: str) -> BucketWorld:
    return BucketWorld(decoder, proxy, s3_client(s3_endpoint))


@contextmanager
def meanwhile(*steps: tuple[float, Any]) -> Iterator[None]:
    """Calls each after its seconds, while the body runs."""
    timers = [threading.Timer(seconds, call) for seconds, call in steps]
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.join()


def test_added_changed_and_deleted_objects_and_a_run_without_any_get(world: BucketWorld) -> None:
    world.fill(12)
    report = world.ingest()
    assert (report.added, report.captioned, report.problems) == (12, 12, []) and world.is_equal()
    assert world.proxy.requests == {"GET list": 1, "GET object": 12}
    world.proxy.forget()
    assert world.ingest().skipped == 12
    assert world.proxy.requests == {"GET list": 1}
    world.put("000.png", "blue", width=99)
    world.put("new.png", "green")
    world.remove("001.png")
    report = world.ingest()
    assert (report.added, report.updated, report.deleted) == (1, 1, 1) and world.is_equal()


def test_a_third_of_the_answers_is_slow_down(world: BucketWorld) -> None:
    world.fill(40)
    world.proxy.set(slow_down=0.3)
    report = world.ingest()
    assert (report.added, report.failed, report.problems) == (40, 0, [])
    assert sum(world.proxy.requests.values()) <= 3 * 41
    assert world.is_equal()


def test_bodies_that_are_cut_are_never_decoded(world: BucketWorld) -> None:
    world.fill(10)
    world.proxy.set(cut=60)
    with meanwhile((1.5, world.proxy.set)):
        report = world.ingest()
    assert (report.added, report.failed, report.problems) == (10, 0, []) and world.is_equal()
    assert sum(world.proxy.gets.values()) > 10


def test_one_object_that_is_always_cut_costs_itself_for_now(world: BucketWorld) -> None:
    world.settings["s3_patience"] = 5.0
    world.fill(30)
    world.proxy.set(cut=60, only="/007.png")
    report = world.ingest(captions=False)
    assert (report.added, world.keys(FAILED), report.problems) == (29, ["in/007.png"], [])
    world.proxy.set()
    assert world.ingest().updated == 1 and world.is_equal()


def test_an_object_that_the_store_cannot_deliver_costs_itself_for_now(world: BucketWorld) -> None:
    world.settings["s3_patience"] = 5.0
    world.fill(5)
    world.proxy.set(status=500, only="/002.png")
    for _ in range(2):
        report = world.ingest(captions=False)
        assert (report.problems, report.failed, world.keys(FAILED)) == ([], 1, ["in/002.png"])
    world.proxy.set()
    assert world.ingest().updated == 1 and world.is_equal()


@pytest.mark.parametrize("fault", [{"refuse": True}, {"hole": True}, {"slow_down": 1.0}, {"cut": 10}], ids=str)
def test_the_run_goes_on_when_the_store_is_back(world: BucketWorld, fault: dict[str, Any]) -> None:
    world.fill(20)
    world.proxy.set(**fault)
    with meanwhile((3.0, world.proxy.set)):
        report = world.ingest()
    assert (report.added, report.failed, report.problems) == (20, 0, []) and world.is_equal()
    assert sum(world.proxy.requests.values()) <= 4 * 21


@pytest.mark.parametrize("fault", [{"refuse": True}, {"hole": True}, {"slow_down": 1.0}, {"status": 500}], ids=str)
def test_a_store_that_dies_meanwhile_ends_the_run_and_harms_nothing(world: BucketWorld, fault: dict[str, Any]) -> None:
    world.fill(12)
    world.ingest()
    for n in range(12, 60):
        world.put(f"{n:03d}.png", "blue", width=20 + n)
    world.remove("000.png")
    world.settings["s3_patience"] = 2.0
    store = DyingStore(world, after=10, fault=fault)
    report = world.ingest(store)
    assert len(report.problems) == 1 and "has not answered for" in report.problems[0]
    assert "; nothing was deleted; what has been done stays" in report.problems[0]
    assert report.exit_code == 1 and report.failed == 0 == len(world.keys(FAILED))
    assert 10 <= report.added < 48 and "in/000.png" in world.keys()
    world.proxy.set()
    report = world.ingest()
    assert report.problems == [] and report.deleted == 1 and world.is_equal()


class DyingStore(S3Store):
    """The store fails for good once so many objects have been read."""

    def __init__(self, world: BucketWorld, after: int, fault: dict[str, Any]) -> None:
        super().__init__(world.source, load_settings(s3_endpoint_url=world.endpoint, **world.settings))
        self._world, self._left, self._fault = world, after, fault
        self._counting = threading.Lock()

    def read(self, ref: ImageRef) -> bytes:
        data = super().read(ref)
        with self._counting:
            self._left -= 1
            if self._left == 0:
                self._world.proxy.set(**self._fault)
        return data


@pytest.mark.parametrize("delay", [0.7, pytest.param(3.0, marks=pytest.mark.soak)])
def test_slow_answers_are_waited_for(world: BucketWorld, delay: float) -> None:
    world.settings["s3_read_timeout"] = 30.0
    world.fill(20)
    world.proxy.set(delay=delay)
    assert world.ingest().added == 20 and world.is_equal()
    assert world.proxy.most_delayed > 1 and sum(world.proxy.requests.values()) == 21


@pytest.mark.soak
@pytest.mark.parametrize("fault", [{"refuse": True}, {"hole": True}, {"slow_down": 1.0}], ids=str)
def test_five_minutes_without_the_store_are_waited_for(world: BucketWorld, fault: dict[str, Any]) -> None:
    """With the settings as they are: nobody has to run anything again."""
    world.settings.clear()
    world.fill(200)
    store = DyingStore(world, after=40, fault=fault)
    with meanwhile((305.0, world.proxy.set)):
        report = world.ingest(store)
    assert (report.added, report.failed, report.problems) == (200, 0, []) and world.is_equal()
    assert sum(world.proxy.requests.values()) + world.proxy.refused <= 3 * 201


def test_objects_that_change_while_they_are_read_never_get_another_etag(world: BucketWorld) -> None:
    world.fill(30)
    changing = ChangingStore(world)
    report = world.ingest(changing)
    assert (report.added, report.failed, report.problems) == (20, 0, [])
    assert {record.key for record in world.index.scroll()} == {f"in/{n:03d}.png" for n in range(30) if n % 3}
    assert world.is_equal()
    for n in range(1, 30, 3):
        world.remove(f"{n:03d}.png")
    changing = ChangingStore(world)
    for n in range(30):
        if n % 3 == 2:
            world.put(f"{n:03d}.png", "yellow", width=100 + n)
    assert world.ingest(changing).deleted == 10 and world.is_equal()


class ChangingStore(S3Store):
    """Of every three objects one is deleted and one replaced behind the listing's back, before they are read."""

    def __init__(self, world: BucketWorld) -> None:
        super().__init__(world.source, load_settings(s3_endpoint_url=world.endpoint, **world.settings))
        self._world = world

    def list(self) -> Iterator[ImageRef]:
        for ref in list(super().list()):
            name = ref.key.removeprefix("in/")
            number = int(name.removesuffix(".png"))
            if number % 3 == 0:
                self._world.remove(name)
            elif number % 3 == 1:
                self._world.put(name, "green", width=70 + number)
            yield ref


def change_while_it_is_read(world: BucketWorld, count: int, changes: int) -> None:
    """Objects are replaced and deleted all the time: each record has the vector of the bytes that its ETag means."""
    chance, bodies, colours = random.Random(4), dict[str, bytes](), list(COLOURS)
    world.proxy.set(delay=0.05)

    def put(n: int) -> None:
        body = picture(chance.choice(colours), 20 + chance.randrange(200))
        answer = world.s3.put_object(Bucket=world.bucket, Key=f"in/{n:04d}.png", Body=body)
        bodies[answer["ETag"]] = body

    def change(ending: threading.Event) -> None:
        for n in chance.choices(range(count), k=changes):
            if ending.is_set():
                return
            if chance.random() < 0.3:
                world.remove(f"{n:04d}.png")
            else:
                put(n)

    for n in range(count):
        put(n)
    ending = threading.Event()
    thread = threading.Thread(target=change, args=(ending,))
    thread.start()
    try:
        while True:
            last = not thread.is_alive()
            report = world.ingest(captions=False, confirm_deletes=True)
            assert report.problems == []
            records = world.index.scroll(limit=10_000)
            vectors = world.index.vectors([record.id for record in records if record.status == "indexed"])
            for record in records:
                assert record.status == "indexed" or not record.etag  # which never held still: is tried again
                if record.id in vectors:
                    body = bodies[record.etag]
                    pixels = np.asarray(Image.open(io.BytesIO(body)).resize((16, 16)))
                    assert record.content_hash == hashlib.sha256(body).hexdigest()
                    assert float(ColourEncoder().encode_images(pixels[None])[0] @ vectors[record.id]) > 0.99
            if last:
                break
    finally:
        ending.set()
        thread.join()
    world.proxy.set()
    assert world.is_equal()


def test_objects_that_change_all_the_time_never_get_another_etag(world: BucketWorld) -> None:
    change_while_it_is_read(world, count=40, changes=80)


@pytest.mark.soak
def test_a_thousand_objects_change_while_they_are_read(world: BucketWorld) -> None:
    change_while_it_is_read(world, count=1000, changes=4000)


def test_an_indexed_object_deleted_before_it_is_read_goes_at_once(world: BucketWorld) -> None:
    world.fill(6)
    world.ingest()
    world.put("000.png", "blue")  # so that it would be read again

    class Late(S3Store):
        def read(self, ref: ImageRef) -> bytes:
            world.remove("000.png")
            return super().read(ref)

    report = world.ingest(Late(world.source, load_settings(s3_endpoint_url=world.endpoint)))
    assert (report.deleted, report.updated, report.failed) == (1, 0, 0) and world.is_equal()


def test_an_object_that_never_holds_still_is_left_to_the_next_run(world: BucketWorld) -> None:
    world.fill(2)
    world.ingest()
    turns = count(50)

    class Restless(S3Store):
        def read(self, ref: ImageRef) -> bytes:
            world.put("000.png", "blue", width=next(turns))
            return super().read(ref)

    world.put("000.png", "green")
    report = world.ingest(Restless(world.source, load_settings(s3_endpoint_url=world.endpoint)))
    assert "stays as it was indexed" in report.notices[0] and len(world.keys()) == 2
    assert world.ingest().updated == 1 and world.is_equal()


def test_archived_objects_are_reported_and_what_was_indexed_stays(world: BucketWorld) -> None:
    world.fill(3)
    world.ingest()
    for key in ("in/000.png", "in/cold.png"):
        body = picture("red", 20)
        world.s3.put_object(Bucket=world.bucket, Key=key, Body=body, StorageClass="GLACIER")
    world.proxy.forget()
    report = world.ingest()
    assert (report.ignored, report.failed, report.deleted, report.skipped, report.exit_code) == (1, 0, 0, 3, 0)
    assert "GLACIER" in report.notices[0] and len(world.keys()) == 3
    assert world.proxy.requests == {"GET list": 1}


def test_a_denied_or_broken_or_empty_listing_deletes_nothing(world: BucketWorld) -> None:
    pictures = {f"in/{n}.png": picture("red", 20 + n) for n in range(4)}
    for answer in (
        lambda asked: refusal(403, "AccessDenied"),
        lambda asked: refusal(404, "NoSuchBucket"),
        lambda asked: listing({"in/0.png": pictures["in/0.png"]}, following="same"),
        lambda asked: listing({}),
    ):
        full = Bucket(pictures)
        behaviour = [full]

        def serve(asked: Asked, behaviour: list[Any] = behaviour) -> Any:
            return behaviour[0](asked)

        with s3_stub(serve) as world.endpoint:
            world.index.delete([record.id for record in world.index.scroll()])
            assert world.ingest(captions=False).added == 4
            behaviour[0] = answer
            report = world.ingest(captions=False, confirm_deletes=True)
            assert report.deleted == 0 and len(world.keys()) == 4 and (report.problems or report.kept == 4)
            behaviour[0] = full
            assert world.ingest(captions=False).skipped == 4


def test_stopping_does_not_wait_for_a_dead_store(world: BucketWorld, decoder: DecodeWorkers) -> None:
    world.fill(4)
    world.proxy.set(refuse=True)
    with DecodeWorkers(ImageLimits(), workers=1) as own:
        world.decoder = own
        parts = world.parts(Options(batch_size=4, thumbnail_px=64))
        report = Report()
        with meanwhile((1.5, parts.stop.set)):
            list(run_ingest(parts, [world.store(world.source)], report))  # `s3_patience` would hold it up for a minute
    assert report.interrupted and not report.problems and not world.keys()


def test_sources_in_one_bucket_are_read_once(world: BucketWorld) -> None:
    world.put("sub/a.png", "red")
    world.put("b.png", "blue")
    world.s3.put_object(Bucket=world.bucket, Key="in2/c.png", Body=picture("green", 30))
    inner, outer = world.store(world.source + "sub"), world.store(world.source.rstrip("/"))
    report = world.ingest(inner, outer, world.store(f"s3://{world.bucket}/in2"))
    assert report.added == 3 and "is a part of" in report.notices[0]
    assert {source for source, _ in world.index.facet("source")} == {world.source, f"s3://{world.bucket}/in2/"}


def test_sidecars_pairs_and_rechecks_in_a_bucket(world: BucketWorld) -> None:
    world.fill(3)
    world.put("000.cr2", "blue")
    world.s3.put_object(Bucket=world.bucket, Key="in/001.xmp", Body=b"<x/>")
    assert world.ingest().added == 4
    found = {record.key: record for record in world.index.scroll()}
    assert (found["in/000.cr2"].pair, found["in/001.png"].pair) == (None, None)  # a PNG is not developed from a RAW
    assert [key for key, record in found.items() if ";sidecars=" in record.etag] == ["in/001.png"]
    assert world.ingest().skipped == 4
    world.s3.put_object(Bucket=world.bucket, Key="in/001.xmp", Body=b"<y/>")
    world.encoder.encoded = 0
    report = world.ingest()
    assert (report.updated, report.skipped, world.encoder.encoded) == (1, 3, 0)
    report = world.ingest(recheck=True)
    assert (report.rechecked, report.updated, report.skipped, world.encoder.encoded) == (4, 0, 4, 0)
    world.put("000.jpg", "green")
    world.remove("001.xmp")
    report = world.ingest()
    pairs = {record.key: record.pair for record in world.index.scroll() if record.pair}
    assert pairs == {"in/000.cr2": "in/000.jpg", "in/000.jpg": "in/000.cr2"}
    assert (report.added, report.updated) == (1, 2) and world.is_equal()
