#!/usr/bin/env bash
# qdrant-edge-py 0.9.0: whenever a shard is closed, the engine has the system forget the vectors' files (fadvise,
# POSIX_FADV_DONTNEED), also after nothing but searches. The next load reads them from the disk again. Expected: what
# was read stays in the system's cache, as with other databases that map their files. What another mapping holds stays.
# Linux only: it counts pages by mincore.
set -euo pipefail
folder=$(mktemp -d -p "${TMPDIR:-/var/tmp}")
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check qdrant-edge-py==0.9.0
"$folder/venv/bin/python" - "$folder/shard" >"$folder/seen" <<'PYTHON'
import ctypes
import mmap
import random
import sys
from pathlib import Path

import qdrant_edge as edge

random.seed(1)
dense = edge.EdgeVectorParams(size=256, distance=edge.Distance.Dot)
config = edge.EdgeConfig(vectors={"v": dense}, optimizers=edge.EdgeOptimizersConfig(indexing_threshold=1000))
shard = edge.EdgeShard.create(sys.argv[1], config)
for start in range(0, 4000, 500):
    points = [edge.Point(n + 1, {"v": [random.random() for _ in range(256)]}, {}) for n in range(start, start + 500)]
    shard.update(edge.UpdateOperation.upsert_points(points))
shard.optimize()
shard.flush()
shard.close()
vectors = next(Path(sys.argv[1]).glob("segments/*/vector_storage-v/matrix.dat"))


def share_cached() -> float:
    with vectors.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    pages = (ctypes.c_ubyte * (-(-len(mapped) // mmap.PAGESIZE)))()
    address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
    ctypes.CDLL(None).mincore(ctypes.c_void_p(address), ctypes.c_size_t(len(mapped)), pages)
    return sum(page & 1 for page in pages) / len(pages)


def search_and_close() -> None:
    shard = edge.EdgeShard.load(sys.argv[1])
    query = edge.Query.Nearest([random.random() for _ in range(256)], using="v")
    shard.query(edge.QueryRequest(limit=10, query=query, params=edge.SearchParams(exact=True)))
    print("after a search:", "cached" if share_cached() > 0.9 else "gone")
    shard.close()


search_and_close()
print("closed:", "cached" if share_cached() > 0.1 else "gone")
with vectors.open("rb") as file:
    held = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
sum(held[start] for start in range(0, len(held), mmap.PAGESIZE))  # maps every page
search_and_close()
print("closed, with a mapping of our own:", "cached" if share_cached() > 0.9 else "gone")
PYTHON
diff "$folder/seen" - <<'SEEN'
after a search: cached
closed: gone
after a search: cached
closed, with a mapping of our own: cached
SEEN
