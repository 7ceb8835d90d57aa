"""Makes a huge picture smaller before its colours are converted, so that this takes little memory."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile

from core.imaging.decode_request import Size

_HUGE = 25_000_000  # pixels; smaller pictures are left as they are
_BAND = 2_000_000  # pixels that are converted at once

_TRANSPARENCY = "transparency"


def reduce_huge(image: Image.Image, draft: Size) -> Image.Image:
    """Reduce a loaded picture of over 25 megapixels by a whole factor, to no less than the draft size.

    Its colours stay those of its profile. Palettes become colours, and a transparent colour becomes an alpha channel.
    """
    factor = min(image.width // draft[0], image.height // draft[1])
    if image.width * image.height <= _HUGE or factor < 2:
        return image
    opaque = isinstance(image, BmpImageFile) and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0)
    rows = max(1, _BAND // (image.width * factor)) * factor
    bands = []
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        bands.append(_reduce(band.convert("RGB") if opaque else band, factor))
    reduced = Image.new(bands[0].mode, (bands[0].width, sum(band.height for band in bands)))
    top = 0
    for band in bands:
        reduced.paste(band, (0, top))
        top += band.height
    reduced.info = {name: value for name, value in image.info.items() if name != _TRANSPARENCY}
    return reduced


def _reduce(band: Image.Image, factor: int) -> Image.Image:
    """Average squares of pixels; colours that are not seen through their alpha do not count."""
    if band.mode in ("P", "PA") or _TRANSPARENCY in band.info:
        band = band if band.mode.startswith("I") else band.convert("RGBA" if band.has_transparency_data else "RGB")
    if band.mode == "1":
        band = band.convert("L")
    if band.mode.startswith("I;16"):
        return Image.fromarray(_average(np.asarray(band), factor))
    if band.mode in ("RGBA", "LA"):
        return band.convert(band.mode[:-1] + "a").reduce(factor).convert(band.mode)
    return band.reduce(factor)


def _average(values: NDArray[np.uint16], factor: int) -> NDArray[np.uint16]:
    """Average squares of 16-bit samples; those at the edges may have fewer."""
    rows, columns = (np.arange(0, length, factor) for length in values.shape)
    sums = np.add.reduceat(np.add.reduceat(values.astype(np.uint64), rows, axis=0), columns, axis=1)
    heights, widths = np.diff(rows, append=values.shape[0]), np.diff(columns, append=values.shape[1])
    return (sums // np.outer(heights, widths).astype(np.uint64)).astype(np.uint16)
