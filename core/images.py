"""Image bytes -> upright RGB under limits, model input and thumbnail. Knows Pillow and no model.

Call `decode` in a worker that may be killed: a hostile file can still crash, hang or swell inside a codec.
"""

import hashlib
import io
import math
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from core.errors import ImageError, ImageTooLarge, ImageUnreadable

Pixels = NDArray[np.uint8]  # (S, S, 3) RGB


@dataclass(frozen=True, slots=True)
class PixelSpec:
    """The square input of a model: side in pixels, how a picture is fitted to it, and the Pillow resampling filter.

    `crop` scales the shorter side to `size` and cuts the centre; `squash` scales both sides.
    """

    size: int
    fit: Literal["crop", "squash"]
    resample: int


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What one image may cost. Over it the image fails, and nothing else does."""

    max_bytes: int = 50 * 2**20
    max_pixels: int = 50_000_000
    seconds: float = 20.0
    memory_bytes: int = 1536 * 2**20


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """What is wanted of an image: model input, a thumbnail whose longer side is `thumbnail` pixels, or both."""

    pixels: PixelSpec | None = None
    thumbnail: int | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """`pixels` is (S, S, 3) uint8 RGB, `thumbnail` a JPEG; width and height are the upright picture's, in pixels.

    `taken_at` is the EXIF time (read as UTC where EXIF has no offset); `content_hash` the SHA-256 of the bytes, hex.
    """

    width: int
    height: int
    taken_at: datetime | None
    content_hash: str
    pixels: Pixels | None = None
    thumbnail: bytes | None = None


_READERS = (JpegImageFile, PngImageFile, WebPImageFile, GifImageFile, BmpImageFile, TiffImageFile, AvifImageFile)
_FORMATS = tuple(str(reader.format) for reader in _READERS)
_NAMES = "JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF"
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_FOREIGN = ((b"8BPS", "a Photoshop file"), (b"%PDF", "a PDF"), (b"\0\0\0\x0cjP  ", "JPEG 2000"), (b"DDS ", "DDS"))
_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis")
_WHITE = (255, 255, 255)
_REASON = 200  # characters
_LONG = 8  # times the shorter side

_ORIENTATION, _EXIF_IFD, _TAKEN, _TAKEN_OFFSET = 0x0112, 0x8769, 0x9003, 0x9011
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")

_pillow = threading.Lock()


def decode(data: bytes, request: DecodeRequest, limits: ImageLimits) -> Decoded:
    """Bytes of an image file -> what `request` asks for, from the first frame, upright, over white where transparent.

    16-bit and floating-point grey is scaled to 8 bits; embedded colour profiles are not applied. A JPEG is decoded at
    the smallest of 1, 1/2, 1/4, 1/8 that leaves twice the model input and the thumbnail whole. Byte and pixel limits
    are checked before any pixel is decoded; `seconds` and `memory_bytes` are the caller's to enforce.
    Raises ImageTooLarge and ImageUnreadable, and nothing else.
    """
    if not data:
        raise ImageUnreadable("the file is empty")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"{len(data):,} bytes, over the limit of {limits.max_bytes:,}")
    try:
        with _limited_pillow(limits.max_pixels):
            return _decode(data, request, limits.max_pixels)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"over the limit of {limits.max_pixels:,} pixels") from error
    except MemoryError as error:
        raise ImageTooLarge("decoding it takes more memory than one image may use") from error
    except UnidentifiedImageError as error:
        raise ImageUnreadable(_unidentified(data)) from error
    except Exception as error:  # codecs raise ValueError, SyntaxError, NotImplementedError, struct.error …
        raise ImageUnreadable(f"damaged: {_reason(error)}") from error


@contextmanager
def _limited_pillow(max_pixels: int) -> Iterator[None]:
    """Pillow's own limit, a global, set to ours: it raises over twice its value and would warn below that."""
    with _pillow, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels / 2  # type: ignore[assignment]  # compared only: need not be whole
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _decode(data: bytes, request: DecodeRequest, max_pixels: int) -> Decoded:
    file = Image.open(io.BytesIO(data), formats=_FORMATS)
    width, height = file.size
    if width * height > max_pixels:
        raise ImageTooLarge(f"{width} × {height} pixels, over the limit of {max_pixels:,}")
    if width < 1 or height < 1:
        raise ImageUnreadable(f"damaged: {width} × {height} pixels")
    if isinstance(file, JpegImageFile):
        file.draft(None, _enough(width, height, request))
        file.load()
    else:
        file.load()
        width, height = file.size  # a TIFF turns itself while it loads
    orientation, taken_at = _exif(file)
    image = _rgb(file)
    turn = _TURNS.get(orientation)
    if turn is not None:
        image = image.transpose(turn)
        if orientation >= 5:
            width, height = height, width
    return Decoded(
        width=width,
        height=height,
        taken_at=taken_at,
        content_hash=hashlib.sha256(data).hexdigest(),
        pixels=None if request.pixels is None else _model_input(image, (width, height), request.pixels),
        thumbnail=None if request.thumbnail is None else _thumbnail(image, (width, height), request.thumbnail),
    )


def _enough(width: int, height: int, request: DecodeRequest) -> tuple[int, int]:
    """The least size to decode a JPEG at: twice the model input on the shorter side, the thumbnail on the longer."""
    share = 0.0
    if request.pixels is not None:
        share = 2 * request.pixels.size / min(width, height)
    if request.thumbnail is not None:
        share = max(share, request.thumbnail / max(width, height))
    share = min(share, 1.0)
    return max(1, math.ceil(width * share)), max(1, math.ceil(height * share))


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode -> RGB."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _eight_bits(image)
    if image.mode in ("RGBa", "La") or image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, _WHITE)
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey -> L (LA where one value is transparent), without clipping.

    The full scale is that of the mode for 16 bits, and otherwise the smallest of 1 (floats), 255, 65535 and the
    largest value present.
    """
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        grey = (values >> 8).astype(np.uint8)
    else:
        values = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
        low, peak = min(0.0, float(values.min())), float(values.max())
        usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        high = next((top for top in usual if low == 0 and peak <= top), peak)
        grey = ((values - low) * (255 / max(high - low, 1e-30)) + 0.5).astype(np.uint8)
    result = Image.fromarray(grey)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        result.putalpha(Image.fromarray(np.where(np.asarray(image) == transparent, 0, 255).astype(np.uint8)))
    return result


def _model_input(image: Image.Image, size: tuple[int, int], spec: PixelSpec) -> Pixels:
    """As transformers' CLIP image processor resizes and crops; `size` is the picture's before any draft decoding.

    Of a very long picture only the centre is scaled: 1 × 5000 pixels would else be blown up to gigabytes.
    """
    side = spec.size
    resample = Image.Resampling(spec.resample)
    if spec.fit == "squash":
        return np.asarray(image.resize((side, side), resample))
    width, height = size
    scaled = (side, int(side * height / width)) if width <= height else (int(side * width / height), side)
    left, top = (scaled[0] - side) // 2, (scaled[1] - side) // 2
    if max(scaled) <= _LONG * side:
        return np.asarray(image.resize(scaled, resample).crop((left, top, left + side, top + side)))
    x, y = image.width / scaled[0], image.height / scaled[1]
    box = (left * x, top * y, min((left + side) * x, image.width), min((top + side) * y, image.height))
    return np.asarray(image.resize((side, side), resample, box=box))


def _thumbnail(image: Image.Image, size: tuple[int, int], longer: int) -> bytes:
    scale = min(1.0, longer / max(size))
    wanted = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    if wanted != image.size:
        image = image.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=2.0)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def _exif(file: Image.Image) -> tuple[int, datetime | None]:
    """Orientation (1 where there is none) and time taken; damaged EXIF data counts as none."""
    try:
        exif = file.getexif()
        orientation = exif.get(_ORIENTATION, 1)
        details = exif.get_ifd(_EXIF_IFD)
        taken_at = _time(str(details.get(_TAKEN, "")), str(details.get(_TAKEN_OFFSET, "")))
    except Exception:  # a parser of hostile bytes; the picture itself has been read
        return 1, None
    return orientation if orientation in _TURNS else 1, taken_at


def _time(text: str, offset: str) -> datetime | None:
    zone = _OFFSET.match(offset.strip())
    try:
        taken = datetime.strptime(text.strip()[:19], "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
        if zone is not None:
            shift = timedelta(hours=int(zone[2]), minutes=int(zone[3]))
            taken += shift if zone[1] == "-" else -shift
    except (ValueError, OverflowError):
        return None
    return taken


def _unidentified(data: bytes) -> str:
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return f"damaged: starts like {name} but its header cannot be read"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "damaged: starts like WebP but its header cannot be read"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC:
        return "HEIC cannot be read; convert it to JPEG"
    what = next((name for signature, name in _FOREIGN if data.startswith(signature)), "not an image of a known format")
    return f"{what}; {_NAMES} can be read"


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= _REASON else text[: _REASON - 1] + "…"
