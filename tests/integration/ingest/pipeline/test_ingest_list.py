"""Ingest from lists over real HTTP; decode workers are real, index and models are fakes."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.url_list.store import ListStore
from core.domain.filtering.filters import FAILED, INDEXED, caption_words
from core.domain.image import ImageRecord
from core.imaging.decode_request import ImageLimits
from core.ports.image_store import ImageStore
from core.ports.vector_index import Point
from core.settings import load_settings
from ingest.telemetry.report import Report
from tests.integration.ingest.pipeline.test_ingest import World
from tests.support.servers.web_server import WebServer, picture

QUICK = {"list_connect_timeout": 0.5, "list_read_timeout": 0.5, "list_host_patience": 0.5, "list_patience": 2.0}


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        yield workers


class ListWorld(World):
    """A library in memory, the list that it is filled from, and the server that the list leads to."""

    def __init__(self, folder: Path, decoder: DecodeWorkers, web: WebServer) -> None:
        super().__init__(folder, decoder)
        self.web = web
        self.path = folder / "list.tsv"

    def store(self, source: str, **settings: Any) -> ImageStore:
        return ListStore(source, load_settings(list_allow_private=True, **QUICK, **settings))

    def write(self, *rows: str) -> None:
        """Rows of the Conceptual Captions: caption, tab, address."""
        self.path.write_text("".join(f"{row}\n" for row in rows))

    def run(self, **options: Any) -> Report:
        self.web.asked.clear()
        return self.ingest(self.store(f"list:{self.path}"), **options)

    def fill(self, number: int) -> list[str]:
        colours = ["red", "blue", "green"]
        return [
            f"a {colours[n % 3]} thing number {n}\t"
            + self.web.show(f"/{n}.png", picture(colours[n % 3], 20 + n), ETag=f'"{n}"')
            for n in range(number)
        ]

    def record(self, path: str) -> ImageRecord:
        (found,) = [record for record in self.index.scroll() if record.key.endswith(path)]
        return found


@pytest.fixture
def world(tmp_path: Path, decoder: DecodeWorkers) -> Iterator[ListWorld]:
    with WebServer() as web:
        yield ListWorld(tmp_path, decoder, web)


def test_a_list_becomes_a_library_with_the_captions_of_people(world: ListWorld) -> None:
    world.write(*world.fill(6))
    report = world.run()
    assert (report.added, report.failed, report.captioned, report.exit_code) == (6, 0, 0, 0)
    record = world.record("/1.png")
    assert (record.caption, record.caption_origin) == ("a blue thing number 1", "human")
    assert (record.etag, record.width, record.source) == ('etag "1"', 21, f"list://{world.path}")
    assert record.caption_score is not None and world.index.vectors([record.id], "caption")
    assert len(world.index.scroll(INDEXED & caption_words(must=["blue"]))) == 2
    assert len(list(world.thumbnails.ids())) == 6


def test_an_unchanged_list_is_not_fetched_again(world: ListWorld) -> None:
    world.write(*world.fill(5), "dead\t" + world.web.status("/dead.png", 404))
    world.run()
    report = world.run()
    assert (report.skipped, report.added, report.updated, report.failed) == (6, 0, 0, 0)
    assert not world.web.asked


def test_a_long_picture_known_by_its_middle_is_downloaded_again(world: ListWorld) -> None:
    """Although its server would say that it is unchanged."""
    data = BytesIO()
    Image.new("RGB", (90, 30), "red").save(data, "PNG")
    world.write(*world.fill(2), "a red band\t" + world.web.show("/long.png", data.getvalue(), ETag='"long"'))
    world.run()
    long = world.record("/long.png")
    world.index.upsert([Point(replace(long, framing=None), world.index.vectors([long.id])[long.id])])
    world.encoder.encoded = 0
    report = world.run()
    assert (report.updated, report.skipped, world.encoder.encoded) == (1, 2, 4)
    assert world.record("/long.png").framing == "tiles" and "If-None-Match" not in world.web.headers["/long.png"]
    assert world.run().skipped == 3


def test_a_recheck_downloads_what_has_changed_alone(world: ListWorld) -> None:
    world.write(*world.fill(3))
    world.run()
    before = {record.key: record.etag for record in world.index.scroll()}
    world.web.show("/1.png", picture("green", 99), ETag='"new"')
    world.encoder.encoded = 0
    report = world.run(recheck=True)
    assert (report.rechecked, report.updated, report.skipped, world.encoder.encoded) == (3, 1, 2, 1)
    assert world.web.headers["/0.png"]["If-None-Match"] == '"0"'
    after = {record.key: record.etag for record in world.index.scroll()}
    assert {key for key in after if after[key] != before[key]} == {world.web.url + "/1.png"}
    assert world.record("/1.png").width == 99 and world.record("/0.png").bytes == len(picture("red", 20))


def test_what_is_dead_is_on_record_with_its_reason(world: ListWorld) -> None:
    web = world.web
    rows = {
        web.status("/404.png", 404): "404",
        web.status("/410.png", 410): "410",
        web.on("/page", lambda request: request.body(b"<html>", Content_Type="text/html")): "not an image",
        web.on("/junk.png", lambda request: request.body(b"junk")): "not an image",
        web.flood("/big.png", 2**23, told=True): "over the limit",
        "http://127.0.0.1:9/refused.png": "refuses",
        web.redirect("/round", "/round"): "redirects more than",
        "ftp://example.org/a.png": "not an http",
    }
    world.write(*world.fill(4), *(f"a caption\t{url}" for url in rows))
    report = world.ingest(world.store(f"list:{world.path}", decode_max_bytes=2**20))
    assert (report.added, report.failed, report.exit_code) == (4, len(rows), 3)
    reasons = {record.key: record.error for record in world.index.scroll(FAILED)}
    for url, reason in rows.items():
        assert reason in str(reasons[url]), (url, reasons[url])
    retried = world.run()
    assert retried.failed == 1 and retried.skipped == 3 + len(rows)  # who refused may be back by now


def test_patterns_leave_out_by_host_and_path(world: ListWorld) -> None:
    world.write(*world.fill(3))
    host = world.web.url.partition("://")[2]
    store = ListStore(f"list:{world.path}", load_settings(list_allow_private=True), ["1.png", f"/{host}/2.*"])
    report = world.ingest(store)
    assert (report.added, report.excluded) == (1, 2) and world.record("/0.png")


def test_a_dead_link_costs_nothing_that_is_indexed(world: ListWorld) -> None:
    world.write(*world.fill(3))
    world.run()
    world.web.status("/1.png", 404)
    report = world.run(recheck=True)
    assert report.failed == 1 and world.index.count(INDEXED) == 3
    assert any("stays as it was indexed: dead link" in notice for notice in report.notices)


def test_rows_that_are_gone_are_deleted_with_the_guards_of_every_source(world: ListWorld) -> None:
    rows = world.fill(30)
    world.write(*rows)
    world.run()
    world.write(*rows[:28])
    assert world.run().deleted == 2
    world.write(*rows[:5])
    report = world.run()
    assert (report.deleted, report.kept) == (0, 23) and "`confirm_deletes`" in report.notices[-1]
    world.write()
    assert world.run(confirm_deletes=True).deleted == 0
    world.write(*rows[:5])
    assert world.run(confirm_deletes=True).deleted == 23


def test_a_list_that_breaks_off_deletes_nothing(world: ListWorld) -> None:
    urls = [row.split("\t")[1] for row in world.fill(3)]
    world.path.write_text("".join(f'{{"url": "{url}"}}\n' for url in urls))
    world.run()
    world.path.write_text(f'{{"url": "{urls[0]}"}}\n{{"url": "htt')
    report = world.run()
    assert report.deleted == 0 and "line 2" in report.problems[0] and world.index.count() == 3


def test_captions_that_change_in_the_list_change_alone(world: ListWorld) -> None:
    rows = world.fill(2)
    world.write(*rows)
    world.run()
    world.write(rows[0].replace("a red thing", "two old boats"), rows[1])
    report = world.run()
    assert (report.human_captions, report.updated, report.skipped) == (1, 0, 1) and not world.web.asked
    assert world.record("/0.png").caption == "two old boats number 0"
    assert not world.run().human_captions


def test_a_server_that_comes_back_is_asked_again_by_the_next_run(world: ListWorld) -> None:
    world.write(*world.fill(2), "busy\t" + world.web.status("/busy.png", 500))
    report = world.run()
    assert (report.added, report.failed) == (2, 1) and world.record("/busy.png").caption == "busy"
    world.web.show("/busy.png", picture("red"))
    report = world.run()
    assert (report.updated, report.skipped) == (1, 2) and world.record("/busy.png").caption == "busy"


def test_what_was_odd_about_the_list_is_told(world: ListWorld) -> None:
    third = world.fill(3)[2].partition("\t")[2].encode()
    rows = [*(row.encode() for row in world.fill(2)), b"no address\t", b"caf\xe9\t" + third]
    world.path.write_bytes(b"\n".join(rows))
    report = world.run()
    assert (report.added, report.failed, report.exit_code) == (3, 0, 0)
    assert world.record("/2.png").caption == "café"
    assert [notice.removeprefix(f"{world.path}: ") for notice in report.notices] == [
        "1 lines are not UTF-8 and were read as Windows-1252 (number 4); if they are in another encoding, save the "
        "file as UTF-8",
        "1 rows have no address (number 3)",
    ]
