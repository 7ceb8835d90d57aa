"""Directories of TIFF and RAW files, which often lie at their end: a file that is cut off is told to be so."""

import io

import numpy as np
import pytest
from PIL import Image

from core.errors import ImageUnreadable
from core.imaging.decode_request import DecodeRequest, ImageLimits
from core.imaging.decoder import decode
from core.imaging.readers.tiff_directories import is_directory_cut
from tests.support.files.case import encode, paint
from tests.support.files.raw_writer import make_cr2, make_tiff_raw

SHOWN = paint(size=(400, 300))
FILES = {
    "a.tif": encode(SHOWN, "TIFF", compression="tiff_lzw"),
    "b.tif": encode(SHOWN, "TIFF", compression="jpeg"),
    "c.tif": encode(SHOWN, "TIFF", compression="tiff_adobe_deflate", big_tiff=True),
    "a.cr2": make_cr2(SHOWN),
    "a.dng": make_tiff_raw([SHOWN], dng=True),
    "a.nef": make_tiff_raw([SHOWN], maker="NIKON CORPORATION", order=">"),
}


@pytest.mark.parametrize("missing", [0.004, 0.5, 0.9])
@pytest.mark.parametrize("name", FILES)
def test_a_file_whose_directory_is_cut_off_is_told_to_be_so(name: str, missing: float) -> None:
    data = FILES[name][: -max(60, round(len(FILES[name]) * missing))]
    assert is_directory_cut(data) and not is_directory_cut(FILES[name])
    with pytest.raises(ImageUnreadable, match=r"cut off.*again"):
        decode(data, DecodeRequest(thumbnail=32, name=name), ImageLimits())


def test_a_preview_that_is_there_is_shown_without_the_directory() -> None:
    data = make_tiff_raw([SHOWN], maker="Panasonic", magic=b"IIU\0")
    assert decode(data[:-1000], DecodeRequest(thumbnail=32, name="a.rw2"), ImageLimits()).width == 400
    with pytest.raises(ImageUnreadable, match=r"cut off.*a Panasonic RW2"):
        decode(data[: len(data) // 2], DecodeRequest(thumbnail=32, name="a.rw2"), ImageLimits())


def test_without_a_value_that_tells_of_the_pixels_a_file_is_cut_off_too() -> None:
    data = FILES["a.tif"][:-1]
    assert is_directory_cut(data) and not is_directory_cut(data, values=False)
    with pytest.raises(ImageUnreadable, match="cut off"):
        decode(data, DecodeRequest(thumbnail=32), ImageLimits())


def test_a_directory_at_the_beginning_is_whole_where_the_pixels_are_cut_off() -> None:
    out = io.BytesIO()
    Image.fromarray(np.zeros((40, 30, 3), np.uint8)).save(out, "TIFF")
    assert not is_directory_cut(out.getvalue()[:-1000])


@pytest.mark.parametrize("data", [b"", b"II*\0", b"\xff\xd8\xff\xe0\0\x10JFIF"])
def test_other_files(data: bytes) -> None:
    assert not is_directory_cut(data)
