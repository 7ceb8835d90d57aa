"""A picture to search by, as programs and people give it -> the bytes of an image file."""

import io
from pathlib import Path

from PIL import Image, ImageOps

from core.errors import ImageUnreadable


def picture_bytes(given: str | Path | bytes | Image.Image, limit: int) -> bytes:
    """From the path of a file of at most `limit` bytes, from its bytes, or from a picture that is open already.

    Raises ImageUnreadable.
    """
    if isinstance(given, bytes):
        return given
    if isinstance(given, Image.Image):
        upright = ImageOps.exif_transpose(given)
        upright = upright if upright.mode in ("L", "LA", "RGB", "RGBA") else upright.convert("RGB")
        out = io.BytesIO()
        upright.save(out, "PNG", compress_level=1)
        return out.getvalue()
    path = Path(given).expanduser()
    try:
        size = path.stat().st_size
        if size > limit:
            raise ImageUnreadable(f"{path} has {size:,} bytes, over the limit of {limit:,} (setting decode.max_bytes)")
        return path.read_bytes()
    except OSError as error:
        raise ImageUnreadable(f"{path} cannot be read: {error.strerror or error}") from error
