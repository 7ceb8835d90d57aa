"""RAW files: which preview is shown, and what is known of the picture."""

import io
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode
from core.imaging.readers.raw_file import OWN_SIZE, open_raw
from tests.support.files.case import CORNERS, GREYS, encode, paint
from tests.support.files.raw_writer import SIZE, TAKEN, make_cr2, make_cr3, make_raf, make_tiff_raw

SHOWN = paint(size=(400, 300))
FILES = {
    "a.cr2": make_cr2(SHOWN),
    "a.cr3": make_cr3(SHOWN),
    "a.raf": make_raf(SHOWN),
    "a.dng": make_tiff_raw([SHOWN], dng=True),
    "a.nef": make_tiff_raw([SHOWN], maker="NIKON CORPORATION"),
    "a.rw2": make_tiff_raw([SHOWN], maker="Panasonic", magic=b"IIU\0"),
    "a.orf": make_tiff_raw([SHOWN], maker="OLYMPUS CORPORATION", magic=b"IIRO"),
    "a.pef": make_tiff_raw([SHOWN], maker="PENTAX", order=">"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_time_is_that_of_the_raw(name: str) -> None:
    decoded = decode(FILES[name], DecodeRequest(thumbnail=32, name=name), ImageLimits())
    assert decoded.metadata.taken is not None
    assert decoded.metadata.taken.clock == datetime.strptime(TAKEN, "%Y:%m:%d %H:%M:%S")


@pytest.mark.parametrize("name", [name for name in FILES if name != "a.raf"])
def test_the_preview_has_the_exif_data_of_the_raw(name: str) -> None:
    preview = open_raw(FILES[name], name)
    assert preview is not None and preview.getexif()[271] and preview.getexif().get_ifd(0x8769)[36867] == TAKEN


def test_the_largest_preview_is_shown_at_the_size_of_the_raw() -> None:
    previews = [paint(GREYS, (170, 128)), SHOWN, paint(GREYS, (320, 240))]
    preview = open_raw(make_tiff_raw(previews, dng=True), "")
    assert preview is not None and preview.size == (400, 300) and preview.info[OWN_SIZE] == SIZE
    assert np.abs(np.subtract(preview.getpixel((20, 20)), CORNERS[0])).max() < 12  # type: ignore[arg-type]


@pytest.mark.parametrize("own", [None, 1, 6, 8])
@pytest.mark.parametrize("lies", [True, False])
def test_no_preview_is_turned_twice(own: int | None, lies: bool) -> None:
    """A camera stores the preview of a turned RAW lying or upright, and says so in it, or does not."""
    exif = Image.Exif()
    if own is not None:
        exif[0x0112] = own
    shape = (400, 300) if lies else (300, 400)
    stored = Image.open(io.BytesIO(encode(paint(size=shape), "JPEG", quality=95, exif=exif)))
    decoded = decode(
        make_tiff_raw([stored], orientation=6, dng=True),
        DecodeRequest(PixelSpec(16, "squash", Image.Resampling.NEAREST)),
        ImageLimits(),
    )
    assert (decoded.width, decoded.height) == SIZE[::-1]
    assert decoded.pixels is not None
    first = CORNERS[0] if not lies else CORNERS[1] if own == 8 else CORNERS[2]
    assert np.abs(decoded.pixels[2, 2].astype(int) - first).max() < 20


def test_pictures_of_another_shape_than_their_raw_are_cut_as_the_raw_is_told() -> None:
    """A camera may show 3 : 1 of a sensor of 4 : 3: tiles are counted by the size that is in the record."""
    preview = paint(size=(480, 160))
    request = DecodeRequest(PixelSpec(16, "crop", Image.Resampling.NEAREST), tiles=True)
    decoded = decode(make_tiff_raw([preview], dng=True), request, ImageLimits())
    assert decoded.pixels is not None and decoded.pixels.shape == (1, 16, 16, 3)


@pytest.mark.parametrize("data", [b"", b"II*\0", encode(paint(), "TIFF"), encode(paint(), "JPEG"), b"FUJI"])
def test_other_files_are_no_raw(data: bytes) -> None:
    assert open_raw(data, "a.dng") is None


@pytest.mark.parametrize("name", FILES)
def test_a_hole_in_the_preview_is_noticed(name: str) -> None:
    data, request = FILES[name], DecodeRequest(thumbnail=64, name=name)
    assert decode(data, request, ImageLimits()).incomplete is None
    scan = data.rindex(b"\xff\xda")
    end = data.index(b"\xff\xd9", scan)
    half = (scan + end) // 2
    decoded = decode(data[:half] + bytes(end - half) + data[end:], request, ImageLimits())
    assert decoded.incomplete is not None and 0 < decoded.incomplete < 1
