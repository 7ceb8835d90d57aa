"""Pixels of any mode and colour space -> 8-bit sRGB, over a background where they are transparent."""

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.BmpImagePlugin import BmpImageFile
from PIL.TiffImagePlugin import TiffImageFile

from core.imaging.cmyk import convert_cmyk
from core.imaging.transparency import flatten

_GREY = ("1", "L", "LA", "La")
_SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK", "LAB": "Lab "}  # mode -> colour space of a profile that fits
_CLASSES = ("scnr", "mntr", "prtr", "spac")  # profiles of devices and spaces: those that say how colours look

_BITS_PER_SAMPLE = 258


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert a loaded picture of any mode to 8-bit RGB; what is transparent is laid over white or black.

    Colours follow its profile; one that is damaged, or does not fit the picture, counts as none.
    """
    profile = image.info.get("icc_profile")
    if image.mode == "RGB" and "transparency" not in image.info and not profile:
        return image
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _scale_to_8_bits(image)
    plain = image.mode if image.mode in _SPACES else "L" if image.mode in _GREY else "RGB"
    alpha = None
    if image.mode in ("RGBa", "La", "PA") or image.has_transparency_data:
        bitmap = isinstance(image, BmpImageFile)
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        if bitmap and alpha.getextrema() == (0, 0):
            alpha = None  # Windows' own programs leave it empty, and show such a picture as opaque
    image = image.convert(plain)
    image = (_convert_by_profile(image, profile) if profile else None) or _convert_without_profile(image)
    if alpha is None:
        return image
    return flatten(image, alpha)


def _convert_by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert to sRGB as the profile says; return None where it cannot be used."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        about = source.profile
        if about.device_class not in _CLASSES or about.xcolor_space != _SPACES[image.mode]:
            return None
        if image.mode == "RGB" and (about.profile_description or "").startswith("sRGB"):
            return image  # as most are: there is nothing to convert
        return ImageCms.profileToProfile(image, source, _srgb_profile(), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _convert_without_profile(image: Image.Image) -> Image.Image:
    return convert_cmyk(image) if image.mode == "CMYK" else image.convert("RGB")


@cache
def _srgb_profile() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _scale_to_8_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and float grey to L without clipping, or to LA where one value is transparent.

    The full scale of samples of up to 16 bits is the least of 8, 10, 12, 14 and 16 bits that holds all values. For
    others, it is the smallest of 1 (floats), 255, 65535 and the largest value present.
    """
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        grey = (values >> (_used_bits(image, values) - 8)).astype(np.uint8)
    else:
        values = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
        low, peak = min(0.0, float(values.min())), float(values.max())
        usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        high = next((top for top in usual if low == 0 and peak <= top), peak)
        grey = ((values - low) * (255 / max(high - low, 1e-30)) + 0.5).astype(np.uint8)
    result = Image.fromarray(grey)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        result.putalpha(Image.fromarray(np.where(np.asarray(image) == transparent, 0, 255).astype(np.uint8)))
    return result


def _used_bits(image: Image.Image, values: NDArray[np.uint16]) -> int:
    """Return how many bits of a 16-bit sample are used: those a TIFF tells of, or a usual number that holds them all.

    Cameras and scanners of 10, 12 or 14 bits leave the upper bits of 16 empty. 14 bits count only where nearly all of
    their range is used, since dark pictures of 16 bits are not rare.
    """
    stored = image.tag_v2.get(_BITS_PER_SAMPLE, (16,))[0] if isinstance(image, TiffImageFile) else 16
    if 8 < stored < 16:
        return int(stored)
    low, peak = int(values.min()), int(values.max())
    if low == peak:
        return 16
    return next(bits for bits in (8, 10, 12, 14, 16) if peak >> bits == 0 and (bits != 14 or peak > 0.75 * 2**14))
