"""Image bytes -> pixels as they are stored, whole or as much of them as is there."""

from dataclasses import dataclass

from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PcxImagePlugin import PcxImageFile
from PIL.PngImagePlugin import PngImageFile

from core.errors import ImageUnreadable
from core.imaging import png
from core.imaging.decode_request import ImageLimits, Size
from core.imaging.loading.deep_color import find_deep_color, scale_by_content
from core.imaging.loading.frames import find_first_picture, is_blank_animation
from core.imaging.loading.jpeg import load_jpeg
from core.imaging.loading.limits import check_cost, estimate_memory
from core.imaging.loading.reduction import reduce_huge
from core.imaging.readers.picture_file import open_picture as open_file
from core.imaging.readers.raw_file import PREVIEW, open_raw
from core.imaging.readers.tiff_directories import CUT, is_directory_cut
from core.imaging.readers.tiff_file import TiffFile
from core.imaging.recovery import container, jp2, pcx, tiff
from core.imaging.recovery.canvas import has_missing_pixels
from core.imaging.recovery.gif import is_cut
from core.imaging.recovery.jpeg import DraftOf
from core.imaging.recovery.recover import recover
from core.imaging.recovery.recovered import DamagedPicture

_PICTURES_AT_ONCE = 3  # that are compared where a file is broken


@dataclass(frozen=True, slots=True)
class Picture:
    """A loaded picture, as it is stored.

    `file` is the opened file, for its metadata. `size` is that of the whole picture in pixels, `part` that of the part
    which `image` shows, perhaps at a smaller scale. `share` is how much of the picture is there; None: all of it.
    """

    file: Image.Image
    image: Image.Image
    size: Size
    part: Size
    share: float | None = None


def load_picture(data: bytes, name: str, draft_of: DraftOf, limits: ImageLimits) -> Picture:
    """Load a picture that is whole; `name` is its file's name, or "".

    Raises ImageTooLarge, ImageUnreadable, DamagedPicture, and what codecs raise.
    """
    file = _open(data, name, draft_of, limits)
    coded = file.info.get(PREVIEW, data)
    if fault := _find_fault(file, coded):
        raise DamagedPicture(fault)
    size = file.size
    if isinstance(file, JpegImageFile):
        image = load_jpeg(file, coded, draft_of(size))
        return Picture(file, reduce_huge(image, draft_of(size)), size, size)
    deep = find_deep_color(file)
    file.load()
    if isinstance(file, GifImageFile) and has_missing_pixels(file, _open(data, name, draft_of, limits)):
        raise DamagedPicture("its picture ends early")
    frame = find_first_picture(_open(data, name, draft_of, limits)) if is_blank_animation(file) else None
    if deep is not None:
        frame = scale_by_content(file, deep, lambda: _open(data, name, draft_of, limits))
    size = file.size  # a TIFF turns itself while it loads
    return Picture(file, reduce_huge(frame or file, draft_of(size)), size, size)


def load_part(data: bytes, name: str, draft_of: DraftOf, limits: ImageLimits) -> Picture | None:
    """Load the part that is there of a picture which is not whole; None where that is next to nothing.

    Raises ImageTooLarge, ImageUnreadable, and what codecs raise. The caller holds the lock on Pillow's global settings.
    """
    sizes = list[Size]()

    def open_picture(data: bytes) -> Image.Image:
        file = _open(data, name, draft_of, limits)
        if _PICTURES_AT_ONCE * estimate_memory(file, draft_of(file.size)) > limits.memory_bytes:
            raise DamagedPicture("too large for looking what is there of it")
        sizes.append(file.size)
        return file

    if data.startswith(png.SIGNATURE) and not png.has_readable_header(data):
        return None
    raw = open_raw(data, name)
    found = recover(data if raw is None else raw.info.get(PREVIEW, data), open_picture, draft_of)
    if found is None:
        return None
    size = sizes[-1] if isinstance(found.file, JpegImageFile) else found.file.size
    return Picture(raw or found.file, reduce_huge(found.image, draft_of(size)), size, found.size, found.share)


def _open(data: bytes, name: str, draft_of: DraftOf, limits: ImageLimits) -> Image.Image:
    """Open a picture without loading it, and check it against the limits."""
    file = open_file(data, name)
    width, height = file.size
    if width < 1 or height < 1:
        raise ImageUnreadable(f"damaged: {width} × {height} pixels")
    check_cost(file, data, draft_of(file.size), limits)
    return file


def _find_fault(file: Image.Image, data: bytes) -> str | None:
    """Find a fault of the picture that Pillow would not complain of."""
    if isinstance(file, PngImageFile):
        return png.find_fault(data)
    if isinstance(file, TiffFile):
        return (CUT if is_directory_cut(data) else None) or file.find_fault() or tiff.find_fault(file, data)
    if isinstance(file, GifImageFile) and is_cut(data):
        return "it is cut off"
    if isinstance(file, PcxImageFile):
        return pcx.find_fault(data)
    if jp2.is_jpeg_2000(data):
        return jp2.find_fault(data)
    if container.is_webp(data) or container.is_boxed(data):
        return container.find_fault(data)
    return None
