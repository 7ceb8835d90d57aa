"""Public files that Pillow, libvips or LibRaw open whole: none of them is called damaged."""

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import pyvips
import rawpy
from PIL import Image

from core.adapters.decoding.pool import DecodeWorkers
from core.errors import ImageError
from core.imaging import png
from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.readers.tiff_directories import read_directories
from core.imaging.readers.tiff_layout import read_layout
from tests.support.processes.commands import SAMPLES

FILES = sorted(path for path in SAMPLES.glob("*/**/*") if path.is_file() and "clip_vectors" not in path.parts)
SPEC = PixelSpec(32, "squash", Image.Resampling.BILINEAR)

pytestmark = [
    pytest.mark.skipif(not FILES, reason="needs the sample data beside the repository"),
    pytest.mark.filterwarnings("ignore"),  # Pillow's, of damaged tags
]


def find_misjudged(paths: Sequence[Path]) -> Iterator[tuple[str, str]]:
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        futures = [workers.submit(p.read_bytes(), DecodeRequest(SPEC, 64, name=p.name)) for p in paths]
        for path, future in zip(paths, futures, strict=True):
            told = ""
            try:
                if (share := future.result().incomplete) is not None:
                    told = f"incomplete: {share:.2f}"
            except ImageError as error:
                told = str(error) if str(error).startswith("damaged") else ""
                assert "the decoder died" not in str(error), path
            data = path.read_bytes()
            if told.startswith("incomplete") and data.startswith(b"\xff\xd8\xff"):
                continue  # libjpeg warns of bytes behind the last row, which libvips has read by then
            if told and not is_cut(data) and opens_whole(data, by_pillow=told.startswith("damaged")):
                yield path.name, told


def opens_whole(data: bytes, *, by_pillow: bool) -> bool:
    with suppress(pyvips.Error):
        pyvips.Image.new_from_buffer(data, "", fail_on="warning").avg()
        return True
    with suppress(rawpy.LibRawError), rawpy.imread(io.BytesIO(data)) as raw:
        raw.unpack()
        return True
    with suppress(Exception):
        Image.open(io.BytesIO(data)).load()
        return by_pillow
    return False


def is_cut(data: bytes) -> bool:
    """Tell whether something is missing, though readers overlook it."""
    if data.startswith(png.SIGNATURE):
        return png.find_fault(data) is not None
    if data.startswith(b"GIF8"):
        return not data.endswith(b";")
    with suppress(SyntaxError, IndexError, ImageError):
        layout = read_layout(read_directories(data)[0])
        return len(layout.offsets) < layout.chunks
    return False


def test_a_sample_of_them() -> None:
    assert list(find_misjudged(FILES[::40])) == []


@pytest.mark.soak
def test_all_of_them() -> None:
    assert list(find_misjudged(FILES)) == []
