#!/usr/bin/env bash
# qdrant-edge-py 0.9.0: once a field has a geo index, a bounding box that reaches longitude 180 or latitude 90 exactly
# loses most points: the box of the whole world finds nothing. Without the index the same box finds all.
# Ended at 179.9999999 and 89.9999999 it finds all with the index too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check qdrant-edge-py==0.9.0
"$folder/venv/bin/python" - "$folder/shard" >"$folder/seen" <<'PYTHON'
import sys

import qdrant_edge as edge

places = {1: (48.2, 16.4), 2: (-33.9, 151.2), 3: (40.7, -74.0), 4: (-17.7, 178.0)}
dense = edge.EdgeVectorParams(size=2, distance=edge.Distance.Dot)
shard = edge.EdgeShard.create(sys.argv[1], edge.EdgeConfig(vectors={"v": dense}))
points = [
    edge.Point(number, {"v": [1.0, 0.0]}, {"place": {"lat": lat, "lon": lon}})
    for number, (lat, lon) in places.items()
]
shard.update(edge.UpdateOperation.upsert_points(points))


def count(east: float, north: float) -> int:
    box = edge.GeoBoundingBox(
        top_left=edge.GeoPoint(lat=north, lon=-east), bottom_right=edge.GeoPoint(lat=-north, lon=east)
    )
    condition = edge.FieldCondition("place", geo_bounding_box=box)
    return shard.count(edge.CountRequest(filter=edge.Filter(must=[condition]), exact=True))


print("no index, whole world:", count(180.0, 90.0))
shard.update(edge.UpdateOperation.create_field_index("place", edge.PayloadSchemaType.Geo))
print("geo index, whole world:", count(180.0, 90.0))
print("geo index, a hair less:", count(179.9999999, 89.9999999))
PYTHON
diff "$folder/seen" - <<'SEEN'
no index, whole world: 4
geo index, whole world: 0
geo index, a hair less: 4
SEEN
