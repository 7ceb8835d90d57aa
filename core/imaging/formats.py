"""The formats that are read, and descriptions of files that cannot be read."""

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile, register_heif_opener

from core.text.sanitize import plain

# AVIF comes before HEIF: both keep house in the same container, and only Pillow's reader looks at what is inside.
_READERS = (
    JpegImageFile,
    PngImageFile,
    WebPImageFile,
    GifImageFile,
    BmpImageFile,
    TiffImageFile,
    AvifImageFile,
    HeifImageFile,
)
FORMATS = tuple(str(reader.format) for reader in _READERS)
_NAMES = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF and HEIC"
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_FOREIGN = ((b"8BPS", "a Photoshop file"), (b"%PDF", "a PDF"), (b"\0\0\0\x0cjP  ", "JPEG 2000"), (b"DDS ", "DDS"))
_BOXED = {b"avif": "AVIF", b"avis": "AVIF", b"mif1": "HEIC or AVIF", b"msf1": "HEIC or AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "HEIC"
)
_REASON = 200  # characters

register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)  # as Pillow's own are


def describe_unidentified(data: bytes) -> str:
    """Describe why no reader takes these bytes: damaged, of a foreign format, or no image."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return f"damaged: starts like {name} but its header cannot be read"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "damaged: starts like WebP but its header cannot be read"
    if data[4:8] == b"ftyp" and data[8:12] in _BOXED:
        return f"damaged: starts like {_BOXED[data[8:12]]} but its header cannot be read"
    what = next((name for signature, name in _FOREIGN if data.startswith(signature)), "not an image of a known format")
    return f"{what}; {_NAMES} can be read"


def describe_failure(error: Exception) -> str:
    """Describe in one printable line, of at most 200 characters, what a codec raised."""
    text = " ".join(str(error).split()) or type(error).__name__
    foreign = isinstance(error, NotImplementedError) or "unsupported" in text.lower()
    text = f"{'of a kind that cannot be read' if foreign else 'damaged'}: {text}"
    text = plain(text)
    return text if len(text) <= _REASON else text[: _REASON - 1] + "…"
