"""JPEG XL: its size is known before anything is decoded, and it is turned once."""

import io
from pathlib import Path

import pytest
from PIL import Image, UnidentifiedImageError

from core.errors import ImageTooLarge, ImageUnreadable
from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode
from core.imaging.readers.jpeg_xl import JpegXLFile, read_size
from tests.support.files.case import encode, paint, turn

SQUARE = DecodeRequest(PixelSpec(16, "squash", Image.Resampling.NEAREST))
SIZES = [(8, 8), (256, 128), (1, 1), (1000, 333), (333, 1000), (120, 100), (400, 300), (2000, 1), (160, 90), (700, 520)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("boxed", [False, True])
def test_the_size_is_read_from_the_header(size: tuple[int, int], boxed: bool) -> None:
    data = encode(Image.new("L", size), "JXL", use_container=boxed, effort=1)
    file = JpegXLFile(io.BytesIO(data))
    assert read_size(data) == size == file.size
    file.load()
    assert (file.size, file.mode) == (size, "L")


def test_a_bomb_is_refused_by_its_header() -> None:
    side = 60_000 - 1
    bits = 0 | 2 << 1 | side << 3 | 1 << 21  # not small; a side of 18 bits; as wide as high
    bomb = b"\xff\x0a" + bits.to_bytes(16, "little")
    assert read_size(bomb) == (60_000, 60_000)
    with pytest.raises(ImageTooLarge, match="60000 × 60000 pixels"):
        decode(bomb, SQUARE, ImageLimits(max_pixels=10**9))


@pytest.mark.parametrize("data", [b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n", b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\0jxlc"])
def test_no_size(data: bytes) -> None:
    with pytest.raises(UnidentifiedImageError):
        read_size(data)
    with pytest.raises(ImageUnreadable, match="damaged: starts like JPEG XL"):
        decode(data, SQUARE, ImageLimits())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_repacked_jpeg_is_turned_as_it_was(orientation: int, tmp_path: Path) -> None:
    stored, exif = turn(paint(), orientation)
    path = tmp_path / "a.jpg"
    stored.save(path, exif=exif, quality=95)
    with Image.open(path) as jpeg:
        repacked = encode(jpeg, "JXL", lossless_jpeg=True)
    for data in (path.read_bytes(), repacked):
        decoded = decode(data, SQUARE, ImageLimits())
        assert (decoded.width, decoded.height) == (48, 32)
        assert decoded.pixels is not None and decoded.pixels[2, 2, 0] > 180 > 80 > decoded.pixels[2, 2, 2]
