"""Thousands of damaged, odd and malicious files: each is indexed or listed with a reason, and nothing else suffers."""

import hashlib
import json
import re
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.models.encoders.loader import load_encoder
from core.adapters.qdrant_edge.index import EdgeIndex
from core.adapters.stores.folder import FolderStore
from core.domain.filtering.filters import FAILED, INDEXED
from core.domain.image import ImageRecord
from core.domain.model_catalog import DEMO_WEIGHTS
from core.errors import ImageError, ImageTooLarge, ImageUnreadable
from core.imaging.decode_request import Decoded, DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode
from tests.e2e.ingest.faults.test_kill import pages
from tests.support.processes.commands import SAMPLES, bucketlens, environment

HOSTILE = SAMPLES / "hostile"
PHOTOS = SAMPLES / "photos" / "images"

pytestmark = pytest.mark.skipif(not HOSTILE.is_dir(), reason="needs the sample data beside the repository")
needs_demo = pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models")


OUTCOMES = dict(
    line.split()
    for line in Path(__file__).with_name("hostile_outcomes.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
CODES = {  # code -> class of the error, and how its reason begins
    "empty": (ImageUnreadable, "the file is empty"),
    "unknown": (ImageUnreadable, "not an image of a known format; JPEG"),
    "foreign": (ImageUnreadable, r"an? [\w ()]+(: not supported; convert it to JPEG or PNG$|, no picture: )"),
    "unsupported": (ImageUnreadable, "of a kind that cannot be read: |an? (JPEG|TIFF|[^:]+ TIFF|GIF) ?[^:]*: "),
    "damaged": (ImageUnreadable, "damaged: "),
    "memory": (ImageTooLarge, "decoding it takes more memory"),
    "pixels": (ImageTooLarge, r"(over the limit of [\d,]+|\d+ × \d+) pixels"),
}


def outcome(future: "Future[Decoded]") -> str:
    try:
        decoded = future.result()
    except ImageError as error:
        codes = [code for code, (kind, text) in CODES.items() if type(error) is kind and re.match(text, str(error))]
        return codes[0] if len(codes) == 1 else repr(error)
    assert decoded.pixels is not None and decoded.thumbnail is not None
    return f"{decoded.width}x{decoded.height}"


def test_every_hostile_file_ends_as_it_should() -> None:
    paths = {hashlib.sha256(path.read_bytes()).hexdigest()[:16]: path for path in HOSTILE.rglob("*") if path.is_file()}
    assert paths.keys() == OUTCOMES.keys()
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        futures = {
            name: workers.submit(path.read_bytes(), DecodeRequest(PixelSpec(32, "crop", 3), 64, name=path.name))
            for name, path in paths.items()
        }
        seen = {name: outcome(future) for name, future in futures.items()}
    assert [(name, paths[name].name, seen[name]) for name in seen if seen[name] != OUTCOMES[name]] == []


@needs_demo
@pytest.mark.parametrize("name", ["Landscape", "Portrait"])
def test_all_nine_orientations_have_one_vector(name: str) -> None:
    encoder = load_encoder("demo", device="cpu")
    paths = sorted((HOSTILE / "exif_orientation").glob(f"{name}_*.jpg"))
    pixels = [decode(path.read_bytes(), DecodeRequest(encoder.pixels, 448), ImageLimits()).pixels for path in paths]
    vectors = encoder.encode_images(np.stack([each for each in pixels if each is not None]))
    assert len(vectors) == 9 and float((vectors @ vectors.T).min()) >= 0.99


MEASURED_RUN = """
import sys
from concurrent.futures import Future
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import ingest.commands.ingest
import ingest.pipeline.image_pass

def memory(name):
    return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1]) << 10

class Measured(ingest.pipeline.image_pass.ImageLoader):
    def __init__(self, *parts):  # the model has been loaded; the first picture has not been read
        super().__init__(*parts)
        Path("/proc/self/clear_refs").write_text("5")
        self.before = memory("VmRSS")
        Measured.last = self

ingest.pipeline.image_pass.ImageLoader = Measured
try:
    ingest.commands.ingest.ingest(sys.argv[2:])
finally:
    print("grown", memory("VmHWM") - Measured.last.before, file=sys.stderr)
"""


@pytest.mark.soak
@needs_demo
def test_the_whole_hostile_folder_with_the_real_command(tmp_path: Path) -> None:
    data = tmp_path / "data"
    arguments = ["ingest", str(HOSTILE), "--data", str(data), "--model", "demo", "--json"]
    command = [sys.executable, "-c", MEASURED_RUN, str(Path(__file__).resolve().parents[3]), *arguments[1:]]
    run = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=1200)
    assert run.returncode == 3, run.stderr
    report = json.loads(run.stdout.splitlines()[-1])
    store = FolderStore(HOSTILE, max_bytes=200 * 2**20)
    listed = {ref.key for ref in store.list()}
    index = EdgeIndex.open(data / "index")
    records: list[ImageRecord] = [*pages(index, INDEXED), *pages(index, FAILED)]
    index.close()
    assert sorted(record.key for record in records) == sorted(listed)
    assert all(record.error for record in records if record.status == "failed")
    for record in records:
        size = f"{record.width}x{record.height}" if record.status == "indexed" else record.status
        expected = OUTCOMES[str(record.content_hash)[:16]]
        assert size == (expected if expected[0].isdigit() else "failed"), record.key
    assert report["added"] + report["failed"] == len(listed) and report["ignored"] == sum(store.ignored.values())
    assert int(re.findall(r"grown (\d+)", run.stderr)[0]) < 300 * 2**20


@pytest.mark.soak
@needs_demo
@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs the sample photographs")
def test_all_photographs_are_indexed_with_the_real_command(tmp_path: Path) -> None:
    run = bucketlens("ingest", PHOTOS, "--data", tmp_path / "data", "--model", "demo", "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout.splitlines()[-1])
    assert (report["added"], report["captioned"], report["failed"]) == (80, 80, 0)
