#!/usr/bin/env bash
# reverse-geocode 1.6.6: the nearest town is looked up by latitude and longitude as if on a plane, and the plane ends at
# the antimeridian. Longitude 180 and longitude -180 are the same place, but get two towns: Labasa in Fiji, 68 km away,
# and Tubou, 240 km away.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check reverse-geocode==1.6.6
"$folder/venv/bin/python" - >"$folder/seen" <<'PYTHON'
from math import asin, cos, radians, sin, sqrt

import reverse_geocode

EARTH_KM = 6371.0


def distance(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    north, east = radians(lat2 - lat1) / 2, radians(lon2 - lon1) / 2
    return 2 * EARTH_KM * asin(sqrt(sin(north) ** 2 + cos(radians(lat1)) * cos(radians(lat2)) * sin(east) ** 2))


for longitude in (180.0, -180.0):
    town = reverse_geocode.get((-16.4, longitude))
    print(longitude, town["city"], round(distance(-16.4, longitude, town["latitude"], town["longitude"])), "km")
PYTHON
diff "$folder/seen" - <<'SEEN'
180.0 Labasa 68 km
-180.0 Tubou 240 km
SEEN
