"""JPEG XL, whose plugin decodes all pixels when it opens a file: the size is read before that."""

import io

from PIL import Image, UnidentifiedImageError
from pillow_jxl import JpegXLImagePlugin

from core.errors import ImageUnreadable
from core.imaging.orientation import ORIENTATION

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width : height, by the number in the header
_LENGTHS = (9, 13, 18, 30)  # bits of a side, by the two bits before it

JpegXLImagePlugin.DECODE_THREADS = 0  # decode workers are processes


def is_jpeg_xl(data: bytes) -> bool:
    """Tell whether these bytes start like JPEG XL."""
    return data.startswith((_CODESTREAM, _CONTAINER))


def open_jpeg_xl(data: bytes) -> Image.Image:
    """Open and decode a JPEG XL, upright; of an animation the plugin shows the last frame.

    Raises Image.DecompressionBombError over twice Pillow's limit, UnidentifiedImageError and ImageUnreadable.
    """
    width, height = read_size(data)
    if Image.MAX_IMAGE_PIXELS is not None and width * height > 2 * Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError(f"{width} × {height} pixels")
    try:
        file = JpegXLImagePlugin.JXLImageFile(io.BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:  # of the decoder that the plugin is built on, and of no class of its own
        raise ImageUnreadable(f"damaged: the JPEG XL data cannot be decoded ({error})") from error
    if file.mode == "LA" and len(file._data) == 4 * file.width * file.height:
        file._data = file._data[1::2]  # 16-bit samples, which the plugin takes for 8-bit ones
    if not file.jpeg:  # a repacked JPEG is stored as it was; others the decoder has turned
        file.getexif().pop(ORIENTATION, None)
    return file


def read_size(data: bytes) -> tuple[int, int]:
    """Read the stored width and height (ISO/IEC 18181-1, SizeHeader). Raises UnidentifiedImageError."""
    head = _find_codestream(data)
    if len(head) < 12 or not head.startswith(_CODESTREAM):
        raise UnidentifiedImageError("no JPEG XL codestream")
    bits = int.from_bytes(head[2:], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    small = take(1)

    def take_side() -> int:
        return 8 * (take(5) + 1) if small else take(_LENGTHS[take(2)]) + 1

    height = take_side()
    ratio = take(3)
    if ratio == 0:
        return take_side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _find_codestream(data: bytes) -> bytes:
    """Return the first bytes of the codestream: the file's own, or those of the first box that holds it."""
    if data.startswith(_CODESTREAM):
        return data[:16]
    place = 0
    while place + 8 <= len(data):
        length, kind, start = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8], place + 8
        if length == 1:
            length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        if kind in (b"jxlc", b"jxlp"):
            start += 4 if kind == b"jxlp" else 0
            return data[start : start + 16]
        if length < 8:
            break
        place += length
    return b""
