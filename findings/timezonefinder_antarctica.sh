#!/usr/bin/env bash
# timezonefinder 9.0.0 with timezonefinder-data 3.2026.3.post1: `timezone_at_land` takes for zones what stations keep.
# Expected: None off land alone, and Antarctica's zones in Antarctica. Seen: in Queen Maud Land it is
# Africa/Johannesburg; in Marie Byrd Land, which is land, it is None. Guantánamo, in Cuba, has the zone of New York.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    timezonefinder==9.0.0 timezonefinder-data==3.2026.3.post1
"$folder/venv/bin/python" - >"$folder/seen" <<'PYTHON'
from timezonefinder import TimezoneFinder

finder = TimezoneFinder()
for name, latitude, longitude in (
    ("McMurdo", -77.846, 166.676),
    ("Queen Maud Land", -75.0, 0.0),
    ("Marie Byrd Land", -79.5, -122.9),
    ("Guantanamo", 19.906, -75.097),
):
    print(name, finder.timezone_at_land(lat=latitude, lng=longitude))
PYTHON
diff "$folder/seen" - <<'SEEN'
McMurdo Antarctica/McMurdo
Queen Maud Land Africa/Johannesburg
Marie Byrd Land None
Guantanamo America/New_York
SEEN
