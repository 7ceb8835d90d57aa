"""Image bytes -> upright RGB under limits: model input and thumbnail. Knows Pillow and no model."""

import hashlib
import io
import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from core.domain.metadata import NO_METADATA, PictureMetadata
from core.errors import ImageError, ImageTooLarge, ImageUnreadable
from core.imaging import png
from core.imaging.color_profile import to_srgb
from core.imaging.formats import describe_failure, describe_unidentified
from core.imaging.metadata.reader import Sidecar, read_metadata
from core.imaging.orientation import TRANSPOSITIONS, read_orientation
from core.imaging.readers.picture_file import open_picture
from core.imaging.readers.raw_file import OWN_SIZE
from core.imaging.readers.tiff_file import TiffFile
from core.imaging.tiling import is_long, tile_boxes, tile_count

Pixels = NDArray[np.uint8]  # (S, S, 3) RGB, or (T, S, S, 3) where tiles were asked for


@dataclass(frozen=True, slots=True)
class PixelSpec:
    """The square input of a model: side in pixels, how a picture is fitted to it, and Pillow's resampling filter.

    `crop` scales the shorter side to `size` and cuts the centre. `squash` scales both sides. A picture longer than
    2 : 1 is never cropped: it is squashed, or cut into tiles (core.imaging.tiling).
    """

    size: int
    fit: Literal["crop", "squash"]
    resample: int


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
    file = open_picture(data, request.name)
    width, height = file.size
    if width * height > max_pixels:
        raise ImageTooLarge(f"{width} × {height} pixels, over the limit of {max_pixels:,}")
    if width < 1 or height < 1:
        raise ImageUnreadable(f"damaged: {width} × {height} pixels")
    if fault := _find_fault(file, data):
        raise ImageUnreadable(f"damaged: {fault}")
    if isinstance(file, JpegImageFile):
        file.draft(None, _draft_size(width, height, request))
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
    told = file.info.get(OWN_SIZE, (width, height))
    if tile_count(*told) != tile_count(width, height):
        width, height = told  # the tiles are counted by the size that is told
    return Decoded(
        width=told[0],
        height=told[1],
        content_hash=content_hash,
        metadata=metadata,
        pixels=_resize_to_input(image, (width, height), request),
        thumbnail=None if request.thumbnail is None else _encode_thumbnail(image, (width, height), request.thumbnail),
    )


def _find_fault(file: Image.Image, data: bytes) -> str | None:
    """Find a fault of the picture that Pillow would not complain of."""
    if isinstance(file, PngImageFile):
        return png.find_fault(data)
    return file.find_fault() if isinstance(file, TiffFile) else None


def _draft_size(width: int, height: int, request: DecodeRequest) -> tuple[int, int]:
    """Compute the least size to decode a JPEG at: twice the model input across, or the whole thumbnail."""
    share = 0.0
    if request.pixels is not None:
        share = 2 * request.pixels.size / min(width, height)
    if request.thumbnail is not None:
        share = max(share, request.thumbnail / max(width, height))
    share = min(share, 1.0)
    return max(1, math.ceil(width * share)), max(1, math.ceil(height * share))


def _resize_to_input(image: Image.Image, size: tuple[int, int], request: DecodeRequest) -> Pixels | None:
    """Make the model input that is asked for; `size` is that of the picture before any draft decoding."""
    if request.pixels is None:
        return None
    if request.tiles:
        return _cut_tiles(image, size, request.pixels)
    return _fit_square(image, size, request.pixels)


def _cut_tiles(image: Image.Image, size: tuple[int, int], spec: PixelSpec) -> Pixels:
    """Cut a picture into tiles: (T, S, S, 3), each scaled from its own part.

    So a long picture is never enlarged as a whole.
    """
    if not is_long(*size):
        return _fit_square(image, size, spec)[np.newaxis]
    x, y = image.width / size[0], image.height / size[1]
    boxes = [
        (left * x, top * y, min(right * x, image.width), min(bottom * y, image.height))
        for left, top, right, bottom in tile_boxes(*size)
    ]
    square, resample = (spec.size, spec.size), Image.Resampling(spec.resample)
    return np.stack([np.asarray(image.resize(square, resample, box=box)) for box in boxes])


def _fit_square(image: Image.Image, size: tuple[int, int], spec: PixelSpec) -> Pixels:
    """Resize to (S, S, 3) as transformers' CLIP image processor resizes and crops; squash a long picture."""
    side = spec.size
    resample = Image.Resampling(spec.resample)
    if spec.fit == "squash" or is_long(*size):
        return np.asarray(image.resize((side, side), resample))
    width, height = size
    scaled = (side, int(side * height / width)) if width <= height else (int(side * width / height), side)
    left, top = (scaled[0] - side) // 2, (scaled[1] - side) // 2
    return np.asarray(image.resize(scaled, resample).crop((left, top, left + side, top + side)))


def _encode_thumbnail(image: Image.Image, size: tuple[int, int], longer: int) -> bytes:
    scale = min(1.0, longer / max(size))
    wanted = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    if wanted != image.size:
        image = image.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=2.0)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()
