"""A PNG is as good as the chunks that make up its picture, whatever stands beside them."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from core.errors import ImageUnreadable
from core.imaging import png
from core.imaging.decode_request import Decoded, DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode
from tests.unit.core.imaging.test_decoder import chunk, encoded, gradient

REQUEST = DecodeRequest(PixelSpec(32, "crop", 3))
PNG = encoded(gradient(40, 30))
HEADER, REST = PNG[:33], PNG[33:]  # signature and IHDR


def look(data: bytes) -> Decoded:
    return decode(data, REQUEST, ImageLimits())


@pytest.mark.parametrize(
    "beside",
    [
        chunk(b"iCCP", b"name\0\x07" + zlib.compress(bytes(100))),  # no such compression
        chunk(b"zTXt", b"remark\0\0" + zlib.compress(bytes(2**27))),
        chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fdAT", struct.pack(">I", 9) + bytes(9)),
        chunk(b"tEXt", b"remark\0text")[:-4] + bytes(4),
        chunk(b"iTXt", b"remark\0\x01\x00\0\0" + b"no zlib"),
        chunk(b"gAMA", b"1"),
    ],
    ids=lambda data: data[4:8].decode(),
)
def test_damage_beside_the_picture_does_not_cost_it(beside: bytes) -> None:
    whole, seen = look(PNG), look(HEADER + beside + REST)
    assert seen.width == 40 and np.array_equal(seen.pixels, whole.pixels)  # type: ignore[arg-type]
    assert seen.content_hash != whole.content_hash


def test_transparency_stays_when_the_rest_is_left_away() -> None:
    red = encoded(Image.new("RGB", (40, 40), (200, 0, 0)), transparency=(200, 0, 0))
    broken = red[:33] + chunk(b"tEXt", b"remark\0text")[:-4] + bytes(4) + red[33:]
    pixels = look(broken).pixels
    assert pixels is not None and pixels.min() == 255


def test_a_missing_end_is_marked_and_costs_nothing() -> None:
    whole = look(PNG)
    for length in (12, 5, 1):
        cut = look(PNG[:-length])
        assert cut.incomplete == 0.999 and np.array_equal(cut.pixels, whole.pixels)  # type: ignore[arg-type]


def test_of_two_checksums_that_of_the_pixels_counts() -> None:
    crc = REST.index(b"IEND") - 8
    sound = look(HEADER + REST[:crc] + bytes(4) + REST[crc + 4 :])
    assert sound.incomplete is None and np.array_equal(sound.pixels, look(PNG).pixels)  # type: ignore[arg-type]
    noise = encoded(Image.fromarray(np.random.default_rng(1).integers(0, 255, (30, 40, 3), dtype=np.uint8)))
    middle = len(noise) // 2
    broken = look(noise[:middle] + bytes([noise[middle] ^ 1]) + noise[middle + 1 :])
    assert broken.incomplete is not None and broken.incomplete < 0.6


def test_without_a_sound_header_there_is_no_picture() -> None:
    with pytest.raises(ImageUnreadable, match=r"checksum of its IHDR|header cannot be read"):
        look(HEADER[:-4] + bytes(4) + REST)


def test_what_follows_the_end_is_no_part_of_it() -> None:
    assert look(PNG + b"whatever").width == 40 and png.find_fault(PNG + b"whatever") is None


def test_there_is_nothing_to_leave_away_of_a_bare_picture() -> None:
    assert png.strip_ancillary(PNG) is None
    more = HEADER + chunk(b"tEXt", b"remark\0text") + REST
    assert png.strip_ancillary(more) == PNG
