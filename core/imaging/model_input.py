"""An upright picture -> the square input of a model, whole or in tiles, and the thumbnail."""

import io

import numpy as np
from PIL import Image

from core.imaging.decode_request import Pixels, PixelSpec, Size
from core.imaging.tiling import is_long, tile_boxes


def resize_to_input(image: Image.Image, whole: Size, part: Size, spec: PixelSpec, *, tiles: bool) -> Pixels:
    """Make the input of a model.

    `whole` is the size of the picture before any draft decoding, `part` that of what `image` shows of it.
    The tiles are as many as the whole picture has; they are spread over the part.
    """
    if tiles and is_long(*whole):
        return _cut_tiles(image, whole, spec)
    square = _fit_square(image, part, spec)
    return square[np.newaxis] if tiles else square


def _cut_tiles(image: Image.Image, size: Size, spec: PixelSpec) -> Pixels:
    """Cut a long picture into tiles: (T, S, S, 3), each scaled from its own part.

    So a long picture is never enlarged as a whole.
    """
    x, y = image.width / size[0], image.height / size[1]
    boxes = [
        (left * x, top * y, min(right * x, image.width), min(bottom * y, image.height))
        for left, top, right, bottom in tile_boxes(*size)
    ]
    square, resample = (spec.size, spec.size), Image.Resampling(spec.resample)
    return np.stack([np.asarray(image.resize(square, resample, box=box)) for box in boxes])


def _fit_square(image: Image.Image, size: Size, spec: PixelSpec) -> Pixels:
    """Resize to (S, S, 3) as the model's own image processor fits a picture; squash a long one instead of cropping."""
    side = spec.size
    resample = Image.Resampling(spec.resample)
    if spec.fit == "pad":
        return _pad_square(image, size, spec)
    if spec.fit == "squash" or is_long(*size):
        return np.asarray(image.resize((side, side), resample))
    width, height = size
    shorter = spec.scaled
    scaled = (shorter, int(shorter * height / width)) if width <= height else (int(shorter * width / height), shorter)
    left, top = (_halve(length - side, to_even=spec.rounds_to_even) for length in scaled)
    if image.size == size:  # to the bit as the model's own processor does it
        return np.asarray(image.resize(scaled, resample).crop((left, top, left + side, top + side)))
    x, y = image.width / scaled[0], image.height / scaled[1]
    right, bottom = min((left + side) * x, image.width), min((top + side) * y, image.height)
    box = (left * x, top * y, right, bottom)  # what is cropped away is not scaled either
    return np.asarray(image.resize((side, side), resample, box=box))


def _halve(pixels: int, *, to_even: bool) -> int:
    return round(pixels / 2) if to_even else pixels // 2


def _pad_square(image: Image.Image, size: Size, spec: PixelSpec) -> Pixels:
    """Scale the longer side to S, and centre the picture on the colour of the padding, as OpenCLIP does."""
    side = spec.size
    ratio = max(size) / side
    scaled = max(1, round(size[0] / ratio)), max(1, round(size[1] / ratio))
    square = Image.new("RGB", (side, side), spec.fill)
    place = (side - scaled[0]) // 2, (side - scaled[1]) // 2
    square.paste(image.resize(scaled, Image.Resampling(spec.resample)), place)
    return np.asarray(square)


def encode_thumbnail(image: Image.Image, size: Size, longer: int) -> bytes:
    """Encode a JPEG whose longer side has at most `longer` pixels; `size` is that before any draft decoding.

    It is scaled by LANCZOS: near-duplicates are told by thumbnails, and softer ones hid some of them.
    """
    out = io.BytesIO()
    _scale(image, size, longer).save(out, "JPEG", quality=85)
    return out.getvalue()


def scale_down(image: Image.Image, size: Size, longer: int) -> Pixels:
    """Make the picture (H, W, 3), its longer side at most `longer` pixels; `size` as for `encode_thumbnail`."""
    return np.asarray(_scale(image, size, longer).convert("RGB"))


def _scale(image: Image.Image, size: Size, longer: int) -> Image.Image:
    scale = min(1.0, longer / max(size))
    wanted = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    return image if wanted == image.size else image.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=2.0)
