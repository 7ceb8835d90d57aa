"""The formats that are read, and descriptions of files that cannot be read."""

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.IcoImagePlugin import IcoImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PcxImagePlugin import PcxImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TgaImagePlugin import TgaImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile, register_heif_opener

from core.imaging.readers.foreign_kinds import tell_foreign_picture, tell_other, tell_stand_in
from core.imaging.readers.jpeg_kinds import tell_unsupported_jpeg
from core.text.sanitize import plain

# AVIF comes before HEIF: both keep house in the same container, and only Pillow's reader looks at what is inside.
# PCX and PPM come last: their signatures are two bytes.
_READERS = (
    JpegImageFile,
    PngImageFile,
    WebPImageFile,
    GifImageFile,
    BmpImageFile,
    AvifImageFile,
    HeifImageFile,
    Jpeg2KImageFile,
    IcoImageFile,
    PpmImageFile,
    PcxImageFile,
)
FORMATS = tuple(str(reader.format) for reader in _READERS)  # that Pillow opens; core.imaging.readers open others
TGA = str(TgaImageFile.format)  # has no signature: opened where the file's name or its footer says so
NAMES = (
    "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC, JPEG XL, JPEG 2000, ICO, PPM, TGA, PCX and cameras' RAW files"
    " with a preview"
)
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
)
_BOXED = {b"avif": "AVIF", b"avis": "AVIF", b"mif1": "HEIC or AVIF", b"msf1": "HEIC or AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "HEIC"
)
_REASON = 200  # characters

register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)  # as Pillow's own are


def describe_unidentified(data: bytes) -> str:
    """Describe why no reader takes these bytes: damaged, of a kind or format that is not supported, or no image."""
    if data.startswith(b"\xff\xd8\xff") and (kind := tell_unsupported_jpeg(data)):
        return f"{kind}: not supported; convert it to a usual JPEG"
    if data.startswith(b"MM\0+"):
        return "a big-endian BigTIFF: not supported; convert it to a usual TIFF"
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return f"damaged: starts like {name} but its header cannot be read"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "damaged: starts like WebP but its header cannot be read"
    if data[4:8] == b"ftyp" and data[8:12] in _BOXED:
        return f"damaged: starts like {_BOXED[data[8:12]]} but its header cannot be read"
    if foreign := tell_foreign_picture(data):
        return f"{foreign}: not supported; convert it to JPEG or PNG"
    if other := tell_other(data):
        return f"{other}, no picture: named for what it is, it is passed over"
    if stand_in := tell_stand_in(data):
        return stand_in
    return f"not an image of a known format; {NAMES} can be read"


def describe_failure(error: Exception) -> str:
    """Describe in one printable line, of at most 200 characters, what a codec raised."""
    text = " ".join(str(error).split()) or type(error).__name__
    foreign = isinstance(error, NotImplementedError) or "unsupported" in text.lower()
    text = f"{'of a kind that cannot be read' if foreign else 'damaged'}: {text}"
    text = plain(text)
    return text if len(text) <= _REASON else text[: _REASON - 1] + "…"
