"""Files with random damage through a whole ingest: each ends as it should, and none that is visibly damaged is whole.

Not all damage can be noticed. Where a format has no checksum, changed bits may be as good a file as those that were
written, and every viewer shows the same. So a strict reader of another house, libvips, is the judge. Of a picture that
is shown otherwise than the intact one, and is not marked, it must find no fault either, and must show it otherwise too.
It reads neither HEIC nor BMP. A BMP has no redundancy at all, and of HEIC and AVIF our decoders tell less than they
could: only what breaks off or is filled with zeros is noticed there.
"""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.adapters.decoding.pool import DecodeWorkers
from core.domain.image import ImageRecord
from core.imaging.decode_request import Decoded, DecodeRequest, ImageLimits
from core.imaging.decoder import decode
from ingest.pipeline.run_context import scroll_while_busy
from tests.integration.ingest.pipeline.test_ingest import World
from tests.support.files.mutations import mutate
from tests.support.files.raw_writer import make_cr2, make_tiff_raw
from tests.unit.core.imaging.recovery.test_recover import KINDS, encoded, scene

FORMATS = KINDS | {
    "TIFF with LZW": encoded("TIFF", compression="tiff_lzw"),
    "TIFF with deflate": encoded("TIFF", compression="tiff_deflate"),
    "TIFF with JPEG": encoded("TIFF", compression="jpeg"),
    "JPEG XL": encoded("JXL"),
    "JPEG 2000": encoded("JPEG2000"),
    "ICO": encoded("ICO", sizes=[(128, 128)]),
    "PPM": encoded("PPM"),
    "PCX": encoded("PCX"),
    "TGA": encoded("TGA", compression="tga_rle"),
    "DNG": make_tiff_raw([scene()], dng=True),
    "CR2": make_cr2(scene()),
}
NO_JUDGE = ("BMP", "HEIC", "AVIF", "JPEG XL", "JPEG 2000", "ICO", "PPM", "PCX", "TGA", "DNG", "CR2")
NOTICED_EVERYWHERE = ("cut",)  # damage that no format may hide
VISIBLE = 24  # of 255, in some pixel of a thumbnail
THUMBNAIL = DecodeRequest(thumbnail=160)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "pictures").mkdir()
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        yield World(tmp_path / "pictures", workers)


def write_mutations(folder: Path, count: int) -> dict[str, tuple[str, str]]:
    """Write damaged files of every format; return the format and the kind of damage of each."""
    written = {}
    for number, (name, data) in enumerate(FORMATS.items()):
        for seed in range(count):
            damage, broken = mutate(data, 1000 * number + seed)
            path = folder / f"{number:02d}-{seed:03d}.{'tga' if name == 'TGA' else 'jpg'}"
            path.write_bytes(broken)
            written[path.name] = name, damage
    return written


def picture_of(decoded: Decoded) -> NDArray[np.int16]:
    assert decoded.thumbnail is not None
    return np.asarray(Image.open(io.BytesIO(decoded.thumbnail)).convert("RGB")).astype(np.int16)


def differs(one: NDArray[np.int16], other: NDArray[np.int16], by: int) -> bool:
    return one.shape != other.shape or int(np.abs(one - other).max()) > by


def judge(data: bytes) -> NDArray[np.int16] | None:
    """The picture as libvips reads it; None where it finds a fault."""
    pyvips = pytest.importorskip("pyvips")
    try:
        image = pyvips.Image.new_from_buffer(data, "", fail_on="warning").colourspace("srgb")
        return (image.flatten(background=255) if image.hasalpha() else image).numpy().astype(np.int16)
    except pyvips.Error:
        return None


def find_silent(folder: Path, written: dict[str, tuple[str, str]], records: list[ImageRecord]) -> list[tuple[str, ...]]:
    """Find the pictures that are visibly damaged and told to be whole, though that could have been noticed."""
    silent = []
    intact = {name: picture_of(decode(data, THUMBNAIL, ImageLimits())) for name, data in FORMATS.items()}
    judged = {name: judge(data) for name, data in FORMATS.items() if name not in NO_JUDGE}
    for record in records:
        name, damage = written[record.key]
        if record.status != "indexed" or record.incomplete is not None:
            continue
        data = (folder / record.key).read_bytes()
        shown = picture_of(decode(data, replace(THUMBNAIL, name=record.key), ImageLimits()))
        if not differs(shown, intact[name], VISIBLE):
            continue
        if name in NO_JUDGE:
            if damage in NOTICED_EVERYWHERE:
                silent.append((record.key, name, damage, "is hidden"))
            continue
        expected, seen = judged[name], judge(data)
        assert expected is not None
        if seen is None or not differs(seen, expected, 0):
            silent.append(
                (record.key, name, damage, "libvips finds a fault" if seen is None else "libvips shows it whole")
            )
    return silent


def ingest_mutations(world: World, count: int) -> Counter[str]:
    written = write_mutations(world.folder, count)
    report = world.ingest(captions=False)
    records = [record for page in scroll_while_busy(world.index) for record in page]
    assert sorted(record.key for record in records) == sorted(written)
    assert report.added + report.failed == len(written) and not report.problems
    assert all(record.error and "Traceback" not in record.error for record in records if record.status == "failed")
    assert not [record for record in records if "nonsense" in (record.error or "")]
    assert find_silent(world.folder, written, records) == []
    ends = Counter(record.status for record in records)
    ends["incomplete"] = sum(record.incomplete is not None for record in records)
    return ends


def test_some_mutations_of_each_format(world: World) -> None:
    ends = ingest_mutations(world, 8)
    assert ends["incomplete"] > len(FORMATS) * 3  # most is noticed, and most of that is shown


@pytest.mark.soak
def test_three_hundred_mutations_of_each_format(world: World) -> None:
    ends = ingest_mutations(world, 300)
    assert ends["incomplete"] > len(FORMATS) * 100
