"""The JPEGs within a TIFF: libtiff keeps the warnings of libjpeg to itself."""

from PIL.TiffImagePlugin import TiffImageFile
from simplejpeg import decode_jpeg

_COMPRESSION, _JPEG, _TABLES = 259, 7, 347
_PARTS = ((273, 279), (324, 325))  # where strips or tiles begin, and their lengths
_END = b"\xff\xd9"
_DAMAGE = ("Corrupt JPEG data", "Premature end", "Unsupported marker", "Unsupported JPEG process", "Invalid SOS")


def find_fault(file: TiffImageFile, data: bytes) -> str | None:
    """Find the first strip or tile that libjpeg warns of; None where there is none, or it holds no JPEG."""
    tags = file.tag_v2
    if tags.get(_COMPRESSION) != _JPEG:
        return None
    tables = bytes(tags.get(_TABLES, b"")).removesuffix(_END)
    for starts, lengths in _PARTS:
        for start, length in zip(_as_tuple(tags.get(starts)), _as_tuple(tags.get(lengths)), strict=False):
            part = data[start : start + length]
            whole = tables + part[2:] if tables else part
            try:
                decode_jpeg(whole, "GRAY", min_width=1, min_height=1)
            except ValueError as error:
                if str(error).startswith(_DAMAGE):
                    return f"{error} (in one of its strips or tiles)"
    return None


def _as_tuple(value: object) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) if isinstance(value, int) else ()
