"""Ingest from a fake store that answers as odd as real ones do: nothing is lost, and nothing is read twice."""

import gzip
import io
import os
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest
from PIL import Image

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.stores.s3 import S3Store
from core.domain.filtering.filters import FAILED
from core.domain.image import ImageRef
from core.imaging.decode_request import ImageLimits
from core.ports.image_store import ImageStore
from core.settings import load_settings
from tests.integration.ingest.pipeline.test_ingest import World
from tests.support.servers import real_store
from tests.support.servers.fake_s3 import SPELLINGS, TIMES, FakeS3, Quirks, StoredObject, fake_s3
from tests.support.servers.s3_server import ENVIRONMENT


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "real_credentials" not in request.fixturenames:
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)


@pytest.fixture
def real_credentials() -> None:
    """Those of the environment stay."""


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        yield workers


class FakeWorld(World):
    """A library in memory, and the fake bucket that it is filled from."""

    def __init__(self, decoder: DecodeWorkers, fake: FakeS3, **settings: object) -> None:
        super().__init__(None, decoder)  # type: ignore[arg-type]
        self.fake = fake
        self.settings: dict[str, object] = {"s3_patience": 2.0, "s3_read_timeout": 2.0} | settings

    def store(self, source: str) -> ImageStore:
        return S3Store(source, load_settings(s3_endpoint_url=self.fake.endpoint, **self.settings))

    def run(self, source: str = "s3://bucket") -> tuple[object, ...]:
        """Ingest; return how many were added, updated, skipped, deleted and failed, and the problems."""
        self.report = self.ingest(self.store(source), captions=False)
        done = self.report
        return done.added, done.updated, done.skipped, done.deleted, done.failed, done.problems


def picture(colour: str = "red", width: int = 24) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, 20), colour).save(file, "PNG")
    return file.getvalue()


RATED = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>"""

RESTLESS = "another at every look"
OF_ONE_OBJECT: dict[str, dict[str, object]] = {
    "as Amazon": {},
    **{f"lists ETag {name}": {"listed_tag": name} for name in SPELLINGS if name != RESTLESS},
    **{f"answers ETag {name}": {"told_tag": name} for name in SPELLINGS},
    **{f"ETag {name} everywhere": {"listed_tag": name, "told_tag": name} for name in SPELLINGS if name != RESTLESS},
    **{f"lists time {name}": {"listed_time": name} for name in TIMES},
    **{f"answers time {name}": {"told_time": name} for name in TIMES},
    **{
        f"no ETag, lists time {name}": {"listed_tag": "none", "listed_time": name} for name in TIMES if name != RESTLESS
    },
    **{f"no ETag, answers time {name}": {"listed_tag": "none", "told_time": name} for name in TIMES},
    **{f"length {name}": {"length": name} for name in ("chunked", "close", "odd")},
    "no length, no ETag": {"length": "chunked", "listed_tag": "none", "told_tag": "none"},
    "sizes that are no number": {"sizes": "no number"},
    "no sizes and no ETag": {"sizes": "none", "listed_tag": "none"},
}
NOTHING_TOLD = {
    "length": "close",
    "listed_tag": "none",
    "told_tag": "none",
    "sizes": "none",
    "listed_time": "none",
    "told_time": "none",
}


def test_one_odd_object_costs_nothing_and_is_read_once(decoder: DecodeWorkers) -> None:
    objects = {
        f"{name.replace('/', ' ')}.png": StoredObject(picture("red", 20 + n), quirks=Quirks(**quirks))  # type: ignore[arg-type]
        for n, (name, quirks) in enumerate(OF_ONE_OBJECT.items())
    }
    objects["nothing is told.png"] = StoredObject(picture("red", 19), quirks=Quirks(**NOTHING_TOLD))  # type: ignore[arg-type]
    total = len(objects)
    assert total > 80
    with fake_s3(objects) as fake:
        world = FakeWorld(decoder, fake)
        assert world.run() == (total, 0, 0, 0, 0, []) and not world.report.notices
        fake.gets()
        assert world.run() == (0, 0, total, 0, 0, []) and not world.report.notices
        assert fake.gets() == []
        for key, old in objects.items():
            later = old.modified_at.replace(hour=13)
            fake.objects[key] = replace(old, data=picture("blue", 200 + len(key)), modified_at=later)
        del fake.objects["as Amazon.png"]
        assert world.run() == (0, total - 2, 1, 1, 0, [])  # of one object nothing tells that it has changed
        assert "nothing is told.png" not in fake.gets()


OF_A_STORE: dict[str, dict[str, object]] = {
    "If-Match is ignored": {"condition": "ignore"},
    "If-Match is always refused": {"condition": "always refuse"},
    "If-Match is not implemented": {"condition": "not implemented"},
    "lists without ETag": {"listed_tag": "none"},
    "another ETag in the answer": {"told_tag": "another digest"},
    "another ETag in every answer": {"told_tag": RESTLESS},
    "another time in every answer, no ETag": {"listed_tag": "none", "told_time": RESTLESS},
    "keys not encoded": {"encoded": False},
    "small pages": {"page": 1},
}


@pytest.mark.parametrize("quirks", OF_A_STORE.values(), ids=OF_A_STORE)
def test_nothing_is_read_again_from_a_store_that_answers_otherwise(
    decoder: DecodeWorkers, quirks: dict[str, object]
) -> None:
    pictures = {f"{n}\n.png": picture("red", 20 + n) for n in range(4)}
    with fake_s3(pictures, **quirks) as fake:
        world = FakeWorld(decoder, fake)
        assert world.run() == (4, 0, 0, 0, 0, []) and not world.report.notices
        fake.gets()
        assert world.run() == (0, 0, 4, 0, 0, []) and not world.report.notices
        assert fake.gets() == []


def test_etags_that_do_not_hold_still_are_told_with_the_setting_that_helps(decoder: DecodeWorkers) -> None:
    pictures = {f"{n}.png": picture("red", 20 + n) for n in range(12)}
    for condition in ("heed", "ignore"):
        with fake_s3(pictures, listed_tag=RESTLESS, told_tag=RESTLESS, condition=condition) as fake:
            world = FakeWorld(decoder, fake)
            assert world.run() == (12, 0, 0, 0, 0, [])
            assert world.run() == (0, 12, 0, 0, 0, [])
            (notice,) = world.report.notices
            assert "12 of 12 objects of s3://bucket/ were read again" in notice and "other ETags" in notice
            assert "set `s3_changed_by` to time" in notice
            fake.gets()
            world.settings["s3_changed_by"] = "time"
            assert world.run() == (0, 0, 12, 0, 0, []) and not world.report.notices
            assert fake.gets() == []


def test_times_that_do_not_hold_still_either_leave_the_size(decoder: DecodeWorkers) -> None:
    pictures = {f"{n}.png": picture("red", 20 + n) for n in range(3)}
    with fake_s3(pictures, listed_tag="none", listed_time=RESTLESS) as fake:
        world = FakeWorld(decoder, fake)
        assert world.run() == (3, 0, 0, 0, 0, [])
        assert world.run() == (0, 3, 0, 0, 0, [])
        assert "other times" in world.report.notices[0] and "set `s3_changed_by` to size" in world.report.notices[0]
        world.settings["s3_changed_by"] = "size"
        fake.gets()
        assert world.run() == (0, 0, 3, 0, 0, []) and fake.gets() == []
        fake.objects["1.png"] = StoredObject(picture("blue", 99))
        assert world.run() == (0, 1, 2, 0, 0, [])


def test_a_library_keeps_the_etags_that_it_has_when_their_spelling_changes(decoder: DecodeWorkers) -> None:
    pictures = {f"{n}.png": picture("red", 20 + n) for n in range(3)}
    with fake_s3(pictures) as fake:
        world = FakeWorld(decoder, fake)
        world.run()
        fake.gets()
        for spelling in ("bare", "weak", "--gzip", "upper case", "none"):
            fake.set(listed_tag=spelling, told_tag=spelling)
            assert world.run() == (0, 0, 3, 0, 0, []) and fake.gets() == []


def test_sidecars_are_known_by_the_meaning_of_their_etags_too(decoder: DecodeWorkers) -> None:
    objects = {"a.png": picture(), "a.xmp": RATED, "b.png": picture("blue"), "b.png.xmp": RATED}
    with fake_s3(objects) as fake:
        world = FakeWorld(decoder, fake)
        assert world.run() == (2, 0, 0, 0, 0, [])
        assert [record.rating for record in world.index.scroll()] == [4, 4]
        fake.gets()
        for spelling in ("bare", "weak", "--gzip", "upper case"):
            fake.set(listed_tag=spelling)
            assert world.run() == (0, 0, 2, 0, 0, []) and fake.gets() == []


def test_new_sidecars_do_not_make_a_store_restless(decoder: DecodeWorkers) -> None:
    with fake_s3({"a.png": picture(), "b.png": picture("blue")}) as fake:
        world = FakeWorld(decoder, fake)
        world.run()
        fake.objects |= {name: StoredObject(RATED) for name in ("a.xmp", "b.png.xmp")}
        assert world.run() == (0, 2, 0, 0, 0, []) and not world.report.notices
        world.ingest(world.store("s3://bucket"), captions=False, recheck=True)
        assert [record.rating for record in world.index.scroll()] == [4, 4]
        fake.set(listed_tag="none", listed_time=RESTLESS)
        world.run()
        world.run()
        assert "other times" in world.report.notices[0] and "set `s3_changed_by` to size" in world.report.notices[0]


def test_compressed_objects_are_read_and_bombs_are_not(decoder: DecodeWorkers) -> None:
    plain = picture("red", 40)
    bomb = gzip.compress(bytes(2**22))
    readable = {
        "gzip.png": StoredObject(gzip.compress(plain + b" "), "gzip"),
        "two members.png": StoredObject(gzip.compress(plain[:50]) + gzip.compress(plain[50:] + b"  "), "x-gzip"),
        "deflate.png": StoredObject(zlib.compress(plain + b"   "), "deflate"),
        "twice.png": StoredObject(gzip.compress(gzip.compress(plain + b"    ")), "gzip, gzip"),
        "aws-chunked.png": StoredObject(picture("red", 41), "aws-chunked"),
        "not compressed.png": StoredObject(picture("red", 42), "gzip"),
        "not Brotli.png": StoredObject(picture("red", 43), "br"),
        "base64.png": StoredObject(picture("red", 44), "base64"),
        "chunked.png": StoredObject(gzip.compress(picture("red", 45)), "gzip", quirks=Quirks(length="chunked")),
    }
    failing = {
        "bomb.png": StoredObject(bomb, "gzip"),
        "Brotli.png": StoredObject(b"\x0b\x02\x80hello\x03", "br"),
        "Zstandard.png": StoredObject(b"\x28\xb5\x2f\xfd\x04\x00", "zstd"),
        "cut.png": StoredObject(gzip.compress(plain)[:-20], "gzip"),
        "broken.png": StoredObject(gzip.compress(plain)[:30] + bytes(40), "gzip"),
    }
    with fake_s3(readable | failing) as fake:
        world = FakeWorld(decoder, fake, decode_max_bytes=2**20)
        assert world.run() == (len(readable), 0, 0, 0, len(failing), [])
        reasons = {record.key: record.error or "" for record in world.index.scroll(FAILED)}
        assert "over the limit of" in reasons["bomb.png"] and "Brotli" in reasons["Brotli.png"]
        assert "Zstandard" in reasons["Zstandard.png"]
        assert "gzip" in reasons["cut.png"] and "gzip" in reasons["broken.png"]
        fake.gets()
        assert world.run() == (0, 0, len(readable) + len(failing), 0, 0, []) and fake.gets() == []


def test_archived_tiers_are_told_once_under_their_own_names(decoder: DecodeWorkers) -> None:
    data = picture()
    objects = {f"{n}.png": StoredObject(data, storage_class="GLACIER") for n in range(3)}
    objects |= {f"told late {n}.png": StoredObject(data, tier=("GLACIER", "")) for n in range(2)}
    objects |= {
        f"intelligent {n}.png": StoredObject(
            data, storage_class="INTELLIGENT_TIERING", tier=("INTELLIGENT_TIERING", at)
        )
        for n, at in enumerate(("ARCHIVE_ACCESS", "ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"))
    }
    objects |= {"instant.png": StoredObject(data, storage_class="GLACIER_IR")}
    with fake_s3(objects) as fake:
        world = FakeWorld(decoder, fake)
        assert world.run() == (1, 0, 0, 0, 0, []) and world.keys() == ["instant.png"]
        assert len(world.report.notices) == 3
        for count, tier in (
            (5, "GLACIER,"),
            (2, "INTELLIGENT_TIERING (ARCHIVE_ACCESS),"),
            (1, "INTELLIGENT_TIERING (DEEP_ARCHIVE_ACCESS),"),
        ):
            assert any(f"{count} objects" in notice and tier in notice for notice in world.report.notices)


@pytest.mark.parametrize(
    ("objects", "source", "says"),
    [
        ({"a/x.png": b"x"}, "s3://bucket/A", "beside it are a/"),
        ({}, "s3://bucket", "s3://bucket/ is empty"),
        ({"a/notes.txt": b"x", "a/more.txt": b"x"}, "s3://bucket/a", "2 objects, and none that can be a picture"),
    ],
)
def test_a_first_listing_without_pictures_says_what_to_check(
    decoder: DecodeWorkers, objects: dict[str, bytes], source: str, says: str
) -> None:
    with fake_s3(objects) as fake:
        world = FakeWorld(decoder, fake)
        assert world.run(source) == (0, 0, 0, 0, 0, [])
        assert says in world.report.notices[0]


def test_a_source_that_is_one_object_is_told_so(decoder: DecodeWorkers) -> None:
    with fake_s3({"in/a.png": picture()}) as fake:
        world = FakeWorld(decoder, fake)
        *_, problems = world.run("s3://bucket/in/a.png")
        assert "s3://bucket/in/a.png: is one object" in problems[0] and "such as s3://bucket/in/" in problems[0]
        assert world.report.exit_code == 1


@real_store.MAY_BE_KILLED
@pytest.mark.parametrize("fault", ["kill", "hang"])
def test_a_real_store_that_dies_in_the_middle_of_a_run_is_waited_for(
    decoder: DecodeWorkers, fault: str, real_credentials: None
) -> None:
    s3 = real_store.client(os.environ[real_store.URL])
    with real_store.own_bucket(s3) as bucket:
        for n in range(60):
            s3.put_object(Bucket=bucket, Key=f"{n}.png", Body=picture("red", 20 + n))
        fake = FakeS3({}, endpoint=os.environ[real_store.URL])
        world = FakeWorld(decoder, fake, s3_patience=60.0)
        reads = count(1)

        class Dying(S3Store):
            def read(self, ref: ImageRef) -> bytes:
                if next(reads) == 10:
                    real_store.control(fault)
                    threading.Timer(2.0, real_store.control, ("back",)).start()
                return super().read(ref)

        settings = load_settings(s3_endpoint_url=fake.endpoint, **world.settings)
        report = world.ingest(Dying(f"s3://{bucket}", settings), captions=False)
        assert (report.added, report.failed, report.problems) == (60, 0, [])
        assert world.run(f"s3://{bucket}") == (0, 0, 60, 0, 0, [])
