"""RAW files of cameras, shown by the largest preview that the camera put into them."""

import io
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import rawpy
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from core.errors import ImageUnreadable
from core.imaging.orientation import ORIENTATION
from core.imaging.readers.raw_kinds import SUFFIXES, tell_kind
from core.imaging.readers.raw_metadata import set_metadata
from core.imaging.readers.raw_previews import find_largest
from core.imaging.readers.tiff_directories import CUT, is_directory_cut, read_directories
from core.imaging.readers.tiff_layout import RAW_COLOURS

OWN_SIZE = "own_size"  # key of `info`: the upright size of the RAW picture, of which the file is a preview
PREVIEW = "preview"  # key of `info`: the bytes of the preview, where it is a JPEG

_THUMBNAIL, _SMALL = 160, 256  # longer sides: of EXIF's thumbnails, and of the uncompressed ones of converters
_ORIENTATIONS = (1, 2, 4, 3, 5, 8, 6, 7)  # of EXIF, by LibRaw's flip
_EXIF_MARKER, _LIBRAW = b"\xff\xe1", b"dcraw v"
_WAY_OUT = "save it with a full preview (as Adobe DNG Converter can), or export a JPEG beside it"


@dataclass(frozen=True, slots=True)
class _Told:
    """What LibRaw tells: the size as stored, the EXIF orientation, the preview, the time taken, or why it fails."""

    size: tuple[int, int] | None = None
    orientation: int | None = None
    preview: Image.Image | None = None
    taken: str | None = None
    fault: str | None = None


def open_raw(data: bytes, name: str) -> Image.Image | None:
    """Open the preview of a RAW file, with the RAW's own EXIF data; None where the file is no RAW.

    `info[OWN_SIZE]` is the upright size of the RAW picture, `info[PREVIEW]` the preview's own file. Raises
    ImageUnreadable where there is no preview larger than a thumbnail.
    """
    directories = read_directories(data)
    kind = tell_kind(data, directories)
    if kind is None and (not directories or PurePath(name.lower()).suffix not in SUFFIXES):
        return None
    told = _ask_libraw(data)
    if told.fault is not None:
        if kind is None:
            return None
        told = _Told(_read_size(directories), fault=told.fault)
    preview = told.preview
    if preview is None or not _is_large(preview, told.size):
        jpeg = find_largest(data, directories)
        preview = None if jpeg is None else _open_jpeg(jpeg)
    if preview is None or not _is_large(preview, told.size):
        raise (
            ImageUnreadable(f"damaged: {CUT} ({kind})")
            if is_directory_cut(data)
            else _refuse(kind or "a RAW file", told)
        )
    own_turn = preview.getexif().get(ORIENTATION)
    set_metadata(preview, data, told.taken)
    turn = told.orientation or _check(preview.getexif().get(ORIENTATION)) or 1
    size = told.size or preview.size
    upright = size[::-1] if turn >= 5 else size
    preview.getexif()[ORIENTATION] = _choose_turn(preview.size, (_check(own_turn), turn, 1), upright)
    preview.info[OWN_SIZE] = upright
    return preview


def _ask_libraw(data: bytes) -> _Told:
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            sizes = raw.sizes
            size = sizes.width, sizes.height
            if 0 < sizes.crop_width <= size[0] and 0 < sizes.crop_height <= size[1]:
                size = sizes.crop_width, sizes.crop_height  # what the camera calls the picture
            taken = raw.other.timestamp
            return _Told(
                size=size,
                orientation=_ORIENTATIONS[sizes.flip & 7],
                preview=_extract_preview(raw),
                taken=f"{taken:%Y:%m:%d %H:%M:%S}" if taken.year > 1970 else None,
            )
    except rawpy.LibRawFileUnsupportedError:
        return _Told(fault="LibRaw does not know it")
    except (rawpy.LibRawError, OSError, ValueError, OverflowError) as error:
        said = error.args[0] if error.args else ""
        return _Told(fault=f"damaged: {said.decode('utf-8', 'replace') if isinstance(said, bytes) else error}")


def _extract_preview(raw: rawpy.RawPy) -> Image.Image | None:
    try:
        thumbnail = raw.extract_thumb()
        if thumbnail.format == rawpy.ThumbFormat.BITMAP:
            return Image.fromarray(np.asarray(thumbnail.data))
        return _open_jpeg(_strip_added_exif(bytes(thumbnail.data)))
    except (rawpy.LibRawError, rawpy.NotSupportedError, UnidentifiedImageError):
        return None


def _open_jpeg(data: bytes) -> Image.Image:
    preview = Image.open(io.BytesIO(data), formats=["JPEG"])
    preview.info[PREVIEW] = data
    return preview


def _strip_added_exif(jpeg: bytes) -> bytes:
    """Strip the EXIF data that LibRaw puts before those of the preview itself."""
    end = 4 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:2] + jpeg[end:] if jpeg[2:4] == _EXIF_MARKER and _LIBRAW in jpeg[:end] else jpeg


def _is_large(preview: Image.Image, size: tuple[int, int] | None) -> bool:
    """Tell whether it is more than a thumbnail; the picture of a tiny RAW may be as small as one."""
    longer = max(preview.size)
    bitmap = preview.format != "JPEG"
    if longer > (_SMALL if bitmap else _THUMBNAIL):
        return True
    return size is not None and longer >= max(size) and not (bitmap and longer <= _THUMBNAIL)


def _choose_turn(size: tuple[int, int], turns: tuple[int | None, int, int], upright: tuple[int, int]) -> int:
    """Choose how to turn the preview: the first of these orientations that makes it lie like the RAW.

    Some cameras store previews upright, some as the sensor saw, and some say so in the preview alone.
    """
    for turn in turns:
        width, height = size if turn is None or turn < 5 else size[::-1]
        if turn is not None and (width > height) == (upright[0] > upright[1]):
            return turn
    return turns[1]


def _check(orientation: object) -> int | None:
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else None


def _read_size(directories: list[ImageFileDirectory_v2]) -> tuple[int, int] | None:
    """Read the size of the largest RAW picture in the directories."""
    sizes = [(directory.get(256), directory.get(257)) for directory in directories if directory.get(262) in RAW_COLOURS]
    whole = [(width, height) for width, height in sizes if isinstance(width, int) and isinstance(height, int)]
    return max((size for size in whole if min(size) > 0), default=None)


def _refuse(kind: str, told: _Told) -> ImageUnreadable:
    if told.fault is not None and told.fault.startswith("damaged"):
        return ImageUnreadable(f"{told.fault} ({kind})")
    if kind.endswith("DNG"):
        return ImageUnreadable(f"{kind} without preview: RAW without preview is not developed; {_WAY_OUT}")
    return ImageUnreadable(f"{kind}: RAW without preview is not developed; {_WAY_OUT}")
