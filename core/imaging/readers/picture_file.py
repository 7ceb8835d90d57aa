"""The bytes of a picture's file -> the picture, opened: each format by the reader that reads it right."""

import io
from pathlib import PurePath

from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import PREFIXES

from core.errors import ImageUnreadable
from core.imaging.formats import FORMATS, TGA
from core.imaging.readers.gif_screen import widen_screen
from core.imaging.readers.jpeg_xl import JpegXLFile, is_jpeg_xl
from core.imaging.readers.raw_file import open_raw
from core.imaging.readers.tiff_directories import CUT, is_directory_cut
from core.imaging.readers.tiff_file import TiffFile

_TGA_SUFFIXES = (".tga", ".icb", ".vda", ".vst")
_TGA_FOOTER = b"TRUEVISION-XFILE."


def open_picture(data: bytes, name: str) -> Image.Image:
    """Open a picture; `name` is its file's name, or "". Its pixels are mostly not decoded yet.

    Raises UnidentifiedImageError where no reader takes it, ImageUnreadable where its kind is not supported, and what
    else the readers of damaged data raise.
    """
    raw = open_raw(data, name)
    if raw is not None:
        return raw
    if is_jpeg_xl(data):
        return JpegXLFile(io.BytesIO(data))
    if data.startswith(tuple(PREFIXES)):
        return _open_tiff(data)
    named_tga = PurePath(name.lower()).suffix in _TGA_SUFFIXES or data[-18:-1] == _TGA_FOOTER
    return Image.open(io.BytesIO(widen_screen(data)), formats=(*FORMATS, TGA) if named_tga else FORMATS)


def _open_tiff(data: bytes) -> Image.Image:
    if is_directory_cut(data, values=False):
        raise ImageUnreadable(f"damaged: {CUT}")
    try:
        return TiffFile(io.BytesIO(data))
    except (SyntaxError, ImageUnreadable) as error:
        if is_directory_cut(data):
            raise ImageUnreadable(f"damaged: {CUT}") from error
        if isinstance(error, ImageUnreadable):
            raise
        raise UnidentifiedImageError(str(error)) from error
