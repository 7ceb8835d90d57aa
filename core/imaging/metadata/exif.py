"""EXIF: when a picture was taken."""

import re
from datetime import datetime, timedelta

from PIL import Image

from core.domain.metadata import TakenTime

_EXIF_IFD, _TAKEN, _TAKEN_OFFSET = 0x8769, 0x9003, 0x9011
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")


def read_taken(file: Image.Image) -> TakenTime | None:
    """Read DateTimeOriginal and its offset."""
    details = file.getexif().get_ifd(_EXIF_IFD)
    return _parse_time(str(details.get(_TAKEN, "")), str(details.get(_TAKEN_OFFSET, "")))


def _parse_time(text: str, offset: str) -> TakenTime | None:
    zone = _OFFSET.match(offset.strip())
    try:
        clock = datetime.strptime(text.strip()[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    shift = None
    if zone is not None:
        shift = timedelta(hours=int(zone[2]), minutes=int(zone[3])) * (-1 if zone[1] == "-" else 1)
    return TakenTime(clock, "EXIF DateTimeOriginal", offset=shift)
