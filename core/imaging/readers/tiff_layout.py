"""How a TIFF stores its samples, by the tags of its first directory."""

from dataclasses import dataclass
from math import ceil
from typing import Any

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from core.errors import ImageUnreadable

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR = 0, 1, 2, 3, 5, 6
CIELAB, ICCLAB = 8, 9
COLOUR_FILTERS, LINEAR_RAW = 32803, 34892
RAW_COLOURS = (COLOUR_FILTERS, LINEAR_RAW)

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
NO_COMPRESSION, WEBP = 1, 50001
BYTE_STREAMS = (NO_COMPRESSION, 5, 8, 32773, 32946, 34925, 50000, WEBP)  # compressed without regard to what they mean

_COLOURS = {
    **{WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, SEPARATED: 4, YCBCR: 3, CIELAB: 3, ICCLAB: 3},
}
_NAMES = {
    **{WHITE_IS_ZERO: "grey", BLACK_IS_ZERO: "grey", RGB: "RGB", PALETTE: "palette", SEPARATED: "CMYK", 4: "mask"},
    **{YCBCR: "YCbCr", CIELAB: "CIELab", ICCLAB: "ICC Lab", 10: "ITU Lab", 32844: "LogL", 32845: "LogLuv"},
    **{COLOUR_FILTERS: "RAW", LINEAR_RAW: "RAW"},
}
_COMPRESSIONS = {
    **{2: "CCITT", 3: "CCITT fax 3", 4: "CCITT fax 4", 5: "LZW", 6: "old JPEG", 7: "JPEG", 8: "Deflate"},
    **{34712: "JPEG 2000", 33003: "JPEG 2000", 33005: "JPEG 2000", 34887: "LERC", 50002: "JPEG XL", 34933: "PNG"},
    **{34934: "JPEG XR", 22610: "JPEG XR", 34676: "SGI log", 34677: "SGI log", 32809: "ThunderScan", 32766: "NeXT"},
    **{34661: "JBIG", 32895: "IT8", 52546: "JPEG XL", 50013: "PixTIFF"},
}
_FORMATS = {UNSIGNED: "unsigned", SIGNED: "signed", FLOAT: "floating point", 4: "undefined", 5: "complex", 6: "complex"}
_WAY_OUT = "convert it to a TIFF of 8 or 16 bits, or to PNG"


@dataclass(frozen=True, slots=True)
class Layout:
    """Width and height as stored, in pixels; samples of a pixel; bits and format of each sample.

    `planes` is how many samples are stored apart from the others: 1 where those of a pixel lie together.
    `chunk` is the width and height of a strip or tile. `extra` says what samples beyond the colours are: 1 is alpha
    that the colours are multiplied by, 2 alpha, 0 neither.
    """

    width: int
    height: int
    samples: int
    bits: int
    format: int
    photometric: int
    planes: int
    compression: int
    predictor: int
    fill_order: int
    chunk: tuple[int, int]
    tiled: bool
    offsets: tuple[int, ...]
    lengths: tuple[int, ...]
    extra: tuple[int, ...]
    ink_set: int

    @property
    def colours(self) -> int:
        return _COLOURS.get(self.photometric, 0)

    @property
    def chunks(self) -> int:
        """How many strips or tiles the whole picture has."""
        across, down = ceil(self.width / self.chunk[0]), ceil(self.height / self.chunk[1])
        return across * down * self.planes


def read_layout(tags: ImageFileDirectory_v2) -> Layout:
    """Read the layout. Raises SyntaxError where there is no size, ImageUnreadable where samples differ."""
    width, height = _number(tags, 256, 0), _number(tags, 257, 0)
    samples = _number(tags, 277, 0) or len(_numbers(tags, 258)) or 1
    bits, formats = _numbers(tags, 258) or (1,), _numbers(tags, 339) or (UNSIGNED,)
    if len(set(bits[:samples])) > 1 or len(set(formats[:samples])) > 1:
        raise ImageUnreadable(f"a TIFF whose samples differ in bits or format: not supported; {_WAY_OUT}")
    tiled = 324 in tags
    if tiled:
        chunk = _number(tags, 322, 0), _number(tags, 323, 0)
    else:
        chunk = width, min(_number(tags, 278, height) or height, height)
    if min(width, height, *chunk) < 1 or not 1 <= samples <= 256:
        raise SyntaxError("its TIFF tags tell no size")
    return Layout(
        width=width,
        height=height,
        samples=samples,
        bits=bits[0],
        format=formats[0],
        photometric=_number(tags, 262, WHITE_IS_ZERO),
        planes=samples if _number(tags, 284, 1) == 2 else 1,
        compression=_number(tags, 259, NO_COMPRESSION),
        predictor=_number(tags, 317, 1),
        fill_order=_number(tags, 266, 1),
        chunk=chunk,
        tiled=tiled,
        offsets=_numbers(tags, 324 if tiled else 273),
        lengths=_numbers(tags, 325 if tiled else 279),
        extra=_numbers(tags, 338),
        ink_set=_number(tags, 332, 1),
    )


def refuse(layout: Layout) -> ImageUnreadable:
    """Make the error of a valid TIFF that is of a kind which is not read."""
    name = _NAMES.get(layout.photometric, f"colour space {layout.photometric}")
    article = "an" if name[0] in "RI" else "a"
    kind = f"{layout.samples} × {layout.bits} bits, {_FORMATS.get(layout.format, 'unknown')}"
    if layout.compression not in BYTE_STREAMS:
        kind += f", compressed by {_COMPRESSIONS.get(layout.compression, f'method {layout.compression}')}"
    return ImageUnreadable(f"{article} {name} TIFF: not supported ({kind}); {_WAY_OUT}")


def _numbers(tags: ImageFileDirectory_v2, tag: int) -> tuple[int, ...]:
    value: Any = tags.get(tag, ())
    values = value if isinstance(value, tuple) else (value,)
    return tuple(value for value in values if isinstance(value, int))


def _number(tags: ImageFileDirectory_v2, tag: int, default: int) -> int:
    return next(iter(_numbers(tags, tag)), default)
