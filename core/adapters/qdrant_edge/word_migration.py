"""Words and their vectors of an embedded library, derived anew from its captions: no picture is encoded.

The engine keeps "words", the sparse vector of format 2, with a modifier that cannot be changed. So another one is
filled beside it, and the old one removed in the end. How far this is lies beside the shard, written after the engine's
own files: killed at any step, the next load goes on from there.
"""

import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import qdrant_edge as edge

from core.adapters.index_base.point_codec import VERSION, new_version
from core.adapters.local.free_space import check_free_space
from core.adapters.local.json_file import JsonFile
from core.adapters.qdrant_edge.points import TERMS, sparse_vector
from core.domain.image import SPOKEN, payload_documents, payload_words
from core.text.analysis import ANALYSER_VERSION
from core.text.bm25 import SCORING_VERSION

_OLD = "words"
_PAGE = 512
_FLUSH = 8  # pages
_LOG_INTERVAL_S = 10.0
_POINT_BYTES = 8192  # of words, their vector and its index, in the log and the segment, generously

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How many pictures are done, of how many, up to which id; of which versions these are."""

    done: int = 0
    total: int = 0
    after: str | None = None
    analyser: int = ANALYSER_VERSION
    scoring: int = SCORING_VERSION


def migrate_words(folder: Path, shard: edge.EdgeShard) -> None:
    """Under the library's lock. Raises DiskFull."""
    shard.update(edge.UpdateOperation.create_sparse_vector(TERMS))  # where it is there, nothing changes
    progress = read_progress(folder) or Progress()
    total = shard.count(edge.CountRequest(exact=True))
    check_free_space(folder, (total - progress.done) * _POINT_BYTES)
    if total:
        _log.warning("bringing the words of %s up to this version: %d pictures", folder, total - progress.done)
    done, logged_at = progress.done, time.monotonic()
    offset: Any = progress.after
    while True:
        for _ in range(_FLUSH):
            request = edge.ScrollRequest(offset=offset, limit=_PAGE, with_payload=[*SPOKEN], with_vector=False)
            found, offset = shard.scroll(request)
            _migrate_page(shard, found)
            done += len(found)
            if offset is None:
                break
        shard.flush()
        if offset is None:
            break
        _write(folder, Progress(done, total, str(offset)))
        if time.monotonic() - logged_at > _LOG_INTERVAL_S:
            logged_at = time.monotonic()
            _log.warning("bringing the words of %s up to this version: %d of %d pictures", folder, done, total)
    shard.update(edge.UpdateOperation.delete_vector_name(_OLD))  # where it is gone, nothing changes


def _migrate_page(shard: edge.EdgeShard, points: list[edge.Record]) -> None:
    vectors, without = [], []
    for point in points:
        payload: dict[str, Any] = point.payload or {}
        documents = payload_documents(payload)
        words = {**payload_words(documents), VERSION: new_version()}
        shard.update(edge.UpdateOperation.set_payload([point.id], words))
        vector = sparse_vector(documents)
        if vector is None:
            without.append(point.id)
        else:
            vectors.append(edge.PointVectors(point.id, {TERMS: vector}))
    if vectors:
        shard.update(edge.UpdateOperation.update_vectors(vectors))
    if without:
        shard.update(edge.UpdateOperation.delete_vectors(without, [TERMS]))


def read_progress(folder: Path) -> Progress | None:
    """None where nothing was begun, or for other versions."""
    state = _file(folder).read()
    if state is None:
        return None
    try:
        found = Progress(**state)
    except TypeError as error:
        _file(folder).log_damage(error)
        return None
    return found if (found.analyser, found.scoring) == (ANALYSER_VERSION, SCORING_VERSION) else None


def delete_progress(folder: Path) -> None:
    _file(folder).delete()


def _write(folder: Path, progress: Progress) -> None:
    _file(folder).write(asdict(progress))


def _file(folder: Path) -> JsonFile:
    return JsonFile(folder / "upgrade.json")
