"""TIFF files: as Pillow reads them where it reads them right, else from their samples."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import COMPRESSION_INFO, ImageFileDirectory_v2, TiffImageFile

from core.imaging.readers import tiff_layout
from core.imaging.readers.tiff_layout import BYTE_STREAMS, Layout, read_layout, refuse
from core.imaging.readers.tiff_samples import SHORT, Order, measure_working_memory, read_samples

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess  # known to type checkers only

_COLOUR_MAP = 320
_ASSOCIATED, _UNASSOCIATED = 1, 2  # kinds of alpha
_HIGHLIGHT = 8.0  # times white: over this, half of no photograph is
_BLOCK = 500_000  # pixels that are converted at once
_SAMPLED = 1000  # rows and columns, at least, that tell how bright floating point is; of smaller pictures all
_LINEAR_BELOW = 0.0031308  # below it, sRGB is linear (IEC 61966-2-1)


class TiffFile(TiffImageFile):
    """A TIFF's first picture. Raises ImageUnreadable for a kind that is not supported, and for what is damaged."""

    format = "TIFF"
    _own: Layout | None = None
    _is_read = False

    def _setup(self) -> None:
        layout = read_layout(self.tag_v2)
        if layout.compression not in BYTE_STREAMS and layout.compression not in COMPRESSION_INFO:
            raise refuse(layout)
        self._own, self._is_read = None, False
        if layout.compression not in BYTE_STREAMS or layout.photometric == tiff_layout.YCBCR or _is_plain(layout):
            self._set_up_by_pillow(layout)
            return
        mode = _choose_mode(layout)
        if mode is None:
            raise refuse(layout)
        self._own, self._mode = layout, mode
        self._compression, self.info["compression"] = "raw", COMPRESSION_INFO.get(layout.compression, "raw")
        self._tile_size = self._size = layout.width, layout.height
        if self.tag_v2.get(0x0112) in (5, 6, 7, 8):
            self._size = layout.height, layout.width
        self.tile, self.use_load_libtiff = [], False
        if 34675 in self.tag_v2:
            self.info["icc_profile"] = self.tag_v2[34675]

    def _set_up_by_pillow(self, layout: Layout) -> None:
        try:
            super()._setup()
        except SyntaxError as error:
            raise refuse(layout) from error
        if layout.photometric == tiff_layout.YCBCR and not self.use_load_libtiff:
            # Pillow takes every pixel for three bytes, though colours are mostly stored for several pixels at once.
            self.use_load_libtiff, self._mode = True, "RGB"
            extents = (0, 0, layout.width, layout.height)
            self.tile = [ImageFile._Tile("libtiff", extents, 0, ("RGBX", False, self.tag_v2.offset))]

    def load(self) -> "PixelAccess | None":
        """Load the pixels, and turn them upright.

        Where Pillow is told to take truncated files, pixels that are not there keep the colour they have.
        """
        if self._own is None or self._is_read:
            return super().load()
        assert self.fp is not None
        self.fp.seek(0)
        order: Order = "<" if self.tag_v2.prefix == b"II" else ">"
        picture, there = _make_picture(self.fp.read(), self._own, order, self.tag_v2)
        if self._im is not None and self.size == picture.size and not there.all():
            picture = Image.composite(picture, Image.Image()._new(self.im), Image.fromarray(there))
        self._is_read, self.im = True, picture.im
        self.load_end()
        return Image.Image.load(self)

    def estimate_memory(self) -> int:
        """Estimate how many bytes loading takes besides the picture, where it is made from the samples; else 0."""
        return 0 if self._own is None else measure_working_memory(self._own, _count_samples(self._own))

    def find_fault(self) -> str | None:
        """Find out whether there are strips or tiles for the whole of the picture."""
        layout = read_layout(self.tag_v2)
        if not layout.offsets and self._own is None and self.use_load_libtiff:
            return None  # libtiff reads tags of odd types, which Pillow does not
        return None if len(layout.offsets) >= layout.chunks else SHORT


_PLAIN = {  # bits, colour space, samples, extra samples: what Pillow reads right, with the samples side by side
    *((bits, space, 1, ()) for bits in (1, 2, 4, 8) for space in (0, 1, 3)),
    *((bits, 2, 4, extra) for bits in (8, 16) for extra in ((), (1,), (2,))),
    *((bits, space, samples, ()) for bits in (8, 16) for space, samples in ((2, 3), (5, 4))),
    *((8, 2, 4, (0,)), (8, 1, 2, (2,)), (8, 8, 3, ()), (16, 1, 1, ())),
}


def _is_plain(layout: Layout) -> bool:
    """Tell whether Pillow reads this kind right."""
    return (
        layout.planes == 1
        and layout.format == tiff_layout.UNSIGNED
        and layout.compression != tiff_layout.WEBP
        and layout.ink_set == 1
        and (layout.fill_order == 1 or layout.bits < 8)
        and (layout.bits, layout.photometric, layout.samples, layout.extra) in _PLAIN
    )


def _choose_mode(layout: Layout) -> str | None:
    """Choose the mode of the picture that is made from the samples; None where the kind is not supported."""
    if layout.bits > 64 or layout.format not in (1, 2, 3) or layout.samples < layout.colours:
        return None
    if layout.format == tiff_layout.FLOAT and layout.bits not in (16, 32, 64):
        return None
    if layout.predictor > 3 or (layout.format != tiff_layout.UNSIGNED and layout.bits not in (8, 16, 32, 64)):
        return None
    alpha = _find_alpha(layout) is not None
    match layout.photometric:
        case tiff_layout.WHITE_IS_ZERO | tiff_layout.BLACK_IS_ZERO:
            if layout.format == tiff_layout.UNSIGNED and layout.bits <= 16:
                return "LA" if alpha else "I;16" if layout.bits > 8 else "L"
            return None if alpha else "F"
        case tiff_layout.RGB:
            return "RGBA" if alpha else "RGB"
        case tiff_layout.PALETTE if layout.format == tiff_layout.UNSIGNED and layout.bits <= 16:
            return "RGBA" if alpha else "RGB"
        case tiff_layout.SEPARATED if layout.ink_set == 1 and layout.format == tiff_layout.UNSIGNED:
            return "CMYK"
        case tiff_layout.CIELAB | tiff_layout.ICCLAB if layout.format != tiff_layout.FLOAT and layout.bits in (8, 16):
            return "LAB"
    return None


def _find_alpha(layout: Layout) -> int | None:
    """Find the sample that is alpha."""
    kinds = layout.extra or ((_UNASSOCIATED,) if layout.photometric == tiff_layout.RGB and layout.samples == 4 else ())
    return next(
        (
            layout.colours + number
            for number, kind in enumerate(kinds)
            if kind in (_ASSOCIATED, _UNASSOCIATED) and layout.colours + number < layout.samples
        ),
        None,
    )


def _count_samples(layout: Layout) -> int:
    """Count the samples of a pixel that are read: the colours, and what there is up to the alpha."""
    alpha = _find_alpha(layout)
    return layout.colours if alpha is None else alpha + 1


def _make_picture(
    data: bytes, layout: Layout, order: Order, tags: ImageFileDirectory_v2
) -> tuple[Image.Image, NDArray[np.bool_]]:
    """Make the picture, and tell which pixels of it are there, (H, W)."""
    alpha = _find_alpha(layout)
    count = _count_samples(layout)
    samples, there = read_samples(data, layout, order, count, partial=ImageFile.LOAD_TRUNCATED_IMAGES)
    white = _find_white(samples[:, :, : layout.colours]) if layout.format == tiff_layout.FLOAT else 1.0
    rows = max(1, _BLOCK // layout.width)
    picture = _show(samples[:rows], alpha, layout, tags, white)
    if rows < layout.height:
        first, picture = picture, Image.new(picture.mode, (layout.width, layout.height))
        picture.paste(first)
        for top in range(rows, layout.height, rows):
            picture.paste(_show(samples[top : top + rows], alpha, layout, tags, white), (0, top))
    return picture, there


def _show(
    samples: NDArray[np.generic], alpha: int | None, layout: Layout, tags: ImageFileDirectory_v2, white: float
) -> Image.Image:
    size = samples.shape[1], samples.shape[0]
    colours = samples[:, :, : layout.colours]
    if layout.photometric in (tiff_layout.CIELAB, tiff_layout.ICCLAB):
        return _make_lab(colours, layout)
    if layout.photometric == tiff_layout.PALETTE:
        colours = _look_up(colours[:, :, 0], tags.get(_COLOUR_MAP, ()), layout.bits)
    elif layout.photometric in (tiff_layout.WHITE_IS_ZERO, tiff_layout.BLACK_IS_ZERO) and alpha is None:
        return _make_grey(colours[:, :, 0], layout)
    else:
        colours = _scale_to_8_bits(colours, layout, white)
    if layout.photometric == tiff_layout.WHITE_IS_ZERO:
        colours = 255 - colours
    if alpha is not None:
        opacity = _scale_opacity(samples[:, :, alpha : alpha + 1], layout)
        multiplied = layout.extra[alpha - layout.colours : alpha - layout.colours + 1] == (_ASSOCIATED,)
        if layout.photometric == tiff_layout.SEPARATED:  # on paper, less opacity is less ink
            colours = colours if multiplied else _multiply(colours, opacity)
        else:
            colours = np.concatenate([_divide(colours, opacity) if multiplied else colours, opacity], axis=2)
    if layout.photometric == tiff_layout.SEPARATED:
        return Image.frombytes("CMYK", size, colours.tobytes())
    return Image.fromarray(np.squeeze(colours, 2) if colours.shape[2] == 1 else colours)


def _make_grey(values: NDArray[np.generic], layout: Layout) -> Image.Image:
    """Make a grey picture of up to 16 bits, or of floats: the conversion to sRGB scales both."""
    top = 2**layout.bits - 1
    if layout.format != tiff_layout.UNSIGNED or layout.bits > 16:
        wide = values.astype(np.float32)
        inverted = layout.photometric == tiff_layout.WHITE_IS_ZERO and layout.format == tiff_layout.UNSIGNED
        return Image.fromarray(np.float32(top) - wide if inverted else wide)
    whole = values.astype(np.uint32)
    if layout.photometric == tiff_layout.WHITE_IS_ZERO:
        whole = top - whole
    if layout.bits <= 8:
        return Image.fromarray((whole * 255 // top).astype(np.uint8))
    return Image.fromarray(whole.astype(np.uint16))


def _make_lab(samples: NDArray[np.generic], layout: Layout) -> Image.Image:
    """Make a LAB picture: Pillow takes lightness of 0 to 255, and a and b as signed bytes."""
    wide = samples.astype(np.uint32)
    if layout.bits == 16:
        top = 0xFF00 if layout.photometric == tiff_layout.ICCLAB else 0xFFFF
        lightness = np.minimum(wide[:, :, :1] * 255 // top, 255)
        wide = np.concatenate([lightness, (wide[:, :, 1:] >> 8) & 255], axis=2)
    if layout.photometric == tiff_layout.ICCLAB:
        wide[:, :, 1:] ^= 128
    return Image.frombytes("LAB", (wide.shape[1], wide.shape[0]), wide.astype(np.uint8).tobytes())


def _look_up(values: NDArray[np.generic], colour_map: tuple[int, ...], bits: int) -> NDArray[np.uint8]:
    if len(colour_map) < 3 << bits:
        raise OSError("its palette is cut off")
    palette = np.array(colour_map[: 3 << bits], np.uint32).reshape(3, -1).T
    return (palette >> 8).astype(np.uint8)[values.astype(np.int64)]


def _scale_to_8_bits(values: NDArray[np.generic], layout: Layout, white: float = 1.0) -> NDArray[np.uint8]:
    """Scale colours to 8 bits by the full scale of their kind. Floating point RGB is linear light."""
    if layout.format == tiff_layout.FLOAT:
        return _encode_light(_only_finite(values), white)
    bits = layout.bits - (layout.format == tiff_layout.SIGNED)
    if layout.format == tiff_layout.SIGNED:
        values = np.maximum(values, values.dtype.type(0))
    if bits >= 8:
        levels: NDArray[np.generic] = np.right_shift(values, values.dtype.type(bits - 8))
    else:
        levels = values.astype(np.uint16) * 255 // (2**bits - 1)
    return np.asarray(levels, np.uint8)


def _find_white(values: NDArray[np.generic]) -> float:
    """Find what is white in floating point: 1, or 255 or 65535 where values are mostly far over 1."""
    few = _only_finite(values[:: 1 + values.shape[0] // _SAMPLED, :: 1 + values.shape[1] // _SAMPLED])
    if np.median(few) <= _HIGHLIGHT:
        return 1.0
    rows = max(1, _BLOCK // values.shape[1])
    peak = max(_only_finite(values[top : top + rows]).max() for top in range(0, len(values), rows))
    return 255.0 if peak <= 255 else 65535.0


def _only_finite(values: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.nan_to_num(values.astype(np.float32), copy=False, nan=0.0, posinf=1.0, neginf=0.0)


def _encode_light(values: NDArray[np.float32], white: float) -> NDArray[np.uint8]:
    """Encode linear light of 0 to 1 as sRGB; levels of 8 or 16 bits are scaled alone."""
    light = np.clip(values / np.float32(white), 0, 1)
    if white != 1.0:
        return _round(light)
    coded = np.where(light <= _LINEAR_BELOW, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return _round(coded)


def _scale_opacity(values: NDArray[np.generic], layout: Layout) -> NDArray[np.uint8]:
    if layout.format != tiff_layout.FLOAT:
        return _scale_to_8_bits(values, layout)
    return _round(np.clip(np.nan_to_num(values.astype(np.float32)), 0, 1))


def _round(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    result: NDArray[np.uint8] = (shares * 255 + 0.5).astype(np.uint8)
    return result


def _divide(colours: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Divide colours by the alpha that they were multiplied by."""
    whole = colours.astype(np.uint16) * 255 // np.maximum(opacity, 1)
    result: NDArray[np.uint8] = np.minimum(whole, 255).astype(np.uint8)
    return result


def _multiply(colours: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> NDArray[np.uint8]:
    result: NDArray[np.uint8] = (colours.astype(np.uint16) * opacity // 255).astype(np.uint8)
    return result
