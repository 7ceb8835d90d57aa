"""JPEG previews within RAW files, found without the library that knows the makers."""

import io
from collections.abc import Iterator

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from core.imaging.readers.tiff_layout import RAW_COLOURS

_START = b"\xff\xd8\xff"
_JPEG_COMPRESSIONS = (6, 7)
_HEAD = 2**20  # bytes within which a JPEG tells its size
_MOST = 32  # places that look like the start of a JPEG and are tried


def find_largest(data: bytes, directories: list[ImageFileDirectory_v2]) -> bytes | None:
    """Find the largest JPEG: by the directories where there are any, else by how a JPEG starts."""
    best, area = None, 0
    for start, length in _list_places(directories) if directories else _search(data):
        size = _read_size(data[start : start + min(length, _HEAD)])
        if size is not None and size[0] * size[1] > area:
            best, area = data[start : start + length], size[0] * size[1]
    return best


def _list_places(directories: list[ImageFileDirectory_v2]) -> Iterator[tuple[int, int]]:
    """Yield the starts and lengths of JPEG that directories tell of; the RAW data themselves may be JPEG tiles."""
    for directory in directories:
        if directory.get(262) in RAW_COLOURS:
            continue
        places = [(directory.get(513), directory.get(514))]
        if directory.get(259) in _JPEG_COMPRESSIONS:
            places.append((_only(directory.get(273)), _only(directory.get(279))))
        for start, length in places:
            if isinstance(start, int) and isinstance(length, int):
                yield start, length


def _only(value: object) -> object:
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def _search(data: bytes) -> Iterator[tuple[int, int]]:
    place = -1
    for _ in range(_MOST):
        place = data.find(_START, place + 1)
        if place < 0:
            return
        yield place, len(data) - place


def _read_size(preview: bytes) -> tuple[int, int] | None:
    """Read the size of a JPEG; None where it is none, or one of the kind that RAW data are compressed by."""
    try:
        file = Image.open(io.BytesIO(preview), formats=["JPEG"])
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None
    return file.size if isinstance(file, JpegImageFile) and file.quantization else None  # lossless ones have no tables
