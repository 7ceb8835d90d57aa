"""Image bytes -> upright RGB under limits: model input and thumbnail. Knows Pillow and no model."""

import hashlib
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from core.errors import ImageError, ImageTooLarge, ImageUnreadable
from core.errors.hints import RAISE_BYTES, RAISE_MEMORY, RAISE_PIXELS
from core.imaging import png
from core.imaging.color_profile import to_srgb
from core.imaging.decode_request import Decoded, DecodeRequest, ImageLimits
from core.imaging.formats import describe_failure, describe_unidentified
from core.imaging.loading.picture import Picture, load_part, load_picture
from core.imaging.metadata.reader import read_metadata
from core.imaging.model_input import encode_thumbnail, resize_to_input, scale_down
from core.imaging.orientation import TRANSPOSITIONS, read_orientation
from core.imaging.readers.raw_file import OWN_SIZE
from core.imaging.text_look import may_hold_text
from core.imaging.tiling import tile_count

_pillow = threading.Lock()


def decode(data: bytes, request: DecodeRequest, limits: ImageLimits) -> Decoded:
    """Decode what `request` asks for: the picture upright, over white or black where it is transparent.

    Of an animation, the first frame that is not blank is taken. Grey of 16 bits or floating point is scaled to 8 bits.
    Colours are converted to sRGB by the file's profile. Of a picture that is not whole, model and thumbnail are given
    the part that is there.
    A JPEG is decoded at the smallest scale of 1, 1/2, 1/4 and 1/8 that keeps twice the model input and the whole
    thumbnail.
    Byte and pixel limits are checked before any pixel is decoded. The caller enforces `seconds` and `memory_bytes`.
    Raises ImageTooLarge and ImageUnreadable, and nothing else.
    """
    if not data:
        raise ImageUnreadable("the file is empty")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"{len(data):,} bytes, over the limit of {limits.max_bytes:,}", RAISE_BYTES)
    try:
        with _limit_pillow(limits.max_pixels):
            return _decode(data, request, limits)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"over the limit of {limits.max_pixels:,} pixels", RAISE_PIXELS) from error
    except MemoryError as error:
        raise ImageTooLarge("decoding it takes more memory than one image may use", RAISE_MEMORY) from error
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


def _decode(data: bytes, request: DecodeRequest, limits: ImageLimits) -> Decoded:
    """Decode a file that is whole, or else without its ancillary chunks, or else what is there of it."""
    attempts: list[Callable[[], Picture | None]] = [lambda: load_picture(data, request.name, request.draft_of, limits)]
    if data.startswith(png.SIGNATURE) and (bare := png.strip_ancillary(data)) is not None:
        attempts.append(lambda: load_picture(bare, request.name, request.draft_of, limits))
    attempts.append(lambda: load_part(data, request.name, request.draft_of, limits))
    first: Exception | None = None
    for attempt in attempts:
        try:
            if (picture := attempt()) is not None:
                return _make(picture, data, request)
        except (ImageError, Image.DecompressionBombError, MemoryError):
            raise
        except Exception as error:
            first = first or error
    assert first is not None
    raise first


def _make(picture: Picture, data: bytes, request: DecodeRequest) -> Decoded:
    """Make what is asked for out of a loaded picture."""
    orientation = read_orientation(picture.file)
    metadata = read_metadata(picture.file, data, request.name, request.sidecars)
    image = to_srgb(picture.image)
    whole, part = picture.size, picture.part
    turn = TRANSPOSITIONS.get(orientation)
    if turn is not None:
        image = image.transpose(turn)
        if orientation >= 5:
            whole, part = whole[::-1], part[::-1]
    own = picture.file.info.get(OWN_SIZE, whole)
    if tile_count(*own) != tile_count(*whole):
        whole = part = own  # the tiles are counted by the size that is told
    spec = request.pixels
    return Decoded(
        width=own[0],
        height=own[1],
        content_hash=request.content_hash or hashlib.sha256(data).hexdigest(),
        metadata=metadata,
        incomplete=picture.share,
        pixels=None if spec is None else resize_to_input(image, whole, part, spec, tiles=request.tiles),
        thumbnail=None if request.thumbnail is None else encode_thumbnail(image, part, request.thumbnail),
        picture=None if request.picture is None else scale_down(image, part, request.picture),
        may_hold_text=may_hold_text(image) if request.text_look else None,
    )
