"""Distances on the globe, as great circles, and the ranges of latitude and longitude that hold a circle.

The globe is a sphere with the earth's mean radius, as the haversine formula takes it; the true distance differs by at
most 0.6 %.
"""

import math
from dataclasses import dataclass

RADIUS = 6_371_008.8  # metres: the mean radius of GRS 80
FARTHEST = math.pi * RADIUS  # no two places are farther apart
_SLACK = 1e-9  # degrees by which a range is wider than it has to be: rounding may not lose a place

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Ranges:
    """Where a circle lies: within `latitudes`, and within one or more of `longitudes`. In degrees, ends included."""

    latitudes: Range
    longitudes: tuple[Range, ...]


def great_circle(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the metres between two places, given in degrees (haversine formula)."""
    first, second = math.radians(latitude), math.radians(other_latitude)
    north = math.sin((second - first) / 2)
    east = math.sin(math.radians(other_longitude - longitude) / 2)
    chord = north * north + math.cos(first) * math.cos(second) * east * east
    return 2 * RADIUS * math.asin(math.sqrt(min(1.0, chord)))


def find_ranges(latitude: float, longitude: float, meters: float) -> Ranges:
    """Find ranges that hold every place at most so far away, across the antimeridian and around a pole too."""
    angle = math.degrees(meters / RADIUS) + _SLACK
    south, north = latitude - angle, latitude + angle
    if south <= -90 or north >= 90:
        return Ranges((max(south, -90.0), min(north, 90.0)), ((-180.0, 180.0),))
    sine = math.sin(math.radians(angle)) / math.cos(math.radians(latitude))
    if sine >= 1:
        return Ranges((south, north), ((-180.0, 180.0),))
    width = math.degrees(math.asin(sine)) + _SLACK
    west, east = longitude - width, longitude + width
    if west < -180:
        return Ranges((south, north), ((west + 360, 180.0), (-180.0, east)))
    if east > 180:
        return Ranges((south, north), ((west, 180.0), (-180.0, east - 360)))
    if west == -180 or east == 180:  # both are the same meridian
        return Ranges((south, north), ((west, east), (-180.0, -180.0), (180.0, 180.0)))
    return Ranges((south, north), ((west, east),))
