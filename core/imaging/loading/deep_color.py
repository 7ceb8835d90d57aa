"""Colours of 16 bits a channel whose upper bits are empty: Pillow keeps the upper eight, which are nearly black."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageFile

_LOWER = {  # the other bytes of each sample, by what Pillow takes from the file
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": "RGB;16B",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "RGBA;16N": "RGBA;16B",
}
_BITS = (8, 10, 12)  # that cameras and scanners use of 16


def find_deep_color(file: Image.Image) -> str | None:
    """Find how the samples of an opened picture lie in its file, where they have 16 bits a channel; None otherwise."""
    tiles = file.tile if isinstance(file, ImageFile.ImageFile) else []
    kinds = {_rawmode(tile.args) for tile in tiles}
    kind = kinds.pop() if len(kinds) == 1 else None
    return kind if kind in _LOWER else None


def scale_by_content(upper: Image.Image, kind: str, reopen: Callable[[], Image.Image]) -> Image.Image | None:
    """Scale colours that use only the lower 8, 10 or 12 of 16 bits to 8 bits; None where they use more.

    `upper` is the picture as Pillow loads it, `kind` what `find_deep_color` told, `reopen` opens its file anew.
    """
    peak = max(high for _, high in upper.convert("RGB").getextrema())  # type: ignore[misc]  # of three bands
    if peak >= 1 << (_BITS[-1] - 8):
        return None
    file = reopen()
    assert isinstance(file, ImageFile.ImageFile)
    file.tile = [tile._replace(args=_replace_rawmode(tile.args, _LOWER[kind])) for tile in file.tile]
    file.load()
    samples = np.asarray(upper)[..., :3].astype(np.uint16)  # (H, W, 3)
    samples <<= 8
    samples |= np.asarray(file)[..., :3]
    most = int(samples.max())
    if most == int(samples.min()):
        return None
    bits = next(bits for bits in _BITS if most >> bits == 0)
    scaled = Image.fromarray((samples >> (bits - 8)).astype(np.uint8))
    if upper.mode == "RGBA":
        scaled.putalpha(upper.getchannel("A"))
    scaled.info = upper.info
    return scaled


def _rawmode(args: object) -> object:
    return args[0] if isinstance(args, tuple) and args else args


def _replace_rawmode(args: tuple[Any, ...] | str | None, rawmode: str) -> tuple[Any, ...] | str:
    return (rawmode, *args[1:]) if isinstance(args, tuple) else rawmode
