"""EXIF data of a picture: its orientation, and when it was taken."""

import re
from datetime import UTC, datetime, timedelta

from PIL import Image

_ORIENTATION, _EXIF_IFD, _TAKEN, _TAKEN_OFFSET = 0x0112, 0x8769, 0x9003, 0x9011
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")


def read_exif(file: Image.Image) -> tuple[int, datetime | None]:
    """Read the orientation (1 where there is none) and the time taken in UTC. Damaged EXIF data counts as none."""
    try:
        exif = file.getexif()
        orientation = exif.get(_ORIENTATION, 1)
        details = exif.get_ifd(_EXIF_IFD)
        taken_at = _parse_time(str(details.get(_TAKEN, "")), str(details.get(_TAKEN_OFFSET, "")))
    except Exception:  # a parser of hostile bytes; the picture itself has been read
        return 1, None
    return orientation if orientation in TRANSPOSITIONS else 1, taken_at


def _parse_time(text: str, offset: str) -> datetime | None:
    zone = _OFFSET.match(offset.strip())
    try:
        taken = datetime.strptime(text.strip()[:19], "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
        if zone is not None:
            shift = timedelta(hours=int(zone[2]), minutes=int(zone[3]))
            taken += shift if zone[1] == "-" else -shift
    except (ValueError, OverflowError):
        return None
    return taken
