"""Where a picture was taken: degrees of latitude and longitude in their spellings."""

import math
import re
from collections.abc import Sequence

from core.imaging.metadata.precedence import Position

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def read_degrees(parts: Sequence[float], direction: str) -> float | None:
    """Read degrees, minutes and seconds. South and west are negative; without a direction the sign stays.

    Minutes or seconds that are missing, or no number (0/0), count as 0.
    """
    if not parts or not math.isfinite(parts[0]):
        return None
    minutes, seconds = (part if math.isfinite(part) else 0.0 for part in (*parts[1:3], 0.0, 0.0)[:2])
    degrees = math.copysign(abs(parts[0]) + minutes / 60 + seconds / 3600, parts[0])
    return -abs(degrees) if direction.strip().upper()[:1] in ("S", "W") else degrees


def parse_degrees(text: str) -> float | None:
    """Read the spellings of XMP: 48,8.25N and 48,8,15N; and plain decimals, such as -48.1375."""
    text = text.strip()
    parts = [float(number) for number in _NUMBER.findall(text)[:3]]
    if not parts:
        return None
    return read_degrees([-parts[0] if text.startswith("-") else parts[0], *parts[1:]], text[-1])


def make_position(latitude: float | None, longitude: float | None) -> Position | None:
    """Make a position of WGS 84; None where a part is missing, out of range, or both are exactly 0 (no fix)."""
    if latitude is None or longitude is None or not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return None
    return None if latitude == longitude == 0 else (round(latitude, 7), round(longitude, 7))
