"""Decodes JPEGs so that a damaged one is noticed: Pillow keeps libjpeg's warnings to itself."""

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from simplejpeg import decode_jpeg

from core.imaging.loading.limits import draft_scale
from core.imaging.model_input import Size
from core.imaging.recovery.jpeg import is_padded
from core.imaging.recovery.recovered import DamagedPicture

_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
_DAMAGE = ("Corrupt JPEG data", "Premature end", "Inconsistent progression", "Invalid SOS parameters")
_HARMLESS = ("bad ICC marker",)


def load_jpeg(file: JpegImageFile, data: bytes, draft: Size) -> Image.Image:
    """Decode an opened JPEG at the smallest scale that leaves the draft size.

    Raises DamagedPicture where libjpeg warns that the picture is not what it was, and what Pillow raises.
    """
    scale = draft_scale(file.size, draft)
    least = [-(-length // scale) for length in file.size]
    probe = file.mode == "CMYK"  # Pillow's conversion of these is kept, so that only the warnings are of interest
    if file.mode in _SPACES:
        try:
            pixels = decode_jpeg(data, _SPACES[file.mode], min_width=least[0], min_height=least[1])
        except ValueError as error:
            _judge(str(error), data)
        else:
            if not probe:
                image = Image.fromarray(pixels[..., 0] if file.mode == "L" else pixels)
                image.info = file.info
                return image
    file.draft(None, draft)
    file.load()
    return file


def _judge(complaint: str, data: bytes) -> None:
    """Raise what a decoder's complaint means for the picture, if anything; errors are left to Pillow."""
    if "memory" in complaint.lower():
        raise MemoryError(complaint)
    if complaint.startswith(_DAMAGE) and not complaint.endswith(_HARMLESS) and not is_padded(data, complaint):
        raise DamagedPicture(complaint.removeprefix("Corrupt JPEG data: "))
