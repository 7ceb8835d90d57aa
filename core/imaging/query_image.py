"""Pictures to search by, as programs and people give them -> the bytes of an image file."""

import io
import os
from pathlib import Path

from PIL import Image, ImageOps

from core.errors import ImageUnreadable
from core.imaging.color_profile import to_srgb


def read_picture(picture: str | Path | bytes | Image.Image, limit: int) -> bytes:
    """Read a picture from the path of a file, from its bytes, or from an open PIL image.

    A file may have at most `limit` bytes. Raises ImageUnreadable.
    """
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, Image.Image):
        upright = ImageOps.exif_transpose(picture)
        upright = upright if upright.mode in ("L", "LA", "RGB", "RGBA") else to_srgb(upright)
        out = io.BytesIO()
        upright.save(out, "PNG", compress_level=1)
        return out.getvalue()
    path = Path(os.path.expanduser(picture))  # pathlib raises for the home of nobody
    try:
        size = path.stat().st_size
        if size > limit:
            raise ImageUnreadable(f"{path} has {size:,} bytes, over the limit of {limit:,} (setting decode.max_bytes)")
        return path.read_bytes()
    except OSError as error:
        raise ImageUnreadable(f"{path} cannot be read: {error.strerror or error}") from error
