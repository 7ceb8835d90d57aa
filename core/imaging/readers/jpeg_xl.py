"""JPEG XL, whose plugin decodes all pixels when it opens a file: the size is read before that."""

import io
from typing import TYPE_CHECKING

from PIL import Image, ImageFile, UnidentifiedImageError
from pillow_jxl import JpegXLImagePlugin

from core.errors import ImageUnreadable
from core.imaging.orientation import ORIENTATION

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess  # known to type checkers only

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width : height, by the number in the header
_DAMAGED = "damaged: the JPEG XL data cannot be decoded, perhaps cut off; copy or download the file again"
_LENGTHS = (9, 13, 18, 30)  # bits of a side, by the two bits before it

JpegXLImagePlugin.DECODE_THREADS = 0  # decode workers are processes


def is_jpeg_xl(data: bytes) -> bool:
    """Tell whether these bytes start like JPEG XL."""
    return data.startswith((_CODESTREAM, _CONTAINER))


class JpegXLFile(ImageFile.ImageFile):
    """A JPEG XL, decoded when it is loaded, and upright then; its mode is not known before.

    Of an animation the plugin shows the last frame. Opening raises UnidentifiedImageError, loading ImageUnreadable.
    """

    format = "JXL"
    _coded: bytes | None = None

    def _open(self) -> None:
        assert self.fp is not None
        self._coded = self.fp.read()
        self._size, self._mode, self.tile = read_size(self._coded), "RGB", []

    def load(self) -> "PixelAccess | None":
        """Decode all pixels."""
        if self._coded is not None:
            try:
                decoded = JpegXLImagePlugin.JXLImageFile(io.BytesIO(self._coded))
            except MemoryError:
                raise
            except Exception as error:  # of the decoder that the plugin is built on, and of no class of its own
                raise ImageUnreadable(_DAMAGED) from error
            if decoded.mode == "LA" and len(decoded._data) == 4 * decoded.width * decoded.height:
                decoded._data = decoded._data[1::2]  # 16-bit samples, which the plugin takes for 8-bit ones
            decoded.load()  # type: ignore[no-untyped-call]
            self._coded, self._mode, self._size = None, decoded.mode, decoded.size
            self.im, self.info = decoded.im, decoded.info
            if not decoded.jpeg:  # a repacked JPEG is stored as it was; others the decoder has turned
                self.getexif().pop(ORIENTATION, None)
        return Image.Image.load(self)


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
