"""CMYK of pictures that carry no profile -> sRGB, as other viewers show it.

The table cmyk_colours.npy is measured by infra/make_cmyk_colours.py. It is handed to LittleCMS as a profile.
"""

import io
import struct
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

STEPS = 9  # of each ink in the table

_EXACT = 2**22  # pixels: one and a half seconds
_GRID = 33  # steps of each ink in LittleCMS's own table
_TABLE = Path(__file__).with_name("cmyk_colours.npy")
_WHITE = (0.9642, 1.0, 0.8249)  # XYZ of D50


def convert_cmyk(image: Image.Image) -> Image.Image:
    """Convert a picture of mode CMYK to RGB.

    Large ones go through a table of LittleCMS's own. It is several times as fast, and off by up to 15 levels in colours
    of which one channel nears 0: 2 values in a million of random ones are off by more than 10. Others are off by up
    to 4.
    """
    result = ImageCms.applyTransform(image, _make_transform(exact=image.width * image.height <= _EXACT))
    assert result is not None  # it is not in place
    return result


def encode_lab(lab: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Encode L*a*b* in 16 bits as tables of ICC profiles do (ICC.1:2001-04, 6.5.8)."""
    levels = np.stack([lab[..., 0] * 652.8, (lab[..., 1] + 128) * 256, (lab[..., 2] + 128) * 256], axis=-1)
    return levels.round().clip(0, 65535).astype(np.uint16)


@cache
def _make_transform(*, exact: bool) -> ImageCms.ImageCmsTransform:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(_make_profile(np.load(_TABLE))))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC  # others move black
    return ImageCms.buildTransform(
        profile, srgb, "CMYK", "RGB", intent, ImageCms.Flags.NOOPTIMIZE if exact else ImageCms.Flags(_GRID << 16)
    )


def _make_profile(table: NDArray[np.uint16]) -> bytes:
    """Make an ICC profile of version 2 with one tag of type lut16: (STEPS, STEPS, STEPS, STEPS, 3) -> L*a*b*."""
    identity = struct.pack(">9i", *(65536 * (place in (0, 4, 8)) for place in range(9)))
    straight = struct.pack(">2H", 0, 65535)
    lut = b"mft2" + bytes(4) + bytes((4, 3, STEPS, 0)) + identity + struct.pack(">2H", 2, 2)
    lut += 4 * straight + table.astype(">u2").tobytes() + 3 * straight
    white = struct.pack(">3i", *(round(65536 * value) for value in _WHITE))
    tags = {b"A2B0": lut + bytes(-len(lut) % 4), b"wtpt": b"XYZ " + bytes(4) + white}
    place, entries = 132 + 12 * len(tags), struct.pack(">I", len(tags))
    for name, content in tags.items():
        entries += name + struct.pack(">2I", place, len(content))
        place += len(content)
    header = struct.pack(">I4sI4s4s4s", place, b"lcms", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += bytes(12) + b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + entries + b"".join(tags.values())
