"""What pictures say of themselves, from a folder through `bucketlens ingest` to `bucketlens search --json`."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from click.testing import CliRunner

from bucketlens.cli import commands
from core.domain.model_catalog import DEMO_WEIGHTS
from tests.support.metadata.blocks import alternatives, bag, exif_block, iptc_block, jpeg, png, xmp_packet

pytestmark = pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models")

Hits = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def hits(tmp_path_factory: pytest.TempPathFactory) -> Hits:
    folder = tmp_path_factory.mktemp("told")
    pictures = folder / "pictures"
    pictures.mkdir()
    gps = {1: "N", 2: [(48, 1), (8, 1), (15, 1)], 3: "E", 4: [(11, 1), (34, 1), (30, 1)]}
    camera = {0x010F: "Canon", 0x0110: "Canon EOS R5", 0x010E: "OLYMPUS DIGITAL CAMERA", 0x4746: 4}
    details = {0x9003: "2020:01:01 00:30:00", 0x9011: "+09:00", 0xA434: "RF24-105mm F4 L IS USM"}
    words = iptc_block((120, "Fireworks over the bay"), (25, "night"), (25, "Müll"))
    xmp = xmp_packet(alternatives("dc:title", default="New year"), bag("Iptc4xmpExt:PersonInImage", "Ann"))
    (pictures / "full.jpg").write_bytes(jpeg(exif=exif_block(camera, details, gps), xmp=xmp, iptc=words))
    (pictures / "dated.png").write_bytes(png((b"tEXt", b"Creation Time\x002019-07-14")))
    (pictures / "plain.png").write_bytes(png())
    data = ["--data", str(folder / "data")]
    done = CliRunner().invoke(commands, ["ingest", str(pictures), *data, "--model", "demo", "--no-captions"])
    assert done.exit_code == 0, done.output
    found = CliRunner().invoke(commands, ["search", "a picture", "--json", *data])
    assert found.exit_code == 0, found.output
    return {hit["key"]: hit for hit in json.loads(found.stdout)["hits"]}


def test_everything_that_a_picture_says_is_on_record(hits: Hits) -> None:
    full = hits["full.jpg"]
    assert full["taken_at"].startswith("2020-01-01T00:30:00")  # the clock in Tokyo
    assert full["taken_instant"] == "2019-12-31T15:30:00+00:00"
    assert (full["taken_from"], full["taken_precision"]) == ("EXIF DateTimeOriginal", "second")
    assert (full["camera"], full["lens"], full["rating"]) == ("Canon EOS R5", "RF24-105mm F4 L IS USM", 4)
    assert (full["latitude"], full["longitude"]) == pytest.approx((48.1375, 11.575))
    assert full["file_texts"] == [
        {"text": "Fireworks over the bay", "origin": "IPTC caption"},
        {"text": "New year", "origin": "XMP title"},
    ]
    assert (full["keywords"], full["people"]) == (["night", "Müll"], ["Ann"])


def test_a_time_says_how_exact_it_is_and_a_picture_that_says_nothing_has_none(hits: Hits) -> None:
    dated, plain = hits["dated.png"], hits["plain.png"]
    assert (dated["taken_from"], dated["taken_precision"]) == ("PNG creation time", "day")
    assert not {"taken_at", "taken_from", "camera", "latitude", "rating"} & plain.keys()
