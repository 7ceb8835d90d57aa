"""The bytes of a picture's file -> the picture, opened: each format by the reader that reads it right."""

import io

from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import PREFIXES

from core.imaging.formats import FORMATS
from core.imaging.readers.raw_file import open_raw
from core.imaging.readers.tiff_file import TiffFile


def open_picture(data: bytes, name: str) -> Image.Image:
    """Open a picture; `name` is its file's name, or "". Its pixels are mostly not decoded yet.

    Raises UnidentifiedImageError where no reader takes it, ImageUnreadable where its kind is not supported, and what
    else the readers of damaged data raise.
    """
    raw = open_raw(data, name)
    if raw is not None:
        return raw
    if data.startswith(tuple(PREFIXES)):
        try:
            return TiffFile(io.BytesIO(data))
        except SyntaxError as error:
            raise UnidentifiedImageError(str(error)) from error
    return Image.open(io.BytesIO(data), formats=FORMATS)
