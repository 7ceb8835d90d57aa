"""Image bytes -> upright RGB under limits: model input and thumbnail. Knows Pillow and no model."""

import hashlib
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from core.domain.metadata import NO_METADATA, PictureMetadata
from core.errors import ImageError, ImageTooLarge, ImageUnreadable
from core.imaging import png
from core.imaging.color_profile import to_srgb
from core.imaging.formats import FORMATS, describe_failure, describe_unidentified
from core.imaging.metadata.reader import Sidecar, read_metadata
from core.imaging.model_input import Pixels, PixelSpec, draft_size, encode_thumbnail, resize_to_input
from core.imaging.orientation import TRANSPOSITIONS, read_orientation

__all__ = ["DecodeRequest", "Decoded", "ImageLimits", "PixelSpec", "Pixels", "decode"]


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The limits on one image: bytes, pixels, seconds and memory. An image over them fails by itself."""

    max_bytes: int = 50 * 2**20
    max_pixels: int = 50_000_000
    seconds: float = 20.0
    memory_bytes: int = 1536 * 2**20


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """What to make of an image: model input, a thumbnail whose longer side is `thumbnail` pixels, or both.

    `tiles`: cut a long picture into squares that show all of it undistorted (core.imaging.tiling). Others are one tile.
    `name` is the name of the file, without its folder, and `sidecars` are files beside it: metadata is read there too.
    """

    pixels: PixelSpec | None = None
    thumbnail: int | None = None
    tiles: bool = False
    name: str = ""
    sidecars: tuple[Sidecar, ...] = ()


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded image. Width and height are those of the upright picture, in pixels.

    `pixels` is (S, S, 3) uint8 RGB. Where tiles were asked for, it is (T, S, S, 3), T being
    core.imaging.tiling.tile_count of the upright picture. `thumbnail` is a JPEG.
    `content_hash` is the SHA-256 of the bytes in hex. `incomplete` is the share of the picture that could be read, over
    0 and under 1; None where it is whole.
    """

    width: int
    height: int
    content_hash: str
    metadata: PictureMetadata = NO_METADATA
    incomplete: float | None = None
    pixels: Pixels | None = None
    thumbnail: bytes | None = None


_pillow = threading.Lock()


def decode(data: bytes, request: DecodeRequest, limits: ImageLimits) -> Decoded:
    """Decode what `request` asks for: the file's first frame, upright, over white where transparent.

    Grey of 16 bits or floating point is scaled to 8 bits. Colours are converted to sRGB by the file's profile.
    A JPEG is decoded at the smallest scale of 1, 1/2, 1/4 and 1/8 that keeps twice the model input and the whole
    thumbnail.
    Byte and pixel limits are checked before any pixel is decoded. The caller enforces `seconds` and `memory_bytes`.
    Raises ImageTooLarge and ImageUnreadable, and nothing else.
    """
    if not data:
        raise ImageUnreadable("the file is empty")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"{len(data):,} bytes, over the limit of {limits.max_bytes:,}")
    try:
        with _limit_pillow(limits.max_pixels):
            return _decode(data, request, limits.max_pixels)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"over the limit of {limits.max_pixels:,} pixels") from error
    except MemoryError as error:
        raise ImageTooLarge("decoding it takes more memory than one image may use") from error
    except UnidentifiedImageError as error:
        raise ImageUnreadable(describe_unidentified(data)) from error
    except Exception as error:  # codecs raise ValueError, SyntaxError, NotImplementedError, struct.error …
        raise ImageUnreadable(describe_failure(error)) from error


@contextmanager
def _limit_pillow(max_pixels: int) -> Iterator[None]:
    """Set Pillow's global pixel limit to ours. Pillow raises over twice its value, and would warn below that."""
    with _pillow, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels / 2  # type: ignore[assignment]  # compared only: need not be whole
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _decode(data: bytes, request: DecodeRequest, max_pixels: int) -> Decoded:
    content_hash = hashlib.sha256(data).hexdigest()
    try:
        return _read(data, content_hash, request, max_pixels)
    except (ImageError, Image.DecompressionBombError, MemoryError):
        raise
    except Exception:
        bare = png.strip_ancillary(data) if data.startswith(png.SIGNATURE) else None
        if bare is None:
            raise
        return _read(bare, content_hash, request, max_pixels)


def _read(data: bytes, content_hash: str, request: DecodeRequest, max_pixels: int) -> Decoded:
    file = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = file.size
    if width * height > max_pixels:
        raise ImageTooLarge(f"{width} × {height} pixels, over the limit of {max_pixels:,}")
    if width < 1 or height < 1:
        raise ImageUnreadable(f"damaged: {width} × {height} pixels")
    if fault := _find_fault(file, data):
        raise ImageUnreadable(f"damaged: {fault}")
    if isinstance(file, JpegImageFile):
        file.draft(None, draft_size((width, height), request.pixels, request.thumbnail))
        file.load()
    else:
        file.load()
        width, height = file.size  # a TIFF turns itself while it loads
    orientation = read_orientation(file)
    metadata = read_metadata(file, data, request.name, request.sidecars)
    image = to_srgb(file)
    turn = TRANSPOSITIONS.get(orientation)
    if turn is not None:
        image = image.transpose(turn)
        if orientation >= 5:
            width, height = height, width
    size, spec = (width, height), request.pixels
    return Decoded(
        width=width,
        height=height,
        content_hash=content_hash,
        metadata=metadata,
        pixels=None if spec is None else resize_to_input(image, size, spec, tiles=request.tiles),
        thumbnail=None if request.thumbnail is None else encode_thumbnail(image, size, request.thumbnail),
    )


def _find_fault(file: Image.Image, data: bytes) -> str | None:
    """Find a fault of the picture that Pillow would not complain of."""
    if isinstance(file, PngImageFile):
        return png.find_fault(data)
    if isinstance(file, TiffImageFile) and max((t.extents[3] for t in file.tile if t.extents), default=0) < file.height:
        return "its strips do not reach the bottom of the picture"
    return None
