"""The limits on one image, and an estimate of the memory that decoding it takes."""

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from core.errors import ImageTooLarge
from core.errors.hints import RAISE_MEMORY, RAISE_PIXELS
from core.imaging.decode_request import ImageLimits, Size
from core.imaging.readers.tiff_file import TiffFile

_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}  # bytes a pixel; of other modes 4
_WORKING = {"WEBP": 12.0, "AVIF": 5.0, "HEIF": 3.5, "JPEG2000": 16.0, "JXL": 3.0}
"""Bytes a pixel that a codec takes besides the picture it makes: measured, Pillow 13.0 and pillow-heif 1.8."""
_COEFFICIENT = 2  # bytes; a progressive JPEG has one a sample, whatever the scale it is decoded at


def check_cost(file: Image.Image, data: bytes, draft: Size, limits: ImageLimits) -> None:
    """Refuse a picture that is over the limits, before any of it is decoded. Raises ImageTooLarge.

    `file` is the opened picture, `draft` the least size that a JPEG is decoded at.
    """
    width, height = file.size
    if width * height > limits.max_pixels:
        raise ImageTooLarge(f"{width} × {height} pixels, over the limit of {limits.max_pixels:,}", RAISE_PIXELS)
    cost = len(data) + estimate_memory(file, draft)
    if cost > limits.memory_bytes:
        raise ImageTooLarge(
            f"{width} × {height} pixels: decoding them takes about {cost / 2**20:,.0f} MiB of memory, over the limit "
            f"of {limits.memory_bytes / 2**20:,.0f}",
            RAISE_MEMORY,
        )


def estimate_memory(file: Image.Image, draft: Size) -> int:
    """Estimate how many bytes of memory decoding an opened picture takes, besides those of its file."""
    width, height = file.size
    stored = _STORED.get(file.mode, 4)
    if isinstance(file, TiffFile):
        return width * height * stored + file.estimate_memory()
    if not isinstance(file, JpegImageFile):
        return round(width * height * (stored + _WORKING.get(file.format or "", 0.0)))
    pixels = width * height // draft_scale(file.size, draft) ** 2
    whole = 0.0
    if "progressive" in file.info:
        across = max(layer[1] for layer in file.layer) * max(layer[2] for layer in file.layer)
        whole = width * height * _COEFFICIENT * sum(layer[1] * layer[2] for layer in file.layer) / across
    return round(pixels * (stored + 3) + whole)


def draft_scale(size: Size, draft: Size) -> int:
    """Choose the scale that a JPEG is decoded at, the largest of 1, 2, 4 and 8 that leaves the draft size."""
    least = min(size[0] / draft[0], size[1] / draft[1])
    return next(scale for scale in (8, 4, 2, 1) if scale <= max(least, 1.0))
