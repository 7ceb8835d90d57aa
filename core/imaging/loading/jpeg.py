"""Decodes JPEGs so that a damaged one is noticed: Pillow keeps libjpeg's warnings to itself."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from simplejpeg import decode_jpeg

from core.imaging.decode_request import Size
from core.imaging.loading.limits import draft_scale
from core.imaging.recovery.jpeg import is_padded, strip_header
from core.imaging.recovery.recovered import DamagedPicture

_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
_DAMAGE = ("Corrupt JPEG data", "Premature end", "Inconsistent progression", "Invalid SOS parameters")


def load_jpeg(file: JpegImageFile, data: bytes, draft: Size) -> Image.Image:
    """Decode an opened JPEG at the smallest scale that leaves the draft size.

    Raises DamagedPicture where libjpeg warns that the picture is not what it was, and what Pillow raises.
    """
    scale = draft_scale(file.size, draft)
    least = [-(-length // scale) for length in file.size]
    if file.mode in _SPACES:
        pixels = _decode_strictly(data, _SPACES[file.mode], (0, 0) if scale == 1 else (least[0], least[1]))
        if pixels is not None and file.mode != "CMYK":  # Pillow converts these otherwise: only the warnings count
            image = Image.fromarray(pixels[..., 0] if file.mode == "L" else pixels)
            image.info = file.info
            return image
    file.draft(None, draft)
    file.load()
    return file


def _vary_header(data: bytes) -> Iterator[bytes]:
    """Yield the file, and once more without its header: a warning of the header may hide one of the pixels."""
    yield data
    if (stripped := strip_header(data)) is not None:
        yield stripped


def _decode_strictly(data: bytes, space: str, least: Size) -> NDArray[np.uint8] | None:
    """Decode to (H, W, bands). None where the decoder does not know the kind of file, which is left to Pillow.

    Raises DamagedPicture and MemoryError.
    """
    complaint = ""
    for attempt in _vary_header(data):
        try:
            pixels: NDArray[np.uint8] = decode_jpeg(attempt, space, min_width=least[0], min_height=least[1])
            return pixels
        except ValueError as error:
            complaint = str(error)
    if "memory" in complaint.lower():
        raise MemoryError(complaint)
    if complaint.startswith(_DAMAGE) and not is_padded(data, complaint):
        raise DamagedPicture(complaint.removeprefix("Corrupt JPEG data: "))
    return None
